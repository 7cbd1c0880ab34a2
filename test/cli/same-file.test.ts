/** One file twice on a command line is refused, by whichever names it goes. */
import { expect, test } from "bun:test";
import {
  closeSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";

import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CliError } from "#cli/cli-error";
import { type FileInUse, refuseSameFile } from "#cli/same-file";
import { TCPNET } from "../support/built-program.ts";
import { ROOT } from "../support/netns.ts";

function withFolder(work: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "tcpnet-same-"));
  try {
    work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const read = (at: string | number): FileInUse => ({ name: `read ${at}`, at, use: "read" });
const written = (at: string | number): FileInUse => ({ name: `written ${at}`, at, use: "written" });

function refusal(...files: FileInUse[]): string {
  try {
    refuseSameFile(files);
    return "";
  } catch (error) {
    const { what, why, exitCode } = error as CliError;
    expect(exitCode).toBe(2);
    return `${what}: ${why}`;
  }
}

test("a file that is read and written, whatever its names", () =>
  withFolder((folder) => {
    const at = (name: string) => join(folder, name);
    writeFileSync(at("a"), "x");
    linkSync(at("a"), at("hard"));
    symlinkSync("a", at("soft"));
    mkdirSync(at("sub"));
    for (const other of ["a", "hard", "soft", "sub/../a"]) {
      const name = `${folder}/${other}`;
      expect(refusal(read(at("a")), written(name))).toBe(
        `read ${at("a")} and written ${name} are the same file: written ${name} would overwrite the data that is to be read`,
      );
    }
    expect(refusal(read(at("a")), read(at("hard")))).toBe("");
    expect(refusal(written(at("a")), written(at("soft")))).toMatch(/each would overwrite the other/);
  }));

test("a file that does not exist yet, by two paths or through a link that leads to it", () =>
  withFolder((folder) => {
    mkdirSync(join(folder, "sub"));
    symlinkSync(join(folder, "new"), join(folder, "link"));
    expect(refusal(written(`${folder}/new`), written(`${folder}/sub/../new`))).toMatch(/same file/);
    expect(refusal(written(`${folder}/new`), written(`${folder}/link`))).toMatch(/same file/);
    expect(refusal(written(`${folder}/new`), written(`${folder}/other`))).toBe("");
    // Somebody else says what is wrong with these.
    expect(refusal(written(`${folder}/none/new`), written(`${folder}/none/new`))).toBe("");
  }));

test("redirections count: `< F > F`, `--send F > F`; the shell's `> log 2>&1` is one file on purpose", () =>
  withFolder((folder) => {
    const path = join(folder, "a");
    writeFileSync(path, "x");
    const [one, two] = [openSync(path, "r"), openSync(path, "a")];
    expect(refusal(read(one), written(two))).toMatch(/same file/);
    expect(refusal(read(path), written(two))).toMatch(/same file/);
    expect(refusal(written(two), written(two))).toBe("");
    for (const fd of [one, two]) closeSync(fd);
  }));

test("/dev/null and terminals may be named as often as anybody likes, a pipe once", () =>
  withFolder((folder) => {
    expect(refusal(read("/dev/null"), written("/dev/null"), written("/dev/null"))).toBe("");
    const pipe = join(folder, "pipe");
    expect(Bun.spawnSync(["mkfifo", pipe]).exitCode).toBe(0);
    expect(refusal(read(pipe), written(pipe))).toMatch(/same file/);
    // As `socat EXEC:` and inetd hand it over.
    const both = openSync(pipe, "r+");
    expect(refusal(written(both), read(both))).toBe("");
    closeSync(both);
  }));

test("no command writes over a file that it reads: a script, a trace", () =>
  withFolder((folder) => {
    const [script, trace] = [join(folder, "a.pkt"), join(folder, "trace")];
    writeFileSync(script, readFileSync(`${ROOT}test/drill/handshake/accept-blocks.pkt`));
    writeFileSync(trace, "1\n2\n5\n");
    for (const args of [
      ["drill", folder, "--pcap", script],
      ["sim", "--bytes", "10k", "--link", `trace ${trace}`, "--events", trace],
      ["demo", "--memory", "--size", "10k", "--link", `trace ${trace}`, "--write", trace],
    ]) {
      const before = [readFileSync(script, "utf8"), readFileSync(trace, "utf8")];
      const { exitCode, stderr } = Bun.spawnSync([...TCPNET, ...args], { cwd: ROOT });
      expect([args[0], exitCode]).toEqual([args[0], 2]);
      expect(stderr.toString()).toMatch(/are the same file\n.*would overwrite the data that is to be read/);
      expect([readFileSync(script, "utf8"), readFileSync(trace, "utf8")]).toEqual(before);
    }
  }));

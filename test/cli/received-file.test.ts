/** What `--recv` does to the file that it names. */
import { expect, test } from "bun:test";
import {
  chmodSync,
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CliError } from "#cli/cli-error";
import { ReceivedFile } from "#cli/received-file";

async function withFolder(work: (folder: string) => void | Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "tcpnet-recv-"));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const OLD = "what was there, and is longer than the new";
const NEW = new TextEncoder().encode("what came");

test("what a file held stays until the first octet, and is gone then", () =>
  withFolder(async (folder) => {
    const path = join(folder, "a");
    writeFileSync(path, OLD);
    const file = new ReceivedFile(path);
    expect(readFileSync(path, "utf8")).toBe(OLD);
    await file.write(NEW, 4);
    expect(readFileSync(path, "utf8")).toBe("what");
    await file.write(NEW.subarray(4), 5);
    file.end();
    file.close();
    expect(readFileSync(path, "utf8")).toBe("what came");
  }));

test("where nothing comes the old content stays, unless the peer closed: then nothing is what it sent", () =>
  withFolder((folder) => {
    const path = join(folder, "a");
    writeFileSync(path, OLD);
    new ReceivedFile(path).close();
    expect(readFileSync(path, "utf8")).toBe(OLD);
    const file = new ReceivedFile(path);
    file.end();
    file.close();
    expect(readFileSync(path, "utf8")).toBe("");
  }));

test("it stays the same file: links of both kinds, permissions and owner are kept", () =>
  withFolder(async (folder) => {
    const [path, hard, soft] = ["a", "hard", "soft"].map((name) => join(folder, name)) as [string, string, string];
    writeFileSync(path, OLD);
    chmodSync(path, 0o640);
    linkSync(path, hard);
    symlinkSync("a", soft);
    const before = statSync(path);
    const file = new ReceivedFile(soft);
    await file.write(NEW, NEW.length);
    file.close();
    const { ino, mode, uid, gid } = statSync(path);
    expect({ ino, mode, uid, gid }).toEqual({ ino: before.ino, mode: before.mode, uid: before.uid, gid: before.gid });
    expect(lstatSync(soft).isSymbolicLink()).toBe(true);
    expect(readFileSync(hard, "utf8")).toBe("what came");
    expect(readdirSync(folder).sort()).toEqual(["a", "hard", "soft"]);
  }));

test("one that did not exist exists from the first octet on; where none came nothing is left behind", () =>
  withFolder((folder) => {
    const path = join(folder, "a");
    new ReceivedFile(path).close();
    expect(existsSync(path)).toBe(false);
    const file = new ReceivedFile(path);
    file.end();
    file.close();
    expect(readFileSync(path, "utf8")).toBe("");
  }));

test("a file that somebody put in the place of ours is not removed", () =>
  withFolder((folder) => {
    const path = join(folder, "a");
    const file = new ReceivedFile(path);
    writeFileSync(join(folder, "b"), "");
    renameSync(join(folder, "b"), path);
    file.close();
    expect(existsSync(path)).toBe(true);
  }));

test("a symbolic link to nothing: the file that it names is made", () =>
  withFolder(async (folder) => {
    symlinkSync(join(folder, "made"), join(folder, "link"));
    const file = new ReceivedFile(join(folder, "link"));
    await file.write(NEW, NEW.length);
    file.close();
    expect(readFileSync(join(folder, "made"), "utf8")).toBe("what came");
  }));

test("what cannot be emptied is written as it is: /dev/null, a pipe", () =>
  withFolder(async (folder) => {
    const file = new ReceivedFile("/dev/null");
    await file.write(NEW, NEW.length);
    file.end();
    file.close();
    expect(Bun.spawnSync(["mkfifo", join(folder, "pipe")]).exitCode).toBe(0);
    // A pipe that is open for both opens without waiting.
    const reader = openSync(join(folder, "pipe"), "r+");
    const pipe = new ReceivedFile(join(folder, "pipe"));
    await pipe.write(NEW, NEW.length);
    pipe.close();
    const bytes = Buffer.alloc(100);
    expect(bytes.subarray(0, readSync(reader, bytes)).toString()).toBe("what came");
    closeSync(reader);
  }));

test("/dev/stdout is the descriptor that we have: what the shell appends to is not emptied", () =>
  withFolder(async (folder) => {
    const path = join(folder, "log");
    writeFileSync(path, "before\n");
    const script = `
      const { ReceivedFile } = await import("${import.meta.dir}/../../src/cli/received-file.ts");
      const file = new ReceivedFile("/dev/stdout");
      await file.write(new TextEncoder().encode("after\\n"), 6);
      file.end();
      file.close();`;
    const child = Bun.spawnSync(["sh", "-c", `"$0" -e '${script}' >> ${path}`, process.execPath]);
    expect(child.stderr.toString()).toBe("");
    expect(readFileSync(path, "utf8")).toBe("before\nafter\n");
  }));

test("a folder, a folder that does not exist: refused in words, and nothing is made", () =>
  withFolder((folder) => {
    for (const [path, why] of [
      [folder, "it is a directory (EISDIR)"],
      [join(folder, "none", "a"), "its folder does not exist (ENOENT)"],
    ] as const) {
      try {
        new ReceivedFile(path);
        throw new Error("it was opened");
      } catch (error) {
        expect(error).toBeInstanceOf(CliError);
        expect((error as CliError).what).toBe(`cannot write ${path}`);
        expect((error as CliError).why).toBe(why);
      }
    }
    expect(readdirSync(folder)).toEqual([]);
  }));

import { expect, test } from "bun:test";
import { COMMANDS } from "#cli/commands";
import { TCPNET } from "../support/built-program.ts";
import { ROOT } from "../support/netns.ts";

/** Runs a line of shell in which `$T` is the program. */
async function shell(line: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = Bun.spawn(["bash", "-c", `set -o pipefail; ${line}`], {
    env: { ...process.env, NO_COLOR: "1", T: TCPNET.join(" ") },
    cwd: ROOT,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { code, stdout, stderr };
}

test("all that is printed arrives, however late it is read", async () => {
  const { stdout } = await shell("$T drill --json test/drill | (sleep 2; cat)");
  // More than a pipe holds.
  expect(stdout.length).toBeGreaterThan(65_536);
  const told = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line).file);
  const scripts = [...new Bun.Glob("**/*.pkt").scanSync(`${ROOT}test/drill`)];
  expect(told.sort()).toEqual(scripts.map((script) => `test/drill/${script}`).sort());
});

test("whoever reads only the beginning ends it without a word", async () => {
  for (const what of ["--help", "drill --verbose test/drill/handshake", "sim --bytes 2M --events -"]) {
    const { stdout, stderr } = await shell(`$T ${what} | head -n 1`);
    expect(stdout.split("\n").length).toBe(2);
    expect(stderr.replace(/^link {2}delay[\s\S]*digest [0-9a-f]+\n/, "")).toBe("");
  }
});

test("a result that cannot be written is a failure, in words", async () => {
  const commands = [
    "--help",
    "--version",
    "drill test/drill/handshake",
    "sim --bytes 10k",
    "sim --bytes 10k --events -",
    "demo --memory --size 10k",
  ];
  for (const what of [...commands, "status"]) {
    const { code, stderr } = await shell(`$T ${what} > /dev/full`);
    expect({ what, code }).toEqual({ what, code: 1 });
    expect(stderr).toBe("[error] cannot write standard output\n        the disk is full (ENOSPC)\n");
    // Bun opens /dev/null in its place, which would take everything.
    const closed = await shell(`$T ${what} >&-`);
    expect({ what, code: closed.code }).toEqual({ what, code: 1 });
    expect(closed.stderr).toMatch(
      /^\[error\] cannot write standard output\n +it is closed: everything would be lost\n/,
    );
    // The table is told all the same.
    if (what.includes("--events")) continue;
    const unread = await shell(`$T ${what} | true`);
    expect({ what, ...unread }).toEqual({ what, code: 141, stdout: "", stderr: "" });
  }
  // /dev/null itself is an output like any other.
  expect((await shell("$T --version > /dev/null")).code).toBe(0);
});

test("every command's exit codes are told with their meaning", () => {
  for (const { name, exits = [] } of COMMANDS) {
    const own = ["host", "peer"].includes(name);
    expect([name, exits.length > 0]).toEqual([name, !own]);
  }
});

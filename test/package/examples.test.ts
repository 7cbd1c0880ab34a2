/** The programs in examples/ run from a clone as they do in a user's project (package.test.ts), and say what they should. */
import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../support/root.ts";
import { filesOf } from "../tidy/sources.ts";
import { chat } from "./chat.ts";

/** What each writes to standard output and to standard error. */
const SAY: Readonly<Record<string, readonly [out: RegExp, err: RegExp]>> = {
  "capture.ts": [/^\n\r\r\n/, /^[5-9] packets\n$/],
  "device.ts": [/^100000 true\n$/, /^$/],
  "echo.ts": [/^hello over TCP\nTIME-WAIT true\n$/, /^$/],
};

test("every example is tried, here or by a test that names it", () => {
  const tests = filesOf("test/*.ts").map(({ text }) => text);
  const named = (name: string) => tests.some((text) => text.includes(`examples/${name}`));
  expect(readdirSync(join(ROOT, "examples")).filter((name) => SAY[name] === undefined && !named(name))).toEqual([]);
});

for (const [name, said] of Object.entries(SAY)) {
  test(`examples/${name} runs from a clone, in any folder`, async () => {
    const command = [process.execPath, join(ROOT, "examples", name)];
    const child = Bun.spawn(command, { cwd: "/", stdin: "ignore", stdout: "pipe", stderr: "pipe" });
    const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    expect([await child.exited, out, err]).toEqual([0, expect.stringMatching(said[0]), expect.stringMatching(said[1])]);
  });
}

const CHAT = [process.execPath, join(ROOT, "examples/chat.ts")];

test("examples/chat.ts: two clients hear one another over WebSockets, and leave in order", async () => {
  const [ada, bob] = await chat(CHAT, [CHAT, CHAT], "/");
  expect(ada![0]).toMatch(/^(?:Bob: here\n)?Ada: hello\nBob: hello, Ada\n$/);
  expect(bob![0]).toBe("Bob: here\nAda: hello\nBob: hello, Ada\n");
  expect([ada![1], bob![1]]).toEqual([0, 0]);
});

test("examples/chat.ts says what to type, and where nobody answers", async () => {
  const said = async (...args: readonly string[]) => {
    const child = Bun.spawn([...CHAT, ...args], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
    return [await child.stderr.text(), await child.exited];
  };
  expect(await said()).toEqual([expect.stringMatching(/^type: bun examples\/chat\.ts serve/), 1]);
  expect(await said("join", "ws://127.0.0.1:1", "x")).toEqual(["no chat answers at ws://127.0.0.1:1\n", 1]);
});

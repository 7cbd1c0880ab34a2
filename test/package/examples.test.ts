/** The programs in examples/ run from a clone as they do in a user's project (package.test.ts), and say what they should. */
import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../support/root.ts";

/** What each writes to standard output and to standard error; those that need more are tried by the named test. */
const SAY: Readonly<Record<string, readonly [out: RegExp, err: RegExp] | string>> = {
  "capture.ts": [/^\n\r\r\n/, /^[5-9] packets\n$/],
  "delay-control.ts": "test/cli/user-controller.test.ts",
  "echo.ts": [/^hello over TCP\nTIME-WAIT true\n$/, /^$/],
  page: "test/package/page.test.ts",
};

test("every example is tried", () => {
  expect(readdirSync(join(ROOT, "examples")).sort()).toEqual(Object.keys(SAY).sort());
});

for (const [name, said] of Object.entries(SAY)) {
  if (typeof said === "string") continue;
  test(`examples/${name} runs from a clone, in any folder`, async () => {
    const command = [process.execPath, join(ROOT, "examples", name)];
    const child = Bun.spawn(command, { cwd: "/", stdin: "ignore", stdout: "pipe", stderr: "pipe" });
    const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    expect([await child.exited, out, err]).toEqual([0, expect.stringMatching(said[0]), expect.stringMatching(said[1])]);
  });
}

/** The test command as it is typed. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { ROOT } from "../support/root.ts";
import { processesOf } from "./processes.ts";

function start(...words: readonly string[]) {
  const command = [process.execPath, "run", "test/run.ts", "--no-setup", ...words];
  return Bun.spawn(command, { cwd: ROOT, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
}

test("it says how long it takes, runs the files that are named, and ends with the count alone on its line", async () => {
  const run = start("test/base/siphash24", "test/base/suggest", "--jobs", "1");
  const said = await run.stdout.text();
  expect(said).toMatch(/^2 test files and checks, one at a time: about \d+ minutes?, .+\.\n/);
  expect(said).toMatch(/\n0:\d\d in all; the longest: .*\n\d+ passed, 0 failed\n$/);
  expect(await run.exited).toBe(0);
});

test("words that no test file has in its path are a failure, an unknown option is wrong usage", async () => {
  const none = start("test/no-such-folder");
  expect(await none.stdout.text()).toBe("no test file has test/no-such-folder in its path\n0 passed, 1 failed\n");
  expect(await none.exited).toBe(1);
  const wrong = start("--no-set-up");
  expect(await wrong.stdout.text()).toMatch(/^bun run test\/run\.ts \[FILE or FOLDER …\]/);
  expect(await wrong.exited).toBe(2);
});

for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  test(`${signal} ends it and all that it has started`, async () => {
    const run = start("test/driver/driver", "test/base/siphash24");
    let started: number[] = [];
    while (started.length < 2) {
      await Bun.sleep(20);
      started = processesOf(run.pid, "NAME=of nobody");
    }
    run.kill(signal);
    const said = await run.stdout.text();
    expect(said).toMatch(new RegExp(`ended by ${signal} after [0-3] of 3; nothing of it runs any more\\n$`));
    expect(await run.exited).toBe(code);
    expect(started.filter((pid) => existsSync(`/proc/${pid}/exe`) && pid !== run.pid)).toEqual([]);
  });
}

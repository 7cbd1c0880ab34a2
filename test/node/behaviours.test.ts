/** What Node's own `net` does, tried with ours in Bun. Node runs the same bodies with `node:net` (reference.test.ts). */
import { expect, test } from "bun:test";
import { BEHAVIOURS } from "./behaviours/all.ts";
import { type Result, results } from "./runtimes.ts";

let running: Promise<Result[]> | undefined;

/** In a process of their own, where an exception that nobody catches is not the test runner's. */
const ran = () => (running ??= results("Bun", "test/node/behaviours/main.ts", "ours"));

for (const { name } of BEHAVIOURS) {
  test(name, async () => {
    const all = await ran();
    expect(all.find((result) => result.name === name) ?? all.at(-1)).toEqual({ name, error: null });
  });
}

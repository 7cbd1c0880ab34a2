/** The behaviours that ours is tried with are Node's: Node's own `net` and `fetch` have them all. In Node, so has ours. */
import { expect } from "bun:test";
import { testUnless } from "../support/test-unless.ts";
import { BEHAVIOURS } from "./behaviours/all.ts";
import { failures, lacking, results } from "./runtimes.ts";

const PROGRAM = "test/node/behaviours/main.ts";

for (const [ground, what] of [
  ["kernel", "node:net over loopback"],
  ["ours", "tcpnet/node over two stacks"],
] as const) {
  testUnless(lacking, `in Node, ${what} has every behaviour`, async () => {
    const all = await results("Node", PROGRAM, ground);
    expect(failures(all)).toEqual([]);
    expect(all).toHaveLength(BEHAVIOURS.length);
  });
}

/** What Node's own `net` does, tried with ours. Node runs the same bodies with `node:net` (reference.test.ts). */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { BEHAVIOURS } from "./behaviours/all.ts";
import type { Ground } from "./behaviours/ground.ts";
import { ours } from "./behaviours/ours.ts";
import { tried } from "./behaviours/tried.ts";

let ground: Ground;
beforeAll(async () => {
  ground = await ours();
});
afterAll(() => ground.close());

for (const behaviour of BEHAVIOURS) {
  test(behaviour.name, async () => {
    expect(await tried(behaviour, ground)).toBeNull();
  });
}

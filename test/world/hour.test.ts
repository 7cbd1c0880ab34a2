/** An hour of a small cluster. */
import { expect, test } from "bun:test";
import http from "node:http";
import "#lab/world/hooks";
import { createWorld } from "#lab/world/world";

const NODES = ["a", "b", "c"];
/** Two minutes of a processor that others use as well: on a quiet one it takes seconds. */
const LIMIT_MS = 120_000;

test("an hour of three nodes that ask each other each second takes seconds", async () => {
  const began = performance.now();
  const world = createWorld({ seed: 3, report: false });
  world.mesh(NODES, "delay 5ms jitter 2ms loss 0.5%");
  let answers = 0;
  for (const name of NODES) {
    world.host(name).start(() => {
      http.createServer((_, response) => response.end("alive")).listen(80);
      const ask = async (peer: string) => {
        const response = await fetch(`http://${peer}/`, { signal: AbortSignal.timeout(2_000) });
        if ((await response.text()) === "alive") answers++;
      };
      setInterval(() => NODES.filter((peer) => peer !== name).map((peer) => ask(peer).catch(() => {})), 1_000);
    });
  }
  await world.run(() => world.sleep("1h"), { until: "2h" });
  const took = performance.now() - began;
  expect(world.now).toBe(3_600_000);
  expect(answers).toBeGreaterThan(21_000);
  expect(took).toBeLessThan(LIMIT_MS);
}, 240_000);

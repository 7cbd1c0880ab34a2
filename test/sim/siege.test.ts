/** Under siege: attackers hold what they can of a machine (`swarm/siege.ts`), and its honest connections still finish. */
import { expect, test } from "bun:test";
import { RX_NO_MEMORY } from "#tcp/words/marks";
import { besieged } from "./swarm/generate.ts";
import { HOLDS } from "./swarm/scenario.ts";
import { STEPS } from "./swarm/siege.ts";
import { failure, runScenario } from "./swarm/swarm.ts";
import { World } from "./swarm/world.ts";

/** Seeds without restarts or small pools of records, which end in some thousand events. */
const SEEDS = [45, 52, 79, 93, 94, 113, 114, 172];

for (const seed of SEEDS) {
  test(`an honest pair finishes while others hold what they can: seed ${seed}`, () => {
    expect(failure(runScenario(besieged(seed)))).toBeUndefined();
  });
}

test("an attacker sends no more than its steps, though our SYN,ACK comes to it several times: seed 191", () => {
  const scenario = besieged(191);
  const world = new World(scenario);
  expect(failure(world.run())).toBeUndefined();
  const refused = world[scenario.siege!.side][0]!.host.stack.counters.get(RX_NO_MEMORY);
  expect(refused).toBeLessThanOrEqual(scenario.siege!.attackers * STEPS);
});

test("between them the sieges have every kind of attacker", () => {
  const kinds = new Set(SEEDS.flatMap((seed) => besieged(seed).siege!.kinds));
  expect([...kinds].sort()).toEqual([...HOLDS].sort());
});

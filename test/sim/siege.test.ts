/** Under siege: attackers hold what they can of a machine (`swarm/siege.ts`), and its honest connections still finish. */
import { expect, test } from "bun:test";
import { besieged } from "./swarm/generate.ts";
import { HOLDS } from "./swarm/scenario.ts";
import { failure, runScenario } from "./swarm/swarm.ts";

/** Seeds without restarts or small pools of records, which end in some thousand events. */
const SEEDS = [45, 52, 79, 93, 94, 113, 114, 172];

for (const seed of SEEDS) {
  test(`an honest pair finishes while others hold what they can: seed ${seed}`, () => {
    expect(failure(runScenario(besieged(seed)))).toBeUndefined();
  });
}

test("between them the sieges have every kind of attacker", () => {
  const kinds = new Set(SEEDS.flatMap((seed) => besieged(seed).siege!.kinds));
  expect([...kinds].sort()).toEqual([...HOLDS].sort());
});

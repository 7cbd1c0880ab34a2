/** Scenarios that once failed, as the random simulation shrank them: each is named after what is right now. */

import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Scenario } from "./swarm/scenario.ts";
import { failure, runScenario } from "./swarm/swarm.ts";

const folder = join(import.meta.dir, "scenarios");

test.each(readdirSync(folder).sort())("%s", (name) => {
  const scenario = JSON.parse(readFileSync(join(folder, name), "utf8")) as Scenario;
  expect(failure(runScenario(scenario))).toBeUndefined();
});

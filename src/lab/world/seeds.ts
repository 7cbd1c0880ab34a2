/** The same test with many seeds. */
import { callerOf, environment, SEED_VARIABLE, seedOf } from "./failure.ts";
import type { World, WorldOptions, WorldRunOptions } from "./types.ts";
import { VirtualWorld } from "./world.ts";
import { checkOptions, invalid } from "./world-error.ts";

export interface SeedsOptions extends Omit<WorldOptions, "seed">, WorldRunOptions {
  /** How many seeds, from 1 on, or which ones. The variable TCPNET_SEED replaces them all by one. */
  readonly seeds: number | readonly number[];
}

/**
 * Runs `main` in a new world for each seed, until one fails: that is printed with the line that replays it, and thrown.
 * @throws as `World.run`
 */
export async function forSeeds(options: SeedsOptions, main: (world: World) => unknown): Promise<void> {
  checkOptions("forSeeds", options, ["seeds", "until", "epoch", "report", "record", "print"]);
  const { seeds, until, ...rest } = options;
  if (typeof seeds !== "number" && !Array.isArray(seeds))
    throw invalid(`seeds must be how many seeds, or an array of them, not ${String(seeds)}`);
  const file = callerOf(new Error().stack ?? "", import.meta.url);
  const all = typeof seeds === "number" ? Array.from({ length: seeds }, (_, i) => i + 1) : seeds;
  if (all.length === 0) throw invalid("forSeeds needs at least one seed");
  const one = seedOf(environment()[SEED_VARIABLE]);
  for (const seed of one === undefined ? all : [one]) {
    const world = new VirtualWorld({ ...rest, seed }, file);
    await world.run(main, until === undefined ? {} : { until });
  }
}

/** Mutants of single rules: each is caught by the test or the script that is about its rule, which takes a second at most. */
import type { Mutant } from "./mutants.ts";
import { DATAGRAMS } from "./rules-datagrams.ts";
import { FLOODED } from "./rules-floods.ts";
import { LOSS } from "./rules-loss.ts";
import { MACHINE } from "./rules-machine.ts";
import { NAMES } from "./rules-names.ts";
import { RATE } from "./rules-rate.ts";
import { WINDOWS } from "./rules-windows.ts";

export interface RuleMutant extends Mutant {
  /** The test file or the script that fails with it. */
  readonly by: string;
}

export const RULES: readonly RuleMutant[] = [
  ...LOSS,
  ...WINDOWS,
  ...RATE,
  ...MACHINE,
  ...DATAGRAMS,
  ...NAMES,
  ...FLOODED,
];

import type { Describe } from "#lab/sim/event-log";
import { generate } from "./generate.ts";
import type { Scenario } from "./scenario.ts";
import { shrink } from "./shrink.ts";
import { type Report, World } from "./world.ts";

export function runScenario(scenario: Scenario, line?: (text: string) => void, describe?: Describe): Report {
  return new World(scenario, line, describe).run();
}

/** What failed: the broken rule, or the error's message. */
export function failure(report: Report): string | undefined {
  if (report.violation !== undefined) return report.violation.message;
  return report.error === undefined ? undefined : `${report.error.name}: ${report.error.message}`;
}

/** The same kind of failure: its rule, or the message without its numbers. */
function kind(report: Report): string | undefined {
  return report.violation?.rule ?? report.error?.message.replace(/\d+/g, "n");
}

/** Runs seed `seed`; the text of what is wrong with it, or undefined. */
export function trySeed(seed: number): { readonly report: Report; readonly wrong: string | undefined } {
  const scenario = generate(seed);
  const report = runScenario(scenario);
  return { report, wrong: failure(report) };
}

/** A failing seed as text: what failed, how to see it again, and the smallest scenario that fails alike. */
export function explain(seed: number): string {
  const scenario = generate(seed);
  const report = runScenario(scenario);
  const wanted = kind(report);
  const small = shrink(scenario, (candidate) => kind(runScenario(candidate)) === wanted);
  return [
    `seed ${seed}: ${failure(report)}`,
    `  at ${(report.time / 1e6).toFixed(6)} s, event ${report.events}`,
    `  again: bun test/sim/run.ts 1 ${seed} --verbose`,
    `  smallest: bun test/sim/run.ts --scenario '${JSON.stringify(small)}' --verbose`,
  ].join("\n");
}

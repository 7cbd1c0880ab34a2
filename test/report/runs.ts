/** Runs whose truth is known, for tests of the report. */
import type { RunEvent } from "#observe/events";
import { RunBuilder } from "#report/model/builder";
import type { Run } from "#report/model/run";
import { type Verdict, verdictsOf } from "#report/verdict/verdict";
import { type Run as Plan, simulate } from "../support/transfer.ts";

/** The tables of a simulated transfer. Without `time` it runs to its end. */
export function recorded(plan: Plan): Run {
  const builder = new RunBuilder();
  simulate({ time: Number.POSITIVE_INFINITY, ...plan, sink: builder });
  return builder.build();
}

/** The events of a short transfer with losses, the beginning of the run among them. */
export function transferEvents(): RunEvent[] {
  const events: RunEvent[] = [];
  const sink = { event: (event: RunEvent) => void events.push(event) };
  const plan = { link: "delay 20ms loss 2% rate 10mbit queue 40", bytes: 300_000, seed: 7 };
  simulate({ time: Number.POSITIVE_INFINITY, ...plan, sink });
  return events;
}

/** The verdict on the direction that carries the data. */
export function judged(plan: Plan): Verdict {
  const verdicts = verdictsOf(recorded(plan));
  return verdicts.reduce((most, each) => (each.figures.octets > most.figures.octets ? each : most));
}

/** The share of each kind of limit, and all words. */
export function told(verdict: Verdict): { readonly share: (kind: string) => number; readonly words: string } {
  const { shares, start, end } = verdict.figures;
  return {
    share: (kind) => ((shares as Record<string, number> | null)?.[kind] ?? 0) / (end - start),
    words: verdict.sentences.map(({ text }) => text).join("\n"),
  };
}

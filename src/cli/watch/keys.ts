/** What each key of the dashboard does. Those for the link say what `tcpnet link change` says. */
import type { LinkProfile } from "#device/link-profile";
import { rateText } from "#device/link-units";
import type { LinkProfiles } from "#device/link-words";

export const HELP: readonly (readonly [string, string])[] = [
  ["l  L", "more or less loss: 0, 0.5, 1, 2, 5, 10 %"],
  ["d  D", "more or less delay each way: 0, 5, 10, 20, 50, 100, 200 ms"],
  ["r  R", "a lower or higher rate: 1, 2, 5, 10, 20, 50, 100, 1000 Mbit/s"],
  ["b", "lose packets in bursts, or not any more"],
  ["c", "a perfect link"],
  ["Tab", "the next connection"],
  ["space", "freeze the picture; the connection goes on"],
  ["h  ?", "this help"],
  ["q", "end as Ctrl-C does; the last picture stays on the screen"],
];

/** The bottom line: where there is room, and where there is little. @param canChange whether there is a link to change */
export function shortKeys(canChange: boolean): readonly [string, string] {
  const link = canChange ? "l loss · d delay · r rate · b bursts · c clear · " : "";
  return [`${link}space freeze · h help · q quit`, `${canChange ? "l d r b c · " : ""}h help · q quit`];
}

const LOSSES = [0, 0.005, 0.01, 0.02, 0.05, 0.1];
const DELAYS = [0, 5e3, 10e3, 20e3, 50e3, 100e3, 200e3];
const RATES = [1e6, 2e6, 5e6, 10e6, 20e6, 50e6, 100e6, 1e9];

/**
 * The words of `tcpnet link` that the key stands for, as the link is now; null: it is not for the link. Both directions get the same; the
 * outgoing one says how the link is.
 */
export function linkWords(key: string, { out }: LinkProfiles): string | null {
  switch (key) {
    case "l":
      return lossWords(above(LOSSES, lossOf(out)));
    case "L":
      return lossWords(below(LOSSES, lossOf(out)));
    case "d":
      return `change delay ${above(DELAYS, out.delay) / 1e3}ms`;
    case "D":
      return `change delay ${below(DELAYS, out.delay) / 1e3}ms`;
    case "r":
      return rateWords(below(RATES, out.rate));
    case "R":
      return rateWords(above(RATES, out.rate));
    case "b":
      return out.loss.kind === "gilbert-elliott" ? "change loss 0%" : "change loss gemodel 1% 20%";
    case "c":
      return "clear";
    default:
      return null;
  }
}

function lossOf({ loss }: LinkProfile): number {
  return loss.kind === "independent" ? loss.chance.probability : 0;
}

const lossWords = (share: number): string => `change loss ${share * 100}%`;

const rateWords = (rate: number): string => `change rate ${rateText(rate)}`;

/** The next step; the last one if there is none. */
function above(steps: readonly number[], value: number): number {
  return steps.find((step) => step > value) ?? steps.at(-1)!;
}

function below(steps: readonly number[], value: number): number {
  return steps.findLast((step) => step < value) ?? steps[0]!;
}

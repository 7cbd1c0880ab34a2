import { readRate } from "#device/link-units";
import { usageError } from "./cli-error.ts";
import type { Flags } from "./flags.ts";

/** The flag in help texts. */
export const PACING: [string, string] = [
  "--pacing <mode>",
  "off (default), on: send evenly, at the pace of cwnd; or a rate such as 50mbit that is not exceeded",
];

const RATE_MIN = 1_000;
const RATE_MAX = 1e12;

/** `--pacing`: whether data is paced, or at most how many bits per second are sent; undefined: not given. */
export function pacingOf(flags: Flags): boolean | number | undefined {
  const text = flags.text("pacing");
  if (text === undefined) return undefined;
  if (text === "on" || text === "off") return text === "on";
  const read = readRate(text);
  if ("wrong" in read) throw usageError(`--pacing ${text} ${read.wrong}`, "", `use off, on, or a rate: ${read.say}`);
  if (read.value >= RATE_MIN && read.value <= RATE_MAX) return read.value;
  throw usageError(`--pacing ${text} is out of range`, "", "use 1kbit to 1tbit");
}

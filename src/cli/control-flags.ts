/** `--cc` and `--pacing`: how fast data is sent. */
import { suggest } from "#base/suggest";
import { readRate } from "#device/link-units";
import { CONGESTION_CONTROLS, congestionControlNames } from "#tcp/congestion/congestion";
import type { BuiltInControl } from "#tcp/words/params";
import { type CliError, usageError } from "./cli-error.ts";
import type { Flags } from "./flags.ts";

const RATE_MIN = 1_000;
const RATE_MAX = 1e12;

/** `--cc`, or the flag of another name: a congestion control of the stack; undefined: not given. Throws CliError. */
export function controlOf(flags: Flags, flag = "cc"): BuiltInControl | undefined {
  const name = flags.text(flag);
  if (name === undefined) return undefined;
  const found = CONGESTION_CONTROLS.find((each) => each === name);
  if (found !== undefined) return found;
  throw unknownControl(name, "", (near) => `--${flag} ${near}`);
}

/** @param more what else may be given, for the message */
export function unknownControl(name: string, more: string, flag: (near: string) => string): CliError {
  const near = suggest(name, CONGESTION_CONTROLS);
  return usageError(
    `there is no congestion control ${name === "" ? '""' : name}`,
    `use ${congestionControlNames()}${more}`,
    near === undefined ? "" : flag(near),
  );
}

/** `--pacing`: whether data is paced, or at most how many bits per second are sent; undefined: not given. */
export function pacingOf(flags: Flags): boolean | number | undefined {
  const text = flags.text("pacing");
  if (text === undefined) return undefined;
  if (text === "on" || text === "off") return text === "on";
  const read = readRate(text);
  if ("wrong" in read) {
    // What the words of a link suggest for a rate of 0, `down`, is none here.
    const say = read.wrong.includes("less than") ? "1kbit to 1tbit" : read.say;
    throw usageError(`--pacing ${text} ${read.wrong}`, "", `use off, on, or a rate: ${say}`);
  }
  if (read.value >= RATE_MIN && read.value <= RATE_MAX) return read.value;
  throw usageError(`--pacing ${text} is out of range`, "", "use 1kbit to 1tbit");
}

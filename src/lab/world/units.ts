import { readTime } from "#device/link-units";
import { invalid } from "./world-error.ts";

/** A time in ms, or with its unit: "80ms", "1.5s", "1h". */
export type Time = number | string;

/** Virtual µs. @throws WorldError EINVAL */
export function microseconds(what: string, time: Time): number {
  if (typeof time === "number") {
    if (time >= 0 && Number.isFinite(time)) return Math.round(time * 1_000);
    throw invalid(`${what} must be a number of ms from 0 on, not ${time}`);
  }
  const read = readTime(time);
  if ("value" in read) return read.value;
  throw invalid(`${what} ${JSON.stringify(time)} ${read.wrong}: use ${read.say}`);
}

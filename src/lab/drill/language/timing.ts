import type { Time } from "./ast.ts";

/** Script time, DRILL's rules: integer microseconds since the script began. */

/** A tolerance below this is never asked for: 4 ms, as packetdrill. */
export const TOLERANCE_USECS = 4_000;
/** And at least this share of the distance from the event before. */
export const TOLERANCE_PERCENT = 12.5;
/** How long after its time an expected packet is waited for. */
export const PACKET_PATIENCE_USECS = 2_000_000;
/** How long a blocking call may still run when the next call comes. */
export const CALL_PATIENCE_USECS = 1_000_000;

/** An event's time on the script's clock: a point, a range, or any time. */
export interface Moment {
  readonly from: number;
  readonly to: number;
  readonly any: boolean;
}

/** @param base what a relative time counts from. */
export function moment(time: Time, base: number): Moment {
  if (time.kind === "any") return { from: base, to: base, any: true };
  const origin = time.kind === "relative" ? base : 0;
  return { from: origin + time.from, to: origin + (time.to ?? time.from), any: false };
}

/** @param distance from the event before to this one. */
export function tolerance(
  distance: number,
  { toleranceUsecs, tolerancePercent }: { readonly toleranceUsecs: number; readonly tolerancePercent: number },
): number {
  return Math.max(toleranceUsecs, Math.floor((Math.abs(distance) * tolerancePercent) / 100));
}

/** How far `actual` is from the moment, beyond nothing: 0 inside of [from, to], negative when early. */
export function deviation(actual: number, expected: Moment): number {
  if (expected.any) return 0;
  if (actual < expected.from) return actual - expected.from;
  return actual > expected.to ? actual - expected.to : 0;
}

/** Seconds with six digits, as packetdrill prints times. */
export function seconds(usecs: number): string {
  return (usecs / 1e6).toFixed(6);
}

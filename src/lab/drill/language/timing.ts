import type { Time } from "./ast.ts";

/** Script times: integer microseconds since the script began. */

/** The minimum tolerance: 4 ms, as in packetdrill. */
export const TOLERANCE_USECS = 4_000;
/** The tolerance is at least this share of the time since the previous event. */
export const TOLERANCE_PERCENT = 12.5;
/** How long to wait for an expected packet after its time. */
export const PACKET_PATIENCE_USECS = 2_000_000;
/** How long a blocked call may take to return when the next call is due. */
export const CALL_PATIENCE_USECS = 1_000_000;

/** The time of an event on the script's clock: a point, a range, or any time. */
export interface Moment {
  readonly from: number;
  readonly to: number;
  readonly any: boolean;
}

/** @param base the time that a relative time counts from */
export function moment(time: Time, base: number): Moment {
  if (time.kind === "any") return { from: base, to: base, any: true };
  const origin = time.kind === "relative" ? base : 0;
  return { from: origin + time.from, to: origin + (time.to ?? time.from), any: false };
}

/** @param distance the time from the previous event to this one */
export function tolerance(
  distance: number,
  { toleranceUsecs, tolerancePercent }: { readonly toleranceUsecs: number; readonly tolerancePercent: number },
): number {
  return Math.max(toleranceUsecs, Math.floor((Math.abs(distance) * tolerancePercent) / 100));
}

/** How far `actual` is from the expected moment: 0 within [from, to], negative if early. */
export function deviation(actual: number, expected: Moment): number {
  if (expected.any) return 0;
  if (actual < expected.from) return actual - expected.from;
  return actual > expected.to ? actual - expected.to : 0;
}

/** Seconds with six decimals, as packetdrill prints times. */
export function seconds(usecs: number): string {
  return (usecs / 1e6).toFixed(6);
}

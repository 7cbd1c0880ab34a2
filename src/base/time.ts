/**
 * Time below the driver is one number: integer microseconds since an arbitrary start, passed as `now`.
 * A double holds 285 years of them exactly, so no BigInt is needed.
 */

export const MILLISECOND = 1_000;
export const SECOND = 1_000_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;

/** No deadline. */
export const NEVER = Number.POSITIVE_INFINITY;

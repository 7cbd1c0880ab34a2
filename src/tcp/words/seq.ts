/**
 * Sequence numbers are int32 and are compared only here (RFC 9293 §3.4): a is before b if the signed distance a - b is negative. All
 * distances in use are below 2^31, because windows are at most 2^30 (RFC 7323 §2.3).
 */

export function lt(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}

export function le(a: number, b: number): boolean {
  return ((a - b) | 0) <= 0;
}

export function gt(a: number, b: number): boolean {
  return ((a - b) | 0) > 0;
}

export function ge(a: number, b: number): boolean {
  return ((a - b) | 0) >= 0;
}

/** Octets from b to a; negative if a is before b. */
export function diff(a: number, b: number): number {
  return (a - b) | 0;
}

export function max(a: number, b: number): number {
  return ((a - b) | 0) >= 0 ? a : b;
}

export function min(a: number, b: number): number {
  return ((a - b) | 0) <= 0 ? a : b;
}

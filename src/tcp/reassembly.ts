import { diff, ge, gt, le, lt } from "./seq.ts";

/** Stretches beyond RCV.NXT that one connection may hold. */
export const RANGES_MAX = 256;

/**
 * Out-of-order stretches of the receive window as sorted, disjoint, not adjacent ranges [left, right) of sequence
 * numbers. The octets themselves lie in the receive queue already; this only remembers where. The order in which ranges
 * last changed is kept for SACK (RFC 2018 §4: the first block holds the segment that caused the ACK).
 */
export class Ranges {
  count = 0;
  left: Int32Array = NOTHING;
  right: Int32Array = NOTHING;
  /** A stamp of the last change, greater is newer. */
  #touched: Int32Array = NOTHING;
  #stamp = 0;

  /**
   * Adds [left, right). Returns false when there is no room for one more range. What was new is not told: ask `covered` before.
   */
  add(left: number, right: number): boolean {
    let i = 0;
    while (i < this.count && lt(this.right[i]!, left)) i++;
    // Ranges i..j-1 touch or overlap the new one.
    let j = i;
    while (j < this.count && le(this.left[j]!, right)) {
      if (lt(this.left[j]!, left)) left = this.left[j]!;
      if (gt(this.right[j]!, right)) right = this.right[j]!;
      j++;
    }
    if (i === j) {
      if (this.count === RANGES_MAX) return false;
      if (this.count === this.left.length) this.#grow();
      this.#move(i, i + 1);
    } else if (j - i > 1) this.#move(j, i + 1);
    this.left[i] = left;
    this.right[i] = right;
    this.#touched[i] = ++this.#stamp;
    return true;
  }

  /** True if all of [left, right) is held. */
  covered(left: number, right: number): boolean {
    for (let i = 0; i < this.count; i++) if (le(this.left[i]!, left) && ge(this.right[i]!, right)) return true;
    return false;
  }

  /** The index of the range that holds `seq`, or -1. */
  find(seq: number): number {
    for (let i = 0; i < this.count; i++) if (le(this.left[i]!, seq) && gt(this.right[i]!, seq)) return i;
    return -1;
  }

  /** If a range begins at or before `next`, removes it and returns its end; else returns `next`. */
  advance(next: number): number {
    while (this.count > 0 && le(this.left[0]!, next)) {
      if (gt(this.right[0]!, next)) next = this.right[0]!;
      this.#move(1, 0);
    }
    return next;
  }

  /** Octets held out of order. */
  bytes(): number {
    let n = 0;
    for (let i = 0; i < this.count; i++) n += diff(this.right[i]!, this.left[i]!);
    return n;
  }

  /**
   * The index of the n-th most recently changed range (0: the newest), for SACK blocks. n < count.
   */
  recent(n: number): number {
    // Counting rank by comparison: n is at most 3, and ranges are few.
    let bound = 0x7fffffff;
    let best = 0;
    for (let k = 0; k <= n; k++) {
      let stamp = -1;
      for (let i = 0; i < this.count; i++) {
        const t = this.#touched[i]!;
        if (t < bound && t > stamp) {
          stamp = t;
          best = i;
        }
      }
      bound = stamp;
    }
    return best;
  }

  clear(): void {
    this.count = 0;
    this.left = NOTHING;
    this.right = NOTHING;
    this.#touched = NOTHING;
  }

  /** Moves the ranges from `from` on to begin at `to`. */
  #move(from: number, to: number): void {
    this.left.copyWithin(to, from, this.count);
    this.right.copyWithin(to, from, this.count);
    this.#touched.copyWithin(to, from, this.count);
    this.count += to - from;
  }

  #grow(): void {
    const n = Math.min(Math.max(8, this.left.length * 2), RANGES_MAX);
    const left = new Int32Array(n);
    const right = new Int32Array(n);
    const touched = new Int32Array(n);
    left.set(this.left);
    right.set(this.right);
    touched.set(this.#touched);
    this.left = left;
    this.right = right;
    this.#touched = touched;
  }
}

const NOTHING = new Int32Array(0);

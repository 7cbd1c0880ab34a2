import { share } from "#base/share";
import { diff, ge, gt, le, lt } from "./seq.ts";
import type { Tcb } from "./tcb.ts";

/**
 * The most out-of-order ranges of one connection: what arrives beyond them is discarded and must be sent again. When slow start overflows a queue,
 * every second segment is lost, so the largest receive buffer (32 MiB, ADR 67) can hold 11,587 ranges of one segment each.
 */
export const RANGES_MAX = 16384;

/** No slot. */
const NONE = -1;
/** What each connection may keep however many ranges there are. */
const RANGES_MIN = 8;

/** Who has out-of-order ranges, and how many all connections of a stack may have together. */
export class RangePool {
  readonly limit: number;
  /** Places for ranges, used or not. */
  used = 0;
  /** Those with ranges, in the order in which they began to have some. */
  readonly #holders = new Set<Ranges>();

  /** @param limit the most ranges of all connections together */
  constructor(limit: number) {
    this.limit = limit;
  }

  /** The ranges that have been there longest, of another connection than `but`; null if there are none. */
  oldest(but: Ranges): Ranges | null {
    for (const ranges of this.#holders) {
      if (ranges.count === 0) ranges.clear();
      else if (ranges !== but) return ranges;
    }
    return null;
  }

  begin(ranges: Ranges): void {
    this.#holders.delete(ranges);
    this.#holders.add(ranges);
  }

  end(ranges: Ranges): void {
    this.#holders.delete(ranges);
  }
}

/**
 * Out-of-order parts of the receive window as sorted, disjoint, non-adjacent ranges [left, right) of sequence numbers. The octets are
 * already in the receive queue; this only records where. The order of the latest changes is kept for SACK (RFC 2018 §4: the first block
 * contains the segment that caused the ACK).
 */
export class Ranges {
  count = 0;
  left: Int32Array = NOTHING;
  right: Int32Array = NOTHING;
  /** The slot of each range, which stays the same while ranges before it come and go. */
  #slot: Int32Array = NOTHING;
  /** Per slot: the left edge, and the slots of the ranges that changed next and before. Free slots are linked by `#older`. */
  #leftOf: Int32Array = NOTHING;
  #newer: Int32Array = NOTHING;
  #older: Int32Array = NOTHING;
  #newest = NONE;
  #free = NONE;
  readonly #pool: RangePool;
  /** The connection that they belong to. */
  readonly owner: Tcb;

  constructor(pool: RangePool, owner: Tcb) {
    this.#pool = pool;
    this.owner = owner;
  }

  /** Adds [left, right). Returns false if there is no room for one more range. To know whether any of it was new, call `covered` first. */
  add(left: number, right: number): boolean {
    const i = this.firstNotBefore(left);
    // Ranges i..j-1 touch or overlap the new one.
    let j = i;
    while (j < this.count && le(this.left[j]!, right)) {
      if (lt(this.left[j]!, left)) left = this.left[j]!;
      if (gt(this.right[j]!, right)) right = this.right[j]!;
      j++;
    }
    if (i === j) {
      if (this.count === this.left.length && !this.#grow()) return false;
      if (this.count === 0) this.#pool.begin(this);
      this.#move(i, i + 1);
      this.#slot[i] = this.#free;
      this.#free = this.#older[this.#free]!;
    } else {
      this.#unlink(this.#slot[i]!);
      for (let k = i + 1; k < j; k++) this.#release(k);
      if (j - i > 1) this.#move(j, i + 1);
    }
    this.left[i] = left;
    this.right[i] = right;
    this.#linkNewest(this.#slot[i]!, left);
    return true;
  }

  /** True if all of [left, right) is held. */
  covered(left: number, right: number): boolean {
    const i = this.find(left);
    return i >= 0 && ge(this.right[i]!, right);
  }

  /** The index of the range that holds `seq`, or -1. */
  find(seq: number): number {
    const i = this.firstNotBefore((seq + 1) | 0);
    return i < this.count && le(this.left[i]!, seq) ? i : -1;
  }

  /** The index of the first range that ends at or after `seq`. Most segments lie beyond all ranges. */
  firstNotBefore(seq: number): number {
    let low = 0;
    let high = this.count;
    if (high > 0 && lt(this.right[high - 1]!, seq)) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (lt(this.right[middle]!, seq)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** If ranges begin at or before `next`, removes them and returns the end of the last; else returns `next`. */
  advance(next: number): number {
    let n = 0;
    for (; n < this.count && le(this.left[n]!, next); n++) {
      if (gt(this.right[n]!, next)) next = this.right[n]!;
      this.#release(n);
    }
    if (n > 0) this.#move(n, 0);
    return next;
  }

  /** Removes all text from `seq` on. */
  cut(seq: number): void {
    while (this.count > 0 && ge(this.left[this.count - 1]!, seq)) this.#release(--this.count);
    const last = this.count - 1;
    if (last >= 0 && gt(this.right[last]!, seq)) this.right[last] = seq;
  }

  /** Octets held out of order. */
  bytes(): number {
    let n = 0;
    for (let i = 0; i < this.count; i++) n += diff(this.right[i]!, this.left[i]!);
    return n;
  }

  /** Fills `newest` with the indices of the most recently changed ranges, newest first; returns how many there are. */
  recent(newest: Int32Array, most: number): number {
    let n = 0;
    for (let slot = this.#newest; slot !== NONE && n < most; slot = this.#older[slot]!) {
      newest[n++] = this.find(this.#leftOf[slot]!);
    }
    return n;
  }

  clear(): void {
    if (this.left === NOTHING) return;
    this.#pool.used -= this.left.length;
    this.#pool.end(this);
    this.count = 0;
    this.left = this.right = this.#slot = this.#leftOf = this.#newer = this.#older = NOTHING;
    this.#newest = this.#free = NONE;
  }

  #linkNewest(slot: number, left: number): void {
    this.#leftOf[slot] = left;
    this.#newer[slot] = NONE;
    this.#older[slot] = this.#newest;
    if (this.#newest !== NONE) this.#newer[this.#newest] = slot;
    this.#newest = slot;
  }

  #unlink(slot: number): void {
    const newer = this.#newer[slot]!;
    const older = this.#older[slot]!;
    if (newer === NONE) this.#newest = older;
    else this.#older[newer] = older;
    if (older !== NONE) this.#newer[older] = newer;
  }

  /** The i-th range goes away: its slot is free. */
  #release(i: number): void {
    const slot = this.#slot[i]!;
    this.#unlink(slot);
    this.#older[slot] = this.#free;
    this.#free = slot;
  }

  /** Moves the ranges from index `from` to index `to`. */
  #move(from: number, to: number): void {
    this.left.copyWithin(to, from, this.count);
    this.right.copyWithin(to, from, this.count);
    this.#slot.copyWithin(to, from, this.count);
    this.count += to - from;
  }

  #grow(): boolean {
    const pool = this.#pool;
    const before = this.left.length;
    const n = Math.min(Math.max(RANGES_MIN, before * 2), RANGES_MAX);
    const most = Math.min(RANGES_MAX, share(pool.used, pool.limit, RANGES_MIN));
    if (n === before || n > most || pool.used + n - before > pool.limit) return false;
    pool.used += n - before;
    this.left = enlarged(this.left, n);
    this.right = enlarged(this.right, n);
    this.#slot = enlarged(this.#slot, n);
    this.#leftOf = enlarged(this.#leftOf, n);
    this.#newer = enlarged(this.#newer, n);
    this.#older = enlarged(this.#older, n);
    for (let slot = n - 1; slot >= before; slot--) {
      this.#older[slot] = this.#free;
      this.#free = slot;
    }
    return true;
  }
}

function enlarged(array: Int32Array, n: number): Int32Array {
  const larger = new Int32Array(n);
  larger.set(array);
  return larger;
}

const NOTHING = new Int32Array(0);

import { share } from "#base/share";
import { diff, ge, gt, le, lt } from "./seq.ts";
import type { Tcb } from "./tcb.ts";

/**
 * The most out-of-order ranges of one connection. When slow start overflows a queue of 1000 packets, every second packet is lost: with
 * fewer ranges, received data would be discarded.
 */
export const RANGES_MAX = 2048;

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
  /** When each range last changed, as a counter: greater is newer. */
  #touched: Int32Array = NOTHING;
  #stamp = 0;
  readonly #pool: RangePool;
  /** The connection that they belong to. */
  readonly owner: Tcb;

  constructor(pool: RangePool, owner: Tcb) {
    this.#pool = pool;
    this.owner = owner;
  }

  /** Adds [left, right). Returns false if there is no room for one more range. To know whether any of it was new, call `covered` first. */
  add(left: number, right: number): boolean {
    // Search from the end: most segments lie beyond all ranges.
    let i = this.count;
    while (i > 0 && ge(this.right[i - 1]!, left)) i--;
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
    } else if (j - i > 1) this.#move(j, i + 1);
    this.left[i] = left;
    this.right[i] = right;
    this.#touched[i] = ++this.#stamp;
    return true;
  }

  /** True if all of [left, right) is held. */
  covered(left: number, right: number): boolean {
    let i = this.count - 1;
    while (i >= 0 && gt(this.left[i]!, left)) i--;
    return i >= 0 && ge(this.right[i]!, right);
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

  /** Removes all text from `seq` on. */
  cut(seq: number): void {
    while (this.count > 0 && ge(this.left[this.count - 1]!, seq)) this.count--;
    const last = this.count - 1;
    if (last >= 0 && gt(this.right[last]!, seq)) this.right[last] = seq;
  }

  /** Octets held out of order. */
  bytes(): number {
    let n = 0;
    for (let i = 0; i < this.count; i++) n += diff(this.right[i]!, this.left[i]!);
    return n;
  }

  /**
   * Fills `newest` with the indices of the most recently changed ranges, newest first; returns how many there are. Makes only one pass,
   * because it runs for each ACK and the list can be long.
   */
  recent(newest: Int32Array, most: number): number {
    let n = 0;
    for (let i = 0; i < this.count; i++) {
      const stamp = this.#touched[i]!;
      if (n === most && stamp < this.#touched[newest[n - 1]!]!) continue;
      let at = n < most ? n++ : n - 1;
      for (; at > 0 && this.#touched[newest[at - 1]!]! < stamp; at--) newest[at] = newest[at - 1]!;
      newest[at] = i;
    }
    return n;
  }

  clear(): void {
    if (this.left === NOTHING) return;
    this.#pool.used -= this.left.length;
    this.#pool.end(this);
    this.count = 0;
    this.left = NOTHING;
    this.right = NOTHING;
    this.#touched = NOTHING;
  }

  /** Moves the ranges from index `from` to index `to`. */
  #move(from: number, to: number): void {
    this.left.copyWithin(to, from, this.count);
    this.right.copyWithin(to, from, this.count);
    this.#touched.copyWithin(to, from, this.count);
    this.count += to - from;
  }

  #grow(): boolean {
    const pool = this.#pool;
    const before = this.left.length;
    const n = Math.min(Math.max(RANGES_MIN, before * 2), RANGES_MAX);
    const most = Math.min(RANGES_MAX, share(pool.used, pool.limit, RANGES_MIN));
    if (n === before || n > most || pool.used + n - before > pool.limit) return false;
    pool.used += n - before;
    const left = new Int32Array(n);
    const right = new Int32Array(n);
    const touched = new Int32Array(n);
    left.set(this.left);
    right.set(this.right);
    touched.set(this.#touched);
    this.left = left;
    this.right = right;
    this.#touched = touched;
    return true;
  }
}

const NOTHING = new Int32Array(0);

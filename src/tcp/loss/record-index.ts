import { NONE, type Records, SACKED } from "../words/records.ts";
import { diff, gt } from "../words/seq.ts";
import type { Tcb } from "../words/tcb.ts";

const SIZE_MIN = 64;
/** Indices that wait to be used again, and the longest of them. */
const FREE_MAX = 16;
const KEPT_MAX = 65_536;
/** Blocks of one ACK. */
const BLOCKS_MAX = 4;

/**
 * The records of one connection in an array, so that the one at a sequence number is found without a walk. It is made when
 * the first SACK block comes, and kept up to date while something is in flight.
 */
export class RecordIndex {
  #ids = new Int32Array(SIZE_MIN);
  #first = 0;
  #end = 0;
  #records: Records;
  /** Left and right edges of the last blocks of which every record is SACKed: ACKs repeat them. */
  readonly #known = new Int32Array(2 * BLOCKS_MAX);
  #lastKnown = 0;

  constructor(records: Records) {
    this.#records = records;
  }

  /** Begins anew, with the records from `head` on. */
  begin(records: Records, head: number): void {
    this.#records = records;
    this.#first = 0;
    this.#end = 0;
    this.#known.fill(0);
    this.#lastKnown = 0;
    for (let r = head; r !== NONE; r = records.next[r]!) this.push(r);
  }

  /** It grew with a window that few connections have. */
  get isLarge(): boolean {
    return this.#ids.length > KEPT_MAX;
  }

  push(r: number): void {
    if (this.#end === this.#ids.length) this.#makeRoom();
    this.#ids[this.#end++] = r;
  }

  pop(): void {
    this.#end--;
  }

  shift(): void {
    this.#first++;
  }

  /** Record s was cut off the end of record r. */
  insertAfter(r: number, s: number): void {
    if (this.#end === this.#ids.length) this.#makeRoom();
    const at = this.#place(this.#records.start[r]!) + 1;
    this.#ids.copyWithin(at + 1, at, this.#end++);
    this.#ids[at] = s;
  }

  /** Record s will be part of the one before it. */
  remove(s: number): void {
    const at = this.#place(this.#records.start[s]!);
    this.#ids.copyWithin(at, at + 1, this.#end--);
  }

  /** The first record that ends after `seq`, or NONE. */
  find(seq: number): number {
    const at = this.#place(seq);
    return at < this.#end ? this.#ids[at]! : NONE;
  }

  /** True if a block says nothing new. */
  knows(left: number, right: number): boolean {
    const known = this.#known;
    for (let i = 0; i < 2 * BLOCKS_MAX; i += 2) if (known[i] === left && known[i + 1] === right) return true;
    return false;
  }

  /** Every record in [left, right) is SACKed. */
  know(left: number, right: number): void {
    const known = this.#known;
    // A block that grew takes its own place.
    let at = 0;
    while (at < 2 * BLOCKS_MAX && known[at] !== left) at += 2;
    if (at === 2 * BLOCKS_MAX) at = this.#lastKnown = (this.#lastKnown + 2) % (2 * BLOCKS_MAX);
    known[at] = left;
    known[at + 1] = right;
  }

  /** The place of the first record that ends after `seq`. Records are mostly of one size: it is near where it would be then. */
  #place(seq: number): number {
    let low = this.#first;
    let high = this.#end;
    const guess = this.#guess(seq);
    let step = 1;
    if (this.#endsAfter(guess, seq)) {
      high = guess;
      for (; high - step >= low && this.#endsAfter(high - step, seq); step *= 2) high -= step;
      low = Math.max(low, high - step);
    } else {
      low = Math.min(guess + 1, high);
      for (; low + step < high && !this.#endsAfter(low + step, seq); step *= 2) low += step + 1;
      high = Math.min(high, low + step);
    }
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#endsAfter(middle, seq)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #guess(seq: number): number {
    const { start, end } = this.#records;
    const n = this.#end - this.#first;
    if (n < 2) return this.#first;
    const from = start[this.#ids[this.#first]!]!;
    const octets = diff(end[this.#ids[this.#end - 1]!]!, from);
    const at = Math.floor((diff(seq, from) / octets) * n);
    return this.#first + Math.min(Math.max(at, 0), n - 1);
  }

  #endsAfter(place: number, seq: number): boolean {
    return place < this.#end && gt(this.#records.end[this.#ids[place]!]!, seq);
  }

  #makeRoom(): void {
    const n = this.#end - this.#first;
    // Half of it is free at the front: what remains moves there.
    const ids = n * 2 > this.#ids.length ? new Int32Array(this.#ids.length * 2) : this.#ids;
    if (ids === this.#ids) ids.copyWithin(0, this.#first, this.#end);
    else ids.set(this.#ids.subarray(this.#first, this.#end));
    this.#ids = ids;
    this.#first = 0;
    this.#end = n;
  }
}

/** The first record that ends after `seq`. */
export function recordAt(tcb: Tcb, seq: number): number {
  const { board, env } = tcb;
  if (board.index === null) {
    board.index = free.pop() ?? new RecordIndex(env.records);
    board.index.begin(env.records, board.head);
  }
  return board.index.find(seq);
}

/** Nothing is in flight any more, or the records are looked at anew: the index goes to the next connection that needs one. */
export function dropIndex(tcb: Tcb): void {
  const { index } = tcb.board;
  if (index === null) return;
  tcb.board.index = null;
  if (free.length < FREE_MAX && !index.isLarge) free.push(index);
}

/** Recovery begins and ends many times on a link that loses: nothing is allocated for it each time. */
const free: RecordIndex[] = [];

/** The first record from r on that is not SACKed. Stretches of SACKed ones are passed over, and so are parts of them next time. */
export function notSacked(tcb: Tcb, r: number): number {
  const { flags, next, skip } = tcb.env.records;
  const first = r;
  let last = NONE;
  while (r !== NONE && flags[r]! & SACKED) {
    last = r;
    r = skip[r] === NONE ? next[r]! : skip[r]!;
    // Shorter from everywhere next time, and one step from where this stretch begins.
    if (r !== NONE && skip[r] !== NONE && flags[r]! & SACKED) skip[last] = skip[r]!;
  }
  if (last !== NONE && last !== first) skip[first] = r === NONE ? last : r;
  return r;
}

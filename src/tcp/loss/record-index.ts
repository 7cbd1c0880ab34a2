import { NONE, type Records, SACKED } from "../words/records.ts";
import { diff, gt } from "../words/seq.ts";
import type { Tcb } from "../words/tcb.ts";

const SIZE_MIN = 64;
/** At most this many indices are kept for reuse, and none longer than `KEPT_MAX`. */
const FREE_MAX = 16;
const KEPT_MAX = 65_536;
/** SACK blocks in one ACK. */
const BLOCKS_MAX = 4;

/**
 * The records of one connection in an array, so that the record at a sequence number is found without walking the list. It is built when the
 * first SACK block arrives, and kept up to date while data is in flight.
 */
export class RecordIndex {
  #ids = new Int32Array(SIZE_MIN);
  #first = 0;
  #end = 0;
  #records: Records;
  /** Left and right edges of the last blocks whose records are all SACKed. ACKs repeat such blocks, and need not be applied again. */
  readonly #known = new Int32Array(2 * BLOCKS_MAX);
  #lastKnown = 0;

  constructor(records: Records) {
    this.#records = records;
  }

  /** Starts over with the records from `head` on. */
  begin(records: Records, head: number): void {
    this.#records = records;
    this.#first = 0;
    this.#end = 0;
    this.#known.fill(0);
    this.#lastKnown = 0;
    for (let r = head; r !== NONE; r = records.next[r]!) this.push(r);
  }

  /** True if the index is too large to keep for another connection. */
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

  /** Record s was split off the end of record r. */
  insertAfter(r: number, s: number): void {
    if (this.#end === this.#ids.length) this.#makeRoom();
    const at = this.#place(this.#records.start[r]!) + 1;
    this.#ids.copyWithin(at + 1, at, this.#end++);
    this.#ids[at] = s;
  }

  /** Record s is about to be merged into the one before it. */
  remove(s: number): void {
    const at = this.#place(this.#records.start[s]!);
    this.#ids.copyWithin(at, at + 1, this.#end--);
  }

  /** The first record that ends after `seq`, or NONE. */
  find(seq: number): number {
    const at = this.#place(seq);
    return at < this.#end ? this.#ids[at]! : NONE;
  }

  /** True if every record in the block is known to be SACKed. */
  knows(left: number, right: number): boolean {
    const known = this.#known;
    for (let i = 0; i < 2 * BLOCKS_MAX; i += 2) if (known[i] === left && known[i + 1] === right) return true;
    return false;
  }

  /** Notes that every record in [left, right) is SACKed. */
  know(left: number, right: number): void {
    const known = this.#known;
    // A block with the same left edge has grown: replace it.
    let at = 0;
    while (at < 2 * BLOCKS_MAX && known[at] !== left) at += 2;
    if (at === 2 * BLOCKS_MAX) at = this.#lastKnown = (this.#lastKnown + 2) % (2 * BLOCKS_MAX);
    known[at] = left;
    known[at + 1] = right;
  }

  /** The position of the first record that ends after `seq`. Most records have the same size, so the search starts near a computed position. */
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
    // If half of the array is free at the front, move the rest there; else double the array.
    const ids = n * 2 > this.#ids.length ? new Int32Array(this.#ids.length * 2) : this.#ids;
    if (ids === this.#ids) ids.copyWithin(0, this.#first, this.#end);
    else ids.set(this.#ids.subarray(this.#first, this.#end));
    this.#ids = ids;
    this.#first = 0;
    this.#end = n;
  }
}

/** The first record that ends after `seq`, or NONE. */
export function recordAt(tcb: Tcb, seq: number): number {
  const { board, env } = tcb;
  if (board.index === null) {
    board.index = free.pop() ?? new RecordIndex(env.records);
    board.index.begin(env.records, board.head);
  }
  return board.index.find(seq);
}

/** Removes the index, because nothing is in flight or the SACK marks were cleared, and keeps it for the next connection that needs one. */
export function dropIndex(tcb: Tcb): void {
  const { index } = tcb.board;
  if (index === null) return;
  tcb.board.index = null;
  if (free.length < FREE_MAX && !index.isLarge) free.push(index);
}

/** Indices for reuse: on a lossy link recovery starts often, and should not allocate each time. */
const free: RecordIndex[] = [];

/**
 * The first record from r on that is not SACKed. Each SACKed record that was passed leads there at once next time: whatever blocks the peer
 * chooses, a stretch is walked once.
 */
export function notSacked(tcb: Tcb, r: number): number {
  const { flags, next, skip } = tcb.env.records;
  const first = r;
  let last = NONE;
  while (r !== NONE && flags[r]! & SACKED) {
    last = r;
    r = skip[r] === NONE ? next[r]! : skip[r]!;
  }
  if (last === NONE) return r;
  const to = r === NONE ? last : r;
  for (let s = first; s !== last; ) {
    const after = skip[s] === NONE ? next[s]! : skip[s]!;
    skip[s] = to;
    s = after;
  }
  return r;
}

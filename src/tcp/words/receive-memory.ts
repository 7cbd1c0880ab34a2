import { gt, lt } from "./seq.ts";

/** Memory is allocated to a socket in pages. */
export const PAGE = 4_096;
/** The first table has room for so many buffers. */
const FIRST = 16;
/** An empty table of at most so many is kept until the connection sleeps or ends, so that a steady flow allocates nothing. */
const KEPT = 256;
/** Fields of a buffer: the sequence numbers of its text, the memory that it uses, the octets that still fit behind its text. */
const START = 0;
const END = 1;
const SIZE = 2;
const ROOM = 3;
const FIELDS = 4;

/** Buffers of text, ordered by sequence number. Most are added at the end and removed at the front. Without a first buffer there is no table. */
export class Buffers {
  #table: Int32Array = NOTHING;
  #first = 0;
  count = 0;

  startOf(i: number): number {
    return this.#table[(this.#first + i) * FIELDS + START]!;
  }

  endOf(i: number): number {
    return this.#table[(this.#first + i) * FIELDS + END]!;
  }

  sizeOf(i: number): number {
    return this.#table[(this.#first + i) * FIELDS + SIZE]!;
  }

  roomOf(i: number): number {
    return this.#table[(this.#first + i) * FIELDS + ROOM]!;
  }

  /** `n` octets are appended to the text of buffer `i`. */
  extend(i: number, n: number): void {
    const at = (this.#first + i) * FIELDS;
    this.#table[at + END] = (this.#table[at + END]! + n) | 0;
    this.#table[at + ROOM] = this.#table[at + ROOM]! - n;
  }

  insert(i: number, start: number, end: number, size: number, room: number): void {
    if ((this.#first + this.count + 1) * FIELDS > this.#table.length) this.#makeRoom();
    const table = this.#table;
    const at = (this.#first + i) * FIELDS;
    if (i < this.count) table.copyWithin(at + FIELDS, at, (this.#first + this.count) * FIELDS);
    table[at + START] = start;
    table[at + END] = end;
    table[at + SIZE] = size;
    table[at + ROOM] = room;
    this.count++;
  }

  remove(i: number): void {
    const at = (this.#first + i) * FIELDS;
    if (i === 0) this.#first++;
    else this.#table.copyWithin(at, at + FIELDS, (this.#first + this.count) * FIELDS);
    if (--this.count > 0) return;
    this.#first = 0;
    if (this.#table.length > KEPT * FIELDS) this.#table = NOTHING;
  }

  /** The index of the first buffer that starts after `seq`, or `count`. */
  after(seq: number): number {
    let i = this.count;
    while (i > 0 && lt(seq, this.startOf(i - 1))) i--;
    return i;
  }

  clear(): void {
    this.#table = NOTHING;
    this.#first = 0;
    this.count = 0;
  }

  /** Moves all buffers to the front if at least half of the table is free there, else doubles the table. */
  #makeRoom(): void {
    const from = this.#first * FIELDS;
    const to = (this.#first + this.count) * FIELDS;
    if (this.#first > 0 && this.#first >= this.count) this.#table.copyWithin(0, from, to);
    else {
      const table = new Int32Array(Math.max(FIRST * FIELDS, this.#table.length * 2));
      table.set(this.#table.subarray(from, to));
      this.#table = table;
    }
    this.#first = 0;
  }
}

/** The memory that received text uses until the user has read it (`receiveBufferCounts: "memory"`). */
export class ReceiveMemory {
  /** Octets in use. */
  used = 0;
  /** Octets allocated beyond those in use: whole pages are given back (sk_forward_alloc). */
  reserved = 0;
  /** Made when they are first used: few connections count memory. */
  #inOrder: Buffers | null = null;
  #beyond: Buffers | null = null;

  /** Text in order. */
  get inOrder(): Buffers {
    return (this.#inOrder ??= new Buffers());
  }

  /** Text beyond a gap. */
  get beyond(): Buffers {
    return (this.#beyond ??= new Buffers());
  }

  /** Frees the buffers up to `position`, which the user has read. */
  free(position: number): void {
    const { inOrder } = this;
    while (inOrder.count > 0 && !gt(inOrder.endOf(0), position)) this.drop(inOrder, 0);
  }

  /** Allocates pages until `size` octets are reserved. */
  reserve(size: number): void {
    if (size > this.reserved) this.reserved += Math.ceil((size - this.reserved) / PAGE) * PAGE;
  }

  /** `size` octets are used; if negative, they are free again. */
  take(size: number): void {
    this.used += size;
    this.reserved -= size;
    if (size < 0 && this.reserved >= PAGE) this.reserved %= PAGE;
    else this.reserve(0);
  }

  drop(buffers: Buffers, i: number): void {
    this.take(-buffers.sizeOf(i));
    buffers.remove(i);
  }

  /** All text beyond a gap was dropped. */
  dropBeyond(): void {
    const beyond = this.#beyond;
    while (beyond !== null && beyond.count > 0) this.drop(beyond, beyond.count - 1);
  }
}

const NOTHING = new Int32Array(0);

/** Of each connection that has not counted anything yet: nothing is ever put into it. */
export const NO_MEMORY = Object.freeze(new ReceiveMemory()) as ReceiveMemory;

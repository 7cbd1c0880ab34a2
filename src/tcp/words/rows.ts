/**
 * Tables of numbers for connections in compact form (`minisock.ts`, `half-open.ts`): a row is some words, some times and the parameters. The
 * first words of each row are the ends of the connection, its id, and what the SYNs agreed on.
 */
import { Address, V4_MAPPED } from "#ip/address";
import type { TcpParams } from "./params.ts";
import type { PassiveOpen } from "./passive-open.ts";
import type { Ends, Tcb } from "./tcb.ts";

export const NO_ROW = -1;

// The first words of a row.
const LOCAL = 0;
const REMOTE = 1;
const PORTS = 2;
export const ID = 3;
/** The shifts of both windows, and flags. */
export const BITS = 4;
/** The first word that a table may use. */
export const FIRST_WORD = 5;

// BITS; a table may use the bits from `FIRST_BIT` on.
const RCV_SHIFT = 4;
const IS_SIX = 1 << 8;
const SACK_OK = 1 << 9;
const TIMESTAMPS_OK = 1 << 10;
const WINDOW_SCALE_OK = 1 << 11;
const ECN_OK = 1 << 12;
export const FIRST_BIT = 13;

const CHUNK_SHIFT = 9;
const ROWS = 1 << CHUNK_SHIFT;
const ROW_MASK = ROWS - 1;

/** Some rows. Their memory is freed when the last one has ended. */
export class Chunk {
  readonly words: Int32Array;
  readonly times: Float64Array;
  readonly params: (Readonly<TcpParams> | null)[] = new Array(ROWS).fill(null);
  /** Empty if the connections of the table have none. */
  readonly listeners: (PassiveOpen | null)[];
  /** The upper three words of both addresses; only if a connection uses IPv6. */
  upper: Int32Array | null = null;
  /** The first free row; the first word of a free row is the next one. */
  free = 0;
  used = 0;

  constructor(words: number, times: number, hasListeners: boolean) {
    this.words = new Int32Array(ROWS * words);
    this.times = new Float64Array(ROWS * times);
    this.listeners = hasListeners ? new Array(ROWS).fill(null) : [];
    for (let i = 0; i < ROWS; i++) this.words[i * words] = i + 1 < ROWS ? i + 1 : NO_ROW;
  }
}

export class Rows {
  readonly #words: number;
  readonly #times: number;
  readonly #hasListeners: boolean;
  readonly #chunks: (Chunk | null)[] = [];
  /** No chunk before this one has a free row. */
  #first = 0;
  /** One empty chunk is kept, so that a single connection that comes and goes does not allocate. */
  #spare: Chunk | null = null;
  /** Rows in use. */
  size = 0;

  /** @param words of each row @param times of each row */
  constructor(words: number, times: number, hasListeners: boolean) {
    this.#words = words;
    this.#times = times;
    this.#hasListeners = hasListeners;
  }

  alloc(): number {
    const chunks = this.#chunks;
    let c = this.#first;
    while (c < chunks.length && chunks[c] !== null && chunks[c]!.free === NO_ROW) c++;
    this.#first = c;
    if (c === chunks.length) chunks.push(null);
    if (chunks[c] === null) {
      chunks[c] = this.#spare ?? new Chunk(this.#words, this.#times, this.#hasListeners);
      this.#spare = null;
    }
    const chunk = chunks[c]!;
    const i = chunk.free;
    chunk.free = chunk.words[i * this.#words]!;
    chunk.used++;
    this.size++;
    return (c << CHUNK_SHIFT) | i;
  }

  release(row: number): void {
    const c = row >> CHUNK_SHIFT;
    const chunk = this.#chunks[c]!;
    const i = row & ROW_MASK;
    chunk.params[i] = null;
    if (this.#hasListeners) chunk.listeners[i] = null;
    chunk.words[i * this.#words] = chunk.free;
    chunk.free = i;
    chunk.used--;
    this.size--;
    if (c < this.#first) this.#first = c;
    if (chunk.used > 0) return;
    this.#spare = chunk;
    this.#chunks[c] = null;
    while (this.#chunks.at(-1) === null) this.#chunks.pop();
    if (this.#first > this.#chunks.length) this.#first = this.#chunks.length;
  }

  /** The chunk of a row; and where in it the row's words, times and other things are. */
  chunk(row: number): Chunk {
    return this.#chunks[row >> CHUNK_SHIFT]!;
  }

  wordsAt(row: number): number {
    return (row & ROW_MASK) * this.#words;
  }

  timesAt(row: number): number {
    return (row & ROW_MASK) * this.#times;
  }

  indexOf(row: number): number {
    return row & ROW_MASK;
  }

  get(row: number, word: number): number {
    return this.chunk(row).words[this.wordsAt(row) + word]!;
  }

  set(row: number, word: number, value: number): void {
    this.chunk(row).words[this.wordsAt(row) + word] = value;
  }

  /** Stores the ends of a connection, its parameters, and what the SYNs agreed on. @param bits from `FIRST_BIT` on, the table's own */
  store(row: number, tcb: Tcb, bits: number): void {
    const { local, remote } = tcb;
    const chunk = this.chunk(row);
    const w = chunk.words;
    const o = this.wordsAt(row);
    w[o + LOCAL] = local.d;
    w[o + REMOTE] = remote.d;
    w[o + PORTS] = (tcb.localPort << 16) | tcb.remotePort;
    w[o + ID] = tcb.id;
    w[o + BITS] = bits | agreedBits(tcb);
    chunk.params[this.indexOf(row)] = tcb.params;
    if (remote.family === 4) return;
    const u = (chunk.upper ??= new Int32Array(ROWS * 6));
    const p = this.indexOf(row) * 6;
    u[p] = local.a;
    u[p + 1] = local.b;
    u[p + 2] = local.c;
    u[p + 3] = remote.a;
    u[p + 4] = remote.b;
    u[p + 5] = remote.c;
  }

  localOf(row: number, before: Address): Address {
    return this.#address(row, LOCAL, before);
  }

  remoteOf(row: number, before: Address): Address {
    return this.#address(row, REMOTE, before);
  }

  localPortOf(row: number): number {
    return this.get(row, PORTS) >>> 16;
  }

  remotePortOf(row: number): number {
    return this.get(row, PORTS) & 0xffff;
  }

  /** @param before used again if it is the same address */
  #address(row: number, which: typeof LOCAL | typeof REMOTE, before: Address): Address {
    const chunk = this.chunk(row);
    const o = this.wordsAt(row);
    const d = chunk.words[o + which]!;
    let a = 0;
    let b = 0;
    let c = V4_MAPPED;
    if (chunk.words[o + BITS]! & IS_SIX) {
      const p = this.indexOf(row) * 6 + (which === LOCAL ? 0 : 3);
      a = chunk.upper![p]!;
      b = chunk.upper![p + 1]!;
      c = chunk.upper![p + 2]!;
    }
    return before.equalsWords(a, b, c, d) ? before : new Address(a, b, c, d);
  }

  /** Whether the row's connection has the local socket (l0..l3, localPort) and the remote socket (r0..r3, remotePort). */
  matches(
    row: number,
    l0: number,
    l1: number,
    l2: number,
    l3: number,
    localPort: number,
    r0: number,
    r1: number,
    r2: number,
    r3: number,
    remotePort: number,
  ): boolean {
    const chunk = this.chunk(row);
    const w = chunk.words;
    const o = this.wordsAt(row);
    if (w[o + PORTS] !== ((localPort << 16) | remotePort) || w[o + REMOTE] !== r3 || w[o + LOCAL] !== l3) return false;
    if ((w[o + BITS]! & IS_SIX) === 0) return (r0 | r1) === 0 && r2 === V4_MAPPED;
    const u = chunk.upper!;
    const p = this.indexOf(row) * 6;
    return u[p] === l0 && u[p + 1] === l1 && u[p + 2] === l2 && u[p + 3] === r0 && u[p + 4] === r1 && u[p + 5] === r2;
  }

  /** Whether the row has these ports. */
  hasPorts(row: number, { localPort, remotePort }: Ends): boolean {
    return this.get(row, PORTS) === ((localPort << 16) | remotePort);
  }
}

function agreedBits(tcb: Tcb): number {
  return (
    tcb.snd.shift |
    (tcb.rcv.shift << RCV_SHIFT) |
    (tcb.remote.family === 6 ? IS_SIX : 0) |
    (tcb.sackOk ? SACK_OK : 0) |
    (tcb.timestampsOk ? TIMESTAMPS_OK : 0) |
    (tcb.windowScaleOk ? WINDOW_SCALE_OK : 0) |
    (tcb.ecnOk ? ECN_OK : 0)
  );
}

/** Restores what the SYNs agreed on. */
export function restoreAgreed(tcb: Tcb, bits: number): void {
  tcb.snd.shift = bits & 0xf;
  tcb.rcv.shift = (bits >> RCV_SHIFT) & 0xf;
  tcb.sackOk = (bits & SACK_OK) !== 0;
  tcb.timestampsOk = (bits & TIMESTAMPS_OK) !== 0;
  tcb.windowScaleOk = (bits & WINDOW_SCALE_OK) !== 0;
  tcb.ecnOk = (bits & ECN_OK) !== 0;
}

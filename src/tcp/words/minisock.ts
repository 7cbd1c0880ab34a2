/**
 * Connections in TIME-WAIT in compact form. Nothing of them is needed any more but what answers old segments of the peer and recognizes a
 * new SYN: a row of 16 words, two times and the parameters, 88 octets. A TCB has 3 kB. Linux calls such a row a minisock (tcp_timewait_sock).
 */
import { NEVER } from "#base/time";
import { Address, V4_MAPPED } from "#ip/address";
import { LIMIT_DONE } from "./limited-by.ts";
import type { TcpParams } from "./params.ts";
import { TIME_WAIT } from "./state.ts";
import { T_TIME_WAIT, type Tcb } from "./tcb.ts";

/** Of a TCB: it is not in TIME-WAIT; and a row has replaced it, so that it only shows what the connection was. */
export const NO_ROW = -1;
export const REPLACED_BY_ROW = -2;

// The words of a row.
const LOCAL = 0;
const REMOTE = 1;
const PORTS = 2;
const ID = 3;
const SND_NXT = 4;
const RCV_NXT = 5;
/** The window that the last ACK offered. It stays as it is, as in Linux: nobody reads any more, and the peer has nothing to send. */
const RCV_WND = 6;
const SND_WND_MAX = 7;
const ISS = 8;
const IRS = 9;
const TS_RECENT = 10;
const TS_OFFSET = 11;
const BITS = 12;
/** Neighbours in the order in which connections entered TIME-WAIT. For a free row: `NEWER` is the next free one of its chunk. */
const OLDER = 13;
const NEWER = 14;
const WORDS = 16;

// The times of a row.
const DEADLINE = 0;
const INVALID_ACK = 1;
const TIMES = 2;

// BITS: the shifts of both windows, and flags.
const RCV_SHIFT = 4;
const IS_SIX = 1 << 8;
const SACK_OK = 1 << 9;
const TIMESTAMPS_OK = 1 << 10;
const WINDOW_SCALE_OK = 1 << 11;
const ECN_OK = 1 << 12;
const ECN_ECHO = 1 << 13;
const PASSIVE = 1 << 14;

const CHUNK_SHIFT = 9;
const ROWS = 1 << CHUNK_SHIFT;
const ROW_MASK = ROWS - 1;

/** Some rows. Their memory is freed when the last one has ended. */
class Chunk {
  readonly words = new Int32Array(ROWS * WORDS);
  readonly times = new Float64Array(ROWS * TIMES);
  readonly params: (Readonly<TcpParams> | null)[] = new Array(ROWS).fill(null);
  /** The upper three words of both addresses; only if a connection uses IPv6. */
  upper: Int32Array | null = null;
  /** The first free row. */
  free = 0;
  used = 0;

  constructor() {
    for (let i = 0; i < ROWS; i++) this.words[i * WORDS + NEWER] = i + 1 < ROWS ? i + 1 : NO_ROW;
  }
}

export class Minisocks {
  readonly #chunks: (Chunk | null)[] = [];
  /** No chunk before this one has a free row. */
  #first = 0;
  /** One empty chunk is kept, so that a single connection that comes and goes does not allocate. */
  #spare: Chunk | null = null;
  #oldest = NO_ROW;
  #newest = NO_ROW;
  /** Rows in use. */
  size = 0;

  /** The connection has entered TIME-WAIT: gives it a row, in which nothing but its id is stored yet. */
  enter(tcb: Tcb): void {
    const row = this.#alloc();
    tcb.place.row = row;
    this.#set(row, ID, tcb.id);
    this.#set(row, OLDER, this.#newest);
    this.#set(row, NEWER, NO_ROW);
    if (this.#newest === NO_ROW) this.#oldest = row;
    else this.#set(this.#newest, NEWER, row);
    this.#newest = row;
  }

  /** The connection has left TIME-WAIT. */
  leave(tcb: Tcb): void {
    const { row } = tcb.place;
    const older = this.#get(row, OLDER);
    const newer = this.#get(row, NEWER);
    if (older === NO_ROW) this.#oldest = newer;
    else this.#set(older, NEWER, newer);
    if (newer === NO_ROW) this.#newest = older;
    else this.#set(newer, OLDER, older);
    tcb.place.row = NO_ROW;
    this.#release(row);
  }

  /** The id of the connection that has been in TIME-WAIT for the longest time, or -1. */
  get oldestId(): number {
    return this.#oldest === NO_ROW ? -1 : this.#get(this.#oldest, ID);
  }

  idOf(row: number): number {
    return this.#get(row, ID);
  }

  paramsOf(row: number): Readonly<TcpParams> {
    return this.#chunks[row >> CHUNK_SHIFT]!.params[row & ROW_MASK]!;
  }

  /** Stores the connection in its row. */
  pack(tcb: Tcb): void {
    const { local, remote, snd, rcv } = tcb;
    const { row } = tcb.place;
    const chunk = this.#chunks[row >> CHUNK_SHIFT]!;
    const i = row & ROW_MASK;
    const w = chunk.words;
    const o = i * WORDS;
    w[o + LOCAL] = local.d;
    w[o + REMOTE] = remote.d;
    w[o + PORTS] = (tcb.localPort << 16) | tcb.remotePort;
    w[o + SND_NXT] = snd.nxt;
    w[o + RCV_NXT] = rcv.nxt;
    w[o + RCV_WND] = Math.max(0, (rcv.adv - rcv.nxt) | 0);
    w[o + SND_WND_MAX] = snd.wndMax;
    w[o + ISS] = snd.iss;
    w[o + IRS] = rcv.irs;
    w[o + TS_RECENT] = tcb.tsRecent;
    w[o + TS_OFFSET] = tcb.tsOffset;
    w[o + BITS] = bitsOf(tcb);
    chunk.times[i * TIMES + DEADLINE] = tcb.timers[T_TIME_WAIT]!;
    chunk.times[i * TIMES + INVALID_ACK] = tcb.invalidAckTime;
    chunk.params[i] = tcb.params;
    if (remote.family === 4) return;
    const u = (chunk.upper ??= new Int32Array(ROWS * 6));
    u.set([local.a, local.b, local.c, remote.a, remote.b, remote.c], i * 6);
  }

  /**
   * Restores the connection in a TCB that is new, or was made for this and served others before: everything is set that differs from a new
   * TCB, and everything that a segment, a timer or a call in TIME-WAIT can change. Statistics begin anew.
   */
  unpack(row: number, tcb: Tcb): void {
    const chunk = this.#chunks[row >> CHUNK_SHIFT]!;
    const i = row & ROW_MASK;
    const w = chunk.words;
    const o = i * WORDS;
    const bits = w[o + BITS]!;
    const { snd, rcv, timers } = tcb;
    tcb.place.row = row;
    tcb.id = w[o + ID]!;
    tcb.params = chunk.params[i]!;
    tcb.local = this.#address(row, LOCAL, tcb.local);
    tcb.remote = this.#address(row, REMOTE, tcb.remote);
    tcb.localPort = w[o + PORTS]! >>> 16;
    tcb.remotePort = w[o + PORTS]! & 0xffff;
    tcb.state = TIME_WAIT;
    tcb.passive = (bits & PASSIVE) !== 0;
    snd.iss = w[o + ISS]!;
    snd.una = snd.nxt = snd.wl2 = snd.up = snd.small = w[o + SND_NXT]!;
    snd.wndMax = snd.wnd = w[o + SND_WND_MAX]!;
    snd.shift = bits & 0xf;
    snd.fin = snd.finSent = true;
    rcv.irs = w[o + IRS]!;
    rcv.nxt = rcv.acked = rcv.up = w[o + RCV_NXT]!;
    rcv.fin = snd.wl1 = (rcv.nxt - 1) | 0;
    rcv.finSeen = rcv.closed = true;
    rcv.capacity = w[o + RCV_WND]!;
    rcv.adv = (rcv.nxt + rcv.capacity) | 0;
    rcv.shift = (bits >> RCV_SHIFT) & 0xf;
    rcv.unread = 0;
    // Not 0: windows are counted in it. It does not matter how large it is, since the window stays as it is.
    rcv.mss = 1;
    tcb.sackOk = (bits & SACK_OK) !== 0;
    tcb.timestampsOk = (bits & TIMESTAMPS_OK) !== 0;
    tcb.windowScaleOk = (bits & WINDOW_SCALE_OK) !== 0;
    tcb.ecnOk = (bits & ECN_OK) !== 0;
    tcb.ecnEcho = (bits & ECN_ECHO) !== 0;
    tcb.tsRecent = w[o + TS_RECENT]!;
    tcb.tsOffset = w[o + TS_OFFSET]!;
    // TIME-WAIT is much shorter than the 24 days after which TS.Recent is invalid.
    tcb.tsRecentTime = NEVER;
    tcb.invalidAckTime = chunk.times[i * TIMES + INVALID_ACK]!;
    tcb.ackNow = tcb.rstNow = tcb.probeNow = 0;
    tcb.dsackLeft = tcb.dsackRight = 0;
    tcb.limited.traced = LIMIT_DONE;
    tcb.error = tcb.endedBy = tcb.softError = tcb.events = 0;
    tcb.segmentsIn = tcb.segmentsOut = tcb.dataSegmentsIn = 0;
    tcb.lastAckTime = tcb.lastSendTime = 0;
    // The path is looked up before something is sent.
    tcb.path.version = -1;
    tcb.path.belowFloor = false;
    timers.fill(NEVER);
    timers[T_TIME_WAIT] = chunk.times[i * TIMES + DEADLINE]!;
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
    const chunk = this.#chunks[row >> CHUNK_SHIFT]!;
    const i = row & ROW_MASK;
    const w = chunk.words;
    const o = i * WORDS;
    if (w[o + PORTS] !== ((localPort << 16) | remotePort) || w[o + REMOTE] !== r3 || w[o + LOCAL] !== l3) return false;
    if ((w[o + BITS]! & IS_SIX) === 0) return (r0 | r1) === 0 && r2 === V4_MAPPED;
    const u = chunk.upper!;
    const p = i * 6;
    return u[p] === l0 && u[p + 1] === l1 && u[p + 2] === l2 && u[p + 3] === r0 && u[p + 4] === r1 && u[p + 5] === r2;
  }

  /** Whether a row has this connection, and not a later one that got its id. */
  has(row: number, { snd, rcv, localPort, remotePort }: Tcb): boolean {
    const same = this.#get(row, ISS) === snd.iss && this.#get(row, IRS) === rcv.irs;
    return same && this.#get(row, PORTS) === ((localPort << 16) | remotePort);
  }

  /** @param before used again if it is the same address */
  #address(row: number, which: typeof LOCAL | typeof REMOTE, before: Address): Address {
    const chunk = this.#chunks[row >> CHUNK_SHIFT]!;
    const i = row & ROW_MASK;
    const d = chunk.words[i * WORDS + which]!;
    let a = 0;
    let b = 0;
    let c = V4_MAPPED;
    if (chunk.words[i * WORDS + BITS]! & IS_SIX) {
      const p = i * 6 + (which === LOCAL ? 0 : 3);
      a = chunk.upper![p]!;
      b = chunk.upper![p + 1]!;
      c = chunk.upper![p + 2]!;
    }
    return before.equalsWords(a, b, c, d) ? before : new Address(a, b, c, d);
  }

  #get(row: number, word: number): number {
    return this.#chunks[row >> CHUNK_SHIFT]!.words[(row & ROW_MASK) * WORDS + word]!;
  }

  #set(row: number, word: number, value: number): void {
    this.#chunks[row >> CHUNK_SHIFT]!.words[(row & ROW_MASK) * WORDS + word] = value;
  }

  #alloc(): number {
    const chunks = this.#chunks;
    let c = this.#first;
    while (c < chunks.length && chunks[c] !== null && chunks[c]!.free === NO_ROW) c++;
    this.#first = c;
    if (c === chunks.length) chunks.push(null);
    if (chunks[c] === null) {
      chunks[c] = this.#spare ?? new Chunk();
      this.#spare = null;
    }
    const chunk = chunks[c]!;
    const i = chunk.free;
    chunk.free = chunk.words[i * WORDS + NEWER]!;
    chunk.used++;
    this.size++;
    return (c << CHUNK_SHIFT) | i;
  }

  #release(row: number): void {
    const c = row >> CHUNK_SHIFT;
    const chunk = this.#chunks[c]!;
    const i = row & ROW_MASK;
    chunk.params[i] = null;
    chunk.words[i * WORDS + NEWER] = chunk.free;
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
}

function bitsOf(tcb: Tcb): number {
  return (
    tcb.snd.shift |
    (tcb.rcv.shift << RCV_SHIFT) |
    (tcb.remote.family === 6 ? IS_SIX : 0) |
    (tcb.sackOk ? SACK_OK : 0) |
    (tcb.timestampsOk ? TIMESTAMPS_OK : 0) |
    (tcb.windowScaleOk ? WINDOW_SCALE_OK : 0) |
    (tcb.ecnOk ? ECN_OK : 0) |
    (tcb.ecnEcho ? ECN_ECHO : 0) |
    (tcb.passive ? PASSIVE : 0)
  );
}

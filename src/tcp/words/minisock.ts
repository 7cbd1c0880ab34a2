/**
 * Connections in TIME-WAIT in compact form. Nothing of them is needed any more but what answers old segments of the peer and recognizes a
 * new SYN: a row of 15 words, two times and the parameters, 84 octets. A TCB has 3 kB. Linux calls such a row a minisock (tcp_timewait_sock).
 */
import { NEVER } from "#base/time";
import { LIMIT_DONE } from "./limited-by.ts";
import type { TcpParams } from "./params.ts";
import { BITS, FIRST_BIT, FIRST_WORD, ID, NO_ROW, Rows, restoreAgreed } from "./rows.ts";
import { TIME_WAIT } from "./state.ts";
import { T_TIME_WAIT, type Tcb } from "./tcb.ts";

/** `place.row` of a TCB that a row has replaced, so that it only shows what the connection was. NO_ROW: it is not in TIME-WAIT. */
export const REPLACED_BY_ROW = -2;

// The words of a row.
const SND_NXT = FIRST_WORD;
const RCV_NXT = FIRST_WORD + 1;
/** The window that the last ACK offered. It stays as it is, as in Linux: nobody reads any more, and the peer has nothing to send. */
const RCV_WND = FIRST_WORD + 2;
const SND_WND_MAX = FIRST_WORD + 3;
const ISS = FIRST_WORD + 4;
const IRS = FIRST_WORD + 5;
const TS_RECENT = FIRST_WORD + 6;
const TS_OFFSET = FIRST_WORD + 7;
/** Neighbours in the order in which connections entered TIME-WAIT. */
const OLDER = FIRST_WORD + 8;
const NEWER = FIRST_WORD + 9;
const WORDS = FIRST_WORD + 10;

// The times of a row.
const DEADLINE = 0;
const INVALID_ACK = 1;
const TIMES = 2;

const ECN_ECHO = 1 << FIRST_BIT;
const PASSIVE = 2 << FIRST_BIT;

export class Minisocks {
  readonly rows = new Rows(WORDS, TIMES, false);
  #oldest = NO_ROW;
  #newest = NO_ROW;

  /** Connections in TIME-WAIT. */
  get size(): number {
    return this.rows.size;
  }

  /** The connection has entered TIME-WAIT: gives it a row, in which nothing but its id is stored yet. */
  enter(tcb: Tcb): void {
    const { rows } = this;
    const row = rows.alloc();
    tcb.place.row = row;
    rows.set(row, ID, tcb.id);
    rows.set(row, OLDER, this.#newest);
    rows.set(row, NEWER, NO_ROW);
    if (this.#newest === NO_ROW) this.#oldest = row;
    else rows.set(this.#newest, NEWER, row);
    this.#newest = row;
  }

  /** The connection has left TIME-WAIT. */
  leave(tcb: Tcb): void {
    const { rows } = this;
    const { row } = tcb.place;
    const older = rows.get(row, OLDER);
    const newer = rows.get(row, NEWER);
    if (older === NO_ROW) this.#oldest = newer;
    else rows.set(older, NEWER, newer);
    if (newer === NO_ROW) this.#newest = older;
    else rows.set(newer, OLDER, older);
    tcb.place.row = NO_ROW;
    rows.release(row);
  }

  /** The id of the connection that has been in TIME-WAIT for the longest time, or -1. */
  get oldestId(): number {
    return this.#oldest === NO_ROW ? -1 : this.rows.get(this.#oldest, ID);
  }

  idOf(row: number): number {
    return this.rows.get(row, ID);
  }

  paramsOf(row: number): Readonly<TcpParams> {
    return this.rows.chunk(row).params[this.rows.indexOf(row)]!;
  }

  /** Stores the connection in its row. */
  pack(tcb: Tcb): void {
    const { snd, rcv } = tcb;
    const { row } = tcb.place;
    const { rows } = this;
    rows.store(row, tcb, (tcb.ecnEcho ? ECN_ECHO : 0) | (tcb.passive ? PASSIVE : 0));
    const chunk = rows.chunk(row);
    const w = chunk.words;
    const o = rows.wordsAt(row);
    w[o + SND_NXT] = snd.nxt;
    w[o + RCV_NXT] = rcv.nxt;
    w[o + RCV_WND] = Math.max(0, (rcv.adv - rcv.nxt) | 0);
    w[o + SND_WND_MAX] = snd.wndMax;
    w[o + ISS] = snd.iss;
    w[o + IRS] = rcv.irs;
    w[o + TS_RECENT] = tcb.tsRecent;
    w[o + TS_OFFSET] = tcb.tsOffset;
    const t = rows.timesAt(row);
    chunk.times[t + DEADLINE] = tcb.timers[T_TIME_WAIT]!;
    chunk.times[t + INVALID_ACK] = tcb.invalidAckTime;
  }

  /**
   * Restores the connection in a TCB that is new, or was made for this and served others before: everything is set that differs from a new
   * TCB, and everything that a segment, a timer or a call in TIME-WAIT can change. Statistics begin anew.
   */
  unpack(row: number, tcb: Tcb): void {
    const { rows } = this;
    const chunk = rows.chunk(row);
    const w = chunk.words;
    const o = rows.wordsAt(row);
    const t = rows.timesAt(row);
    const bits = w[o + BITS]!;
    const { snd, rcv, timers } = tcb;
    tcb.place.row = row;
    tcb.id = w[o + ID]!;
    tcb.params = chunk.params[rows.indexOf(row)]!;
    tcb.local = rows.localOf(row, tcb.local);
    tcb.remote = rows.remoteOf(row, tcb.remote);
    tcb.localPort = rows.localPortOf(row);
    tcb.remotePort = rows.remotePortOf(row);
    tcb.state = TIME_WAIT;
    restoreAgreed(tcb, bits);
    tcb.passive = (bits & PASSIVE) !== 0;
    tcb.ecnEcho = (bits & ECN_ECHO) !== 0;
    snd.iss = w[o + ISS]!;
    snd.una = snd.nxt = snd.wl2 = snd.up = snd.small = w[o + SND_NXT]!;
    snd.wndMax = snd.wnd = w[o + SND_WND_MAX]!;
    snd.fin = snd.finSent = true;
    rcv.irs = w[o + IRS]!;
    rcv.nxt = rcv.acked = rcv.up = w[o + RCV_NXT]!;
    rcv.fin = snd.wl1 = (rcv.nxt - 1) | 0;
    rcv.finSeen = rcv.closed = true;
    rcv.capacity = w[o + RCV_WND]!;
    rcv.adv = (rcv.nxt + rcv.capacity) | 0;
    rcv.unread = 0;
    // Not 0: windows are counted in it. It does not matter how large it is, since the window stays as it is.
    rcv.mss = 1;
    tcb.tsRecent = w[o + TS_RECENT]!;
    tcb.tsOffset = w[o + TS_OFFSET]!;
    // TIME-WAIT is much shorter than the 24 days after which TS.Recent is invalid.
    tcb.tsRecentTime = NEVER;
    tcb.invalidAckTime = chunk.times[t + INVALID_ACK]!;
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
    timers[T_TIME_WAIT] = chunk.times[t + DEADLINE]!;
  }

  /** Whether a row has this connection, and not a later one that got its id. */
  has(row: number, tcb: Tcb): boolean {
    const { rows } = this;
    const same = rows.get(row, ISS) === tcb.snd.iss && rows.get(row, IRS) === tcb.rcv.irs;
    return same && rows.hasPorts(row, tcb);
  }
}

/**
 * Half-open connections in compact form: of a passive connection that waits for the ACK of its SYN,ACK, everything that is not a constant or follows
 * from the rest is a row of 25 words, a time, the parameters and the listener, 124 octets. Linux calls such a row a request socket
 * (tcp_request_sock), FreeBSD an entry of the syncache.
 */
import { NEVER } from "#base/time";
import type { CongestionControl } from "../congestion/congestion.ts";
import type { TcpParams } from "./params.ts";
import { AMBIGUOUS, HAS_SYN, NONE } from "./records.ts";
import { BITS, FIRST_BIT, FIRST_WORD, ID, NO_ROW, Rows, restoreAgreed } from "./rows.ts";
import { CLOSED, SYN_RECEIVED } from "./state.ts";
import { type Ends, EVENT_SOFT_ERROR, T_RETRANSMIT, T_USER_TIMEOUT, type Tcb } from "./tcb.ts";

// The words of a row. Two numbers of 16 bits may share one.
const ISS = FIRST_WORD;
const IRS = FIRST_WORD + 1;
const SND_WL2 = FIRST_WORD + 2;
const TS_RECENT = FIRST_WORD + 3;
const TS_OFFSET = FIRST_WORD + 4;
const LOCAL_AND_PATH_MSS = FIRST_WORD + 5;
const PEER_AND_SEND_MSS = FIRST_WORD + 6;
const SEND_AND_RECEIVE_WINDOW = FIRST_WORD + 7;
/** `retries`, `deferredTimeouts`, and the assumed size of the peer's segments. */
const TIMEOUTS_AND_RECEIVE_MSS = FIRST_WORD + 8;
const SEGMENTS_OUT_AND_AGAIN = FIRST_WORD + 9;
const SEGMENTS_IN_AND_DATA = FIRST_WORD + 10;
const PATH_VERSION = FIRST_WORD + 11;
const RTO = FIRST_WORD + 12;
const PRIOR_RTO = FIRST_WORD + 13;
// Times, as µs since the row's own time; ABSENT: the value of a new TCB.
const LAST_SEND = FIRST_WORD + 14;
const RETRANSMIT_AT = FIRST_WORD + 15;
const USER_TIMEOUT_AT = FIRST_WORD + 16;
const TIMED_OUT_AT = FIRST_WORD + 17;
const INVALID_ACK_AT = FIRST_WORD + 18;
const TS_RECENT_AT = FIRST_WORD + 19;
const WORDS = FIRST_WORD + 20;

/** The time of a row: when the first SYN,ACK was sent (`stalledSince`). */
const STALLED_SINCE = 0;
const TIMES = 1;

const ABSENT = -1 << 31;

// Bits of `BITS`.
const BELOW_FLOOR = 1 << FIRST_BIT;
const COUNTS_FOR_SOURCE = 2 << FIRST_BIT;
const ACCEPT_DEFERRED = 4 << FIRST_BIT;
const SOFT_ERROR_EVENT = 8 << FIRST_BIT;
/** Four bits: LIMIT_*, what the trace says of the sender. */
const TRACED_SHIFT = FIRST_BIT + 4;

export class HalfOpenRows {
  readonly rows = new Rows(WORDS, TIMES, true);
  readonly #controlOf: (params: Readonly<TcpParams>) => CongestionControl;

  constructor(controlOf: (params: Readonly<TcpParams>) => CongestionControl) {
    this.#controlOf = controlOf;
  }

  /**
   * A row that has this connection, or NO_ROW: a number of it is too large for a row. The record of its SYN,ACK is still the TCB's: park it
   * if the row replaces the TCB.
   */
  pack(tcb: Tcb): number {
    if (!fits(tcb)) return NO_ROW;
    const { rows } = this;
    const { snd, rcv, path, timers, stalledSince } = tcb;
    const row = rows.alloc();
    rows.store(row, tcb, bitsOf(tcb));
    const chunk = rows.chunk(row);
    const w = chunk.words;
    const o = rows.wordsAt(row);
    w[o + ISS] = snd.iss;
    w[o + IRS] = rcv.irs;
    w[o + SND_WL2] = snd.wl2;
    w[o + TS_RECENT] = tcb.tsRecent;
    w[o + TS_OFFSET] = tcb.tsOffset;
    w[o + LOCAL_AND_PATH_MSS] = (tcb.localMss << 16) | snd.pathMss;
    w[o + PEER_AND_SEND_MSS] = (tcb.peerMss << 16) | snd.mss;
    w[o + SEND_AND_RECEIVE_WINDOW] = (snd.wnd << 16) | ((rcv.adv - rcv.nxt) | 0);
    w[o + TIMEOUTS_AND_RECEIVE_MSS] = (tcb.retries << 24) | (tcb.deferredTimeouts << 16) | rcv.mss;
    w[o + SEGMENTS_OUT_AND_AGAIN] = (tcb.segmentsOut << 16) | tcb.retransmissionsTotal;
    w[o + SEGMENTS_IN_AND_DATA] = (tcb.segmentsIn << 16) | tcb.dataSegmentsIn;
    w[o + PATH_VERSION] = path.version;
    w[o + RTO] = tcb.rto;
    w[o + PRIOR_RTO] = tcb.rtt.priorRto;
    w[o + TS_RECENT_AT] = tcb.timestampsOk ? tcb.tsRecentTime - stalledSince : 0;
    w[o + LAST_SEND] = tcb.lastSendTime - stalledSince;
    w[o + RETRANSMIT_AT] = since(timers[T_RETRANSMIT]!, stalledSince);
    w[o + USER_TIMEOUT_AT] = since(timers[T_USER_TIMEOUT]!, stalledSince);
    w[o + TIMED_OUT_AT] = since(tcb.rtt.timeoutAt, stalledSince);
    w[o + INVALID_ACK_AT] = since(tcb.invalidAckTime, stalledSince);
    chunk.times[rows.timesAt(row) + STALLED_SINCE] = stalledSince;
    chunk.listeners[rows.indexOf(row)] = tcb.listener;
    return row;
  }

  /** The connection of a row in a TCB that is new, or whose own connection is stored in a row. The row is free then. */
  restore(row: number, tcb: Tcb): void {
    this.copy(row, tcb, NONE);
    const { board, snd, env, retransmissionsTotal } = tcb;
    const { records } = env;
    const again = retransmissionsTotal > 0 ? AMBIGUOUS : 0;
    const r = records.restore(snd.iss, snd.nxt, tcb.lastSendTime, HAS_SYN | again);
    records.sends[r] = Math.min(1 + retransmissionsTotal, SENDS_MAX);
    records.later[r] = records.earlier[r] = NONE;
    board.head = board.tail = board.oldest = board.newest = r;
    this.release(row);
  }

  /**
   * Sets the numbers of a TCB that is new, or whose own connection is stored in a row, to those of this row. All others are as in a new TCB.
   * @param record that of the SYN,ACK
   */
  copy(row: number, tcb: Tcb, record: number): void {
    const { rows } = this;
    const chunk = rows.chunk(row);
    const w = chunk.words;
    const o = rows.wordsAt(row);
    const { snd, rcv, board, path, timers } = tcb;
    const params = chunk.params[rows.indexOf(row)]!;
    tcb.become(params, this.#controlOf(params), w[o + ID]!, this.#ends(row, tcb));
    const bits = w[o + BITS]!;
    const stalledSince = chunk.times[rows.timesAt(row) + STALLED_SINCE]!;
    restoreAgreed(tcb, bits);
    tcb.listener = chunk.listeners[rows.indexOf(row)]!;
    tcb.state = SYN_RECEIVED;
    tcb.passive = true;
    snd.iss = snd.una = snd.up = snd.small = board.sackHigh = w[o + ISS]!;
    snd.nxt = (snd.iss + 1) | 0;
    rcv.irs = snd.wl1 = w[o + IRS]!;
    rcv.nxt = rcv.acked = rcv.up = (rcv.irs + 1) | 0;
    snd.wl2 = w[o + SND_WL2]!;
    tcb.tsRecent = w[o + TS_RECENT]!;
    tcb.tsRecentTime = tcb.timestampsOk ? stalledSince + w[o + TS_RECENT_AT]! : 0;
    tcb.tsOffset = w[o + TS_OFFSET]!;
    tcb.localMss = w[o + LOCAL_AND_PATH_MSS]! >>> 16;
    snd.pathMss = w[o + LOCAL_AND_PATH_MSS]! & 0xffff;
    tcb.peerMss = w[o + PEER_AND_SEND_MSS]! >>> 16;
    snd.mss = w[o + PEER_AND_SEND_MSS]! & 0xffff;
    snd.mssBase = snd.mss + (tcb.timestampsOk ? 12 : 0);
    snd.wnd = snd.wndMax = w[o + SEND_AND_RECEIVE_WINDOW]! >>> 16;
    rcv.adv = (rcv.nxt + (w[o + SEND_AND_RECEIVE_WINDOW]! & 0xffff)) | 0;
    tcb.retries = tcb.timeouts = w[o + TIMEOUTS_AND_RECEIVE_MSS]! >>> 24;
    tcb.deferredTimeouts = (w[o + TIMEOUTS_AND_RECEIVE_MSS]! >>> 16) & 0xff;
    rcv.mss = w[o + TIMEOUTS_AND_RECEIVE_MSS]! & 0xffff;
    tcb.segmentsOut = w[o + SEGMENTS_OUT_AND_AGAIN]! >>> 16;
    tcb.retransmissionsTotal = w[o + SEGMENTS_OUT_AND_AGAIN]! & 0xffff;
    tcb.segmentsIn = w[o + SEGMENTS_IN_AND_DATA]! >>> 16;
    tcb.dataSegmentsIn = w[o + SEGMENTS_IN_AND_DATA]! & 0xffff;
    board.head = board.tail = board.oldest = board.newest = record;
    board.records = 1;
    path.version = w[o + PATH_VERSION]!;
    tcb.rto = w[o + RTO]!;
    tcb.rtt.priorRto = w[o + PRIOR_RTO]!;
    tcb.stalledSince = stalledSince;
    tcb.lastSendTime = stalledSince + w[o + LAST_SEND]!;
    timers[T_RETRANSMIT] = at(w[o + RETRANSMIT_AT]!, stalledSince, NEVER);
    timers[T_USER_TIMEOUT] = at(w[o + USER_TIMEOUT_AT]!, stalledSince, NEVER);
    tcb.rtt.timeoutAt = at(w[o + TIMED_OUT_AT]!, stalledSince, -NEVER);
    tcb.invalidAckTime = at(w[o + INVALID_ACK_AT]!, stalledSince, -NEVER);
    path.belowFloor = (bits & BELOW_FLOOR) !== 0;
    tcb.place.countsForSource = (bits & COUNTS_FOR_SOURCE) !== 0;
    tcb.acceptDeferred = (bits & ACCEPT_DEFERRED) !== 0;
    tcb.events = bits & SOFT_ERROR_EVENT ? EVENT_SOFT_ERROR : 0;
    tcb.limited.traced = (bits >> TRACED_SHIFT) & 0xf;
    tcb.tailProbe.isOn = tcb.sackOk && params.retransmitting.tailLossProbe;
  }

  paramsOf(row: number): Readonly<TcpParams> {
    return this.rows.chunk(row).params[this.rows.indexOf(row)]!;
  }

  release(row: number): void {
    this.rows.release(row);
  }

  #ends(row: number, before: Ends): Ends {
    const { rows } = this;
    ends.local = rows.localOf(row, before.local);
    ends.remote = rows.remoteOf(row, before.remote);
    ends.localPort = rows.localPortOf(row);
    ends.remotePort = rows.remotePortOf(row);
    return ends;
  }
}

/** Scratch. */
const ends: { -readonly [K in keyof Ends]: Ends[K] } = {} as Ends;

/** Makes a TCB whose connection is stored in a row like new, except for what `become` sets. Only what `copy` sets can differ. */
export function clear(tcb: Tcb): void {
  const { snd, rcv, board, path } = tcb;
  restoreAgreed(tcb, 0);
  tcb.listener = null;
  tcb.state = CLOSED;
  tcb.passive = false;
  snd.iss = snd.una = snd.nxt = snd.up = snd.small = snd.wl1 = snd.wl2 = snd.wnd = snd.wndMax = 0;
  rcv.irs = rcv.nxt = rcv.acked = rcv.up = rcv.adv = rcv.mss = 0;
  snd.pathMss = snd.mss = snd.mssBase = tcb.localMss = MSS_OF_NEW;
  board.sackHigh = board.records = 0;
  board.head = board.tail = board.oldest = board.newest = NONE;
  tcb.tsRecent = tcb.tsRecentTime = tcb.tsOffset = tcb.peerMss = 0;
  tcb.retries = tcb.timeouts = tcb.deferredTimeouts = tcb.retransmissionsTotal = 0;
  tcb.segmentsOut = tcb.segmentsIn = tcb.dataSegmentsIn = 0;
  tcb.lastSendTime = tcb.rtt.priorRto = tcb.events = 0;
  tcb.stalledSince = NEVER;
  tcb.timers.fill(NEVER);
  tcb.rtt.timeoutAt = tcb.invalidAckTime = -NEVER;
  path.version = 0;
  path.belowFloor = tcb.place.countsForSource = tcb.acceptDeferred = tcb.tailProbe.isOn = false;
  tcb.limited.traced = 0;
}

/** `Records.sends` counts up to this. */
const SENDS_MAX = 255;

/** The sizes of segments in a new TCB. */
const MSS_OF_NEW = 536;

function bitsOf(tcb: Tcb): number {
  return (
    (tcb.path.belowFloor ? BELOW_FLOOR : 0) |
    (tcb.place.countsForSource ? COUNTS_FOR_SOURCE : 0) |
    (tcb.acceptDeferred ? ACCEPT_DEFERRED : 0) |
    (tcb.events & EVENT_SOFT_ERROR ? SOFT_ERROR_EVENT : 0) |
    (tcb.limited.traced << TRACED_SHIFT)
  );
}

function since(time: number, base: number): number {
  return time === NEVER || time === -NEVER ? ABSENT : time - base;
}

function at(delta: number, base: number, absent: number): number {
  return delta === ABSENT ? absent : base + delta;
}

/** Whether all numbers have room in a row, and the record of the SYN,ACK follows from them. */
function fits(tcb: Tcb): boolean {
  return hasPlainRecord(tcb) && hasSmallNumbers(tcb);
}

function hasPlainRecord({ board, snd, lastSendTime, retransmissionsTotal, env: { records } }: Tcb): boolean {
  const r = board.head;
  if (r === NONE || records.start[r] !== snd.iss || records.end[r] !== snd.nxt) return false;
  const flags = HAS_SYN | (retransmissionsTotal > 0 ? AMBIGUOUS : 0);
  if (records.flags[r] !== flags || records.sends[r] !== Math.min(1 + retransmissionsTotal, SENDS_MAX)) return false;
  return records.time[r] === lastSendTime && records.segments[r] === 0 && records.deliveredAt[r] === -1;
}

function hasSmallNumbers(tcb: Tcb): boolean {
  const { snd, rcv, timers, stalledSince } = tcb;
  const sizes = tcb.localMss | snd.pathMss | tcb.peerMss | snd.mss | snd.wnd | ((rcv.adv - rcv.nxt) | 0) | rcv.mss;
  const counts = tcb.segmentsOut | tcb.retransmissionsTotal | tcb.segmentsIn | tcb.dataSegmentsIn;
  if (sizes >>> 16 !== 0 || counts >>> 16 !== 0 || tcb.retries > 0xff || tcb.deferredTimeouts > 0xff) return false;
  if (!isWord(tcb.rto) || !isWord(tcb.rtt.priorRto) || !isWord(tcb.lastSendTime - stalledSince)) return false;
  if (tcb.timestampsOk && !isWord(tcb.tsRecentTime - stalledSince)) return false;
  return (
    isNear(timers[T_RETRANSMIT]!, stalledSince) &&
    isNear(timers[T_USER_TIMEOUT]!, stalledSince) &&
    isNear(tcb.rtt.timeoutAt, stalledSince) &&
    isNear(tcb.invalidAckTime, stalledSince)
  );
}

function isNear(time: number, base: number): boolean {
  return Math.abs(time) === NEVER || (isWord(time - base) && time - base !== ABSENT);
}

function isWord(n: number): boolean {
  return n === (n | 0);
}

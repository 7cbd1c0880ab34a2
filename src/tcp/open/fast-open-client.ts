/** Fast Open as a client (RFC 7413 §4.2.1): requests, stores and sends cookies, sends data in the SYN, and retransmits it if necessary. */
import * as opt from "#wire/tcp-options";
import { dataNotTaken } from "../loss/recovery.ts";
import { append, mayRecord } from "../loss/scoreboard.ts";
import { dropAcknowledged } from "../send/send-queue.ts";
import * as M from "../words/marks.ts";
import { AMBIGUOUS, HAS_PSH, NONE } from "../words/records.ts";
import type { Segment } from "../words/segment.ts";
import { diff, gt } from "../words/seq.ts";
import type { Tcb } from "../words/tcb.ts";
import { FAIL_NO_COOKIE, FAIL_NOT_TAKEN, FAIL_SYN_RESENT } from "../words/variables.ts";
import { fastOpenOf } from "./fast-open.ts";

/** The largest size of all options of a segment: middleboxes may add some. */
const OPTIONS_MAX = 40;

/**
 * How many octets a SYN sent now could carry: none without a cookie, unless the user said that none is needed. At most the server's MSS; if
 * that is unknown, it is assumed to be ours.
 * @param mss the largest payload that we may send and announce
 */
export function synRoom(tcb: Tcb, mss: number, now: number): number {
  const { env, params } = tcb;
  const { cache } = env.fastOpen;
  const i = cache.find(tcb.local, tcb.remote);
  if (!params.fastOpen || !cache.isReady(i, tcb.remotePort, params.fastOpenCookieless, now)) return 0;
  const theirs = cache.mss(i);
  return Math.max(0, Math.min(mss, theirs > 0 ? theirs : mss) - OPTIONS_MAX);
}

/** Writes the option of the first SYN: the cookie, or a request for one. Returns the offset after it. */
export function writeSynOption(tcb: Tcb, v: DataView, o: number, now: number): number {
  const { env, params } = tcb;
  const { cache } = env.fastOpen;
  const i = cache.find(tcb.local, tcb.remote);
  if (!params.fastOpen || params.fastOpenCookieless || cache.isPaused(i, tcb.remotePort, now)) return o;
  const n = cache.length(i);
  const fast = fastOpenOf(tcb);
  fast.asked = true;
  if (n === 0) fast.fail = FAIL_NO_COOKIE;
  return opt.writeFastOpen(v, o, cache.cookies, n > 0 ? i * opt.COOKIE_MAX : 0, n, cache.isExperiment(i));
}

/** Puts queued data onto the SYN that is being sent, at most `room`; returns how many octets. The SYN already has its record. */
export function takeOntoSyn(tcb: Tcb, room: number, now: number): number {
  const { snd } = tcb;
  const n = Math.min(snd.queued, room);
  if (n <= 0 || !mayRecord(tcb)) return 0;
  const start = (snd.iss + 1) | 0;
  append(tcb, start, (start + n) | 0, n === snd.queued ? HAS_PSH : 0, now);
  snd.nxt = (start + n) | 0;
  fastOpenOf(tcb).sent = n;
  tcb.bytesSent += n;
  tcb.env.counters.count(M.FAST_OPEN_SENT);
  return n;
}

/** The SYN was retransmitted without its data: an ACK may be for either (Karn). */
export function dataOnSynResent(tcb: Tcb): void {
  const { flags } = tcb.env.records;
  if (tcb.fast.sent > 0 && tcb.board.tail !== tcb.board.head)
    flags[tcb.board.tail] = flags[tcb.board.tail]! | AMBIGUOUS;
}

/**
 * Our SYN was acknowledged, perhaps with its data. Data that was not accepted is retransmitted at once, without reducing cwnd: the server
 * ignored it, or does not support the option.
 */
export function answered(tcb: Tcb, seg: Segment, now: number): void {
  const { fast, params, snd, env } = tcb;
  const { cache } = env.fastOpen;
  const { options } = seg;
  const again = tcb.retransmissionsTotal > 0;
  if (fast.asked) {
    cache.learn(tcb.local, tcb.remote, options, options.mss, !again && fast.sent === 0, now);
  } else if (fast.sent > 0 && options.mss > 0) {
    // No cookie is needed, but the next SYN may carry no more than the server's MSS.
    cache.learnMss(tcb.local, tcb.remote, options.mss, now);
  }
  if (fast.sent === 0) return;
  const taken = diff(seg.ack, (snd.iss + 1) | 0);
  if (taken > 0) dropAcknowledged(tcb, taken);
  if (tcb.board.head === NONE) {
    fastOpenOf(tcb).taken = true;
    return;
  }
  env.counters.count(M.FAST_OPEN_NOT_TAKEN);
  fastOpenOf(tcb).fail = again ? FAIL_SYN_RESENT : FAIL_NOT_TAKEN;
  // A new cookie shows that the server still supports Fast Open.
  if (params.opening.fastOpenPause > 0 && options.fastOpen <= 0) {
    cache.lost(tcb.local, tcb.remote, tcb.remotePort, false, params.opening.fastOpenPause, now);
  }
  dataNotTaken(tcb, now);
}

/**
 * RFC 7413 §4.1.3.1: several timeouts in a row, during the handshake or after it: a middlebox may be dropping packets of Fast Open
 * connections.
 */
export function silent(tcb: Tcb, now: number): void {
  const { fast, params } = tcb;
  if (params.opening.fastOpenPause === 0 || (!fast.asked && fast.sent === 0)) return;
  tcb.env.counters.count(M.FAST_OPEN_PAUSED);
  tcb.env.fastOpen.cache.lost(tcb.local, tcb.remote, tcb.remotePort, true, params.opening.fastOpenPause, now);
}

/**
 * A connection begun with Fast Open has ended. Records whether data came back on it, or only a FIN beyond a gap, as with some middleboxes.
 */
export function over(tcb: Tcb, now: number): void {
  const { fast, rcv } = tcb;
  if (!fast.asked && fast.sent === 0) return;
  if (tcb.bytesReceived > 0) tcb.env.fastOpen.cache.worked(tcb.local, tcb.remote, tcb.remotePort);
  else if (rcv.finSeen && !gt(rcv.nxt, rcv.fin)) silent(tcb, now);
}

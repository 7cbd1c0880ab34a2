/** Probes: of a closed window (RFC 9293 §3.8.6.1), and of the tail of a flight (RFC 8985 §7.3). */
import type { Packet } from "#base/packet";
import { NEVER } from "#base/time";
import { ACK } from "#wire/tcp";
import { arm } from "../loss/cwnd.ts";
import { validate } from "../loss/cwnd-validation.ts";
import { isReducing } from "../loss/reduction.ts";
import { cut, EVER_RESENT, mayRecord, payloadOf, remark } from "../loss/scoreboard.ts";
import { segmentRoom } from "../loss/segment-size.ts";
import { rearm } from "../loss/timers.ts";
import { ATTEMPT_WINDOW_PROBE, FOR_TAIL_PROBE, FOR_WINDOW_PROBE } from "../words/attempt.ts";
import * as M from "../words/marks.ts";
import { HAS_FIN, HAS_PSH, NONE } from "../words/records.ts";
import { diff, gt, lt } from "../words/seq.ts";
import { T_RETRANSMIT, type Tcb } from "../words/tcb.ts";
import { prepare } from "./attempt.ts";
import { emitNew, sendNew } from "./new-data.ts";
import { copiedEnd, headEnd } from "./pieces.ts";
import { again, fitAgain } from "./resend.ts";
import { emit } from "./segment-writer.ts";

/**
 * Fills a window that is too small for a full segment (RFC 9293 §3.8.6.2.1 (4)); into a closed window sends an old segment without data
 * (§3.8.6.1).
 */
export function sendWindowProbe(tcb: Tcb, packet: Packet, now: number): boolean {
  const { snd } = tcb;
  const end = headEnd(tcb);
  let window = diff((snd.una + snd.wnd) | 0, snd.nxt);
  const isOpen = window > 0;
  if (window <= 0 && tcb.params.retransmitting.probeWithData && tcb.board.packetsOut === 0) window = 1;
  if (end === undefined || window <= 0 || !mayRecord(tcb)) {
    prepare(tcb, ATTEMPT_WINDOW_PROBE, NONE);
    packet.cause = M.TX_PROBE;
    emit(tcb, packet, (snd.una - 1) | 0, 0, ACK, now);
    return true;
  }
  const mss = segmentRoom(tcb);
  const all = diff(copiedEnd(tcb), snd.nxt);
  const piece = tcb.output.ends.length > 0 ? diff(tcb.output.ends.at(0), snd.nxt) : all;
  const n = Math.min(piece, window, mss);
  const fin = n === all && snd.fin && !tcb.output.copying && window > n;
  if (lt(tcb.output.pushEnd, (snd.nxt + piece) | 0)) tcb.output.pushEnd = (snd.nxt + piece) | 0;
  packet.cause = snd.wnd > 0 ? M.TX_OVERRIDE : M.TX_PROBE;
  emitNew(tcb, packet, n, HAS_PSH | (fin ? HAS_FIN : 0), now);
  tcb.output.pushed = 0;
  const { attempt: it } = tcb.env;
  it.reason = FOR_WINDOW_PROBE;
  it.probes = tcb.probes;
  it.backoff = tcb.rtt.backoff;
  it.probingSince = tcb.windowProbe.since;
  // Data sent into an open window is not a probe.
  if (!isOpen) return true;
  tcb.probes = 0;
  tcb.rtt.backoff = 0;
  tcb.windowProbe.since = NEVER;
  return true;
}

/** RFC 8985 §7.3: one segment of new data if there is any, else the last one again. */
export function sendProbe(tcb: Tcb, packet: Packet, now: number): boolean {
  if (tcb.tailProbe.pending || !(probeNew(tcb, packet, now) || probeOld(tcb, packet, now))) {
    rearm(tcb, true, now);
    return false;
  }
  tcb.env.attempt.reason = FOR_TAIL_PROBE;
  tcb.tailProbe.pending = true;
  tcb.tailProbe.end = tcb.snd.nxt;
  arm(tcb, T_RETRANSMIT, now + tcb.rto);
  return true;
}

function probeNew(tcb: Tcb, packet: Packet, now: number): boolean {
  const { snd } = tcb;
  tcb.tailProbe.resent = false;
  const end = headEnd(tcb);
  const mss = segmentRoom(tcb);
  if (end === undefined || gt(diff(end, snd.nxt) > mss ? (snd.nxt + mss) | 0 : end, (snd.una + snd.wnd) | 0))
    return false;
  const sent = sendNew(tcb, packet, true, true, now);
  validate(tcb, false, now);
  if (isReducing(tcb)) tcb.recovery.prrOut += tcb.output.pushed;
  tcb.output.pushed = 0;
  return sent;
}

function probeOld(tcb: Tcb, packet: Packet, now: number): boolean {
  const { records } = tcb.env;
  if (tcb.board.tail === NONE) return false;
  const mss = segmentRoom(tcb);
  const n = records.segments[tcb.board.tail]!;
  if (n > 1 && payloadOf(tcb, tcb.board.tail) > (n - 1) * mss) {
    if (!mayRecord(tcb)) return false;
    cut(tcb, tcb.board.tail, (records.start[tcb.board.tail]! + (n - 1) * mss) | 0, mss);
  }
  const r = tcb.board.tail;
  if (!fitAgain(tcb, r, 1)) return false;
  again(tcb, packet, r, M.TX_TAIL_PROBE, now);
  remark(tcb, r, EVER_RESENT, 0);
  tcb.tailProbe.resent = true;
  return true;
}

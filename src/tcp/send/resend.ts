/** Retransmissions: records are split to fit, or joined. */
import type { Packet } from "#base/packet";
import { ACK, FIN, PSH } from "#wire/tcp";
import { sentPaced } from "../congestion/pacing.ts";
import { inFlight } from "../loss/cwnd.ts";
import { excludeIdleTime } from "../loss/cwnd-validation.ts";
import { noteSent } from "../loss/delivery-rate.ts";
import { tsval } from "../loss/rto.ts";
import {
  coalesce,
  cut,
  EVER_RESENT,
  mayRecord,
  payloadOf,
  recut,
  remark,
  segmentsIn,
  sentAgain,
  wasOnSyn,
} from "../loss/scoreboard.ts";
import { segmentRoom } from "../loss/segment-size.ts";
import { ATTEMPT_AGAIN } from "../words/attempt.ts";
import * as M from "../words/marks.ts";
import { HAS_FIN, HAS_PSH, RESENT } from "../words/records.ts";
import { diff } from "../words/seq.ts";
import { CA_RECOVERY, type Tcb } from "../words/tcb.ts";
import { prepare, sentAt } from "./attempt.ts";
import { attach, emit } from "./segment-writer.ts";

/** Retransmits record r, at most so many segments of it. False: it is beyond the peer's window. */
export function resendRecord(tcb: Tcb, packet: Packet, r: number, segments: number, now: number): boolean {
  if (!fitAgain(tcb, r, segments)) return false;
  const { records } = tcb.env;
  const n = records.segments[r]!;
  again(tcb, packet, r, causeOf(tcb, r), now);
  remark(tcb, r, RESENT | EVER_RESENT, 0);
  if (!tcb.recovery.resentSince) {
    tcb.recovery.resentSince = true;
    tcb.recovery.resentAt = now;
    tcb.recovery.retransStamp = tsval(tcb, now);
  }
  tcb.recovery.undoResent = Math.max(tcb.recovery.undoResent, 0) + n;
  return true;
}

/** Splits record r to so many segments and to the window, or joins small records that follow it. False: nothing of it fits. */
export function fitAgain(tcb: Tcb, r: number, segments: number): boolean {
  const { snd } = tcb;
  const { records } = tcb.env;
  const mss = segmentRoom(tcb);
  const start = records.start[r]!;
  let window = diff((snd.una + snd.wnd) | 0, start);
  if (window <= 0) {
    // The first segment probes a window that was closed before it (MUST-35).
    if (start !== snd.una) return false;
    window = mss;
  }
  let most = mss * segments;
  if (most > window) most = window >= mss ? window - (window % mss) : window;
  const payload = payloadOf(tcb, r);
  if (payload > most) {
    if (!mayRecord(tcb)) return false;
    cut(tcb, r, (start + most) | 0, mss);
    return true;
  }
  recut(tcb, r, segmentsIn(payload, mss));
  records.mss[r] = mss;
  const room = Math.min(window, mss);
  if (payload < room) coalesce(tcb, r, room);
  return true;
}

function causeOf(tcb: Tcb, r: number): number {
  if (wasOnSyn(tcb, r)) return M.TX_SYN_DATA;
  if (tcb.cc.phase === CA_RECOVERY) return M.TX_FAST;
  return tcb.retries > 0 && r === tcb.board.head ? M.TX_RTO : M.TX_LOSS;
}

/** Writes record r, which was sent before. */
export function again(tcb: Tcb, packet: Packet, r: number, cause: number, now: number): void {
  const { records } = tcb.env;
  const flags = records.flags[r]!;
  const start = records.start[r]!;
  const n = payloadOf(tcb, r);
  const mss = segmentRoom(tcb);
  const push = n > 0 && (flags & HAS_PSH || n > mss) ? PSH : 0;
  prepare(tcb, ATTEMPT_AGAIN, r);
  excludeIdleTime(tcb, now);
  attach(tcb, packet, diff(start, tcb.snd.una), n, mss);
  packet.cause = cause;
  emit(tcb, packet, start, n, ACK | push | (flags & HAS_FIN ? FIN : 0), now);
  sentAgain(tcb, r, sentAt(tcb, now));
  noteSent(tcb, r, false, inFlight(tcb) + records.segments[r]!);
  if (tcb.pacing.isOn) sentPaced(tcb, n, now);
  tcb.delivery.bytesRetransmitted += n;
  tcb.retransmissionsTotal += records.segments[r]!;
  tcb.lastSendTime = now;
  tcb.output.lastSent = now;
}

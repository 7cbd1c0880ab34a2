/** Fast Open as a server (RFC 7413 §4.2.2): a SYN with a valid cookie opens a connection at once. */

import { start } from "../loss/cwnd-validation.ts";
import { handshakeWasLate } from "../loss/recovery.ts";
import { sampled } from "../loss/round-trip.ts";
import { beginMemoryWindow } from "../receive/memory-window.ts";
import { countsMemory } from "../receive/window.ts";
import * as M from "../words/marks.ts";
import type { PassiveOpen } from "../words/passive-open.ts";
import { NONE } from "../words/records.ts";
import type { Segment } from "../words/segment.ts";
import { EVENT_WRITABLE, T_RETRANSMIT, type Tcb } from "../words/tcb.ts";
import { COOKIE_EXPERIMENT, COOKIE_OFFERED } from "../words/variables.ts";
import { endEarly, fastOpenOf } from "./fast-open.ts";
import { RIGHT, WRONG } from "./fast-open-cookie.ts";
import { opened, sampleEcho, takeText, updateSendWindow } from "./handshake.ts";

/**
 * A SYN has just become a connection in SYN-RECEIVED. With a valid cookie, or if none is needed, the user gets its data at once; otherwise
 * the SYN,ACK offers a cookie, and acknowledges only the SYN.
 */
export function serve(tcb: Tcb, seg: Segment, listener: PassiveOpen, now: number): void {
  if (isWelcome(tcb, seg, listener, now)) accept(tcb, listener, now);
  else if (tcb.params.opening.dropSynText) {
    tcb.ranges.clear();
    tcb.receiveQueue.clear();
  }
}

function isWelcome(tcb: Tcb, seg: Segment, listener: PassiveOpen, now: number): boolean {
  const { fastOpen, fastOpenExperiment, cookie } = seg.options;
  const { fastOpenBacklog, fastOpenCookieless } = tcb.params;
  const { counters } = tcb.env;
  if (fastOpenBacklog === 0 || (fastOpen < 0 && seg.n === 0)) return false;
  // Check the limit first: while it is reached, cookies are neither checked nor given.
  if (!hasRoom(listener, fastOpenBacklog, now)) {
    counters.count(M.FAST_OPEN_LIMIT);
    return false;
  }
  if (fastOpen < 0 && !fastOpenCookieless) return false;
  const keys = listener.fastOpenKeys ?? tcb.env.fastOpen.keys;
  const found = fastOpenCookieless ? RIGHT : keys.check(tcb.remote, tcb.local, cookie, fastOpen);
  if (found !== RIGHT) fastOpenOf(tcb).offer = fastOpenExperiment ? COOKIE_EXPERIMENT : COOKIE_OFFERED;
  if (found === WRONG) counters.count(fastOpen > 0 ? M.FAST_OPEN_WRONG : M.FAST_OPEN_ASKED);
  else counters.count(M.FAST_OPEN_ACCEPTED);
  return found !== WRONG;
}

/** RFC 7413 §5.1: PendingFastOpenRequests is limited. A reset connection makes room again only when its time is over. */
function hasRoom(listener: PassiveOpen, limit: number, now: number): boolean {
  const resets = listener.fastOpenResets;
  if (listener.fastOpenPending + resets.size < limit) return true;
  const oldest = resets.peek();
  if (oldest === undefined || oldest > now) return false;
  resets.shift();
  return true;
}

function accept(tcb: Tcb, listener: PassiveOpen, now: number): void {
  const { rcv, snd } = tcb;
  const fast = fastOpenOf(tcb);
  fast.early = true;
  fast.listener = listener;
  listener.halfOpen--;
  listener.fastOpenPending++;
  listener.ready.push(tcb);
  snd.una = (snd.iss + 1) | 0;
  snd.nxt = snd.una;
  snd.small = snd.una;
  start(tcb, 0, now);
  if (countsMemory(tcb)) beginMemoryWindow(tcb);
  takeText(tcb);
  fast.taken = rcv.unread > 0;
  if (fast.taken) tcb.dataSegmentsIn++;
  tcb.events |= EVENT_WRITABLE;
}

/** The ACK of our SYN arrived; the remaining part of the fifth step handles anything else that it acknowledges. */
export function handshakeOver(tcb: Tcb, seg: Segment, now: number): void {
  const { fast, params } = tcb;
  const resends = tcb.retries;
  updateSendWindow(tcb, seg);
  // If the ACK also covers data, the data gives a round-trip sample of its own.
  if (seg.ack === tcb.snd.una) {
    const rtt = now - fast.answeredAt;
    if (resends === 0) sampled(tcb, rtt, rtt, now);
    else if (!sampleEcho(tcb, seg, now)) tcb.rto = Math.max(params.retransmitting.rtoInitial, 3_000_000);
  }
  endEarly(tcb, M.GOT_ACK_OF_SYN, now);
  opened(tcb, now);
  if (tcb.board.head === NONE) {
    if (resends > 1) start(tcb, resends, now);
    return;
  }
  tcb.timers[T_RETRANSMIT] = now + tcb.rto;
  tcb.stalledSince = now;
  // As for any SYN that was lost twice: the window begins with one segment, and the data is considered lost as well.
  if (resends > 1) handshakeWasLate(tcb, now);
}

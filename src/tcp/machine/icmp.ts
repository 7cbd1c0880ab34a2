/** What ICMP errors do to a connection (RFC 9293 §3.9.2.2, RFC 5927, RFC 1191). */

import { resendSmaller } from "../loss/recovery.ts";
import { setSegmentSize } from "../loss/segment-size.ts";
import { announcedMss } from "../receive/announced.ts";
import * as M from "../words/marks.ts";
import { forgetSizes } from "../words/path.ts";
import { le, lt } from "../words/seq.ts";
import { SYN_RECEIVED, SYN_SENT } from "../words/state.ts";
import { EVENT_SOFT_ERROR, type Tcb } from "../words/tcb.ts";
import { finish } from "./finish.ts";

/** RFC 5927 §4: an ICMP error is believed only if it quotes a segment in flight. */
export function quotesFlight(tcb: Tcb, seq: number): boolean {
  // With Fast Open, SND.UNA is after our SYN before that is acknowledged.
  const { snd, fast } = tcb;
  if (lt(seq, fast.early ? snd.iss : snd.una)) return false;
  // Linux also accepts SND.NXT.
  return le(seq, snd.nxt);
}

/**
 * Unreachable, time exceeded, parameter problem. MUST-56: net or host unreachable and the like never end a connection; SHLD-26: protocol
 * and port unreachable do, here only during the handshake (RFC 5927 §6.1: later they are too easily forged).
 * @param hard protocol or port unreachable
 * @param error the code for the user
 */
export function unreachable(tcb: Tcb, hard: boolean, error: number, now: number): void {
  tcb.softError = error;
  const accepted = tcb.fast.early && tcb.listener === null;
  const opening = (tcb.state & (SYN_SENT | SYN_RECEIVED)) !== 0 && !accepted;
  if (opening && ((hard && tcb.params.icmpErrors.icmpMayReset) || tcb.params.icmpErrors.softErrorsAbortOpen)) {
    tcb.env.counters.count(M.ICMP_HARD);
    finish(tcb, error, M.ICMP_HARD, now);
    return;
  }
  tcb.env.counters.count(M.ICMP_SOFT);
  tcb.events |= EVENT_SOFT_ERROR;
}

/**
 * The path MTU was reduced (RFC 1191 §6.4): segments are smaller from now on, and those that were too big are retransmitted at once,
 * without reducing cwnd.
 * @param pathMss the payload without options that the path MTU allows
 */
export function pathMtuChanged(tcb: Tcb, pathMss: number, now: number): void {
  if (tcb.state === SYN_SENT) {
    synTooBig(tcb, pathMss);
    return;
  }
  const { snd } = tcb;
  const most = Math.min(pathMss, announcedMss(tcb));
  if (most >= snd.pathMss) return;
  const before = snd.mss;
  // Also if the peer's MSS or window allows less than this now: the window may grow.
  setSegmentSize(tcb, most);
  if (snd.mss >= before) return;
  forgetSizes(tcb);
  tcb.env.counters.count(M.ICMP_MTU);
  if (tcb.state !== SYN_RECEIVED || tcb.fast.early) resendSmaller(tcb, now);
}

/** A SYN with Fast Open data was larger than the path MTU (RFC 7413): resend it at once, without the data. */
function synTooBig(tcb: Tcb, pathMss: number): void {
  if (tcb.fast.sent === 0 || pathMss >= tcb.localMss) return;
  tcb.env.counters.count(M.ICMP_MTU);
  tcb.localMss = pathMss;
  tcb.synNow = M.TX_SYN;
}

import type { Packet } from "#base/packet";
import { ACK, CWR, FIN, PSH } from "#wire/tcp";
import { attach, emit, sent } from "./emit.ts";
import * as M from "./marks.ts";
import { scheduleProbe } from "./rack.ts";
import { isRecordEnd } from "./record-ends.ts";
import { HAS_FIN, HAS_PSH } from "./records.ts";
import { usedWindow } from "./recovery.ts";
import { append } from "./sack.ts";
import type { Tcb } from "./tcb.ts";

/** The ECN codepoint of a packet that may be marked instead of dropped. */
const ECT_0 = 2;

/** Sends `n` octets that were never sent, from position `at` of the send queue (and the FIN, if `fin` is 1): SND.NXT moves on. */
export function transmitNew(
  tcb: Tcb,
  packet: Packet,
  at: number,
  n: number,
  fin: number,
  mss: number,
  cause: number,
  now: number,
): void {
  const { snd, cc } = tcb;
  const start = snd.nxt;
  const last = at + n === snd.queued || (snd.ends.length > 0 && isRecordEnd(tcb, (start + n) | 0));
  const push = n > 0 && last;
  append(tcb, start, (start + n + fin) | 0, (fin ? HAS_FIN : 0) | (n > 0 && last ? HAS_PSH : 0), now);
  snd.nxt = (start + n + fin) | 0;
  if (fin) snd.finSent = true;
  if (n % mss !== 0) snd.small = snd.nxt;
  attach(tcb, packet, at, n, mss);
  cc.force = false;
  let flags = ACK | (push ? PSH : 0) | (fin ? FIN : 0);
  if (tcb.ecnOk && n > 0) {
    // RFC 3168 §6.1.2, §6.1.5: new data, never a retransmission, can be marked; the first after a reduction says CWR.
    packet.ecn = ECT_0;
    if (tcb.ecnReduced) flags |= CWR;
    tcb.ecnReduced = false;
  }
  emit(tcb, packet, start, n, flags, n === 0 && fin ? M.TX_FIN : cause, now);
  tcb.bytesSent += n;
  // Data in answer to data: the user converses, and the ACK rides on what it says (quick ACKs would double the packets).
  if (n > 0 && now - tcb.lastReceiveTime < tcb.params.delayedAck && tcb.lastReceiveTime > 0) tcb.interactive = true;
  sent(tcb, n + fin, now);
  // Before the handshake is over the SYN,ACK's own timer is enough.
  if (tcb.tailProbes && !tcb.fast.early) scheduleProbe(tcb, now);
  usedWindow(tcb, false);
}

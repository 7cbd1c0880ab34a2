/** The RFCs' receiver: every second segment is acknowledged, the window is the free space (RFC 9293 §3.8.6, RFC 5681 §4.2). */
import { NEVER } from "#base/time";
import { PSH } from "#wire/tcp";
import * as M from "./marks.ts";
import type { Receiver } from "./receiver.ts";
import { tsval } from "./rto.ts";
import type { Segment } from "./segment.ts";
import { diff } from "./seq.ts";
import { CLOSE_WAIT, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2 } from "./state.ts";
import { T_DELAYED_ACK, type Tcb } from "./tcb.ts";
import { advertise, announcedMss, worthAnUpdate } from "./window.ts";

/** What the peer's segments are thought to be before one came. */
const MSS_DEFAULT = 536;

export const RFC_RECEIVER: Receiver = {
  name: "rfc",
  variables: () => null,
  begin(tcb) {
    tcb.rcv.mss = Math.min(tcb.snd.mss, MSS_DEFAULT);
    tcb.quickAcks = tcb.params.quickAcks;
  },
  advertise,
  acknowledged(tcb) {
    tcb.rcv.pushes = 0;
    tcb.timers[T_DELAYED_ACK] = NEVER;
    if (tcb.quickAcks > 0) tcb.quickAcks--;
  },
  answered(tcb, now) {
    // The ACK rides on what it says: quick ACKs would double the packets.
    if (now - tcb.lastReceiveTime < tcb.params.delayedAck && tcb.lastReceiveTime > 0) tcb.interactive = true;
  },
  arrives(tcb, seg, now) {
    const { rcv } = tcb;
    if (tcb.timestampsOk && seg.n >= rcv.mss) measureRtt(tcb, seg, now);
    if (seg.segmentSize < rcv.mss || seg.ctl & PSH) rcv.pushes++;
    if (seg.segmentSize > rcv.mss) rcv.mss = Math.min(seg.segmentSize, announcedMss(tcb));
    // After a pause the sender begins with few segments again, and lives on our ACKs.
    if (now - tcb.lastReceiveTime > tcb.rto) tcb.quickAcks = tcb.params.quickAcks;
    tcb.lastReceiveTime = now;
  },
  kept() {},
  inOrder(tcb, gap, _open, now) {
    // RFC 5681 §4.2: an ACK at once when a hole is filled, wholly or in part.
    if (gap) tcb.ackNow = M.TX_ACK_FILLED;
    else scheduleAck(tcb, now);
  },
  /** A duplicate ACK for each segment out of order, at once (RFC 5681 §4.2). With SACK one tells of many. */
  outOfOrder(tcb) {
    if (tcb.ackNow === M.TX_ACK_ORDER && !tcb.sackOk) tcb.ackDuplicates++;
    tcb.ackNow = M.TX_ACK_ORDER;
    // The sender repairs a loss now: it needs every ACK.
    tcb.interactive = false;
  },
  ended(tcb) {
    tcb.ackNow = M.TX_ACK_FIN;
  },
  segmentOver() {},
  hurry(tcb, acks) {
    tcb.quickAcks = Math.max(tcb.quickAcks, acks);
    tcb.interactive = false;
  },
  read(tcb) {
    const { rcv, timers } = tcb;
    if ((tcb.state & (ESTABLISHED | FIN_WAIT_1 | FIN_WAIT_2)) === 0 || tcb.ackNow !== 0) return;
    const delayed = timers[T_DELAYED_ACK] !== NEVER;
    if (worthAnUpdate(tcb)) tcb.ackNow = M.TX_ACK_WINDOW;
    else if (delayed && diff(rcv.nxt, rcv.acked) > rcv.mss) tcb.ackNow = M.TX_ACK_SECOND;
    // The user has all that was said, and the peer has paused: nothing is gained by waiting longer, unless the user answers.
    else if (delayed && rcv.unread === 0 && rcv.pushes > (tcb.interactive ? 1 : 0)) tcb.ackNow = M.TX_ACK_PUSH;
  },
  quick(tcb, on) {
    tcb.interactive = !on;
    const due = tcb.rcv.unread === 0 || diff(tcb.rcv.nxt, tcb.rcv.acked) > tcb.rcv.mss;
    if (on && due && tcb.state & (ESTABLISHED | CLOSE_WAIT) && tcb.timers[T_DELAYED_ACK] !== NEVER)
      tcb.ackNow = M.TX_ACK_QUICK;
  },
  await(tcb, us, now) {
    tcb.timers[T_DELAYED_ACK] = now + us;
  },
  delayOver(tcb) {
    if (tcb.ackNow === 0) tcb.ackNow = M.TX_ACK_DELAYED;
    // The user had nothing to say after all.
    tcb.interactive = false;
  },
};

/** What a receiver can tell of the round trip: how old the timestamp is that its peer echoes with new data. */
function measureRtt(tcb: Tcb, seg: Segment, now: number): void {
  const { rcv } = tcb;
  const { tsecr } = seg.options;
  if (tsecr === 0 || tsecr === rcv.rttEcho) return;
  rcv.rttEcho = tsecr;
  const sample = Math.max((tsval(tcb, now) - tsecr) | 0, 1) * 1000;
  rcv.rtt = rcv.rtt === 0 ? sample : rcv.rtt + (sample - rcv.rtt) / 8;
}

/** RFC 9293 §3.8.6.3, RFC 5681 §4.2: every second full segment at once (SHLD-19), else within the delay (MUST-40). */
function scheduleAck(tcb: Tcb, now: number): void {
  const { rcv, params } = tcb;
  if (tcb.ackNow !== 0) return;
  if (tcb.quickAcks > 0 && !tcb.interactive) tcb.ackNow = M.TX_ACK_QUICK;
  else if (diff(rcv.nxt, rcv.acked) > rcv.mss || params.delayedAck === 0) tcb.ackNow = M.TX_ACK_SECOND;
  else if (tcb.timers[T_DELAYED_ACK] === NEVER) tcb.timers[T_DELAYED_ACK] = now + params.delayedAck;
}

/** A rule of the stack made wrong by one change of its source, to see that somebody notices. */
export interface Mutant {
  readonly name: string;
  /** Below src/. */
  readonly file: string;
  /** Must occur exactly once. */
  readonly find: string;
  readonly replace: string;
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: "cwnd is ignored",
    file: "tcp/send/new-data.ts",
    find: "const free = cwndOf(tcb) - inFlight(tcb);",
    replace: "const free = 1 << 20;",
  },
  {
    name: "the window is ignored",
    file: "tcp/send/new-data.ts",
    find: "if (gt((snd.nxt + (n > mss ? mss : n + (fin ? 1 : 0))) | 0, (snd.una + snd.wnd) | 0)) return false;",
    replace: "",
  },
  {
    name: "a closed window is not probed",
    file: "tcp/machine/data-timeouts.ts",
    find: "tcb.windowProbe.due = true;",
    replace: "",
  },
  {
    name: "the persist timer is not armed",
    file: "tcp/send/transmit.ts",
    find: "armProbe(tcb, probeBase(tcb) + delayOf(tcb, now), now);",
    replace: "",
  },
  {
    name: "the offered window shrinks",
    file: "tcp/send/segment-writer.ts",
    find: "const window = advertise(tcb);",
    replace: "const window = advertise(tcb) >> (rcv.unread > 0 ? 1 : 0);",
  },
  {
    name: "sequence numbers are compared without wrap",
    file: "tcp/words/seq.ts",
    find: "return ((a - b) | 0) < 0;",
    replace: "return a < b;",
  },
  {
    name: "the ACK of data never sent is accepted",
    file: "tcp/machine/steps.ts",
    find: "if (gt(seg.ack, snd.nxt)) {",
    replace: "if (gt(seg.ack, snd.nxt) && seg.n > 1 << 20) {",
  },
  {
    name: "the sender ignores SACK",
    file: "tcp/machine/acknowledgment.ts",
    find: "if (tcb.sackOk && options.sackBlocks > 0) applySackBlocks",
    replace: "if (tcb.sackOk && options.sackBlocks > 9) applySackBlocks",
  },
  {
    name: "round trips are taken from retransmissions (Karn)",
    file: "tcp/machine/acknowledgment.ts",
    find: "if (flags & EVER_RESENT) answer.resentAcked = true;\n    else if",
    replace: "if",
  },
  {
    name: "the RTO does not back off",
    file: "tcp/loss/rto.ts",
    find: "tcb.rto = Math.min(tcb.rto * 2, tcb.params.retransmitting.rtoMax);",
    replace: "",
  },
  {
    name: "a FIN is not retransmitted",
    file: "tcp/send/resend.ts",
    find: "ACK | push | (flags & HAS_FIN ? FIN : 0), now);",
    replace: "ACK | push, now);",
  },
  {
    name: "the retransmission timer is not armed",
    file: "tcp/send/segment-writer.ts",
    find: "tcb.timers[T_RETRANSMIT] = now + Math.max(tcb.rto, MILLISECOND);",
    replace: "",
  },
  {
    name: "data out of order is delivered early",
    file: "tcp/receive/text.ts",
    find: "  if (ahead > 0) {\n    const ranges = tcb.ranges.count;",
    replace: "  if (ahead > 1 << 28) {\n    const ranges = tcb.ranges.count;",
  },
  {
    name: "what comes twice is delivered twice",
    file: "tcp/receive/text.ts",
    find: "rcv.unread += n;",
    replace: "rcv.unread += diff(right, tcb.segmentsIn % 7 === 0 ? (rcv.acked - 1) | 0 : (next - n) | 0);",
  },
  {
    name: "unacceptable segments are accepted",
    file: "tcp/machine/steps.ts",
    find: "if (!acceptable(seg, rcv.nxt, window)) return unacceptable(tcb, seg, window, now);",
    replace: "",
  },
  {
    name: "more than the window holds is taken",
    file: "tcp/receive/text.ts",
    find: "let right = min(end, rcv.adv);",
    replace: "let right = end;",
  },
  {
    name: "PAWS is off",
    file: "tcp/machine/steps.ts",
    find: "if (ge((options.tsval + tcb.params.acceptance.pawsSlack) | 0, tcb.tsRecent)) return true;",
    replace: "return true;",
  },
  {
    name: "the delayed ACK never goes",
    file: "tcp/receive/acknowledging.ts",
    find: "if (tcb.ackNow === 0) tcb.ackNow = M.TX_ACK_DELAYED;",
    replace: "",
  },
  {
    name: "TIME-WAIT is skipped",
    file: "tcp/machine/delivery.ts",
    find: "timeWait(tcb, M.GOT_FIN, now);",
    replace: "finish(tcb, 0, M.GOT_FIN, now);",
  },
  {
    name: "any RST in the window resets",
    file: "tcp/machine/reset-number.ts",
    find: "return seq === tcb.rcv.nxt ||",
    replace: "return seq !== ((tcb.rcv.nxt - 1) | 0) ||",
  },
  {
    name: "any RST beyond the window resets",
    file: "tcp/machine/steps.ts",
    find: "return drop(tcb, M.RX_RST_IGNORED, now);\n  }\n",
    replace: "seg.seq = rcv.nxt;\n    return true;\n  }\n",
  },
  {
    name: "a SYN in the window resets",
    file: "tcp/machine/steps.ts",
    find: "if (tcb.params.acceptance.rfc5961 && (tcb.params.acceptance.challengeSyn || tcb.state === TIME_WAIT)) {",
    replace: "if (tcb.state === TIME_WAIT) {",
  },
  {
    name: "the checksum is not verified",
    file: "stack/tcp-input.ts",
    find: "return header.csumTrusted || this.#checksumGood(header) ? 0 : M.RX_BAD_CHECKSUM;",
    replace: "return this.#checksumGood(header) ? 0 : 0;",
  },
  {
    name: "the window of a SYN is scaled",
    file: "tcp/open/handshake.ts",
    find: "snd.wnd = seg.ctl & 2 ? seg.wnd : seg.wnd << snd.shift;",
    replace: "snd.wnd = seg.wnd << snd.shift;",
  },
  {
    name: "what was resent comes from one octet further on",
    file: "tcp/send/resend.ts",
    find: "attach(tcb, packet, diff(start, tcb.snd.una), n, mss);",
    replace: "attach(tcb, packet, diff(start, tcb.snd.una) + (n > 1 ? 1 : 0), n, mss);",
  },
  {
    name: "any Fast Open cookie will do",
    file: "tcp/open/fast-open-cookie.ts",
    find: "return differences === 0;",
    replace: "return true;",
  },
  {
    name: "Fast Open connections are not limited",
    file: "tcp/open/fast-open-server.ts",
    find: "if (listener.fastOpenPending + resets.size < limit) return true;",
    replace: "if (limit > 0) return true;",
  },
  {
    name: "what went with the SYN and was passed over is not sent again",
    file: "tcp/open/fast-open-client.ts",
    find: "dataNotTaken(tcb, now);",
    replace: "",
  },
  {
    name: "what went with the SYN and was taken stays in the send queue",
    file: "tcp/open/fast-open-client.ts",
    find: "if (taken > 0) dropAcknowledged(tcb, taken);",
    replace: "",
  },
  {
    name: "an early connection sends as if its SYN were in the queue",
    file: "tcp/open/fast-open-server.ts",
    find: "snd.una = (snd.iss + 1) | 0;",
    replace: "",
  },
  {
    name: "a connection that ends keeps its records",
    file: "tcp/machine/finish.ts",
    find: "releaseRecords(tcb);",
    replace: "",
  },
];

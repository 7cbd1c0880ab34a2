/** Breaks each rule between two rooms once: the check finds it when the stack next acts on the connection. */
import { expect, test } from "bun:test";
import { AssertionError } from "#base/assert";
import { checkBorders } from "#tcp/machine/borders";
import type { Tcb } from "#tcp/words/tcb";
import { TcpBench } from "../../support/tcp-bench.ts";

const BREAKS: readonly (readonly [string, (tcb: Tcb) => void])[] = [
  ["SND.UNA <= SND.NXT", ({ snd }) => void (snd.una = (snd.nxt + 1) | 0)],
  ["octets in the send queue", ({ snd }) => void (snd.queued = -1)],
  ["unread octets", ({ rcv }) => void (rcv.unread = -1)],
  ["Last.ACK.sent <= RCV.NXT", ({ rcv }) => void (rcv.acked = (rcv.nxt + 1) | 0)],
  ["right edge of the advertised window", ({ rcv }) => void (rcv.adv = (rcv.nxt - 1) | 0)],
  ["segments sent >= 0 and retransmitted >= 0", ({ board }) => void (board.retransOut = -1)],
  ["lost segments <= segments sent", ({ board }) => void (board.lostOut = board.packetsOut + 1)],
  ["retransmitted segments <= segments sent", ({ board }) => void (board.retransOut = board.packetsOut + 1)],
  [
    "SACKed and lost segments <= segments sent",
    (tcb) => {
      tcb.sackOk = true;
      tcb.board.sackedOut = tcb.board.packetsOut + 1;
    },
  ],
  ["SACKed and lost octets <= SND.NXT - SND.UNA", ({ board }) => void (board.lostBytes = 1 << 20)],
  ["cwnd >= 0 and ssthresh > 0", ({ cc }) => void (cc.cwnd = -1)],
];

test.each(BREAKS)("%s", (words, spoil) => {
  const { tcb } = TcpBench.at("ESTABLISHED");
  checkBorders(tcb);
  spoil(tcb);
  expect(() => checkBorders(tcb)).toThrow(expect.objectContaining({ message: expect.stringContaining(words) }));
  expect(() => checkBorders(tcb)).toThrow(AssertionError);
});

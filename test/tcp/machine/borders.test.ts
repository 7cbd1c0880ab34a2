/** Each rule between two rooms is broken once: it is found when the stack next acts on the connection. */
import { expect, test } from "bun:test";
import { AssertionError } from "#base/assert";
import { checkBorders } from "#tcp/machine/borders";
import type { Tcb } from "#tcp/words/tcb";
import { TcpBench } from "../../support/tcp-bench.ts";

const BREAKS: readonly (readonly [string, (tcb: Tcb) => void])[] = [
  ["SND.UNA <= SND.NXT", ({ snd }) => void (snd.una = (snd.nxt + 1) | 0)],
  ["the send queue", ({ snd }) => void (snd.queued = -1)],
  ["what is unread", ({ rcv }) => void (rcv.unread = -1)],
  ["Last.ACK.sent", ({ rcv }) => void (rcv.acked = (rcv.nxt + 1) | 0)],
  ["the right edge", ({ rcv }) => void (rcv.adv = (rcv.nxt - 1) | 0)],
  ["no count of segments is negative", ({ board }) => void (board.retransOut = -1)],
  ["what is lost was sent", ({ board }) => void (board.lostOut = board.packetsOut + 1)],
  ["what is retransmitted was sent", ({ board }) => void (board.retransOut = board.packetsOut + 1)],
  [
    "what is SACKed is not lost",
    (tcb) => {
      tcb.sackOk = true;
      tcb.board.sackedOut = tcb.board.packetsOut + 1;
    },
  ],
  ["no more octets than are in flight", ({ board }) => void (board.lostBytes = 1 << 20)],
  ["cwnd and ssthresh are sizes", ({ cc }) => void (cc.cwnd = -1)],
];

test.each(BREAKS)("%s", (words, spoil) => {
  const { tcb } = TcpBench.at("ESTABLISHED");
  checkBorders(tcb);
  spoil(tcb);
  expect(() => checkBorders(tcb)).toThrow(expect.objectContaining({ message: expect.stringContaining(words) }));
  expect(() => checkBorders(tcb)).toThrow(AssertionError);
});

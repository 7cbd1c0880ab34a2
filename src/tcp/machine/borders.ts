import { assert } from "#base/assert";
import { diff, le } from "../words/seq.ts";
import { SYNCHRONIZED } from "../words/state.ts";
import type { Tcb } from "../words/tcb.ts";

/**
 * What the rooms of src/tcp may assume about each other, checked whenever the stack has acted on a connection. It costs only a few
 * comparisons, so it is always on: a wrong sum is found where it arises, and not when a connection hangs. Tests check what would need a
 * walk over lists (`test/support/invariants.ts`).
 */
export function checkBorders(tcb: Tcb): void {
  const { snd, rcv, board, cc } = tcb;
  // In earlier states the SYN, which takes a sequence number, may not have been sent yet.
  if (tcb.state & SYNCHRONIZED) {
    assert(le(snd.una, snd.nxt), "send: SND.UNA <= SND.NXT");
    assert(le(rcv.acked, rcv.nxt), "receive: Last.ACK.sent <= RCV.NXT");
    assert(le(rcv.nxt, rcv.adv), "receive: RCV.NXT <= the right edge that was offered");
    assert(board.sackedBytes + board.lostBytes <= diff(snd.nxt, snd.una), "loss: no more octets than are in flight");
  }
  assert(snd.queued >= 0, "send: the send queue is not negative");
  assert(rcv.unread >= 0, "receive: what is unread is not negative");
  assert(board.packetsOut >= 0 && board.retransOut >= 0, "loss: no count of segments is negative");
  assert(board.lostOut >= 0 && board.lostOut <= board.packetsOut, "loss: what is lost was sent");
  assert(board.retransOut <= board.packetsOut, "loss: what is retransmitted was sent");
  assert(
    !tcb.sackOk || (board.sackedOut >= 0 && board.sackedOut + board.lostOut <= board.packetsOut),
    "loss: what is SACKed is not lost",
  );
  assert(cc.cwnd >= 0 && cc.ssthresh > 0, "congestion: cwnd and ssthresh are sizes");
}

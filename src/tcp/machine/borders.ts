import { assert } from "#base/assert";
import { diff, le } from "../words/seq.ts";
import { SYNCHRONIZED } from "../words/state.ts";
import type { Tcb } from "../words/tcb.ts";

/**
 * Checks what the parts of src/tcp assume about each other, whenever the stack has acted on a connection. A few comparisons cost little, so
 * the checks are always on: a wrong count is found where it arises, and not when a connection hangs. Tests check what requires walking lists
 * (`test/support/invariants.ts`).
 */
export function checkBorders(tcb: Tcb): void {
  const { snd, rcv, board, cc } = tcb;
  // In earlier states our SYN, which occupies a sequence number, may not have been sent yet.
  if (tcb.state & SYNCHRONIZED) {
    assert(le(snd.una, snd.nxt), "send: SND.UNA <= SND.NXT");
    assert(le(rcv.acked, rcv.nxt), "receive: Last.ACK.sent <= RCV.NXT");
    assert(le(rcv.nxt, rcv.adv), "receive: RCV.NXT <= right edge of the advertised window");
    assert(
      board.sackedBytes + board.lostBytes <= diff(snd.nxt, snd.una),
      "loss: SACKed and lost octets <= SND.NXT - SND.UNA",
    );
  }
  assert(snd.queued >= 0, "send: octets in the send queue >= 0");
  assert(rcv.unread >= 0, "receive: unread octets >= 0");
  assert(board.packetsOut >= 0 && board.retransOut >= 0, "loss: segments sent >= 0 and retransmitted >= 0");
  assert(board.lostOut >= 0 && board.lostOut <= board.packetsOut, "loss: 0 <= lost segments <= segments sent");
  assert(board.retransOut <= board.packetsOut, "loss: retransmitted segments <= segments sent");
  assert(
    !tcb.sackOk || (board.sackedOut >= 0 && board.sackedOut + board.lostOut <= board.packetsOut),
    "loss: SACKed and lost segments <= segments sent",
  );
  assert(cc.cwnd >= 0 && cc.ssthresh > 0, "congestion: cwnd >= 0 and ssthresh > 0");
}

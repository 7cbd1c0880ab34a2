/** Which sequence numbers an RST may have (RFC 5961 §3.2). */
import { CLOSE_WAIT, CLOSING, LAST_ACK } from "../words/state.ts";
import type { Tcb } from "../words/tcb.ts";

/** The peer has said FIN, and may say nothing more. */
const FIN_RECEIVED = CLOSE_WAIT | CLOSING | LAST_ACK;

/** RFC 5961 §3.2: an RST is believed where its number is the one that is due. */
export function resetsExactly(tcb: Tcb, seq: number): boolean {
  return seq === tcb.rcv.nxt || endsWhatWeHold(tcb, seq) || isAtFin(tcb, seq);
}

/** The number of the peer's FIN, which has come. */
export function isAtFin({ state, rcv, params }: Tcb, seq: number): boolean {
  return params.acceptance.acceptResetAtFin && (state & FIN_RECEIVED) !== 0 && seq === ((rcv.nxt - 1) | 0);
}

/** A peer that resets while a segment of its is missing does so at its SND.NXT: where the last that we SACKed ends. */
function endsWhatWeHold(tcb: Tcb, seq: number): boolean {
  const { count, right } = tcb.ranges;
  return tcb.sackOk && count > 0 && right[count - 1] === seq;
}

/** Which sequence numbers an RST may have (RFC 5961 §3.2). */
import { CLOSE_WAIT, CLOSING, LAST_ACK } from "../words/state.ts";
import type { Tcb } from "../words/tcb.ts";

/** States after the peer's FIN, in which it sends no more data. */
const FIN_RECEIVED = CLOSE_WAIT | CLOSING | LAST_ACK;

/** RFC 5961 §3.2: an RST is accepted if its sequence number is the next expected one. */
export function resetsExactly(tcb: Tcb, seq: number): boolean {
  return seq === tcb.rcv.nxt || endsWhatWeHold(tcb, seq) || isAtFin(tcb, seq);
}

/** Whether this is the sequence number of the peer's FIN, which has arrived. */
export function isAtFin({ state, rcv, params }: Tcb, seq: number): boolean {
  return params.acceptance.acceptResetAtFin && (state & FIN_RECEIVED) !== 0 && seq === ((rcv.nxt - 1) | 0);
}

/** If a segment of the peer is missing, its RST has the peer's SND.NXT: the end of the last range that we SACKed. */
function endsWhatWeHold(tcb: Tcb, seq: number): boolean {
  const { count, right } = tcb.ranges;
  return tcb.sackOk && count > 0 && right[count - 1] === seq;
}

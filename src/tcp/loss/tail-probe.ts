/** The answer to a tail loss probe (RFC 8985 §7): it tells whether the probe repaired a loss. */
import { ge, gt, lt } from "../words/seq.ts";
import { CA_CWR, type Tcb } from "../words/tcb.ts";
import type { Answer } from "./answer.ts";
import { beginReduction, endReduction, keepOpen, setPhase } from "./reduction.ts";

/** Detects a loss that the probe repaired (RFC 8985 §7.4.2). */
export function probeAnswered(tcb: Tcb, ack: number, answer: Answer, now: number): void {
  if (lt(ack, tcb.tailProbe.end)) return;
  if (!tcb.tailProbe.resent || answer.dsackOfProbe) tcb.tailProbe.pending = false;
  else if (gt(ack, tcb.tailProbe.end)) {
    // The probe repaired a loss: that is congestion (RFC 8985 §7.4.2).
    beginReduction(tcb, now);
    setPhase(tcb, CA_CWR);
    endReduction(tcb, now);
    keepOpen(tcb);
  } else if (
    ge(ack, tcb.tailProbe.end) &&
    !answer.advanced &&
    !answer.notDuplicate &&
    !answer.acked &&
    !answer.sacked
  ) {
    // The same ACK arrived again, so the peer received both copies.
    tcb.tailProbe.pending = false;
  }
}

/** Tail loss probes (RFC 8985 §7): one segment when two round trips brought no answer, and what its answer says. */

import { ge, gt, lt } from "../words/seq.ts";
import { CA_CWR, type Tcb } from "../words/tcb.ts";
import type { Answer } from "./answer.ts";
import { beginReduction, endReduction, keepOpen, setPhase } from "./reduction.ts";

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
    // The same ACK again: both copies arrived.
    tcb.tailProbe.pending = false;
  }
}

/** Tail loss probes (RFC 8985 §7): one segment when two round trips brought no answer, and what its answer says. */
import { ge, gt, lt } from "../seq.ts";
import { CA_CWR, type Tcb } from "../tcb.ts";
import type { Answer } from "./ack.ts";
import { beginReduction, endReduction, keepOpen, setPhase } from "./reduction.ts";
import type { LinuxVariables } from "./variables.ts";

export function probeAnswered(tcb: Tcb, lx: LinuxVariables, ack: number, answer: Answer, now: number): void {
  if (lt(ack, lx.probeEnd)) return;
  if (!lx.probeResent || answer.dsackOfProbe) lx.probing = false;
  else if (gt(ack, lx.probeEnd)) {
    // The probe repaired a loss: that is congestion (RFC 8985 §7.4.2).
    beginReduction(tcb, lx, now);
    setPhase(tcb, CA_CWR);
    endReduction(tcb, lx, now);
    keepOpen(tcb, lx);
  } else if (ge(ack, lx.probeEnd) && !answer.advanced && !answer.notDuplicate && !answer.acked && !answer.sacked) {
    // The same ACK again: both copies arrived.
    lx.probing = false;
  }
}

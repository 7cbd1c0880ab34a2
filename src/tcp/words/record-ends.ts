/**
 * Ends of records (MSG_EOR of the socket API): no segment, sent or sent again, carries octets from both sides of one. TCP itself
 * knows none (RFC 9293 §3.9.1: SEND's PUSH is no boundary); what is cut here the peer joins again.
 */
import { gt } from "./seq.ts";
import { SYN_RECEIVED, SYN_SENT } from "./state.ts";
import type { Tcb } from "./tcb.ts";

/** What is queued so far ends a record. Nothing to end: nothing happens. */
export function endRecord(tcb: Tcb): void {
  const { snd } = tcb;
  if (snd.queued === 0) return;
  const base = tcb.state & (SYN_SENT | SYN_RECEIVED) ? snd.iss + 1 : snd.una;
  const end = (base + snd.queued) | 0;
  const { ends } = snd;
  if (ends.length === 0 || ends.at(ends.length - 1) !== end) ends.push(end, true);
}

export function isRecordEnd(tcb: Tcb, seq: number): boolean {
  const { ends } = tcb.snd;
  if (ends.length === 0) return false;
  const i = ends.after(seq);
  return i > 0 && ends.at(i - 1) === seq;
}

/** Those before SND.UNA are history. */
export function dropRecordEnds(tcb: Tcb): void {
  const { ends, una } = tcb.snd;
  while (ends.length > 0 && !gt(ends.at(0), una)) ends.shift();
}

/**
 * Ends of records (MSG_EOR of the socket API): no segment, also no retransmitted one, carries octets from both sides of an end. TCP itself
 * has no records (RFC 9293 §3.9.1: SEND's PUSH is not a boundary), so the peer does not see them.
 */
import { gt } from "./seq.ts";
import { EMPTY_RING, SequenceRing } from "./sequence-ring.ts";
import { SYN_RECEIVED, SYN_SENT } from "./state.ts";
import type { Tcb } from "./tcb.ts";

/** Ends a record after the data queued so far. Does nothing if none is queued. */
export function endRecord(tcb: Tcb): void {
  const { snd } = tcb;
  if (snd.queued === 0) return;
  const base = tcb.state & (SYN_SENT | SYN_RECEIVED) ? snd.iss + 1 : snd.una;
  const end = (base + snd.queued) | 0;
  if (snd.ends === EMPTY_RING) snd.ends = new SequenceRing();
  const { ends } = snd;
  if (ends.length === 0 || ends.at(ends.length - 1) !== end) ends.push(end, true);
}

export function isRecordEnd(tcb: Tcb, seq: number): boolean {
  const { ends } = tcb.snd;
  if (ends.length === 0) return false;
  const i = ends.after(seq);
  return i > 0 && ends.at(i - 1) === seq;
}

/** Drops the ends before SND.UNA. */
export function dropRecordEnds(tcb: Tcb): void {
  const { ends, una } = tcb.snd;
  while (ends.length > 0 && !gt(ends.at(0), una)) ends.shift();
}

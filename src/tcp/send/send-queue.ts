import { dropRecordEnds } from "../words/record-ends.ts";
import { NONE } from "../words/records.ts";
import { gt } from "../words/seq.ts";
import { EVENT_ALL_ACKED, EVENT_WRITABLE, type Tcb } from "../words/tcb.ts";

/** Removes octets that the peer has acknowledged from the send queue. SND.UNA and the scoreboard are already updated. */
export function dropAcknowledged(tcb: Tcb, n: number): void {
  const { snd } = tcb;
  const full = snd.queued >= tcb.params.sendBuffer;
  snd.queued -= n;
  tcb.bytesAcked += n;
  if (snd.queued === 0) tcb.sendQueue.clear();
  else tcb.sendQueue.drop(n);
  if (snd.ends.length > 0) dropRecordEnds(tcb);
  if (snd.urgent && !gt(snd.up, snd.una)) snd.urgent = false;
  if (full || snd.queued <= tcb.params.sendBuffer >> 1) tcb.events |= EVENT_WRITABLE;
  if (tcb.board.head === NONE && snd.queued === 0) tcb.events |= EVENT_ALL_ACKED;
}

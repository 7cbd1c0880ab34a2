/** Records what must be undone if the device refuses the segment that is about to be written. */
import { FOR_ITSELF } from "../words/attempt.ts";
import { NONE, RESENT } from "../words/records.ts";
import { T_LOSS_PROBE, T_PERSIST, T_REORDER, T_RETRANSMIT, type Tcb } from "../words/tcb.ts";

/**
 * Records the state before the segment.
 * @param r the record of the segment, if it has one
 */
export function prepare(tcb: Tcb, kind: number, r: number): void {
  const { attempt: it, records } = tcb.env;
  const { timers, snd, output } = tcb;
  it.connection = tcb.id;
  it.kind = kind;
  it.reason = FOR_ITSELF;
  it.retransmit = timers[T_RETRANSMIT]!;
  it.lossProbe = timers[T_LOSS_PROBE]!;
  it.reorder = timers[T_REORDER]!;
  it.persist = timers[T_PERSIST]!;
  it.stalledSince = tcb.stalledSince;
  it.small = snd.small;
  it.pieceEnds = output.ends.length > 0;
  if (it.pieceEnds) {
    it.pieceEnd = output.ends.at(0);
    it.piecePushes = output.ends.flagAt(0);
  }
  it.reduced = 0;
  it.record = r;
  it.wasResent = r !== NONE && (records.flags[r]! & RESENT) !== 0;
}

/** The current time on the clock that distinguishes events of one microsecond. */
export function sentAt(tcb: Tcb, now: number): number {
  return Math.max(tcb.output.clock, now);
}

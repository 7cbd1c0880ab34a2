/**
 * How much SEND takes. Linux asks whether there is room only when it begins a piece of the send queue (`pieces.ts`), and then fills
 * it: a small buffer, or a low-water mark of what is unsent, is overrun by what a piece holds.
 */
import { NONE } from "../words/records.ts";
import { diff, gt } from "../words/seq.ts";
import type { Tcb } from "../words/tcb.ts";
import { queueEnd, sizeGoal, tailStart } from "./pieces.ts";

/** Octets that a piece costs beside its data: Linux 6.18's. */
const PIECE = 832;

/** Octets of memory that the send queue costs. */
export function memory(tcb: Tcb): number {
  const { snd, env } = tcb;
  let pieces = 0;
  for (let r = tcb.board.head; r !== NONE; r = env.records.next[r]!) pieces++;
  for (const end of tcb.output.ends) if (gt(end, snd.nxt)) pieces++;
  if (gt(queueEnd(tcb), tailStart(tcb))) pieces++;
  return snd.queued + PIECE * pieces;
}

/** Octets until Linux asks again: the rest of the last piece, or a new one, if there is room for it. */
export function roomInPiece(tcb: Tcb): number {
  const { snd, params } = tcb;
  const end = queueEnd(tcb);
  const goal = sizeGoal(tcb);
  const start = tailStart(tcb);
  if (gt(end, start) && diff(end, start) < goal) return goal - diff(end, start);
  const low = params.notSentLowWater;
  return memory(tcb) >= params.sendBuffer || (low > 0 && diff(end, snd.nxt) >= low) ? 0 : goal;
}

/** Octets of `n` that SEND takes at once. */
export function roomFor(tcb: Tcb, n: number): number {
  const { snd, params } = tcb;
  if (params.sendBufferCounts === "payload") {
    if (params.notSentLowWater > 0 && snd.queued - diff(snd.nxt, snd.una) >= params.notSentLowWater) return 0;
    return Math.min(n, Math.max(0, params.sendBuffer - snd.queued));
  }
  const piece = roomInPiece(tcb);
  return Math.min(n, params.notSentLowWater > 0 ? piece : Math.max(piece, params.sendBuffer - snd.queued));
}

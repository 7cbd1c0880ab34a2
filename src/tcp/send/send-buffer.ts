/**
 * How much SEND takes. Linux checks for room only when it begins a piece of the send queue (`pieces.ts`), and then fills the piece: so a
 * small buffer, or a low-water mark of unsent data, can be exceeded by one piece.
 */
import { diff, gt } from "../words/seq.ts";
import { SYN_RECEIVED, SYN_SENT } from "../words/state.ts";
import type { Tcb } from "../words/tcb.ts";
import { forget, queueEnd, sizeGoal, tailStart } from "./pieces.ts";

/** Memory of a piece besides its data, octets: Linux 6.18's value. */
const PIECE = 832;
/** The free share of the buffer at which a waiting writer is woken, if the buffer counts payload. */
const WORTH_WAKING = 0.25;

/** Memory used by the send queue, octets. */
function memory(tcb: Tcb): number {
  const { snd, board, output } = tcb;
  forget(tcb, snd.nxt);
  const open = gt(queueEnd(tcb), tailStart(tcb)) ? 1 : 0;
  return snd.queued + PIECE * (board.records + output.ends.length + open);
}

/** Whether the send buffer is full. */
function isFull(tcb: Tcb): boolean {
  const { snd, params } = tcb;
  return (params.buffering.sendBufferCounts === "memory" ? memory(tcb) : snd.queued) >= snd.capacity;
}

/** Octets taken by SEND and never sent. */
export function unsent(tcb: Tcb): number {
  const { snd, state, fast } = tcb;
  if (state & (SYN_SENT | SYN_RECEIVED) && !fast.early) return snd.queued - fast.sent;
  return Math.max(0, diff(queueEnd(tcb), snd.nxt));
}

/** Whether SEND checks for room each time it begins a piece; otherwise once, exactly. */
export function asksByPiece({ params }: Tcb): boolean {
  return params.buffering.sendBufferCounts === "memory" || params.notSentLowWater > 0;
}

/** How many of `n` octets SEND takes before it checks again. */
export function roomFor(tcb: Tcb, n: number): number {
  const { snd, params } = tcb;
  const inBuffer = params.buffering.sendBufferCounts === "payload" ? Math.max(0, snd.capacity - snd.queued) : n;
  return Math.min(n, inBuffer, asksByPiece(tcb) ? roomInPiece(tcb) : n);
}

/** Octets that the connection's share of the slab allows SEND to take. The last sixteenth of the slab is for received data. */
export function memoryFor(tcb: Tcb): number {
  const { slab } = tcb.env;
  return slab.grant(tcb.snd.queued, slab.pages >> 4);
}

/** The rest of the last piece, or a new one if there is room for it. */
function roomInPiece(tcb: Tcb): number {
  const end = queueEnd(tcb);
  const goal = sizeGoal(tcb);
  const start = tailStart(tcb);
  if (gt(end, start) && diff(end, start) < goal) return goal - diff(end, start);
  const low = tcb.params.notSentLowWater;
  return isFull(tcb) || (low > 0 && unsent(tcb) >= low) ? 0 : goal;
}

/**
 * Whether a waiting writer is woken: a quarter of the buffer (by memory a third, as in Linux) is free, and less than half of the low-water
 * mark is unsent.
 */
export function isWritable(tcb: Tcb): boolean {
  const { snd, params } = tcb;
  if (params.notSentLowWater > 0 && 2 * unsent(tcb) >= params.notSentLowWater) return false;
  if (params.buffering.sendBufferCounts === "payload") return snd.queued <= (1 - WORTH_WAKING) * snd.capacity;
  const queued = memory(tcb);
  return snd.capacity - queued >= queued / 2;
}

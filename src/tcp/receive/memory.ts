/** The memory that received text uses, as Linux counts it: one buffer per segment; buffers are merged, collapsed into pages, or dropped. */
import * as M from "../words/marks.ts";
import { type Buffers, NO_MEMORY, ReceiveMemory } from "../words/receive-memory.ts";
import type { Segment } from "../words/segment.ts";
import { diff, ge, gt, le, lt, max, min } from "../words/seq.ts";
import type { Tcb } from "../words/tcb.ts";
import { clampWindow, memoryBuffer, textIn } from "./memory-window.ts";
import { memoryOf, packetOctets, roomBehind, TEXT_OF_PAGE } from "./truesize.ts";

/** The connection's own count, made when it is first written. */
function countOf(tcb: Tcb): ReceiveMemory {
  if (tcb.memory === NO_MEMORY) tcb.memory = new ReceiveMemory();
  return tcb.memory;
}

/** Counts the memory of text that is now in order. @param header octets of the TCP header that [start, end) arrived with */
export function keepInOrder(tcb: Tcb, start: number, end: number, header: number): void {
  const octets = packetOctets(tcb, header, diff(end, start));
  append(countOf(tcb), start, end, memoryOf(octets), roomBehind(octets));
}

function append(memory: ReceiveMemory, start: number, end: number, size: number, room: number): void {
  const { inOrder } = memory;
  const last = inOrder.count - 1;
  const n = diff(end, start);
  if (last >= 0 && inOrder.endOf(last) === start && n <= inOrder.roomOf(last)) {
    inOrder.extend(last, n);
    return;
  }
  inOrder.insert(inOrder.count, start, end, size, room);
  memory.take(size);
}

/** Counts the memory of a segment beyond a gap. Returns false if all of its text was already there. */
export function keepBeyond(tcb: Tcb, seg: Segment): boolean {
  const memory = countOf(tcb);
  const { beyond } = memory;
  const start = seg.seq;
  const end = (start + seg.n) | 0;
  let i = beyond.after(start);
  if (i > 0 && le(end, beyond.endOf(i - 1))) return false;
  if (i > 0 && beyond.endOf(i - 1) === start && seg.n <= beyond.roomOf(i - 1)) beyond.extend(i - 1, seg.n);
  else {
    if (i > 0 && beyond.startOf(i - 1) === start) memory.drop(beyond, --i);
    const octets = packetOctets(tcb, seg.header, seg.n);
    beyond.insert(i++, start, end, memoryOf(octets), roomBehind(octets));
    memory.take(memoryOf(octets));
  }
  while (i < beyond.count && ge(end, beyond.endOf(i))) memory.drop(beyond, i);
  return true;
}

/** A gap was filled: text beyond it, up to RCV.NXT, is now in order. */
export function joinBeyond(tcb: Tcb): void {
  const { memory, rcv } = tcb;
  const { beyond, inOrder } = memory;
  while (beyond.count > 0 && lt(beyond.startOf(0), rcv.nxt)) {
    const start = beyond.startOf(0);
    const end = min(beyond.endOf(0), rcv.nxt);
    const size = beyond.sizeOf(0);
    const room = beyond.roomOf(0);
    const last = inOrder.count - 1;
    memory.drop(beyond, 0);
    if (last < 0 || gt(end, inOrder.endOf(last))) append(memory, start, end, size, room);
  }
}

/** Whether one more segment may be kept (tcp_can_ingest): the last one may exceed the buffer. */
function fits(tcb: Tcb): boolean {
  return tcb.memory.used <= memoryBuffer(tcb);
}

/**
 * Reserves memory for a segment if there is some, without dropping anything. Linux allocates memory for a socket page by page, and checks the
 * limit only when it needs another page, or if the segment is not the next one in order.
 */
export function reserve(tcb: Tcb, seg: Segment): boolean {
  const { rcv, ranges } = tcb;
  const memory = countOf(tcb);
  const size = memoryOf(packetOctets(tcb, seg.header, seg.n));
  if (seg.seq === rcv.nxt && ranges.count === 0 && size <= memory.reserved) return true;
  if (!fits(tcb)) return false;
  memory.reserve(size);
  return true;
}

/**
 * Reserves memory for a segment, and makes room if there is none (tcp_try_rmem_schedule): small buffers are collapsed into pages, then text
 * beyond a gap is dropped from its end, which RFC 2018 §8 permits. Returns false if that does not help: the segment must be dropped.
 */
export function makeRoom(tcb: Tcb, seg: Segment): boolean {
  if (reserve(tcb, seg)) return true;
  const { memory, rcv } = tcb;
  // An empty queue accepts any segment; otherwise the connection would never continue.
  if (!shrink(tcb, seg.seq) && !(seg.seq === rcv.nxt && rcv.unread === 0)) return false;
  memory.reserve(memoryOf(packetOctets(tcb, seg.header, seg.n)));
  return true;
}

/** Tries to get below the limit. @param start sequence number of the segment that needs room: text beyond it may be dropped */
function shrink(tcb: Tcb, start: number): boolean {
  const { rcv } = tcb;
  const { inOrder } = tcb.memory;
  clampWindow(tcb);
  collapseBeyond(tcb);
  if (inOrder.count > 0) collapse(tcb, inOrder, 0, inOrder.count, (rcv.nxt - rcv.unread) | 0);
  if (!fits(tcb)) pruneBeyond(tcb, start);
  return fits(tcb);
}

/** Collapses each contiguous stretch of out-of-order text on its own, if it has several buffers or a whole page of text. */
function collapseBeyond(tcb: Tcb): void {
  const { beyond } = tcb.memory;
  for (let i = 0; i < beyond.count; ) {
    const start = beyond.startOf(i);
    let end = beyond.endOf(i);
    let to = i + 1;
    for (; to < beyond.count && !gt(beyond.startOf(to), end); to++) end = max(end, beyond.endOf(to));
    if (to - i > 1 || diff(end, start) >= TEXT_OF_PAGE) i += collapse(tcb, beyond, i, to, start);
    else i = to;
  }
}

/**
 * Copies the text of buffers `from` to `to` into full pages, starting with the first buffer that wastes memory (tcp_collapse). Returns the
 * number of buffers afterwards.
 * @param start sequence number of the first unread octet: text before it is not copied
 */
function collapse(tcb: Tcb, buffers: Buffers, from: number, to: number, start: number): number {
  const { memory } = tcb;
  let i = from;
  for (; i < to; i++) {
    const end = buffers.endOf(i);
    const bloated = textIn(tcb, buffers.sizeOf(i)) > diff(end, buffers.startOf(i)) || lt(buffers.startOf(i), start);
    if (bloated || (i + 1 < to && end !== buffers.startOf(i + 1))) break;
    start = end;
  }
  if (i === to) return to - from;
  let end = start;
  for (let left = to - i; left > 0; left--) {
    end = max(end, buffers.endOf(i));
    memory.drop(buffers, i);
  }
  while (lt(start, end)) {
    const n = Math.min(TEXT_OF_PAGE, diff(end, start));
    buffers.insert(i++, start, (start + n) | 0, memoryOf(n), roomBehind(n));
    memory.take(memoryOf(n));
    start = (start + n) | 0;
  }
  return i - from;
}

/** Drops out-of-order text from its end, an eighth of the buffer at a time, but none before the segment that needs the room (tcp_prune_ofo_queue). */
function pruneBeyond(tcb: Tcb, start: number): void {
  const { memory, ranges, rcv } = tcb;
  const { beyond } = memory;
  const step = memoryBuffer(tcb) >> 3;
  let goal = step;
  while (beyond.count > 0) {
    const last = beyond.count - 1;
    const at = beyond.startOf(last);
    if (gt(start, at)) return;
    tcb.env.counters.count(M.RX_PRUNED);
    goal -= beyond.sizeOf(last);
    memory.drop(beyond, last);
    ranges.cut(last > 0 ? max(at, beyond.endOf(last - 1)) : at);
    tcb.receiveQueue.truncate(rcv.unread + (ranges.count > 0 ? diff(ranges.right[ranges.count - 1]!, rcv.nxt) : 0));
    if (last > 0 && goal > 0) continue;
    if (fits(tcb)) return;
    goal = step;
  }
}

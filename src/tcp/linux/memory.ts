/**
 * The memory that received segments take in Linux, which its windows follow: a buffer of one of a few sizes for each segment, its
 * headers included, and what manages it. A small segment is copied behind the one before if there is room. Measured with segments from a TUN device.
 */
import type { Segment } from "../segment.ts";
import { ge, gt, le, lt } from "../seq.ts";
import type { Tcb } from "../tcb.ts";
import type { ReceivedVariables } from "./received.ts";

/** Sizes of buffers: the small one that Linux has of its own, then its allocator's. */
const SMALL = 576;
const NEXT = 1024;
/** What lies behind the text in each buffer, and what a device leaves free before the packet. */
const TAIL = 320;
const HEAD = 64;
/** What manages a buffer. */
const OVERHEAD = 256;

/** Octets before the text: what a device leaves free, and the headers. */
function before(tcb: Tcb, seg: Segment): number {
  return HEAD + (tcb.remote.family === 4 ? 20 : 40) + seg.header;
}

function bufferFor(octets: number): number {
  const needed = Math.ceil(octets / 64) * 64 + TAIL;
  if (needed <= SMALL) return SMALL;
  let size = NEXT;
  while (size < needed) size *= 2;
  return size;
}

/** Memory that a segment takes. */
export function sizeOf(tcb: Tcb, seg: Segment): number {
  return bufferFor(before(tcb, seg) + seg.n) + OVERHEAD;
}

function roomOf(tcb: Tcb, seg: Segment): number {
  const octets = before(tcb, seg) + seg.n;
  return bufferFor(octets) - TAIL - octets;
}

/** A segment in order. */
export function keep(tcb: Tcb, v: ReceivedVariables, seg: Segment): void {
  append(v, seg.seq, (seg.seq + seg.n) | 0, seg.n, sizeOf(tcb, seg), roomOf(tcb, seg));
}

function append(v: ReceivedVariables, start: number, end: number, n: number, size: number, room: number): void {
  const last = v.ends.length - 1;
  if (last >= 0 && v.ends[last] === start && n <= v.rooms[last]!) {
    v.ends[last] = end;
    v.rooms[last] = v.rooms[last]! - n;
    return;
  }
  v.ends.push(end);
  v.sizes.push(size);
  v.rooms.push(room);
  v.used += size;
}

/** A segment beyond a gap. False: all of it was there. */
export function keepFar(tcb: Tcb, v: ReceivedVariables, seg: Segment): boolean {
  const { farStarts, farEnds, farSizes, farRooms } = v;
  const start = seg.seq;
  const end = (start + seg.n) | 0;
  let i = farStarts.length;
  while (i > 0 && lt(start, farStarts[i - 1]!)) i--;
  if (i > 0 && le(end, farEnds[i - 1]!)) return false;
  if (i > 0 && farEnds[i - 1] === start && seg.n <= farRooms[i - 1]!) {
    farEnds[i - 1] = end;
    farRooms[i - 1] = farRooms[i - 1]! - seg.n;
  } else {
    const same = i > 0 && farStarts[i - 1] === start;
    if (same) i--;
    const size = sizeOf(tcb, seg);
    if (same) v.used -= farSizes[i]!;
    farStarts.splice(i, same ? 1 : 0, start);
    farEnds.splice(i, same ? 1 : 0, end);
    farSizes.splice(i, same ? 1 : 0, size);
    farRooms.splice(i, same ? 1 : 0, roomOf(tcb, seg));
    v.used += size;
    i++;
  }
  // What it covers is freed.
  while (i < farStarts.length && ge(end, farEnds[i]!)) drop(v, i);
  return true;
}

function drop(v: ReceivedVariables, i: number): void {
  v.used -= v.farSizes[i]!;
  v.farStarts.splice(i, 1);
  v.farEnds.splice(i, 1);
  v.farSizes.splice(i, 1);
  v.farRooms.splice(i, 1);
}

/** A gap was filled up to `next`: what lay beyond it is in order now. */
export function join(v: ReceivedVariables, next: number): void {
  while (v.farStarts.length > 0 && lt(v.farStarts[0]!, next)) {
    const start = v.farStarts[0]!;
    const end = v.farEnds[0]!;
    const size = v.farSizes[0]!;
    const room = v.farRooms[0]!;
    const last = v.ends.length - 1;
    const old = last >= 0 && le(end, v.ends[last]!);
    drop(v, 0);
    if (!old) append(v, start, end, (end - start) | 0, size, room);
  }
}

/** The user has read up to `position`. */
export function free(v: ReceivedVariables, position: number): void {
  while (v.ends.length > 0 && !gt(v.ends[0]!, position)) {
    v.used -= v.sizes[0]!;
    v.ends.shift();
    v.sizes.shift();
    v.rooms.shift();
  }
}

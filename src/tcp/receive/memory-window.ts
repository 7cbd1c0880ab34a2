/** The window if the receive buffer counts memory, as in Linux: the free memory, times the share of memory that is usually text. */
import type { Segment } from "../words/segment.ts";
import { diff } from "../words/seq.ts";
import type { Tcb } from "../words/tcb.ts";
import { announcedMss, synWindow } from "./announced.ts";
import { buffer } from "./share.ts";
import { memoryOf, packetOctets } from "./truesize.ts";

/** The smallest buffer (SOCK_MIN_RCVBUF); the window is never limited to less than half of it. */
const BUFFER_MIN = 2_304;
const CLAMP_MIN = BUFFER_MIN / 2;
/** The largest buffer that the system allows (tcp_rmem[2]). */
const MEMORY_MAX = 32 << 20;
/** Smaller segments do not open the window further. */
const GROWS_FROM = 128;
const WHOLE = 256;

/** RCV.BUFF as memory: Linux doubles what the user asks for. */
export function memoryBuffer(tcb: Tcb): number {
  return Math.max(2 * buffer(tcb), BUFFER_MIN);
}

/** Octets of text that fit in `memory` octets (tcp_win_from_space). */
export function textIn(tcb: Tcb, memory: number): number {
  return Math.floor((memory * tcb.rcv.share) / WHOLE);
}

/** Octets of text that fit in the free memory (tcp_space). */
export function memoryRoom(tcb: Tcb): number {
  return textIn(tcb, memoryBuffer(tcb) - tcb.memory.used);
}

/** RCV.BUFF for a window of `octets`. */
export function memoryFor({ rcv }: Tcb, octets: number): number {
  return Math.ceil((octets * WHOLE) / rcv.share / 2);
}

/** RCV.BUFF has grown: the largest window follows. */
export function limitWindow(tcb: Tcb): void {
  tcb.rcv.clamp = textIn(tcb, memoryBuffer(tcb));
}

function segmentAnnounced(tcb: Tcb): number {
  return announcedMss(tcb) - (tcb.timestampsOk ? 12 : 0);
}

/** When the connection opens (tcp_init_buffer_space): the window may be what the SYN offered, and the whole buffer less one segment. */
export function beginMemoryWindow(tcb: Tcb): void {
  const { rcv } = tcb;
  const segment = segmentAnnounced(tcb);
  const whole = textIn(tcb, memoryBuffer(tcb));
  rcv.clamp = Math.min(whole, 0xffff << rcv.shift);
  if (rcv.clamp > 2 * segment && rcv.clamp + segment > whole) rcv.clamp = Math.max(2 * segment, whole - segment);
  rcv.ssthresh = Math.min(synWindow(tcb, tcb.timestampsOk), rcv.clamp);
}

/** A segment was larger than all before, so the share of memory that is text is known better (tcp_measure_rcv_mss). */
export function learnShare(tcb: Tcb, seg: Segment): void {
  const { rcv } = tcb;
  const share = Math.max(1, Math.floor((seg.n * WHOLE) / memoryOf(packetOctets(tcb, seg.header, seg.n))));
  if (share === rcv.share) return;
  rcv.share = share;
  const clamp = Math.max(CLAMP_MIN, textIn(tcb, memoryBuffer(tcb)));
  if (clamp < rcv.clamp) rcv.ssthresh = Math.min(rcv.ssthresh, clamp);
  else if (clamp > rcv.clamp) rcv.ssthresh = Math.max(rcv.ssthresh, Math.min(diff(rcv.adv, rcv.acked), clamp));
  rcv.clamp = clamp;
}

/**
 * A segment was kept and there is room for more like it: offer a larger window (tcp_grow_window), and soon.
 * @param used memory in use, without this segment if it is out of order
 */
export function widenWindow(tcb: Tcb, seg: Segment, used: number): void {
  const { rcv } = tcb;
  const space = Math.min(rcv.clamp, textIn(tcb, memoryBuffer(tcb) - used)) - rcv.ssthresh;
  if (space <= 0) return;
  const size = memoryOf(packetOctets(tcb, seg.header, seg.n));
  const more = textIn(tcb, size) <= seg.n ? 2 * segmentAnnounced(tcb) : growthOfSmall(tcb, size, seg.n);
  if (more === 0) return;
  rcv.ssthresh += Math.min(space, Math.max(more, 2 * seg.n));
  tcb.quickAcks |= 1;
}

/** Like `widenWindow`, for text in order, and not for the smallest segments. */
export function widenInOrder(tcb: Tcb, seg: Segment): void {
  if (seg.n >= GROWS_FROM) widenWindow(tcb, seg, tcb.memory.used);
}

/** Small segments waste memory, so they open the window further only while it is small compared with the largest buffer (__tcp_grow_window). */
function growthOfSmall(tcb: Tcb, size: number, n: number): number {
  const { rcv } = tcb;
  let memory = textIn(tcb, size) >> 1;
  let window = textIn(tcb, MEMORY_MAX) >> 1;
  while (rcv.ssthresh <= window) {
    if (memory <= n) return 2 * rcv.mss;
    memory >>= 1;
    window >>= 1;
  }
  return 0;
}

/** The memory is used up (tcp_clamp_window): end quick ACKs; if more than the buffer is used, offer two segments at most. */
export function clampWindow(tcb: Tcb): void {
  tcb.quickAcks = 0;
  const { rcv } = tcb;
  if (tcb.memory.used > memoryBuffer(tcb)) rcv.ssthresh = Math.min(rcv.clamp, 2 * segmentAnnounced(tcb));
}

/** The window that could be offered now (__tcp_select_window). Ends quick ACKs if little memory is left. */
export function memoryWindow(tcb: Tcb): number {
  const { rcv } = tcb;
  const whole = textIn(tcb, memoryBuffer(tcb));
  const full = Math.min(rcv.clamp, whole);
  const mss = Math.min(rcv.mss, full);
  if (mss <= 0) return 0;
  const step = 1 << rcv.shift;
  let free = memoryRoom(tcb);
  if (free < full >> 1) {
    tcb.quickAcks = 0;
    free -= free % step;
    if (free < whole >> 4 || free < mss) return 0;
  }
  free = Math.min(free, rcv.ssthresh);
  if (rcv.shift > 0) return Math.ceil(free / step) * step;
  const window = diff(rcv.adv, rcv.acked);
  if (window <= free - mss || window > free) return free - (free % mss);
  return mss === full && free > window + (full >> 1) ? free : window;
}

/** After a read: whether the window could be at least twice what the peer knows of (tcp_cleanup_rbuf). */
export function worthAMemoryUpdate(tcb: Tcb): boolean {
  const { rcv } = tcb;
  const offered = Math.max(0, diff(rcv.adv, rcv.nxt));
  if (2 * offered > rcv.clamp) return false;
  const window = memoryWindow(tcb);
  return window > 0 && window >= 2 * offered;
}

/** The peer's window as Linux updates it, and the segment size derived from it. */
import { NEVER } from "#base/time";
import { armProbe } from "../loss/cwnd.ts";
import { restartAfterIdle } from "../loss/cwnd-validation.ts";
import { setSegmentSize } from "../loss/segment-size.ts";
import { probeInterval } from "../loss/timers.ts";
import type { Segment } from "../words/segment.ts";
import { diff, gt } from "../words/seq.ts";
import { T_PERSIST, type Tcb } from "../words/tcb.ts";
import { headEnd } from "./pieces.ts";

/** Updates the window; true if it did. A segment that is not newer may only widen or close it. */
export function takeWindow(tcb: Tcb, seg: Segment, now: number): boolean {
  const { snd } = tcb;
  const window = seg.wnd << snd.shift;
  const newer = gt(seg.ack, snd.una) || gt(seg.seq, snd.wl1);
  if (!newer && !(seg.seq === snd.wl1 && (window > snd.wnd || window === 0))) return false;
  snd.wl1 = seg.seq;
  snd.wl2 = seg.ack;
  if (window === snd.wnd) return true;
  snd.wnd = window;
  if (snd.queued > diff(snd.nxt, snd.una)) restartAfterIdle(tcb, now);
  if (window > snd.wndMax) {
    snd.wndMax = window;
    setSegmentSize(tcb, snd.pathMss);
  }
  return true;
}

/** Nothing is in flight: if the window has opened, probing ends; otherwise its interval starts anew. */
export function windowProbes(tcb: Tcb, now: number): void {
  const { snd } = tcb;
  const end = headEnd(tcb);
  if (end === undefined) return;
  if (gt(end, (snd.una + snd.wnd) | 0)) {
    armProbe(tcb, probeInterval(tcb), now);
    return;
  }
  tcb.rtt.backoff = 0;
  tcb.windowProbe.since = NEVER;
  tcb.timers[T_PERSIST] = NEVER;
}

/** Segments that the windows do not allow: zero-window probes, the override of silly-window avoidance, keep-alive and tail loss probes. */
import type { Packet } from "#base/packet";
import { ACK, FIN, PSH } from "#wire/tcp";
import { attach, emit, segmentRoom } from "./emit.ts";
import * as M from "./marks.ts";
import { withinRecord } from "./record-ends.ts";
import { HAS_FIN, HAS_PSH, NONE } from "./records.ts";
import { mayRecord, probed, splitAt } from "./sack.ts";
import { diff, gt } from "./seq.ts";
import { T_RETRANSMIT, type Tcb } from "./tcb.ts";
import { transmitNew } from "./transmit.ts";

/**
 * A segment that the windows do not allow: a zero-window probe, the override of silly-window avoidance, a keep-alive probe.
 */
export function emitProbe(tcb: Tcb, packet: Packet, now: number): boolean {
  const cause = tcb.probeNow;
  const { snd } = tcb;
  tcb.probeNow = 0;
  const at = diff(snd.nxt, snd.una);
  const unsent = withinRecord(tcb, snd.nxt, snd.queued - at);
  const mss = segmentRoom(tcb);
  if (cause !== M.TX_KEEPALIVE && !snd.finSent && at === 0 && mayRecord(tcb)) {
    const window = snd.wnd;
    if (window > 0 || tcb.params.probeWithData) {
      // The override timeout (RFC 9293 §3.8.6.2.1 (4)), or one octet into a closed window (§3.8.6.1).
      const n = Math.min(unsent, mss, Math.max(window, 1));
      const fin = snd.fin && at + n === snd.queued && window > n ? 1 : 0;
      if (n + fin > 0) {
        transmitNew(tcb, packet, at, n, fin, mss, window > 0 ? M.TX_OVERRIDE : M.TX_PROBE, now);
        return true;
      }
    }
  }
  // An octet below the window, which the peer has: it answers with an ACK that tells its window.
  emit(tcb, packet, (snd.una - 1) | 0, 0, ACK, cause, now);
  return true;
}

/** RFC 8985 §7.3: one segment of new data if there is any, else the last one again, whatever cwnd says. */
export function emitTailProbe(tcb: Tcb, packet: Packet, now: number): boolean {
  const { rack, snd, env } = tcb;
  const { records } = env;
  rack.tlpNow = false;
  // §7.3: whether a probe can be sent or not, what comes next is the retransmission timer, counted from here.
  tcb.timers[T_RETRANSMIT] = now + tcb.rto;
  if (tcb.tail === NONE || rack.tlpPending || !mayRecord(tcb)) return false;
  rack.tlpPending = true;
  const mss = segmentRoom(tcb);
  const at = diff(snd.nxt, snd.una);
  const n = Math.min(withinRecord(tcb, snd.nxt, snd.queued - at), snd.wnd - at, mss);
  rack.tlpResent = n <= 0 || snd.finSent;
  if (!rack.tlpResent) {
    transmitNew(tcb, packet, at, n, 0, mss, M.TX_TAIL_PROBE, now);
    rack.tlpEnd = snd.nxt;
    return true;
  }
  rack.tlpEnd = snd.nxt;
  const fin = records.flags[tcb.tail]! & HAS_FIN ? 1 : 0;
  const cut = (records.end[tcb.tail]! - fin - mss) | 0;
  if (gt(cut, records.start[tcb.tail]!)) splitAt(tcb, tcb.tail, cut);
  const r = tcb.tail;
  const start = records.start[r]!;
  const length = diff(records.end[r]!, start) - fin;
  probed(tcb, r, now);
  const push = length > 0 && records.flags[r]! & HAS_PSH ? PSH : 0;
  attach(tcb, packet, diff(start, snd.una), length, mss);
  emit(tcb, packet, start, length, ACK | push | (fin ? FIN : 0), M.TX_TAIL_PROBE, now);
  tcb.bytesRetransmitted += length;
  tcb.retransmissionsTotal++;
  tcb.lastSendTime = now;
  return true;
}

/**
 * The longest interval of zero-window probes: four of them at least go within the user timeout, so that one lost probe is not taken for a
 * silent peer.
 * @param shortest whatever the user timeout is
 */
export function longestProbeInterval({ params }: Tcb, shortest: number): number {
  const { rtoMax, userTimeout, userTimeoutEndsClosedWindow } = params;
  if (userTimeout === 0 || userTimeoutEndsClosedWindow) return rtoMax;
  return Math.min(rtoMax, Math.max(userTimeout / 4, shortest));
}

/**
 * Stands between a stack and its simulation and looks at every packet in and out and, after each event, at every
 * connection. What it knows of a connection it learned from the packets, with slow and obvious means.
 */

import { markName } from "#base/mark";
import type { Packet } from "#base/packet";
import { EV_STATE, type Trace } from "#base/trace";
import type { Engine } from "#driver/engine";
import type { Stack } from "#stack/stack";
import { countsMemory } from "#tcp/receive/window";
import * as M from "#tcp/words/marks";
import { NONE } from "#tcp/words/records";
import { CLOSED, SYN_RECEIVED, SYN_SENT, stateName, TIME_WAIT } from "#tcp/words/state";
import type { Tcb } from "#tcp/words/tcb";
import { ACK, FIN, RST, SYN } from "#wire/tcp";
import { PlannedApplication } from "./application.ts";
import { checkAtRest, type Remembered } from "./at-rest.ts";
import type { Besiegers } from "./siege.ts";
import { addStretch, hasStretch, prefixEnd, type Stretch } from "./stretches.ts";
import { legalTransition } from "./transitions.ts";
import { Violation } from "./violation.ts";
import { readWire, WireSegment } from "./wire-segment.ts";

/** What the packets said about one connection, in octets from its initial sequence numbers. */
export class View implements Remembered {
  /** Another one if the connection was a row meanwhile. */
  tcb: Tcb;
  readonly iss: number;
  /** What was delivered to us of the peer's stream, as stretches of sequence space; 0 is its SYN. */
  readonly delivered: Stretch[] = [[0, 1]];
  /** What the peer said it has beyond the cumulative ACK. */
  readonly sacked: Stretch[] = [];
  /** The rightmost edge that the peer ever offered us, and that we offered it. */
  edgeKnown = 0;
  edgeSent = 0;
  /** The octet of the last window probe. */
  probed = 0;
  /** The event after which a segment went beyond cwnd. */
  forced = -1;
  /** As it was when last looked at. */
  una = 0;
  nxt = 0;
  rcvNxt = 0;
  adv = 0;
  retries = 0;
  rto: number;
  cwnd = 0;
  looked = "";
  timeWaitSince = -1;

  constructor(tcb: Tcb) {
    this.tcb = tcb;
    this.iss = tcb.snd.iss;
    this.rto = tcb.rto;
  }

  /** Distance from our ISS, and from the peer's. */
  ours(seq: number): number {
    return (seq - this.tcb.snd.iss) | 0;
  }

  theirs(seq: number): number {
    return (seq - this.tcb.rcv.irs) | 0;
  }
}

export class Witness implements Engine {
  readonly stack: Stack;
  readonly name: string;
  readonly views = new Map<Tcb, View>();
  /** Those of connections that were half-open, by our ISS: while they wait, they have no TCB, or one that others had before. */
  readonly #halfOpen = new Map<number, View>();
  packetsIn = 0;
  packetsOut = 0;
  /** Pure ACKs sent, and what may be a reason for one. */
  acksOut = 0;
  reasons = 0;
  /** Segments that arrived whole, for replays. */
  readonly seen: Uint8Array[] = [];
  /** What comes now is no packet of the peer's. */
  forging = false;
  /** They get what is sent to them, not the wire. */
  besiegers: Besiegers | undefined;
  readonly #rttMin: number;
  readonly #keeps: boolean;
  readonly #segment = new WireSegment();
  readonly #stateSince = new Map<number, number>();

  /**
   * @param rttMin µs: no packet comes and its answer goes faster.
   * @param keeps whether peers keep what they have SACKed. RFC 2018 §8 lets them drop it, and it must be sent again.
   */
  constructor(name: string, stack: Stack, rttMin: number, keeps: boolean) {
    this.name = name;
    this.stack = stack;
    this.#rttMin = rttMin;
    this.#keeps = keeps;
  }

  get slab() {
    return this.stack.slab;
  }

  input(packet: Packet, now: number): void {
    this.packetsIn++;
    const seg = this.#segment;
    const good = readWire(this.slab.view, packet.o, packet.n, seg);
    if (good && !this.forging && this.seen.length < 200)
      this.seen.push(this.slab.u8.slice(packet.o, packet.o + packet.n));
    const before = good ? this.#find(seg) : undefined;
    const expected = before?.tcb.rcv.nxt ?? 0;
    const recent = before?.tcb.tsRecent ?? 0;
    const receiving = before !== undefined && (before.tcb.state & (SYN_SENT | CLOSED)) === 0;
    const unacceptable =
      before !== undefined && receiving && !acceptable(before.tcb, seg) ? moved(before.tcb) : undefined;
    this.stack.input(packet, now);
    this.reasons++;
    if (!good) return;
    if (before !== undefined && unacceptable !== undefined && unacceptable !== moved(before.tcb)) {
      const how = `${this.name}: ${unacceptable} became ${moved(before.tcb)}`;
      throw new Violation("an unacceptable segment changes nothing (RFC 9293 §3.10.7.4)", how);
    }
    // A SYN may have taken the place of a connection in TIME-WAIT.
    const view = before === undefined || before.tcb.state === CLOSED ? this.#find(seg) : before;
    if (view === undefined) return;
    if (view.tcb.state !== SYN_SENT) this.#arrived(view, seg, receiving && seg.seq === expected, recent);
  }

  hasText(): boolean {
    return this.stack.hasText();
  }

  advance(now: number): void {
    this.stack.advance(now);
    this.reasons += 1 + this.stack.connectionCount;
  }

  poll(packet: Packet, now: number): boolean {
    while (this.#poll(packet, now)) {
      if (!(this.besiegers?.takes(this.#segment) ?? false)) return true;
      this.packetsOut--;
    }
    return false;
  }

  #poll(packet: Packet, now: number): boolean {
    if (!this.stack.poll(packet, now)) return false;
    this.packetsOut++;
    if (packet.cause === 0) throw new Violation("no output without a cause", `${this.name} sent a packet`);
    const seg = this.#segment;
    const whole = this.#flatten(packet);
    if (!readWire(whole, 0, whole.byteLength, seg)) {
      if (seg.isTcp) throw new Violation("what is sent is well formed", `${this.name}: ${markName(packet.cause)}`);
      return true;
    }
    const tcb = [...this.stack.connections()].find((each) => each.id === packet.connection && isOf(each, seg, true));
    if (tcb === undefined) return true;
    const view = this.#view(tcb);
    this.#leaves(view, seg, packet.cause);
    return true;
  }

  nextDeadline(): number {
    return this.stack.nextDeadline();
  }

  hasEvents(): boolean {
    return this.stack.hasEvents();
  }

  /** After an event: the stack is at rest. */
  verify(now: number): void {
    this.#transitions(this.stack.trace);
    const { stack } = this;
    for (const tcb of stack.connections())
      checkAtRest(this.name, stack, this.#view(tcb), this.#rttMin, now, this.besiegers !== undefined);
    for (const tcb of this.views.keys()) if (tcb.state === CLOSED) this.views.delete(tcb);
  }

  /** Looks at an application's connection at once, so that what it does next is judged from its beginning. */
  view(tcb: Tcb): View {
    return this.#view(tcb);
  }

  /** What a delivered, undamaged segment of this connection tells. */
  #arrived(view: View, seg: WireSegment, next: boolean, recent: number): void {
    const { tcb } = view;
    const { snd, rcv } = tcb;
    if (seg.flags & SYN) {
      if (seg.n > 0 && view.theirs(seg.seq) === 0) addStretch(view.delivered, 1, 1 + seg.n);
      view.edgeKnown = Math.max(view.edgeKnown, (seg.flags & ACK ? view.ours(seg.ack) : 1) + seg.window);
      return;
    }
    const begin = view.theirs(seg.seq);
    const length = seg.n + (seg.flags & FIN ? 1 : 0);
    if (length > 0 && Math.abs(begin) < 1 << 30) addStretch(view.delivered, begin, begin + length);
    if ((seg.flags & (ACK | RST)) !== ACK) return;
    view.edgeKnown = Math.max(view.edgeKnown, view.ours(seg.ack) + seg.window * 2 ** snd.shift);
    // Only what the engine surely took: the very next segment, not too old, about what is in flight.
    const fresh = !tcb.timestampsOk || ((seg.tsval - recent) | 0) >= 0;
    if (!next || !fresh || rcv.nxt === 0 || tcb.state === SYN_RECEIVED) return;
    const una = view.ours(snd.una);
    const ack = view.ours(seg.ack);
    if (ack < una || ack > view.ours(snd.nxt) || !tcb.sackOk) return;
    for (let i = 0; i < seg.options.sackBlocks; i++) {
      const left = view.ours(seg.options.sackLeft[i]!);
      const right = view.ours(seg.options.sackRight[i]!);
      if (left < una || left >= right || right > view.ours(snd.nxt)) continue;
      addStretch(view.sacked, left, right);
    }
  }

  #leaves(view: View, seg: WireSegment, cause: number): void {
    const { tcb } = view;
    const { name } = this;
    const where = `${name} ${tcb.localPort}>${tcb.remotePort} ${markName(cause)}`;
    if (seg.flags & RST) return;
    if ((seg.flags & SYN) !== 0) {
      view.edgeSent = Math.max(view.edgeSent, 0);
      this.#octets(view, seg, 0, where);
      return;
    }
    this.#offer(view, seg, where);
    if (seg.n === 0 && (seg.flags & FIN) === 0) {
      this.acksOut++;
      return;
    }
    const begin = view.ours(seg.seq);
    const end = begin + seg.n + (seg.flags & FIN ? 1 : 0);
    this.#octets(view, seg, begin - 1, where);
    // What went with the SYN goes again into a closed window, as a probe.
    if (cause === M.TX_SYN_DATA && tcb.snd.wnd === 0) view.probed = end;
    // RFC 9293 §3.8.6.1: a probe is one octet beyond the edge; it may have to be sent again.
    if (cause === M.TX_PROBE && end === view.edgeKnown + 1) view.probed = end;
    if (end > view.edgeKnown && end > view.probed) {
      throw new Violation(
        "nothing is sent beyond the window",
        `${where}: up to ${end}, the window ends at ${view.edgeKnown}`,
      );
    }
    this.#congestion(view, cause, where);
    // Without a record to spare a SACK block cannot be noted.
    if (this.stack.limits.records < 1000 || !this.#keeps) return;
    const again = cause === M.TX_FAST || cause === M.TX_LOSS || cause === M.TX_RTO;
    if (again && hasStretch(view.sacked, begin, end) && begin !== view.ours(tcb.snd.una)) {
      throw new Violation("what the peer has is not sent again", `${where}: ${begin}..${end} was SACKed`);
    }
  }

  /** They are the application's, from `offset` of its stream on. */
  #octets({ tcb }: View, seg: WireSegment, offset: number, where: string): void {
    const app = tcb.user;
    const wrong = app instanceof PlannedApplication ? app.outgoing.check(offset, seg.bytes(), 0, seg.n) : -1;
    if (wrong >= 0) throw new Violation("what is sent is what was written", `${where}: octet ${wrong} is another`);
  }

  /** The right edge that this segment offers the peer. */
  #offer(view: View, seg: WireSegment, where: string): void {
    const right = view.theirs(seg.ack) + seg.window * 2 ** view.tcb.rcv.shift;
    // RFC 7323 §2.4: scaling may take back what is less than its unit.
    // Linux closes the window if memory for the next segment is missing.
    const closed = seg.window === 0 && (countsMemory(view.tcb) || this.besiegers !== undefined);
    if (right <= view.edgeSent - 2 ** view.tcb.rcv.shift && !closed) {
      throw new Violation("the right edge never moves left", `${where}: from ${view.edgeSent} to ${right}`);
    }
    view.edgeSent = closed ? right : Math.max(right, view.edgeSent);
    const have = prefixEnd(view.delivered);
    if (view.theirs(seg.ack) > have) {
      throw new Violation(
        "only what arrived is acknowledged",
        `${where}: ${view.theirs(seg.ack)}, but ${have} arrived without a hole`,
      );
    }
  }

  /**
   * Flight within cwnd, but for: one segment per ACK or timer that goes whatever is in flight (the first retransmission of a
   * recovery, probes, the override timer), and a FIN, which is one octet more than the segments that cwnd counts. Segments from before the path MTU
   * shrank are larger than those that cwnd counts now.
   */
  #congestion(view: View, cause: number, where: string): void {
    const { tcb } = view;
    const flight = tcb.inFlight();
    if (flight <= tcb.cc.cwnd + (tcb.snd.finSent ? 1 : 0) + beyondSegmentSize(tcb)) return;
    const fresh = cause === M.TX_DATA || cause === M.TX_FIN;
    if (fresh || view.forced === this.reasons) {
      throw new Violation("flight is at most cwnd", `${where}: ${flight} in flight, cwnd ${tcb.cc.cwnd}`);
    }
    view.forced = this.reasons;
  }

  #transitions(trace: Trace): void {
    for (let i = 0; i < trace.size; i++) {
      if (trace.kind[i] !== EV_STATE) continue;
      const from = trace.a[i]!;
      const to = trace.b[i]!;
      const cause = trace.cause[i]!;
      const id = trace.connection[i]!;
      const at = trace.time[i]!;
      if (!legalTransition(from, to, cause)) {
        const how = `${this.name}: ${stateName(from)} to ${stateName(to)} by ${markName(cause)}`;
        throw new Violation("the states change as RFC 9293 §3.3.2 has it", how);
      }
      if (from === TIME_WAIT && cause === M.TIMER_TIME_WAIT) {
        const lasted = at - (this.#stateSince.get(id) ?? 0);
        if (lasted < this.stack.params.ending.timeWait)
          throw new Violation("TIME-WAIT lasts 2 MSL", `${this.name}: ${lasted} us`);
      }
      this.#stateSince.set(id, at);
    }
    if (trace.lost > 0) throw new Violation("the trace holds a step's events", `${trace.lost} lost`);
    trace.drain();
  }

  #view(tcb: Tcb): View {
    const { iss } = tcb.snd;
    const known = this.views.get(tcb);
    if (known !== undefined && known.iss === iss) return known;
    const view = (tcb.state === TIME_WAIT ? undefined : this.#halfOpen.get(iss)) ?? new View(tcb);
    view.tcb = tcb;
    this.views.set(tcb, view);
    if (tcb.state === SYN_RECEIVED) this.#halfOpen.set(iss, view);
    return view;
  }

  #find(seg: WireSegment): View | undefined {
    for (const tcb of this.stack.connections()) if (isOf(tcb, seg, false)) return this.#view(tcb);
    return undefined;
  }

  #flatten(packet: Packet): DataView {
    const bytes = new Uint8Array(packet.total());
    const { u8 } = this.slab;
    bytes.set(u8.subarray(packet.o, packet.o + packet.n));
    let at = packet.n;
    for (let i = 0; i < packet.slices; i++) {
      const o = packet.sliceO[i]!;
      bytes.set(u8.subarray(o, o + packet.sliceN[i]!), at);
      at += packet.sliceN[i]!;
    }
    return new DataView(bytes.buffer);
  }
}

/** The table of RFC 9293 §3.4; a SYN before the connection is open, or after it, is another matter. */
function acceptable({ rcv, state }: Tcb, seg: WireSegment): boolean {
  if (state & (SYN_RECEIVED | TIME_WAIT) && seg.flags & SYN) return true;
  const window = Math.max(0, (rcv.adv - rcv.nxt) | 0);
  const length = seg.n + (seg.flags & SYN ? 1 : 0) + (seg.flags & FIN ? 1 : 0);
  const inside = (seq: number) => ((seq - rcv.nxt) | 0) >= 0 && ((seq - rcv.nxt) | 0) < window;
  // MUST-66: at a closed window the next segment's ACK still counts.
  if (window === 0) return seg.seq === rcv.nxt;
  return inside(seg.seq) || (length > 0 && inside((seg.seq + length - 1) | 0));
}

/** What a segment could change, as text. */
function moved({ snd, rcv, state, ranges }: Tcb): string {
  return `${stateName(state)} una ${snd.una} wnd ${snd.wnd} rcv ${rcv.nxt} ranges ${ranges.count}`;
}

/** Whether a segment belongs to a connection; `own`: we sent it. */
function isOf(tcb: Tcb, seg: WireSegment, own: boolean): boolean {
  const [local, remote] = own ? [seg.sourcePort, seg.destinationPort] : [seg.destinationPort, seg.sourcePort];
  const far = own ? seg.destination : seg.source;
  return tcb.localPort === local && tcb.remotePort === remote && tcb.remote.d === far;
}

/** Octets in flight by which segments are larger than the segments of now. */
function beyondSegmentSize({ board, snd, env: { records } }: Tcb): number {
  let octets = 0;
  for (let r = board.head; r !== NONE; r = records.next[r]!) {
    octets += Math.max(0, records.mss[r]! - snd.mss) * records.segments[r]!;
  }
  return octets;
}

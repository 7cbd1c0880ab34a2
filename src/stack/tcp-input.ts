/** Passes a received TCP segment, or an ICMP error about one of ours, to its connection or listener. */
import type { Counters } from "#base/counters";
import type { Packet } from "#base/packet";
import type { Slab } from "#base/slab";
import { EV_DROP, EV_RX, type Trace } from "#base/trace";
import * as icmp from "#icmp/read-error";
import { ReplyQueue } from "#icmp/reply-queue";
import { TokenBucket } from "#icmp/token-bucket";
import { Address } from "#ip/address";
import type { IpHeader } from "#ip/header";
import { claimedMtu } from "#ip/path-mtu";
import { IpSend } from "#ip/send";
import { closed, listen, openPassive, segmentArrives } from "#tcp/machine/arrives";
import { quotesFlight, unreachable } from "#tcp/machine/icmp";
import { serve } from "#tcp/open/fast-open-server";
import { ECONNREFUSED } from "#tcp/words/error";
import * as M from "#tcp/words/marks";
import type { TcpParams } from "#tcp/words/params";
import type { PassiveOpen } from "#tcp/words/passive-open";
import { Reset } from "#tcp/words/reset";
import { readSegment, Segment } from "#tcp/words/segment";
import { gt } from "#tcp/words/seq";
import { CLOSED, SYN_RECEIVED, TIME_WAIT } from "#tcp/words/state";
import type { Ends, Tcb, TcpEnv } from "#tcp/words/tcb";
import * as checksum from "#wire/checksum";
import * as protocol from "#wire/protocol";
import * as tcphdr from "#wire/tcp";
import type { Connections } from "./connections.ts";
import type { Floods } from "./floods.ts";
import { endsOf, type HeldSyns } from "./held-syns.ts";
import { errorOf, freeBsdSoftError } from "./icmp-errors.ts";
import type { Limits } from "./limits.ts";
import type { Listeners } from "./listeners.ts";
import type { RefusedSyns } from "./refused-syns.ts";
import type { Siblings } from "./siblings.ts";
import { StatelessHandshake } from "./stateless-handshake.ts";
import type { SynFlood } from "./syn-flood.ts";

export class TcpInput {
  /** RSTs and SYN cookies, which belong to no connection, waiting to be sent. */
  readonly resets: ReplyQueue;
  /** Records SYNs for ports without a listener, which got an RST; null: not recorded. */
  refused: RefusedSyns | null = null;
  /** SYNs that no listener wants are held here; null: they get an RST. */
  held: HeldSyns | null = null;
  /** They get the segments for no connection of this stack. */
  siblings: Siblings | null = null;
  /** Told what belongs to no connection; null: no filter is there. */
  floods: Floods | null = null;
  readonly #slab: Slab;
  readonly #counters: Counters;
  readonly #trace: Trace;
  readonly #connections: Connections;
  readonly #listeners: Listeners;
  readonly #cookies: StatelessHandshake;
  readonly #flood: SynFlood;
  readonly #resetsAllowed: TokenBucket;
  readonly #segment = new Segment();
  readonly #reset = new Reset();
  readonly #send = new IpSend();
  /** The local address of the latest SYN: most come to the same, and their connections share it. */
  #local = Address.v4(0);
  /** The stack's current parameters. */
  readonly #defaults: () => Readonly<TcpParams>;

  /** Reserves its region of the slab; must be called before the first page is taken. */
  constructor(
    env: TcpEnv,
    connections: Connections,
    listeners: Listeners,
    flood: SynFlood,
    limits: Readonly<Limits>,
    defaults: () => Readonly<TcpParams>,
  ) {
    this.#defaults = defaults;
    this.#flood = flood;
    this.#resetsAllowed = new TokenBucket(limits.answerRate, limits.answerBurst);
    this.resets = new ReplyQueue(env.slab);
    this.#slab = env.slab;
    this.#counters = env.counters;
    this.#trace = env.trace;
    this.#connections = connections;
    this.#listeners = listeners;
    this.#cookies = new StatelessHandshake(env, connections, this.resets);
  }

  /** Processes a segment that IP delivered. */
  segment(packet: Packet, header: IpHeader, now: number): void {
    const v = this.#slab.view;
    const { o, n, d0, d1, d2, d3, s0, s1, s2, s3 } = header;
    // MUST-57: TCP ignores segments to a multicast or broadcast address.
    const wrong = header.group ? M.RX_BAD_SYN : this.#invalid(header);
    if (wrong !== 0) {
      this.#drop(wrong, packet.n, now);
      return;
    }
    const seg = this.#segment;
    readSegment(v, o, n, packet.gsoSize, header.tos & 3, seg);
    const localPort = tcphdr.destinationPort(v, o);
    const remotePort = tcphdr.sourcePort(v, o);
    const reset = this.#reset;
    reset.cause = 0;
    const row = this.#connections.demux.find(d0, d1, d2, d3, localPort, s0, s1, s2, s3, remotePort);
    const tcb = row === null ? null : this.#connections.awake(row);
    if (tcb !== null && !(tcb.state === TIME_WAIT && isNewer(tcb, seg))) {
      const opens = tcb.state === SYN_RECEIVED;
      segmentArrives(tcb, seg, now, reset);
      if (opens && (tcb.state & (SYN_RECEIVED | CLOSED)) === 0) this.#flood.know(s0, s1, s2, s3);
      this.#connections.touch(tcb);
    } else {
      const verdict = this.#listener(packet, header, localPort, remotePort, tcb, now);
      if (verdict !== 0) {
        this.#trackStranger(verdict, o, now);
        this.#drop(verdict, packet.n, now);
      }
    }
    if (reset.cause !== 0) this.#queueReset(header, localPort, remotePort, now);
  }

  /** MUST-54: an ICMP error goes to the connection that it is about. False if there is none. */
  icmpError(e: icmp.IcmpError, now: number): boolean {
    // MUST-55: source quench is silently discarded.
    if (e.protocol !== protocol.TCP || e.kind === icmp.SOURCE_QUENCH) return true;
    const { s0, s1, s2, s3, d0, d1, d2, d3 } = e;
    const row = this.#connections.demux.find(s0, s1, s2, s3, e.sourcePort, d0, d1, d2, d3, e.destinationPort);
    const tcb = row === null ? null : this.#connections.awake(row);
    if (tcb === null || !quotesFlight(tcb, e.seq)) {
      this.#counters.count(tcb === null ? M.ICMP_NO_CONNECTION : M.ICMP_STALE);
      return tcb !== null;
    }
    switch (e.kind) {
      case icmp.TOO_BIG:
        if (tcb.params.pathMtuDiscovery) this.#tooBig(tcb, e, now);
        break;
      case icmp.PROTOCOL_UNREACHABLE:
      case icmp.PORT_UNREACHABLE:
        unreachable(tcb, true, tcb.params.icmpErrors.freeBsdIcmpErrors ? ECONNREFUSED : errorOf(e), now);
        break;
      case icmp.PROHIBITED: {
        const { freeBsdIcmpErrors: asFreeBsd } = tcb.params.icmpErrors;
        unreachable(tcb, asFreeBsd, asFreeBsd ? ECONNREFUSED : errorOf(e), now);
        break;
      }
      default:
        unreachable(tcb, false, tcb.params.icmpErrors.freeBsdIcmpErrors ? freeBsdSoftError(e) : errorOf(e), now);
    }
    this.#connections.touch(tcb);
    return true;
  }

  #tooBig(tcb: Tcb, e: icmp.IcmpError, now: number): void {
    const mtu = claimedMtu(e.family, e.mtu, e.packetLength);
    if (mtu > 0) this.#connections.paths.tooBig(tcb, mtu, e.seq, now);
  }

  #invalid(header: IpHeader): number {
    const wrong = tcphdr.valid(this.#slab.view, header.o, header.n);
    if (wrong !== 0) return wrong;
    return header.csumTrusted || this.#checksumGood(header) ? 0 : M.RX_BAD_CHECKSUM;
  }

  #checksumGood(header: IpHeader): boolean {
    const { o, n, s0, s1, s2, s3, d0, d1, d2, d3 } = header;
    const pseudo =
      header.family === 4
        ? checksum.pseudo4(s3, d3, protocol.TCP, n)
        : checksum.pseudo6(s0, s1, s2, s3, d0, d1, d2, d3, protocol.TCP, n);
    return checksum.good(checksum.sum(this.#slab.view, o, n, pseudo));
  }

  /**
   * Handles a segment for no connection, or a SYN for a connection in TIME-WAIT that a newer one may replace. Returns 0 if it made a
   * connection, or the mark of why not; an RST may then be due.
   */
  #listener(
    packet: Packet,
    header: IpHeader,
    localPort: number,
    remotePort: number,
    old: Tcb | null,
    now: number,
  ): number {
    const { s0, s1, s2, s3, d0, d1, d2, d3 } = header;
    const reset = this.#reset;
    const seg = this.#segment;
    const connections = this.#connections;
    const remote = new Address(s0, s1, s2, s3);
    const opens = (seg.ctl & (tcphdr.SYN | tcphdr.ACK | tcphdr.RST)) === tcphdr.SYN;
    const listener = this.#listeners.find(d0, d1, d2, d3, localPort, remote, remotePort);
    if (listener === null && opens && this.#holds(header)) return this.#hold(header, localPort, remotePort, now);
    if (listener === null && old !== null) {
      // No listener accepts the new connection, so the old one answers.
      segmentArrives(old, seg, now, reset);
      connections.touch(old);
      return 0;
    }
    if (listener === null) {
      if (this.siblings?.handOver(packet, header)) return M.RX_HANDED_OVER;
      const verdict = this.#unknown(seg);
      this.#countStray(header);
      const isSyn = (seg.ctl & (tcphdr.SYN | tcphdr.ACK)) === tcphdr.SYN;
      if (isSyn && reset.cause !== 0) this.refused?.note(remote, remotePort, localPort);
      return verdict;
    }
    if (!this.#local.equalsWords(d0, d1, d2, d3)) this.#local = new Address(d0, d1, d2, d3);
    const ends = { local: this.#local, localPort, remote, remotePort };
    if (old === null && this.#returnsCookie(listener, ends, now)) return 0;
    if (!opens && this.siblings?.handOver(packet, header)) return M.RX_HANDED_OVER;
    const verdict = listen(listener, seg, reset);
    const cookie = old === null && this.#cookies.due(listener);
    if (verdict !== 0 && verdict !== M.RX_BACKLOG) {
      this.#countStray(header);
      return verdict;
    }
    if ((verdict !== 0 || cookie) && !this.#flood.admits(s0, s1, s2, s3, localPort, now)) return M.RX_SYN_FLOOD;
    if (verdict !== 0 && !cookie) return this.#connections.refuse(listener, verdict);
    if (!listener.admits(remote, remotePort)) {
      closed(seg, reset);
      reset.cause = M.TX_RST_REMOTE_REFUSED;
      listener.refusedRemote = remote;
      listener.refusedRemotePort = remotePort;
      connections.tell(listener);
      return M.RX_REMOTE_REFUSED;
    }
    if (connections.isSourceFull(remote)) return connections.refuse(listener, M.RX_SOURCE_LIMIT);
    if (old !== null) connections.replace(old, now);
    // Port 0 is invalid (RFC 9293 §3.10.7.2): it could not be answered.
    if (remotePort === 0) return M.RX_BACKLOG;
    if (cookie) {
      this.#cookies.answer(listener, ends, header, seg, now);
      this.floods?.cookieSent(ends);
      return 0;
    }
    if (connections.isFull(now)) return connections.refuse(listener, M.RX_LIMIT);
    const tcb = connections.create(listener.params, ends, now);
    tcb.listener = listener;
    connections.countSource(tcb);
    listener.halfOpen++;
    openPassive(tcb, seg, now, old);
    serve(tcb, seg, listener, now);
    connections.touch(tcb);
    return 0;
  }

  #countStray(header: IpHeader): void {
    if (this.floods !== null && !header.isInside) this.floods.strays++;
  }

  #holds(header: IpHeader): boolean {
    return this.held !== null && !header.isInside;
  }

  /** Holds a SYN for the user's decision. Returns 0, or the mark of why not. */
  #hold(header: IpHeader, localPort: number, remotePort: number, now: number): number {
    const held = this.held!;
    const seg = this.#segment;
    const ends = endsOf(header, localPort, remotePort);
    // Port 0 is invalid (RFC 9293 §3.10.7.2): it could not be answered.
    if (remotePort === 0 || localPort === 0) return M.RX_BAD_SYN;
    if (held.isRepeated(ends, seg)) return M.RX_HELD;
    return held.hold(ends, seg, header, now) ? 0 : M.RX_BACKLOG;
  }

  /** Whether the segment returns a cookie of ours, and so opened a connection. */
  #returnsCookie(listener: PassiveOpen, ends: Ends, now: number): boolean {
    if (this.#cookies.admit(listener, ends, this.#segment, now, this.#reset) === null) return false;
    const { a, b, c, d } = ends.remote;
    this.#flood.know(a, b, c, d);
    return true;
  }

  /** A segment for no connection (RFC 9293 §3.10.7.1), answered according to the stack's resetting policy. */
  #unknown(seg: Segment): number {
    const { resetUnknown } = this.#defaults().resetting;
    const verdict = closed(seg, this.#reset);
    if (resetUnknown === "none" || (resetUnknown === "segments" && seg.ctl & tcphdr.SYN)) this.#reset.cause = 0;
    return verdict;
  }

  /** Records a segment for no connection: its sequence numbers are absolute. */
  #trackStranger(verdict: number, o: number, now: number): void {
    const { seq, ack, ctl, n, wnd, header } = this.#segment;
    const i = this.#trace.record(now, EV_RX, verdict, -1, seq >>> 0, n, ctl);
    this.#trace.more(i, ctl & tcphdr.ACK ? ack >>> 0 : 0, wnd, 0);
    this.#trace.keep(i, this.#slab.u8, o, header);
  }

  #drop(mark: number, n: number, now: number): void {
    this.#counters.count(mark);
    this.#trace.record(now, EV_DROP, mark, -1, n);
  }

  #queueReset(header: IpHeader, localPort: number, remotePort: number, now: number): void {
    if (this.#resetsAllowed.take(now)) this.answer(header, localPort, remotePort, this.#reset);
    else this.#counters.count(M.TX_RST_LIMITED);
  }

  /** Answers a segment that came with this header, between these ports, with an RST. */
  answer(header: IpHeader, localPort: number, remotePort: number, { cause, seq, ack, flags }: Reset): void {
    const o = this.resets.room(tcphdr.HEADER_MIN);
    if (o < 0) return;
    tcphdr.write(this.#slab.view, o, localPort, remotePort, seq, ack, tcphdr.HEADER_MIN, flags, 0, 0);
    const send = this.#send;
    send.setSource(header.d0, header.d1, header.d2, header.d3);
    send.setDestination(header.s0, header.s1, header.s2, header.s3);
    send.protocol = protocol.TCP;
    send.tos = 0;
    this.resets.push(o, tcphdr.HEADER_MIN, send, cause);
    this.#counters.count(cause);
  }
}

/** RFC 6191 and MAY-2: whether a SYN is newer than everything of the connection in TIME-WAIT. */
function isNewer(tcb: Tcb, seg: Segment): boolean {
  // RFC 793 does not let a SYN open a new connection from TIME-WAIT: that SYN is an error (p. 71).
  if ((seg.ctl & (tcphdr.SYN | tcphdr.ACK | tcphdr.RST)) !== tcphdr.SYN || !tcb.params.acceptance.rfc5961) return false;
  if (tcb.timestampsOk && seg.options.timestamps && seg.options.tsval !== tcb.tsRecent) {
    return gt(seg.options.tsval, tcb.tsRecent);
  }
  return gt(seg.seq, tcb.rcv.nxt);
}

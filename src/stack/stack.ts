/**
 * One TCP/IP stack: packets in, packets out, time handed in, calls from above. It owns no clock, no device and no
 * randomness of its own, so a run is a function of its options, its packets, its calls and their times.
 *
 * The driver's side is `input`, `advance`, `poll`, `nextDeadline`; the user's side are the calls; between them runs one
 * list of connections with something to send, and one of connections with something to tell.
 */
import { Counters } from "#base/counters";
import { Deadlines } from "#base/deadlines";
import { Fifo } from "#base/fifo";
import { HEADROOM, type Packet } from "#base/packet";
import { Prng } from "#base/prng";
import { SipHash } from "#base/siphash";
import { Slab } from "#base/slab";
import { EV_DROP, Trace } from "#base/trace";
import { ERROR, Icmp } from "#icmp/icmp";
import * as icmp from "#icmp/read-error";
import { ReplyQueue } from "#icmp/reply-queue";
import { Address } from "#ip/address";
import { Fragmenter } from "#ip/fragmenter";
import { DELIVER, IpHeader, REPLY } from "#ip/header";
import { IpInput } from "#ip/input";
import { LocalAddresses } from "#ip/local";
import { IpOutput } from "#ip/output";
import { PathMtu } from "#ip/path-mtu";
import type { Prefix } from "#ip/prefix";
import { IpSend } from "#ip/send";
import { closed, listen, openPassive, segmentArrives } from "#tcp/arrives";
import * as calls from "#tcp/calls";
import { congestionControl } from "#tcp/congestion";
import { ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ENOPROTOOPT } from "#tcp/error";
import { finish } from "#tcp/finish";
import { pathMtuChanged, quotesFlight, unreachable } from "#tcp/icmp-error";
import { info, type TcpInfo } from "#tcp/info";
import { Listener } from "#tcp/listener";
import * as M from "#tcp/marks";
import { pollTransmit } from "#tcp/output";
import { DEFAULT_PARAMS, type TcpParams } from "#tcp/params";
import { Records } from "#tcp/records";
import { Reset } from "#tcp/reset";
import { readSegment, Segment } from "#tcp/segment";
import { gt } from "#tcp/seq";
import { CLOSED, SYN_RECEIVED, TIME_WAIT } from "#tcp/state";
import { Tcb, type TcpEnv } from "#tcp/tcb";
import { timeouts } from "#tcp/timeouts";
import * as checksum from "#wire/checksum";
import * as ipv4 from "#wire/ipv4";
import * as ipv6 from "#wire/ipv6";
import * as protocol from "#wire/protocol";
import * as tcphdr from "#wire/tcp";
import { CallError } from "./call-error.ts";
import { Demux } from "./demux.ts";
import { DEFAULT_LIMITS, type Limits } from "./limits.ts";
import { Ports } from "./ports.ts";

export interface StackOptions {
  /** Our addresses; the first of each family is the default source. */
  addresses: readonly Address[];
  /** The prefixes of our links: they say what is a broadcast. */
  prefixes?: readonly Prefix[];
  /** A prefix of which every address is ours (promiscuous), but for those in `except` (the kernel's). */
  owned?: Prefix | null;
  except?: readonly Address[];
  /** The largest IP packet of the link, octets. */
  mtu: number;
  /** What the device can do (`Offload` of `#device/device`). */
  offload?: { readonly checksum: boolean; readonly tso4: boolean; readonly tso6: boolean };
  /** Seed of everything random; two 32-bit words of secret come from it too. Give real randomness outside of a simulation. */
  seed: number;
  /** A secret of two int32 words; drawn from the seed if absent. */
  secret?: readonly [number, number];
  /** Defaults of every connection. */
  params?: Partial<TcpParams>;
  limits?: Partial<Limits>;
  /** Records of the event ring between two drains; 0: no trace. */
  trace?: number;
}

export interface ConnectOptions {
  local?: Address;
  /** 0 or absent: an ephemeral port. */
  localPort?: number;
  params?: Partial<TcpParams>;
}

export interface ListenOptions {
  /** Absent: every address of ours. */
  local?: Address;
  /** Only this remote is let in. */
  remote?: Address;
  remotePort?: number;
  /** Connections that may wait to be accepted. */
  backlog?: number;
  params?: Partial<TcpParams>;
}

/** Room before a transport header for the IP header and the device's own. */
const LEAD = HEADROOM + ipv6.HEADER;
const NO_OFFLOAD = { checksum: false, tso4: false, tso6: false };
/** The id of IP's own timer in the deadline heap; connections begin at 1. */
const IP_TIMER = 0;

export class Stack {
  readonly slab: Slab;
  readonly counters = new Counters();
  readonly trace: Trace;
  readonly local: LocalAddresses;
  readonly limits: Readonly<Limits>;
  readonly params: Readonly<TcpParams>;
  readonly mtu: number;
  readonly pathMtu: PathMtu;

  readonly #env: TcpEnv;
  readonly #offload: { readonly checksum: boolean; readonly tso4: boolean; readonly tso6: boolean };
  readonly #ipInput: IpInput;
  readonly #ipOutput: IpOutput;
  readonly #fragmenter: Fragmenter;
  readonly #icmp: Icmp;
  readonly #resets: ReplyQueue;
  readonly #ports: Ports;
  readonly #demux: Demux;
  readonly #listeners = new Map<number, Listener[]>();
  readonly #deadlines = new Deadlines();
  readonly #byId: (Tcb | null)[] = [null];
  readonly #freeIds: number[] = [];
  /** Connections that may have something to send, and those (or listeners) with something to tell. */
  readonly #output = new Fifo<Tcb>();
  readonly #events = new Fifo<Tcb | Listener>();
  /** Where the head of a segment is written. */
  readonly #scratch: number;

  readonly #header = new IpHeader();
  readonly #send = new IpSend();
  readonly #segment = new Segment();
  readonly #reset = new Reset();
  readonly #error = new icmp.IcmpError();

  constructor(options: StackOptions) {
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    const prng = new Prng(options.seed);
    const [k0, k1] = options.secret ?? [prng.int32(), prng.int32()];
    const hash = new SipHash(k0, k1);
    this.limits = limits;
    this.params = { ...DEFAULT_PARAMS, ...options.params };
    this.mtu = options.mtu;
    this.slab = new Slab(limits.memory);
    this.trace = new Trace(options.trace ?? 0);
    this.local = new LocalAddresses(options.addresses, options.prefixes, options.owned, options.except);
    this.pathMtu = new PathMtu(options.mtu, hash);
    this.#offload = options.offload ?? NO_OFFLOAD;
    this.#scratch = this.slab.reserve(LEAD + tcphdr.HEADER_MAX) + LEAD;
    this.#ipInput = new IpInput(this.slab, this.local, this.counters);
    this.#ipOutput = new IpOutput(this.slab, hash, this.#offload.checksum);
    this.#fragmenter = new Fragmenter(this.slab);
    this.#icmp = new Icmp(this.slab, this.local, this.counters, {
      errorRate: limits.icmpRate,
      errorBurst: limits.icmpBurst,
    });
    this.#resets = new ReplyQueue(this.slab);
    this.#ports = new Ports(hash);
    this.#demux = new Demux(prng.int32(), prng.int32());
    this.#env = {
      slab: this.slab,
      counters: this.counters,
      trace: this.trace,
      records: new Records(limits.records),
      prng,
      hash,
    };
  }

  // --- The driver's side -------------------------------------------------------------------------------------------

  /** Takes a packet from the device. Its bytes are the caller's again on return. */
  input(packet: Packet, now: number): void {
    const header = this.#header;
    const verdict = this.#ipInput.input(packet, header, now);
    if (verdict === DELIVER) {
      if (header.protocol === protocol.TCP) this.#tcp(packet, header, now);
      else if (header.protocol === protocol.UDP) this.#icmp.portUnreachable(header, now);
      else if (this.#icmp.input(header, this.#error) === ERROR) this.#icmpError(now);
    } else {
      if (verdict === REPLY) this.#icmp.error(header, now);
      if (header.mark !== 0) this.trace.record(now, EV_DROP, header.mark, -1, packet.n);
    }
    this.#deadlines.arm(IP_TIMER, this.#ipInput.nextDeadline());
  }

  /** Fires every timer that is due. */
  advance(now: number): void {
    for (;;) {
      const id = this.#deadlines.pop(now);
      if (id < 0) return;
      if (id === IP_TIMER) {
        while (this.#ipInput.nextDeadline() <= now) {
          if (this.#ipInput.expire(this.#header, now) === REPLY) this.#icmp.error(this.#header, now);
        }
        this.#deadlines.arm(IP_TIMER, this.#ipInput.nextDeadline());
        continue;
      }
      const tcb = this.#byId[id];
      if (tcb === null || tcb === undefined) continue;
      timeouts(tcb, now);
      this.#touch(tcb);
    }
  }

  /** Fills `packet` with the next one to send; false if there is none. Its bytes stay until the next call of the stack. */
  poll(packet: Packet, now: number): boolean {
    packet.clear();
    if (this.#fragmenter.next(packet)) return true;
    if (this.#resets.poll(packet, this.#send) || this.#icmp.poll(packet, this.#send)) {
      this.#send.ttl = this.params.ttl;
      this.#finishPacket(packet);
      return true;
    }
    for (;;) {
      const tcb = this.#output.shift();
      if (tcb === undefined) return false;
      packet.o = this.#scratch;
      const superSegments = tcb.remote.family === 4 ? this.#offload.tso4 : this.#offload.tso6;
      if (!pollTransmit(tcb, packet, superSegments, now)) {
        tcb.inOutput = false;
        this.#settle(tcb);
        continue;
      }
      // It may have more; the others come first.
      this.#output.push(tcb);
      this.#address(tcb);
      this.#ipOutput.prepend(packet, this.#send);
      return true;
    }
  }

  /** When `advance` is next needed, or NEVER. */
  nextDeadline(): number {
    return this.#deadlines.next();
  }

  hasEvents(): boolean {
    return this.#events.size > 0;
  }

  // --- The user's side ---------------------------------------------------------------------------------------------

  /**
   * Active OPEN. Throws CallError: EINVAL (an address no host has, MUST-46), EADDRNOTAVAIL (a local address that is not
   * ours, or no port left), EADDRINUSE (the 4-tuple is taken), ENOBUFS (limit of connections).
   */
  connect(remote: Address, remotePort: number, options: ConnectOptions, now: number): Tcb {
    if (remote.isMulticast || remote.isUnspecified || remote.isLimitedBroadcast || this.#isBroadcast(remote)) {
      throw new CallError("EINVAL", `${remote} is not the address of a host`);
    }
    checkPort(remotePort, 1);
    const local = options.local ?? this.#defaultSource(remote);
    if (local.family !== remote.family) {
      throw new CallError("EINVAL", `${local} and ${remote} are of different families`);
    }
    if (!this.local.owns(local.a, local.b, local.c, local.d)) {
      throw new CallError("EADDRNOTAVAIL", `${local} is not an address of this stack`);
    }
    if (this.local.owns(remote.a, remote.b, remote.c, remote.d)) {
      throw new CallError("EINVAL", `${remote} is an address of this stack itself`);
    }
    const port = this.#localPort(local, options.localPort ?? 0, remote, remotePort);
    const tcb = this.#create({ ...this.params, ...options.params }, local, port, remote, remotePort, now);
    tcb.held = true;
    calls.open(tcb, now);
    this.#touch(tcb);
    return tcb;
  }

  /** Passive OPEN. Throws CallError: EADDRINUSE, EADDRNOTAVAIL, EINVAL. */
  listen(port: number, options: ListenOptions = {}): Listener {
    checkPort(port, 1);
    const { local = null, remote = null, remotePort = 0, backlog = 128 } = options;
    if (local !== null && !this.local.owns(local.a, local.b, local.c, local.d)) {
      throw new CallError("EADDRNOTAVAIL", `${local} is not an address of this stack`);
    }
    const others = this.#listeners.get(port) ?? [];
    const clash = others.some(
      (other) => sameOrNull(other.local, local) && sameOrNull(other.remote, remote) && other.remotePort === remotePort,
    );
    if (clash) throw new CallError("EADDRINUSE", `somebody listens on port ${port} already`);
    const listener = new Listener(local, port, { ...this.params, ...options.params }, backlog, remote, remotePort);
    this.#listeners.set(port, [...others, listener]);
    return listener;
  }

  /** The oldest connection that waits, or null. It may have ended meanwhile: look at its state. */
  accept(listener: Listener): Tcb | null {
    const tcb = listener.ready.shift() ?? null;
    if (tcb !== null) {
      tcb.listener = null;
      tcb.held = true;
      if (tcb.events !== 0) this.#tell(tcb);
    }
    return tcb;
  }

  /** Ends a passive OPEN. Connections that nobody accepted are reset (RFC 9293 §3.10.4). */
  unlisten(listener: Listener, now: number): void {
    listener.closed = true;
    const rest = (this.#listeners.get(listener.port) ?? []).filter((other) => other !== listener);
    if (rest.length > 0) this.#listeners.set(listener.port, rest);
    else this.#listeners.delete(listener.port);
    for (const tcb of this.#byId) {
      if (tcb === null || tcb.listener !== listener) continue;
      // A half-open one goes silently: what the peer sends next draws an RST.
      if (tcb.state === SYN_RECEIVED) finish(tcb, 0, M.CALL_CLOSE, now);
      else calls.abort(tcb, now);
      tcb.listener = null;
      this.#touch(tcb);
    }
    for (const tcb of listener.ready) {
      tcb.listener = null;
      this.release(tcb);
    }
    listener.ready.length = 0;
  }

  /** SEND: the octets taken (fewer when buffers are full), or a negative error code. */
  send(tcb: Tcb, source: Uint8Array, from: number, n: number, now: number): number {
    const taken = calls.send(tcb, source, from, n, now);
    if (taken > 0) this.#touch(tcb);
    return taken;
  }

  /** RECEIVE: the octets copied to `target` at `to`. */
  receive(tcb: Tcb, target: Uint8Array, to: number, n: number): number {
    const taken = calls.receive(tcb, target, to, n);
    if (tcb.ackNow !== 0) this.#touch(tcb);
    return taken;
  }

  /** RECEIVE that throws the octets away; returns how many. */
  discard(tcb: Tcb, n: number): number {
    const taken = calls.discard(tcb, n);
    if (tcb.ackNow !== 0) this.#touch(tcb);
    return taken;
  }

  /** CLOSE of our direction: FIN after what is queued; receiving goes on. */
  closeSend(tcb: Tcb, now: number): void {
    calls.closeSend(tcb, now);
    this.#touch(tcb);
  }

  /** CLOSE of both directions, as close(2): unread data makes it an RST. */
  close(tcb: Tcb, now: number): void {
    calls.closeBoth(tcb, now);
    this.#touch(tcb);
  }

  /** ABORT: RST. */
  abort(tcb: Tcb, now: number): void {
    calls.abort(tcb, now);
    this.#touch(tcb);
  }

  /** The user lets go of the connection: it ends by itself, and nobody reads what still comes. */
  release(tcb: Tcb): void {
    tcb.held = false;
    tcb.user = null;
    if (tcb.state === CLOSED) {
      tcb.receiveQueue.clear();
      tcb.rcv.unread = 0;
    }
  }

  /** Changes options of an open connection: from now on it goes by them. What was agreed in the handshake stays. */
  setParams(tcb: Tcb, params: Partial<TcpParams>, now: number): void {
    calls.setParams(tcb, params, now);
    this.#touch(tcb);
  }

  /** Something of the connection was changed from outside (an option): it may have something to send now. */
  touch(tcb: Tcb): void {
    this.#touch(tcb);
  }

  /** STATUS. */
  info(tcb: Tcb): TcpInfo {
    return info(tcb);
  }

  /** The next connection or listener with something to tell, or undefined. A connection's `events` are the reader's to clear. */
  nextEvent(): Tcb | Listener | undefined {
    const next = this.#events.shift();
    if (next !== undefined) next.inEvents = false;
    return next;
  }

  /** All connections, in any state but CLOSED. */
  connections(): Iterable<Tcb> {
    return this.#demux.values();
  }

  get connectionCount(): number {
    return this.#demux.size;
  }

  /** Records of segments in flight, over all connections: none after the last one ended. */
  get recordsInUse(): number {
    return this.#env.records.used;
  }

  // --- TCP input ---------------------------------------------------------------------------------------------------

  #tcp(packet: Packet, header: IpHeader, now: number): undefined {
    const v = this.slab.view;
    const { o, n } = header;
    const wrong = header.group ? M.RX_BAD_SYN : tcphdr.valid(v, o, n);
    if (wrong !== 0) return this.#drop(wrong, packet, now);
    if (!header.csumTrusted && !this.#checksumGood(header)) return this.#drop(M.RX_BAD_CHECKSUM, packet, now);
    const seg = this.#segment;
    readSegment(v, o, n, packet.gsoSize, header.tos & 3, seg);
    const localPort = tcphdr.destinationPort(v, o);
    const remotePort = tcphdr.sourcePort(v, o);
    const reset = this.#reset;
    reset.cause = 0;
    const { d0, d1, d2, d3, s0, s1, s2, s3 } = header;
    let tcb = this.#demux.find(d0, d1, d2, d3, localPort, s0, s1, s2, s3, remotePort);
    if (tcb !== null && tcb.state === TIME_WAIT && this.#replaces(tcb, seg)) {
      this.counters.count(M.RX_TIME_WAIT_SYN);
      this.#listenArrives(header, seg, localPort, remotePort, tcb, packet, now);
      tcb = null;
    } else if (tcb !== null) {
      segmentArrives(tcb, seg, now, reset);
      this.#touch(tcb);
    } else this.#listenArrives(header, seg, localPort, remotePort, null, packet, now);
    if (reset.cause !== 0) this.#queueReset(localPort, remotePort, now);
  }

  /** RFC 6191, MAY-2: a SYN for a connection in TIME-WAIT that is newer than everything of the old one. */
  #replaces(tcb: Tcb, seg: Segment): boolean {
    if ((seg.ctl & (tcphdr.SYN | tcphdr.ACK | tcphdr.RST)) !== tcphdr.SYN) return false;
    if (this.#listener(tcb.local, tcb.localPort) === null) return false;
    if (tcb.timestampsOk && seg.options.timestamps) {
      if (seg.options.tsval !== tcb.tsRecent) return gt(seg.options.tsval, tcb.tsRecent);
    }
    return gt(seg.seq, tcb.rcv.nxt);
  }

  #listenArrives(
    header: IpHeader,
    seg: Segment,
    localPort: number,
    remotePort: number,
    old: Tcb | null,
    packet: Packet,
    now: number,
  ): undefined {
    const reset = this.#reset;
    const listener = this.#findListener(header, localPort);
    if (listener === null) return this.#drop(closed(seg, reset), packet, now);
    const remote = new Address(header.s0, header.s1, header.s2, header.s3);
    const verdict = listen(listener, seg, reset);
    if (verdict !== 0) return this.#drop(verdict, packet, now);
    if (!listener.admits(remote, remotePort)) {
      closed(seg, reset);
      reset.cause = M.TX_RST_STRANGER;
      listener.stranger = remote;
      listener.strangerPort = remotePort;
      this.#tell(listener);
      return this.#drop(M.RX_STRANGER, packet, now);
    }
    const after = old === null ? 0 : old.snd.nxt;
    if (old !== null) {
      finish(old, 0, M.REPLACED, now);
      this.#touch(old);
    }
    if (this.#demux.size >= this.limits.connections || remotePort === 0) return this.#drop(M.RX_BACKLOG, packet, now);
    const local = new Address(header.d0, header.d1, header.d2, header.d3);
    const tcb = this.#create(listener.params, local, localPort, remote, remotePort, now);
    tcb.listener = listener;
    listener.halfOpen++;
    openPassive(tcb, seg, now);
    // The new incarnation's numbers lie beyond the old one's (MAY-2).
    if (old !== null && !gt(tcb.snd.iss, after)) restartSequence(tcb, (after + 0x10000) | 0);
    this.#touch(tcb);
  }

  #checksumGood(header: IpHeader): boolean {
    const { o, n, s0, s1, s2, s3, d0, d1, d2, d3 } = header;
    const pseudo =
      header.family === 4
        ? checksum.pseudo4(s3, d3, protocol.TCP, n)
        : checksum.pseudo6(s0, s1, s2, s3, d0, d1, d2, d3, protocol.TCP, n);
    return checksum.good(checksum.sum(this.slab.view, o, n, pseudo));
  }

  #drop(mark: number, packet: Packet, now: number): undefined {
    this.counters.count(mark);
    this.trace.record(now, EV_DROP, mark, -1, packet.n);
  }

  #queueReset(localPort: number, remotePort: number, _now: number): void {
    const reset = this.#reset;
    const header = this.#header;
    const o = this.#resets.room(tcphdr.HEADER_MIN);
    if (o < 0) return;
    tcphdr.write(this.slab.view, o, localPort, remotePort, reset.seq, reset.ack, tcphdr.HEADER_MIN, reset.flags, 0, 0);
    const send = this.#send;
    send.setSource(header.d0, header.d1, header.d2, header.d3);
    send.setDestination(header.s0, header.s1, header.s2, header.s3);
    send.protocol = protocol.TCP;
    send.tos = 0;
    this.#resets.push(o, tcphdr.HEADER_MIN, send, reset.cause);
    this.counters.count(reset.cause);
  }

  // --- ICMP --------------------------------------------------------------------------------------------------------

  /** MUST-54: an ICMP error goes to the connection that it is about. */
  #icmpError(now: number): void {
    const e = this.#error;
    if (e.protocol !== protocol.TCP || e.kind === icmp.SOURCE_QUENCH) return; // MUST-55
    const tcb = this.#demux.find(e.s0, e.s1, e.s2, e.s3, e.sourcePort, e.d0, e.d1, e.d2, e.d3, e.destinationPort);
    if (tcb === null || !quotesFlight(tcb, e.seq)) {
      this.counters.count(M.ICMP_STALE);
      return;
    }
    switch (e.kind) {
      case icmp.TOO_BIG:
        if (this.pathMtu.lower(e.d0, e.d1, e.d2, e.d3, e.mtu, e.packetLength, now)) {
          pathMtuChanged(tcb, this.#pathMss(tcb.remote, now), now);
        }
        break;
      case icmp.PROTOCOL_UNREACHABLE:
        unreachable(tcb, true, ENOPROTOOPT, now);
        break;
      case icmp.PORT_UNREACHABLE:
        unreachable(tcb, true, ECONNREFUSED, now);
        break;
      case icmp.NET_UNREACHABLE:
        unreachable(tcb, false, ENETUNREACH, now);
        break;
      default:
        unreachable(tcb, false, EHOSTUNREACH, now);
    }
    this.#touch(tcb);
  }

  // --- Output ------------------------------------------------------------------------------------------------------

  #address(tcb: Tcb): void {
    const send = this.#send;
    const { local, remote, params } = tcb;
    send.setSource(local.a, local.b, local.c, local.d);
    send.setDestination(remote.a, remote.b, remote.c, remote.d);
    send.protocol = protocol.TCP;
    send.ttl = params.ttl;
    send.tos = params.tos;
    send.dontFragment = true;
  }

  /** An ICMP message or an RST: whatever is larger than the link goes in fragments. */
  #finishPacket(packet: Packet): void {
    const send = this.#send;
    this.#ipOutput.prepend(packet, send);
    if (!this.#fragmenter.canFragment(packet, this.mtu)) return;
    const id = send.family === 6 ? this.#ipOutput.nextIdentification(send, 1) : 0;
    this.#fragmenter.begin(packet, this.mtu, id);
    this.#fragmenter.next(packet);
  }

  // --- Connections -------------------------------------------------------------------------------------------------

  #create(params: TcpParams, local: Address, localPort: number, remote: Address, remotePort: number, now: number): Tcb {
    if (this.#demux.size >= this.limits.connections) {
      throw new CallError("ENOBUFS", `the limit of ${this.limits.connections} connections is reached`);
    }
    const id = this.#freeIds.pop() ?? this.#byId.length;
    const control = congestionControl(params.congestionControl);
    const tcb = new Tcb(this.#env, params, control, id, local, localPort, remote, remotePort);
    tcb.localMss = this.#pathMss(remote, now);
    this.#byId[id] = tcb;
    this.#demux.insert(tcb);
    return tcb;
  }

  /** The connection was acted upon: it may have something to send, to tell, or be gone. */
  #touch(tcb: Tcb): void {
    if (!tcb.inOutput) {
      tcb.inOutput = true;
      this.#output.push(tcb);
    }
    if (tcb.state === CLOSED) this.#demux.remove(tcb);
    else if (tcb.listener !== null && tcb.listener.ready.length > 0) this.#tell(tcb.listener);
    if (tcb.events !== 0 && tcb.held) this.#tell(tcb);
  }

  #tell(who: Tcb | Listener): void {
    if (who.inEvents) return;
    who.inEvents = true;
    this.#events.push(who);
  }

  /** Nothing more to send for now: its timers are armed, or it is taken away. */
  #settle(tcb: Tcb): void {
    if (tcb.state !== CLOSED) {
      this.#deadlines.arm(tcb.id, tcb.deadline());
      return;
    }
    if (this.#byId[tcb.id] !== tcb) return;
    this.#deadlines.cancel(tcb.id);
    this.#byId[tcb.id] = null;
    this.#freeIds.push(tcb.id);
    if (!tcb.held && tcb.listener === null) {
      tcb.receiveQueue.clear();
      tcb.rcv.unread = 0;
    }
  }

  /** What the path leaves for TCP payload without options. */
  #pathMss(remote: Address, now: number): number {
    const mtu = this.pathMtu.get(remote.a, remote.b, remote.c, remote.d, now);
    return mtu - tcphdr.HEADER_MIN - (remote.family === 4 ? ipv4.HEADER_MIN : ipv6.HEADER);
  }

  #isBroadcast(address: Address): boolean {
    return this.local.isBroadcast(address.a, address.b, address.c, address.d);
  }

  /** MUST-44: IP chooses the source, before the first SYN; a TUN has one link, so it is our first address of the family. */
  #defaultSource(remote: Address): Address {
    const local = this.local.own.find((address) => address.family === remote.family);
    if (local === undefined) throw new CallError("EADDRNOTAVAIL", `this stack has no IPv${remote.family} address`);
    return local;
  }

  #localPort(local: Address, wanted: number, remote: Address, remotePort: number): number {
    const free = (port: number) =>
      this.#demux.find(local.a, local.b, local.c, local.d, port, remote.a, remote.b, remote.c, remote.d, remotePort) ===
      null;
    if (wanted !== 0) {
      checkPort(wanted, 1);
      if (free(wanted)) return wanted;
      throw new CallError("EADDRINUSE", `a connection ${local}:${wanted} to ${remote}:${remotePort} exists already`);
    }
    const port = this.#ports.choose(local, remote, remotePort, free);
    if (port < 0) throw new CallError("EADDRNOTAVAIL", `no port is free for ${remote}:${remotePort}`);
    return port;
  }

  #findListener(header: IpHeader, port: number): Listener | null {
    const among = this.#listeners.get(port);
    if (among === undefined) return null;
    const { d0, d1, d2, d3 } = header;
    let best: Listener | null = null;
    for (const listener of among) {
      if (listener.local !== null && !listener.local.equalsWords(d0, d1, d2, d3)) continue;
      if (best === null || specificity(listener) > specificity(best)) best = listener;
    }
    return best;
  }

  #listener(local: Address, port: number): Listener | null {
    const among = this.#listeners.get(port) ?? [];
    return among.find((listener) => listener.local === null || listener.local.equals(local)) ?? null;
  }
}

/** A listener for one of our addresses goes before one for all of them. */
function specificity(listener: Listener): number {
  return listener.local === null ? 0 : 1;
}

function sameOrNull(a: Address | null, b: Address | null): boolean {
  return a === null || b === null ? a === b : a.equals(b);
}

function checkPort(port: number, first: number): void {
  if (!Number.isInteger(port) || port < first || port > 0xffff) {
    throw new CallError("EINVAL", `port ${port} is not a number from ${first} to 65535`);
  }
}

/** Before anything was sent: another ISS. */
function restartSequence(tcb: Tcb, iss: number): void {
  const { snd } = tcb;
  snd.iss = iss;
  snd.una = iss;
  snd.nxt = iss;
  snd.up = iss;
  snd.small = iss;
  tcb.sackHigh = iss;
}

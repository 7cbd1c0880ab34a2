/**
 * One TCP/IP stack: packets in, packets out, time handed in, calls from above. It owns no clock, no device and no
 * randomness of its own, so a run is a function of its options, its packets, its calls and their times.
 *
 * The driver's side is `input`, `advance`, `poll`, `nextDeadline`; the user's side are the calls; between them runs one
 * list of connections with something to send, and one of connections with something to tell. The file is longer than others
 * because all of this shares its private parts.
 */
import { Counters } from "#base/counters";
import { HEADROOM, type Packet } from "#base/packet";
import { Prng } from "#base/prng";
import { SipHash } from "#base/siphash";
import { Slab } from "#base/slab";
import { EV_DROP, Trace } from "#base/trace";
import { ERROR, Icmp } from "#icmp/icmp";
import { IcmpError, PORT_UNREACHABLE, PROHIBITED, PROTOCOL_UNREACHABLE, TOO_BIG } from "#icmp/read-error";
import type { Address } from "#ip/address";
import { Fragmenter } from "#ip/fragmenter";
import { DELIVER, IpHeader, REPLY } from "#ip/header";
import { IpInput } from "#ip/input";
import { LocalAddresses } from "#ip/local";
import { IpOutput } from "#ip/output";
import { claimedMtu, PathMtu } from "#ip/path-mtu";
import type { Prefix } from "#ip/prefix";
import { IpSend } from "#ip/send";
import * as calls from "#tcp/machine/calls";
import { finish } from "#tcp/machine/finish";
import { info, type TcpInfo } from "#tcp/machine/info";
import { pollTransmit } from "#tcp/machine/output";
import { timeouts } from "#tcp/machine/timeouts";
import { FastOpen } from "#tcp/open/fast-open";
import { quickAck } from "#tcp/receive/acknowledging";
import { refused } from "#tcp/send/refused";
import { Attempt } from "#tcp/words/attempt";
import type { Dormant } from "#tcp/words/dormant";
import { OK } from "#tcp/words/error";
import * as M from "#tcp/words/marks";
import { DEFAULT_PARAMS, type TcpParams, type TcpSettings, withSettings } from "#tcp/words/params";
import { PassiveOpen } from "#tcp/words/passive-open";
import { Records } from "#tcp/words/records";
import { SEND_CONTINUED } from "#tcp/words/send-flags";
import { CLOSED, SYN_RECEIVED } from "#tcp/words/state";
import type { Tcb, TcpEnv } from "#tcp/words/tcb";
import { Udp, type UdpSocket } from "#udp/udp";
import * as ipv6 from "#wire/ipv6";
import * as protocol from "#wire/protocol";
import * as tcphdr from "#wire/tcp";
import { CallError } from "./call-error.ts";
import { Connections, forgetUnread, IP_TIMER, SLEEP_TIMER } from "./connections.ts";
import { DEFAULT_LIMITS, type Limits } from "./limits.ts";
import { Listeners } from "./listeners.ts";
import { Ports } from "./ports.ts";
import type { RefusedSyns } from "./refused-syns.ts";
import { errorOf, TcpInput } from "./tcp-input.ts";

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
  params?: TcpSettings;
  limits?: Partial<Limits>;
  /** Records of the event ring between two drains; 0: no trace. */
  trace?: number;
  /**
   * Called within a SEND that has filled a piece of the send queue and has more, to poll what may go now, as Linux does. Absent: what SEND
   * queued goes when the driver polls next.
   */
  whileSending?: (now: number) => void;
}

export interface ActiveOpenOptions {
  local?: Address;
  /** 0 or absent: an ephemeral port. */
  localPort?: number;
  params?: TcpSettings;
  /** The handshake must be over in so many us; later data is not concerned. 0 or absent: as `params` say. */
  timeout?: number;
}

export interface PassiveOpenOptions {
  /** Absent: every address of ours. */
  local?: Address;
  /** Only this remote is let in. */
  remote?: Address;
  remotePort?: number;
  /** Connections that may wait to be accepted. */
  backlog?: number;
  params?: TcpSettings;
}

/** Room before a transport header for the IP header and the device's own. */
const LEAD = HEADROOM + ipv6.HEADER;
const NO_OFFLOAD = { checksum: false, tso4: false, tso6: false };

export class Stack {
  readonly slab: Slab;
  readonly counters = new Counters();
  readonly trace: Trace;
  readonly local: LocalAddresses;
  readonly limits: Readonly<Limits>;
  /** Defaults of connections that open from now on; `setDefaults` changes them. */
  params: Readonly<TcpParams>;
  mtu: number;
  readonly pathMtu: PathMtu;
  /** The key of our cookies, and the cookies that servers gave us (RFC 7413). */
  readonly fastOpen: FastOpen;

  readonly #whileSending: ((now: number) => void) | undefined;
  readonly #offload: { readonly checksum: boolean; readonly tso4: boolean; readonly tso6: boolean };
  readonly #ipInput: IpInput;
  readonly #ipOutput: IpOutput;
  readonly #fragmenter: Fragmenter;
  readonly #icmp: Icmp;
  readonly #ports: Ports;
  readonly #records: Records;
  readonly #connections: Connections;
  readonly #listeners = new Listeners();
  readonly #tcpInput: TcpInput;
  readonly #udp: Udp;
  /** Where the head of a segment is written. */
  readonly #scratch: number;

  readonly #header = new IpHeader();
  readonly #send = new IpSend();
  readonly #error = new IcmpError();

  constructor(options: StackOptions) {
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    const prng = new Prng(options.seed);
    const [k0, k1] = options.secret ?? [prng.int32(), prng.int32()];
    const hash = new SipHash(k0, k1);
    this.limits = limits;
    this.params = withSettings(DEFAULT_PARAMS, options.params ?? {});
    this.mtu = options.mtu;
    this.slab = new Slab(limits.memory);
    this.trace = new Trace(options.trace ?? 0);
    this.local = new LocalAddresses(options.addresses, options.prefixes, options.owned, options.except);
    this.pathMtu = new PathMtu(options.mtu, hash, this.params.icmpErrors.pathMtuFloor);
    this.#whileSending = options.whileSending;
    this.#offload = options.offload ?? NO_OFFLOAD;
    this.#scratch = this.slab.reserve(LEAD + tcphdr.HEADER_MAX) + LEAD;
    this.#ipInput = new IpInput(this.slab, this.local, this.counters);
    this.#ipOutput = new IpOutput(this.slab, hash, this.#offload.checksum);
    this.#fragmenter = new Fragmenter(this.slab);
    this.#icmp = new Icmp(this.slab, this.local, this.counters, {
      errorRate: limits.icmpRate,
      errorBurst: limits.icmpBurst,
    });
    this.fastOpen = new FastOpen(hash);
    this.#udp = new Udp(this.slab, this.counters);
    this.#ports = new Ports(hash, prng);
    this.#records = new Records(limits.records);
    const env: TcpEnv = {
      slab: this.slab,
      counters: this.counters,
      trace: this.trace,
      records: this.#records,
      prng,
      hash,
      fastOpen: this.fastOpen,
      attempt: new Attempt(),
    };
    this.#connections = new Connections(env, this.pathMtu, limits);
    this.#tcpInput = new TcpInput(env, this.#connections, this.#listeners, () => this.params);
  }

  // --- The driver's side -------------------------------------------------------------------------------------------

  /** Takes a packet from the device. Its bytes are the caller's again on return. */
  input(packet: Packet, now: number): void {
    const header = this.#header;
    const verdict = this.#ipInput.input(packet, header, now);
    if (verdict === DELIVER) {
      if (header.protocol === protocol.TCP) this.#tcpInput.segment(packet, header, now);
      else if (header.protocol === protocol.UDP) {
        if (!this.#udp.input(header)) this.#icmp.portUnreachable(header, now);
      } else if (this.#icmp.input(header, this.#error) === ERROR) this.#transportError(now);
    } else {
      if (verdict === REPLY) this.#icmp.error(header, now);
      if (header.mark !== 0) this.trace.record(now, EV_DROP, header.mark, -1, packet.n);
    }
    this.#connections.deadlines.arm(IP_TIMER, this.#ipInput.nextDeadline());
  }

  /** The transport whose packet an ICMP error is about. */
  #transportError(now: number): void {
    const e = this.#error;
    if (e.protocol !== protocol.UDP) {
      this.#tcpInput.icmpError(e, now);
      return;
    }
    if (e.kind === TOO_BIG && this.#udp.mayHaveSent(e.sourcePort, e.d0, e.d1, e.d2, e.d3, e.destinationPort)) {
      const mtu = claimedMtu(e.family, e.mtu, e.packetLength);
      if (mtu > 0) this.pathMtu.lower(e.d0, e.d1, e.d2, e.d3, mtu, now);
    }
    const hard = e.kind === PORT_UNREACHABLE || e.kind === PROTOCOL_UNREACHABLE || e.kind === PROHIBITED;
    this.#udp.error(e.sourcePort, e.d0, e.d1, e.d2, e.d3, e.destinationPort, errorOf(e), hard);
  }

  /** Fires every timer that is due. */
  advance(now: number): void {
    for (;;) {
      const id = this.#connections.deadlines.pop(now);
      if (id < 0) return;
      if (id === IP_TIMER) {
        while (this.#ipInput.nextDeadline() <= now) {
          if (this.#ipInput.expire(this.#header, now) === REPLY) this.#icmp.error(this.#header, now);
        }
        this.#connections.deadlines.arm(IP_TIMER, this.#ipInput.nextDeadline());
        continue;
      }
      if (id === SLEEP_TIMER) {
        this.#connections.sleep(now);
        continue;
      }
      const tcb = this.#connections.byId(id);
      if (tcb === null) continue;
      timeouts(tcb, now);
      this.#connections.believeClaim(tcb, now);
      this.#connections.touch(tcb);
    }
  }

  /** Fills `packet` with the next one to send; false if there is none. Its bytes stay until the next call of the stack. */
  poll(packet: Packet, now: number): boolean {
    packet.clear();
    this.#connections.feed();
    if (this.#fragmenter.next(packet)) return true;
    const { resets } = this.#tcpInput;
    const send = this.#send;
    if (resets.poll(packet, send) || this.#icmp.poll(packet, send) || this.#udp.poll(packet, send, this.pathMtu, now)) {
      this.#send.ttl = this.params.ttl;
      this.#finishPacket(packet, now);
      return true;
    }
    for (;;) {
      const tcb = this.#connections.output.shift();
      if (tcb === undefined) return false;
      packet.o = this.#scratch;
      this.#connections.learnPath(tcb, now);
      const superSegments = tcb.remote.family === 4 ? this.#offload.tso4 : this.#offload.tso6;
      if (!pollTransmit(tcb, packet, superSegments, now)) {
        this.#connections.settle(tcb, now);
        continue;
      }
      // It may have more; the others come first.
      this.#connections.output.push(tcb);
      this.#address(tcb, packet.ecn);
      this.#ipOutput.prepend(packet, this.#send);
      return true;
    }
  }

  /**
   * The device refused the packet that `poll` gave last: its own queue is full (ENOBUFS). A segment counts as not sent, and is tried again after
   * half a second at most. A datagram or an ICMP message is lost.
   */
  sendFailed(packet: Packet, now: number): void {
    const tcb = packet.connection < 0 ? null : this.#connections.byId(packet.connection);
    if (tcb === null) return;
    refused(tcb, now);
    this.#connections.touch(tcb);
  }

  /** When `advance` is next needed, or NEVER. */
  nextDeadline(): number {
    return this.#connections.deadlines.next();
  }

  /** Where SYNs are noted that found no listener. Whoever sets it clears it when `hasEvents` is true. */
  get refused(): RefusedSyns | null {
    return this.#tcpInput.refused;
  }

  set refused(refused: RefusedSyns | null) {
    this.#tcpInput.refused = refused;
  }

  hasEvents(): boolean {
    return this.#connections.events.size > 0 || (this.refused !== null && this.refused.count > 0);
  }

  // --- The user's side ---------------------------------------------------------------------------------------------

  /**
   * Active OPEN. Throws CallError: EINVAL (an address no host has, MUST-46), EADDRNOTAVAIL (a local address that is not
   * ours, or no port left), EADDRINUSE (the 4-tuple is taken), ENOBUFS (limit of connections).
   */
  connect(remote: Address, remotePort: number, options: ActiveOpenOptions, now: number): Tcb {
    if (remote.isMulticast || remote.isUnspecified || remote.isLimitedBroadcast || this.#isBroadcast(remote)) {
      throw new CallError("EINVAL", `${remote} is not the address of a host`);
    }
    checkPort(remotePort, 1);
    const local = options.local ?? this.#defaultSource(remote);
    if (local.family !== remote.family) {
      throw new CallError("EINVAL", `${local} and ${remote} are of different IP versions`);
    }
    if (!this.local.owns(local.a, local.b, local.c, local.d)) {
      throw new CallError("EADDRNOTAVAIL", `${local} is not an address of this stack`);
    }
    if (this.local.owns(remote.a, remote.b, remote.c, remote.d)) {
      throw new CallError("EINVAL", `${remote} is this stack's own address`);
    }
    const port = this.#localPort(local, options.localPort ?? 0, remote, remotePort);
    const params = withSettings(this.params, options.params ?? {});
    const tcb = this.#connections.create(params, local, port, remote, remotePort, now);
    tcb.held = true;
    calls.open(tcb, now);
    if (options.timeout) calls.limitHandshake(tcb, now + options.timeout);
    this.#connections.touch(tcb);
    return tcb;
  }

  /** Passive OPEN. Throws CallError: EADDRINUSE, EADDRNOTAVAIL, EINVAL. */
  listen(port: number, options: PassiveOpenOptions = {}): PassiveOpen {
    checkPort(port, 1);
    const { local = null, remote = null, remotePort = 0, backlog = 128 } = options;
    if (local !== null && !this.local.owns(local.a, local.b, local.c, local.d)) {
      throw new CallError("EADDRNOTAVAIL", `${local} is not an address of this stack`);
    }
    const params = withSettings(this.params, options.params ?? {});
    const listener = new PassiveOpen(local, port, params, backlog, remote, remotePort);
    this.#listeners.add(listener);
    return listener;
  }

  /** The oldest connection that waits, or null. It may have ended meanwhile: look at its state. */
  accept(listener: PassiveOpen): Tcb | null {
    const tcb = listener.ready.shift() ?? null;
    if (tcb !== null) {
      tcb.listener = null;
      tcb.held = true;
      // From now on somebody may let it sleep.
      this.#connections.touch(tcb);
    }
    return tcb;
  }

  /** Ends a passive OPEN. Connections that nobody accepted are reset (RFC 9293 §3.10.4). */
  unlisten(listener: PassiveOpen, now: number): void {
    listener.closed = true;
    this.#listeners.remove(listener);
    for (const tcb of this.#connections.all()) {
      if (tcb.listener !== listener) continue;
      // A half-open one goes silently: what the peer sends next draws an RST.
      if (tcb.state === SYN_RECEIVED && !tcb.fast.early) finish(tcb, OK, M.CALL_CLOSE, now);
      else calls.abort(tcb, now);
      tcb.listener = null;
      this.#connections.touch(tcb);
    }
    for (const tcb of listener.ready) {
      tcb.listener = null;
      this.release(tcb);
    }
    listener.ready.length = 0;
  }

  /**
   * SEND: the octets taken (fewer when buffers are full), or a negative error code. @param flags SEND_* (`#tcp/words/send-flags`):
   * more follows, this ends a record, this is urgent
   */
  send(tcb: Tcb, source: Uint8Array, from: number, n: number, now: number, flags = 0): number {
    const taken = this.#take(tcb, source, from, n, flags, now);
    if (taken >= 0) this.#connections.touch(tcb);
    if (taken >= 0 && taken < n && calls.sendRoom(tcb, n - taken) > 0) this.#connections.starve(tcb);
    return taken;
  }

  /** Piece by piece, where room is asked for so: what goes while one is filled makes room for the next. */
  #take(tcb: Tcb, source: Uint8Array, from: number, n: number, flags: number, now: number): number {
    let taken = calls.send(tcb, source, from, n, flags, now);
    while (tcb.output.goesOn) {
      this.#connections.touch(tcb);
      this.#whileSending?.(now);
      const more = calls.send(tcb, source, from + taken, n - taken, flags | SEND_CONTINUED, now);
      if (more <= 0) break;
      taken += more;
    }
    calls.endSend(tcb);
    return taken;
  }

  /** Whether SEND would take octets worth waking a writer for. */
  writable(tcb: Tcb): boolean {
    return calls.writable(tcb) && this.slab.available > 0;
  }

  /** Holds back what is less than a segment, or lets it go (TCP_CORK). */
  cork(tcb: Tcb, on: boolean, now: number): void {
    calls.cork(tcb, on, now);
    this.#connections.touch(tcb);
  }

  /** Everything queued so far is urgent (RFC 9293 MUST-30). */
  markUrgent(tcb: Tcb): void {
    calls.markUrgent(tcb);
    this.#connections.touch(tcb);
  }

  /** RECEIVE: the octets copied to `target` at `to`. */
  receive(tcb: Tcb, target: Uint8Array, to: number, n: number): number {
    const taken = calls.receive(tcb, target, to, n);
    this.#connections.feed();
    if (tcb.ackNow !== 0) this.#connections.touch(tcb);
    return taken;
  }

  /** What RECEIVE would copy next, as far as it lies in one piece: a view, good until the next call of the stack. Not empty where something is unread. */
  unread(tcb: Tcb): Uint8Array {
    return tcb.receiveQueue.first(tcb.rcv.unread);
  }

  /** RECEIVE that leaves the octets where they are. @param after octets to pass over first */
  peek(tcb: Tcb, target: Uint8Array, to: number, n: number, after = 0): number {
    return calls.peek(tcb, target, to, n, after);
  }

  /** ACKs go as for a peer who waits for them, and one that is due goes now; or they are delayed (TCP_QUICKACK). */
  quickAck(tcb: Tcb, on: boolean): void {
    quickAck(tcb, on);
    this.#connections.touch(tcb);
  }

  /** RECEIVE that throws the octets away; returns how many. */
  discard(tcb: Tcb, n: number): number {
    const taken = calls.discard(tcb, n);
    this.#connections.feed();
    if (tcb.ackNow !== 0) this.#connections.touch(tcb);
    return taken;
  }

  /** CLOSE of our direction: FIN after what is queued; receiving goes on. */
  closeSend(tcb: Tcb, now: number): void {
    calls.closeSend(tcb, now);
    this.#connections.touch(tcb);
  }

  /** CLOSE of both directions, as close(2): unread data makes it an RST. */
  close(tcb: Tcb, now: number): void {
    calls.closeBoth(tcb, now);
    this.#connections.touch(tcb);
  }

  /** ABORT: RST. */
  abort(tcb: Tcb, now: number): void {
    calls.abort(tcb, now);
    this.#connections.touch(tcb);
  }

  /** The user lets go of the connection: it ends by itself, and nobody reads what still comes. */
  release(tcb: Tcb): void {
    tcb.held = false;
    tcb.user = null;
    if (tcb.state === CLOSED) forgetUnread(tcb);
  }

  /**
   * A UDP socket (RFC 768). Port 0: one that is free. Throws CallError: EADDRINUSE, EADDRNOTAVAIL, EINVAL. It is asked whether something
   * came (`queue.count`, `error`): no event tells.
   */
  udp(port = 0, local: Address | null = null): UdpSocket {
    checkPort(port, 0);
    if (local !== null && !this.local.owns(local.a, local.b, local.c, local.d)) {
      throw new CallError("EADDRNOTAVAIL", `${local} is not an address of this stack`);
    }
    const first = this.local.own[0]!;
    const wanted = port > 0 ? port : this.#ports.choose(first, first, 0, (each) => this.#udp.isFree(each));
    const socket = wanted < 0 ? null : this.#udp.bind(local, wanted);
    if (socket === null) throw new CallError("EADDRINUSE", `UDP port ${port} is already in use`);
    return socket;
  }

  /** Sends a datagram. False where there is no room for it now, or where it is longer than IP can carry. */
  sendDatagram(socket: UdpSocket, octets: Uint8Array, remote: Address, remotePort: number): boolean {
    return this.#udp.send(socket, octets, socket.local ?? this.#defaultSource(remote), remote, remotePort);
  }

  /** Takes the oldest datagram: how long it was, or -1 where there is none. */
  receiveDatagram(socket: UdpSocket, into: Uint8Array): number {
    return this.#udp.receive(socket, into);
  }

  closeUdp(socket: UdpSocket): void {
    this.#udp.unbind(socket);
  }

  /** Changes the defaults; connections and listeners that exist keep theirs. */
  setDefaults(params: TcpSettings): void {
    this.params = withSettings(this.params, params);
    this.pathMtu.floor = this.params.icmpErrors.pathMtuFloor;
  }

  /** The link's MTU changed: connections that open from now on, and what is sent in fragments, go by it. */
  setMtu(mtu: number): void {
    this.mtu = mtu;
    this.pathMtu.linkMtu = mtu;
  }

  /** Changes options of an open connection: from now on it goes by them. What was agreed in the handshake stays. */
  setParams(tcb: Tcb, params: TcpSettings, now: number): void {
    calls.setParams(tcb, params, now);
    this.#connections.touch(tcb);
  }

  /** Something of the connection was changed from outside (an option): it may have something to send now. */
  touch(tcb: Tcb): void {
    this.#connections.touch(tcb);
  }

  /** STATUS. */
  info(tcb: Tcb, now?: number): TcpInfo {
    return info(tcb, now);
  }

  /** The next connection or listener with something to tell, or undefined. A connection's `events` are the reader's to clear. */
  nextEvent(): Tcb | PassiveOpen | undefined {
    const next = this.#connections.events.shift();
    if (next !== undefined) next.inEvents = false;
    return next;
  }

  /** All connections, in any state but CLOSED. Those that sleep wake, and fall asleep again in time. */
  *connections(): Iterable<Tcb> {
    for (const row of this.#connections.demux.values()) yield this.#connections.awake(row);
  }

  /** The TCB of a connection that sleeps: whoever let it sleep (`Sleeper`) wants to act on it. */
  wake(dormant: Dormant): Tcb {
    return this.#connections.awake(dormant);
  }

  /** How many connections are folded up, because nothing has happened on them for a while. */
  get asleepCount(): number {
    return this.#connections.asleep;
  }

  get connectionCount(): number {
    return this.#connections.demux.size;
  }

  /** Records of segments in flight, over all connections: none after the last one ended. */
  get recordsInUse(): number {
    return this.#records.used;
  }

  // --- Output ------------------------------------------------------------------------------------------------------

  #address(tcb: Tcb, ecn: number): void {
    const send = this.#send;
    const { local, remote, params, path } = tcb;
    send.setSource(local.a, local.b, local.c, local.d);
    send.setDestination(remote.a, remote.b, remote.c, remote.d);
    send.protocol = protocol.TCP;
    send.ttl = params.ttl;
    send.tos = (params.tos & 0xfc) | ecn;
    send.dontFragment = params.pathMtuDiscovery && !path.belowFloor;
  }

  /** An ICMP message, a datagram or an RST: what is larger than the path carries goes in fragments. */
  #finishPacket(packet: Packet, now: number): void {
    const send = this.#send;
    this.#ipOutput.prepend(packet, send);
    const mtu = this.pathMtu.get(send.d0, send.d1, send.d2, send.d3, now);
    if (!this.#fragmenter.canFragment(packet, mtu)) return;
    const id = send.family === 6 ? this.#ipOutput.nextIdentification(send, 1) : 0;
    this.#fragmenter.begin(packet, mtu, id);
    this.#fragmenter.next(packet);
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
      this.#connections.demux.find(
        local.a,
        local.b,
        local.c,
        local.d,
        port,
        remote.a,
        remote.b,
        remote.c,
        remote.d,
        remotePort,
      ) === null;
    if (wanted !== 0) {
      checkPort(wanted, 1);
      if (free(wanted)) return wanted;
      throw new CallError("EADDRINUSE", `a connection ${local}:${wanted} to ${remote}:${remotePort} exists already`);
    }
    const port = this.#ports.choose(local, remote, remotePort, free);
    if (port < 0) throw new CallError("EADDRNOTAVAIL", `no port is free for ${remote}:${remotePort}`);
    return port;
  }
}

function checkPort(port: number, first: number): void {
  if (!Number.isInteger(port) || port < first || port > 0xffff) {
    throw new CallError("EINVAL", `port ${port} is not a number from ${first} to 65535`);
  }
}

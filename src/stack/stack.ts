/**
 * One TCP/IP stack: packets in, packets out, the time passed as an argument, and calls from the user. It has no clock, no device and no
 * randomness of its own, so a run is a function of its options, its packets, its calls and their times.
 *
 * The driver calls `input`, `advance`, `poll` and `nextDeadline`; the user makes the calls. Between the two are one list of connections
 * with something to send, and one of connections with events to report. The file is longer than others because all of this shares its
 * private fields.
 */
import { assert } from "#base/assert";
import { Counters } from "#base/counters";
import { HEADROOM, type Packet } from "#base/packet";
import { Prng } from "#base/prng";
import { SipHash } from "#base/siphash";
import { Slab } from "#base/slab";
import { NEVER } from "#base/time";
import { EV_DROP, EV_TX, Trace } from "#base/trace";
import { ECHO_REPLY, ERROR, Icmp } from "#icmp/icmp";
import { IcmpError } from "#icmp/read-error";
import type { Address } from "#ip/address";
import { Fragmenter } from "#ip/fragmenter";
import { DELIVER, IpHeader, REPLY } from "#ip/header";
import { IpInput } from "#ip/input";
import { LocalAddresses } from "#ip/local";
import { IpOutput } from "#ip/output";
import { PathMtu } from "#ip/path-mtu";
import type { Prefix } from "#ip/prefix";
import { IpSend } from "#ip/send";
import * as calls from "#tcp/machine/calls";
import { finish } from "#tcp/machine/finish";
import { info, type TcpInfo } from "#tcp/machine/info";
import { pollTransmit } from "#tcp/machine/output";
import { timeouts } from "#tcp/machine/timeouts";
import { FastOpen } from "#tcp/open/fast-open";
import { quickAck } from "#tcp/receive/acknowledging";
import { keepArrival } from "#tcp/receive/arrival";
import { refused } from "#tcp/send/refused";
import { Arrival, TAKES_NONE } from "#tcp/words/arrival";
import { Attempt } from "#tcp/words/attempt";
import type { Dormant } from "#tcp/words/dormant";
import { OK } from "#tcp/words/error";
import * as M from "#tcp/words/marks";
import { DEFAULT_PARAMS, type TcpParams, type TcpSettings, withSettings } from "#tcp/words/params";
import { PassiveOpen } from "#tcp/words/passive-open";
import { RangePool } from "#tcp/words/ranges";
import { Records } from "#tcp/words/records";
import { SEND_CONTINUED } from "#tcp/words/send-flags";
import { CLOSED, SYN_RECEIVED } from "#tcp/words/state";
import { EVENT_READABLE, Tcb, type TcpEnv } from "#tcp/words/tcb";
import * as ipv6 from "#wire/ipv6";
import * as protocol from "#wire/protocol";
import * as tcphdr from "#wire/tcp";
import { CallError } from "./call-error.ts";
import { Connections, forgetUnread, IP_TIMER, SLEEP_TIMER } from "./connections.ts";
import { Datagrams } from "./datagrams.ts";
import { Echo } from "./echo.ts";
import { DEFAULT_LIMITS, type Limits } from "./limits.ts";
import { Listeners } from "./listeners.ts";
import { Loopback } from "./loopback.ts";
import { checkPort, type IsFree, Ports } from "./ports.ts";
import type { RefusedSyns } from "./refused-syns.ts";
import { Routing } from "./routing.ts";
import type { Siblings } from "./siblings.ts";
import { SynFlood } from "./syn-flood.ts";
import { TcpInput } from "./tcp-input.ts";

export interface StackOptions {
  /** Our addresses; the first of each family is the default source. */
  addresses: readonly Address[];
  /** The prefixes of our links, which determine the broadcast addresses. */
  prefixes?: readonly Prefix[];
  /** A prefix of which every address is ours (promiscuous), except those in `except` (the kernel's). */
  owned?: Prefix | null;
  except?: readonly Address[];
  /** The largest IP packet of the link, octets. */
  mtu: number;
  /** What the device can do (`Offload` of `#device/device`). */
  offload?: { readonly checksum: boolean; readonly tso4: boolean; readonly tso6: boolean };
  /** The seed of everything random, also of the secret unless that is given. Outside simulations it must be truly random. */
  seed: number;
  /** A secret of two int32 words; derived from the seed if absent. */
  secret?: readonly [number, number];
  /** Defaults of every connection. */
  params?: TcpSettings;
  limits?: Partial<Limits>;
  /** Records of the event ring between two drains; 0: no trace. */
  trace?: number;
  /**
   * Called during a SEND that has filled one piece of the send queue and has more data, to poll segments that may be sent now, as Linux does.
   * Absent: data queued by SEND is sent at the driver's next poll.
   */
  whileSending?: (now: number) => void;
  /** The stacks with the same addresses and the same `secret`. */
  siblings?: Siblings;
}

export interface ActiveOpenOptions {
  local?: Address;
  /** 0 or absent: an ephemeral port. */
  localPort?: number;
  params?: TcpSettings;
  /** Time limit of the handshake, µs. 0 or absent: the limit in `params`. */
  timeout?: number;
}

export interface PassiveOpenOptions {
  /** Absent: every address of ours. */
  local?: Address;
  /** Only this remote may connect. */
  remote?: Address;
  remotePort?: number;
  /** The most connections waiting to be accepted. */
  backlog?: number;
  params?: TcpSettings;
}

/** Room before a transport header for the IP header and the device's own. */
const LEAD = HEADROOM + ipv6.HEADER;
/** The most packets from the stack to itself in one `poll`; the driver then comes back at once. */
const LOOPS_MAX = 64;
/** Separates this use of the stack's secret from others. */
const FLOOD_LABEL = 0x666c6f64;
const NO_OFFLOAD = { checksum: false, tso4: false, tso6: false };

export class Stack {
  readonly slab: Slab;
  readonly counters = new Counters();
  readonly trace: Trace;
  readonly local: LocalAddresses;
  readonly limits: Readonly<Limits>;
  /** Defaults of new connections; `setDefaults` changes them. */
  params: Readonly<TcpParams>;
  mtu: number;
  readonly pathMtu: PathMtu;
  /** The key of our Fast Open cookies, and the cookies received from servers (RFC 7413). */
  readonly fastOpen: FastOpen;
  /** UDP sockets. */
  readonly datagrams: Datagrams;
  /** Echo requests (ping). */
  readonly echo: Echo;

  readonly #whileSending: ((now: number) => void) | undefined;
  readonly #siblings: Siblings | null;
  readonly #offload: { readonly checksum: boolean; readonly tso4: boolean; readonly tso6: boolean };
  readonly #ipInput: IpInput;
  readonly #ipOutput: IpOutput;
  readonly #fragmenter: Fragmenter;
  readonly #icmp: Icmp;
  readonly #ports: Ports;
  readonly #records: Records;
  readonly #env: TcpEnv;
  readonly #connections: Connections;
  readonly #listeners = new Listeners();
  readonly #tcpInput: TcpInput;
  readonly #flood: SynFlood;
  readonly #routing: Routing;
  readonly #loopback: Loopback;
  /** When `poll` stopped because of LOOPS_MAX; else NEVER. */
  #loopsAt = NEVER;
  /** Datagrams are next to be sent, before segments. */
  #datagramsFirst = true;
  /** The scratch area where the head of a segment is written. */
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
    this.#siblings = options.siblings ?? null;
    this.#offload = options.offload ?? NO_OFFLOAD;
    this.#scratch = this.slab.reserve(LEAD + tcphdr.HEADER_MAX) + LEAD;
    this.#ipInput = new IpInput(this.slab, this.local, this.counters);
    this.#ipOutput = new IpOutput(this.slab, hash, this.#offload.checksum);
    this.#fragmenter = new Fragmenter(this.slab);
    this.#icmp = new Icmp(this.slab, this.local, this.counters, {
      errorRate: limits.icmpRate,
      errorBurst: limits.icmpBurst,
      echoRate: limits.answerRate,
      echoBurst: limits.answerBurst,
    });
    this.fastOpen = new FastOpen(hash);
    this.#ports = new Ports(hash, prng, options.siblings);
    this.#routing = new Routing(this.local);
    this.#loopback = new Loopback(this.slab);
    this.datagrams = new Datagrams(this.slab, this.counters, this.#ports, this.#routing, this.pathMtu);
    this.echo = new Echo(this.slab, this.counters, prng, this.#routing, this.pathMtu);
    this.#records = new Records(limits.records);
    const env: TcpEnv = {
      slab: this.slab,
      counters: this.counters,
      trace: this.trace,
      records: this.#records,
      ranges: new RangePool(limits.ranges),
      prng,
      hash,
      fastOpen: this.fastOpen,
      attempt: new Attempt(),
      arrival: new Arrival(),
    };
    this.#env = env;
    this.#connections = new Connections(env, this.pathMtu, limits, this.#siblings);
    this.#flood = new SynFlood(this.slab.view, this.counters, this.trace, limits, hash.begin().word(FLOOD_LABEL).end());
    this.#tcpInput = new TcpInput(env, this.#connections, this.#listeners, this.#flood, limits, () => this.params);
    this.#tcpInput.siblings = this.#siblings;
  }

  // --- The driver's side -------------------------------------------------------------------------------------------

  /** Processes a packet from the device. The caller may reuse its bytes on return, unless `hasText` is true then. */
  input(packet: Packet, now: number): void {
    assert(this.#env.arrival.tcb === null, "text of the last packet must have been taken or kept");
    const header = this.#header;
    const verdict = this.#ipInput.input(packet, header, now);
    if (verdict === DELIVER) {
      if (header.protocol === protocol.TCP) this.#tcpInput.segment(packet, header, now);
      else if (header.protocol === protocol.UDP) {
        if (!this.datagrams.input(header) && !this.#handOver(packet)) this.#icmp.portUnreachable(header, now);
      } else if (!this.#icmpMessage(header, now)) this.#handOver(packet);
    } else {
      if (verdict === REPLY) this.#icmp.error(header, now);
      if (header.mark !== 0) this.trace.record(now, EV_DROP, header.mark, -1, packet.n);
    }
    this.#connections.deadlines.arm(IP_TIMER, this.#ipInput.nextDeadline());
  }

  /** Whether more SYNs come than can be answered. Then ask `sheds` about each packet before `input`. */
  isFlooded(now: number): boolean {
    return this.#flood.isOn(now);
  }

  /** Whether the packet is dropped at first sight, and counted: it must not be given to `input`. */
  sheds(packet: Packet, now: number): boolean {
    return this.#flood.sheds(packet, now);
  }

  /** Whether another stack of these addresses now looks for what the packet belongs to. */
  #handOver(packet: Packet): boolean {
    return this.#siblings?.handOver(packet, this.#header) ?? false;
  }

  /** Takes an ICMP message: echo requests are answered, replies and errors go to what they are about. False if nothing here is. */
  #icmpMessage(header: IpHeader, now: number): boolean {
    const e = this.#error;
    const what = this.#icmp.input(header, e, now);
    if (what === ECHO_REPLY) return this.echo.input(header, now);
    if (what !== ERROR) return true;
    if (e.protocol === protocol.UDP) return this.datagrams.icmpError(e, now);
    if (e.protocol === protocol.TCP) return this.#tcpInput.icmpError(e, now);
    if (e.protocol !== protocol.ICMP && e.protocol !== protocol.ICMPV6) return true;
    return this.echo.icmpError(e, header, now);
  }

  #armIpTimer(): void {
    this.#connections.deadlines.arm(IP_TIMER, Math.min(this.#ipInput.nextDeadline(), this.echo.nextDeadline()));
  }

  /**
   * Whether text of the packet was not copied, because its user takes text from packets (`takeFromPackets`). Let the user take it, and
   * call `keepText` before anything else.
   */
  hasText(): boolean {
    return this.#env.arrival.tcb !== null;
  }

  /** Whose text it is. */
  get textOf(): Tcb | null {
    return this.#env.arrival.tcb;
  }

  /** Copies to the receive queue what the user left of the text in the packet, and reports that it can be read. */
  keepText(): void {
    const tcb = keepArrival(this.#env);
    if (tcb !== null) this.remind(tcb);
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
        this.echo.advance(now);
        this.#armIpTimer();
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

  /** Fills `packet` with the next packet to send; false if there is none. Its bytes are valid until the next call of the stack. */
  poll(packet: Packet, now: number): boolean {
    this.#loopsAt = NEVER;
    for (let loops = 0; loops < LOOPS_MAX; loops++) {
      if (!this.#next(packet, now)) return false;
      if (!this.#routing.isInside(this.#send)) return true;
      this.#ipInput.fromInside = true;
      this.input(this.#loopback.carry(packet), now);
      // No user is called from here.
      this.keepText();
      this.#ipInput.fromInside = false;
    }
    this.#loopsAt = now;
    return false;
  }

  /** Makes the next packet, whose addresses are in `#send`. Datagrams and segments take turns. */
  #next(packet: Packet, now: number): boolean {
    packet.clear();
    this.#connections.memoryFreed();
    if (this.#fragmenter.next(packet)) return true;
    const { resets } = this.#tcpInput;
    const send = this.#send;
    if (resets.poll(packet, send) || this.#icmp.poll(packet, send) || this.#pollEcho(packet, now)) {
      if (send.protocol === protocol.TCP && this.trace.enabled) this.#traceAnswer(packet, now);
      this.#finishPacket(packet, now);
      return true;
    }
    this.#datagramsFirst = !this.#datagramsFirst;
    if (this.#datagramsFirst) return this.#pollDatagram(packet, now) || this.#pollSegment(packet, now);
    return this.#pollSegment(packet, now) || this.#pollDatagram(packet, now);
  }

  #pollEcho(packet: Packet, now: number): boolean {
    if (!this.echo.poll(packet, this.#send, now)) return false;
    this.#armIpTimer();
    return true;
  }

  #pollDatagram(packet: Packet, now: number): boolean {
    if (!this.datagrams.poll(packet, this.#send, now)) return false;
    this.#finishPacket(packet, now);
    return true;
  }

  #pollSegment(packet: Packet, now: number): boolean {
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
      // It may have more to send; put it behind the others.
      this.#connections.output.push(tcb);
      this.#address(tcb, packet.ecn);
      this.#ipOutput.prepend(packet, this.#send);
      return true;
    }
  }

  /**
   * The device refused the packet that `poll` returned last, because its own queue is full (ENOBUFS). A segment counts as not sent, and is
   * tried again after at most half a second. A datagram or an ICMP message is lost.
   */
  sendFailed(packet: Packet, now: number): void {
    const tcb = packet.connection < 0 ? null : this.#connections.byId(packet.connection);
    if (tcb === null) return;
    refused(tcb, now);
    this.#connections.touch(tcb);
  }

  /** When `advance` must be called next, or NEVER. */
  nextDeadline(): number {
    return Math.min(this.#loopsAt, this.#connections.deadlines.next());
  }

  /** Records SYNs for ports without a listener. Whoever sets it must clear it when `hasEvents` is true. */
  get refused(): RefusedSyns | null {
    return this.#tcpInput.refused;
  }

  set refused(refused: RefusedSyns | null) {
    this.#tcpInput.refused = refused;
  }

  hasEvents(): boolean {
    if (this.#connections.events.size > 0 || this.datagrams.hasEvents() || this.echo.hasEvents()) return true;
    return this.refused !== null && this.refused.count > 0;
  }

  // --- The user's side ---------------------------------------------------------------------------------------------

  /**
   * Active OPEN. Throws CallError: EINVAL (an address no host has, MUST-46), EADDRNOTAVAIL (a local address that is not
   * ours, or no port left), EADDRINUSE (the 4-tuple is taken), ENOBUFS (limit of connections). The remote may be one of our own
   * addresses, or a loopback one.
   */
  connect(remote: Address, remotePort: number, options: ActiveOpenOptions, now: number): Tcb {
    this.#routing.checkHost(remote);
    checkPort(remotePort, 1);
    const local = this.#routing.source(remote, options.local ?? null);
    const port = this.#localPort(local, options.localPort ?? 0, remote, remotePort);
    const params = withSettings(this.params, options.params ?? {});
    const tcb = this.#connections.create(params, { local, localPort: port, remote, remotePort }, now);
    tcb.held = true;
    calls.open(tcb, now);
    if (options.timeout) calls.limitHandshake(tcb, now + options.timeout);
    this.#connections.touch(tcb);
    return tcb;
  }

  /** Passive OPEN. Port 0: any that is free (RFC 6056). Throws CallError: EADDRINUSE, EADDRNOTAVAIL, EINVAL. */
  listen(port: number, options: PassiveOpenOptions = {}): PassiveOpen {
    checkPort(port, 0);
    const { local = null, remote = null, remotePort = 0, backlog = 128 } = options;
    this.#routing.checkLocal(local);
    const chosen = port > 0 ? port : this.#ports.chooseLocal(local, (each) => this.#listeners.isFree(each));
    if (chosen < 0) throw new CallError("EADDRINUSE", "no port is free for a listener");
    const params = withSettings(this.params, options.params ?? {});
    const listener = new PassiveOpen(local, chosen, params, backlog, remote, remotePort);
    this.#listeners.add(listener);
    return listener;
  }

  /** The oldest connection waiting to be accepted, or null. It may have ended meanwhile: check its state. */
  accept(listener: PassiveOpen): Tcb | null {
    const tcb = listener.ready.shift() ?? null;
    if (tcb !== null) {
      tcb.listener = null;
      tcb.held = true;
      // It has a user now, which may allow it to sleep.
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
      // A half-open connection ends silently: the peer's next segment gets an RST.
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
   * SEND. Returns the octets taken (fewer when buffers are full), or a negative error code.
   * @param flags SEND_* (`#tcp/words/send-flags`): more follows, this ends a record, this is urgent
   */
  send(tcb: Tcb, source: Uint8Array, from: number, n: number, now: number, flags = 0): number {
    const taken = this.#take(tcb, source, from, n, flags, now);
    if (taken >= 0) this.#connections.touch(tcb);
    if (taken >= 0 && taken < n && calls.sendRoom(tcb, n - taken) > 0) this.#connections.waitForMemory(tcb);
    return taken;
  }

  /** Queues the data piece by piece if the buffering policy counts room so: sending one piece makes room for the next. */
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

  /** Whether SEND would take enough octets to make waking a writer worthwhile. */
  writable(tcb: Tcb): boolean {
    return calls.writable(tcb) && calls.mayTake(tcb);
  }

  /** Holds back segments smaller than the MSS, or releases them (TCP_CORK). */
  cork(tcb: Tcb, on: boolean, now: number): void {
    calls.cork(tcb, on, now);
    this.#connections.touch(tcb);
  }

  /** Everything queued so far is urgent (RFC 9293 MUST-30). */
  markUrgent(tcb: Tcb): void {
    calls.markUrgent(tcb);
    this.#connections.touch(tcb);
  }

  /** RECEIVE. Returns how many octets were copied to `target` at offset `to`. */
  receive(tcb: Tcb, target: Uint8Array, to: number, n: number): number {
    const taken = calls.receive(tcb, target, to, n);
    this.#connections.memoryFreed();
    if (tcb.ackNow !== 0) this.#connections.touch(tcb);
    return taken;
  }

  /**
   * A view of the next octets that RECEIVE would copy, up to the end of their page or packet, valid until the next call of the stack. Not empty if
   * anything is unread.
   */
  unread(tcb: Tcb): Uint8Array {
    return calls.view(tcb);
  }

  /**
   * The user can take text directly from packets, during the turn (`hasText`), if it has at least `least` octets. By default, and with
   * null, all text goes to the receive queue.
   */
  takeFromPackets(tcb: Tcb, least: number | null): void {
    tcb.takesFrom = least ?? TAKES_NONE;
  }

  /** Reports after the turn that the connection can be read. */
  remind(tcb: Tcb): void {
    tcb.events |= EVENT_READABLE;
    if (tcb.held) this.#connections.tell(tcb);
  }

  /**
   * RECEIVE without consuming the octets.
   * @param after octets to skip first
   */
  peek(tcb: Tcb, target: Uint8Array, to: number, n: number, after = 0): number {
    return calls.peek(tcb, target, to, n, after);
  }

  /** On: sends ACKs at once, also one that is being delayed. Off: delays ACKs (TCP_QUICKACK). */
  quickAck(tcb: Tcb, on: boolean): void {
    quickAck(tcb, on);
    this.#connections.touch(tcb);
  }

  /** RECEIVE that discards the octets; returns how many. */
  discard(tcb: Tcb, n: number): number {
    const taken = calls.discard(tcb, n);
    this.#connections.memoryFreed();
    if (tcb.ackNow !== 0) this.#connections.touch(tcb);
    return taken;
  }

  /** CLOSE of our direction: sends FIN after the queued data; receiving continues. */
  closeSend(tcb: Tcb, now: number): void {
    calls.closeSend(tcb, now);
    this.#connections.touch(tcb);
  }

  /** CLOSE of both directions, as close(2): sends RST instead of FIN if data is unread. */
  close(tcb: Tcb, now: number): void {
    calls.closeBoth(tcb, now);
    this.#connections.touch(tcb);
  }

  /** ABORT: sends RST. */
  abort(tcb: Tcb, now: number): void {
    const current = this.#connections.current(tcb);
    calls.abort(current, now);
    this.#connections.touch(current);
    if (current !== tcb) calls.abort(tcb, now);
  }

  /** The user no longer uses the connection: it closes by itself, and data that still arrives is discarded. */
  release(tcb: Tcb): void {
    tcb.held = false;
    tcb.user = null;
    if (tcb.state === CLOSED) forgetUnread(tcb);
    else this.#connections.packTimeWait(tcb);
  }

  /** Changes the defaults; connections and listeners that exist keep theirs. */
  setDefaults(params: TcpSettings): void {
    this.params = withSettings(this.params, params);
    this.pathMtu.floor = this.params.icmpErrors.pathMtuFloor;
  }

  /** The link's MTU changed: applies to new connections and to fragmentation. */
  setMtu(mtu: number): void {
    this.mtu = mtu;
    this.pathMtu.linkMtu = mtu;
  }

  /** Changes options of an open connection. What was agreed in the handshake stays. */
  setParams(tcb: Tcb, params: TcpSettings, now: number): void {
    calls.setParams(tcb, params, now);
    this.#connections.touch(tcb);
  }

  /** Call after changing an option of the connection: it may now have something to send. */
  touch(tcb: Tcb): void {
    this.#connections.touch(tcb);
  }

  /** The present state, also of a connection that was released in TIME-WAIT. */
  state(tcb: Tcb): number {
    this.#connections.refresh(tcb);
    return tcb.state;
  }

  /** STATUS. */
  info(tcb: Tcb, now?: number): TcpInfo {
    this.#connections.refresh(tcb);
    return info(tcb, now);
  }

  /** The next connection or listener with events to report, or undefined. The caller must clear a connection's `events`. */
  nextEvent(): Tcb | PassiveOpen | undefined {
    const next = this.#connections.events.shift();
    if (next === undefined) return next;
    next.inEvents = false;
    if (next instanceof Tcb && !next.held) this.#connections.packTimeWait(next);
    return next;
  }

  /** All connections in any state but CLOSED. Sleeping ones are woken, and fall asleep again later. */
  *connections(): Iterable<Tcb> {
    for (const row of this.#connections.demux.values()) yield this.#connections.awake(row);
  }

  /** The TCB of a sleeping connection, on which its user (`Sleeper`) wants to act. */
  wake(dormant: Dormant): Tcb {
    return this.#connections.awake(dormant);
  }

  /** How many connections are stored in compact form because they are idle, or half-open. */
  get asleepCount(): number {
    return this.#connections.asleep;
  }

  get connectionCount(): number {
    return this.#connections.demux.size;
  }

  /** Records of segments in flight, over all connections: 0 after the last one has ended. */
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

  /** Records a segment of no connection, such as an RST: its sequence numbers are absolute. */
  #traceAnswer({ o, n, cause }: Packet, now: number): void {
    const v = this.slab.view;
    const flags = tcphdr.flags(v, o);
    const i = this.trace.record(now, EV_TX, cause, -1, tcphdr.seq(v, o) >>> 0, 0, flags);
    this.trace.more(i, flags & tcphdr.ACK ? tcphdr.ack(v, o) >>> 0 : 0, tcphdr.window(v, o), 0);
    this.trace.keep(i, this.slab.u8, o, n);
  }

  /** Completes an ICMP message, a datagram or an RST; fragments it if it exceeds the path MTU. */
  #finishPacket(packet: Packet, now: number): void {
    const send = this.#send;
    send.ttl = this.params.ttl;
    this.#ipOutput.prepend(packet, send);
    const mtu = this.pathMtu.get(send.d0, send.d1, send.d2, send.d3, now);
    if (!this.#fragmenter.canFragment(packet, mtu)) return;
    const id = send.family === 6 ? this.#ipOutput.nextIdentification(send, 1) : 0;
    this.#fragmenter.begin(packet, mtu, id);
    this.#fragmenter.next(packet);
  }

  // A connection from a port to itself would open by its own SYN (RFC 9293 §3.5): nobody means that by "any port".
  readonly #mayChoose: IsFree = (port, local, remote, remotePort) =>
    !(port === remotePort && local.equals(remote)) && this.#connections.isFree(port, local, remote, remotePort);

  #localPort(local: Address, wanted: number, remote: Address, remotePort: number): number {
    if (wanted !== 0) {
      checkPort(wanted, 1);
      if (this.#connections.isFree(wanted, local, remote, remotePort)) return wanted;
      throw new CallError("EADDRINUSE", `a connection ${local}:${wanted} to ${remote}:${remotePort} exists already`);
    }
    const port = this.#ports.choose(local, remote, remotePort, this.#mayChoose);
    if (port < 0) throw new CallError("EADDRNOTAVAIL", `no port is free for ${remote}:${remotePort}`);
    return port;
  }
}

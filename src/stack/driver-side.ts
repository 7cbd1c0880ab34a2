/**
 * The driver's side of a stack: packets in, packets out, and the time passed as an argument. The user's calls are in `Stack`. Between the two
 * are one list of connections with something to send, and one of connections with events to report.
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
import { Fragmenter } from "#ip/fragmenter";
import { DELIVER, IpHeader, REPLY } from "#ip/header";
import { IpInput } from "#ip/input";
import { LocalAddresses } from "#ip/local";
import { IpOutput } from "#ip/output";
import { PathMtu } from "#ip/path-mtu";
import { IpSend } from "#ip/send";
import { pollTransmit } from "#tcp/machine/output";
import { timeouts } from "#tcp/machine/timeouts";
import { FastOpen } from "#tcp/open/fast-open";
import { keepArrival } from "#tcp/receive/arrival";
import { refused } from "#tcp/send/refused";
import { SMALL_MAX } from "#tcp/send/segment-writer";
import { Arrival } from "#tcp/words/arrival";
import { Attempt } from "#tcp/words/attempt";
import { DEFAULT_PARAMS, type TcpParams, withSettings } from "#tcp/words/params";
import { RangePool } from "#tcp/words/ranges";
import { Records } from "#tcp/words/records";
import { EVENT_READABLE, type Tcb, type TcpEnv } from "#tcp/words/tcb";
import * as ipv6 from "#wire/ipv6";
import * as protocol from "#wire/protocol";
import * as tcphdr from "#wire/tcp";
import { Alarms } from "./alarms.ts";
import { Connections, IP_TIMER, SLEEP_TIMER } from "./connections.ts";
import { Datagrams } from "./datagrams.ts";
import { Echo } from "./echo.ts";
import { Floods } from "./floods.ts";
import { Interception } from "./interception.ts";
import { DEFAULT_LIMITS, icmpLimits, type Limits } from "./limits.ts";
import { Listeners } from "./listeners.ts";
import { Loopback } from "./loopback.ts";
import { NO_OFFLOAD, type StackOffload, type StackOptions } from "./options.ts";
import { Ports } from "./ports.ts";
import type { RefusedSyns } from "./refused-syns.ts";
import { Routing } from "./routing.ts";
import type { Siblings } from "./siblings.ts";
import { SynFlood } from "./syn-flood.ts";
import { TcpInput } from "./tcp-input.ts";

/** Room before a transport header for the IP header and the device's own. */
const LEAD = HEADROOM + ipv6.HEADER;
/** The most packets from the stack to itself in one `poll`; the driver then comes back at once. */
const LOOPS_MAX = 64;

/** What the driver calls: `input`, `advance`, `poll`, `nextDeadline`. */
export class DriverSide {
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
  /** What is sent to addresses and ports that nobody here has. */
  readonly interception: Interception;
  /** Timers of the layers above. */
  readonly alarms = new Alarms((at) => this.table.deadlines.arm(IP_TIMER, at));

  protected readonly whileSending: ((now: number) => void) | undefined;
  readonly #siblings: Siblings | null;
  readonly #offload: StackOffload;
  readonly #ipInput: IpInput;
  readonly #ipOutput: IpOutput;
  readonly #fragmenter: Fragmenter;
  readonly #icmp: Icmp;
  protected readonly ports: Ports;
  protected readonly records: Records;
  readonly #env: TcpEnv;
  protected readonly table: Connections;
  protected readonly listeners = new Listeners();
  readonly #tcpInput: TcpInput;
  readonly #flood: SynFlood;
  #floods: Floods | null = null;
  protected readonly routing: Routing;
  readonly #loopback: Loopback;
  /** When `poll` stopped because of LOOPS_MAX; else NEVER. */
  #loopsAt = NEVER;
  /** Datagrams are next to be sent, before segments. */
  #datagramsFirst = true;
  /** The scratch area where the head of a segment is written, and a small payload behind it. */
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
    this.whileSending = options.whileSending;
    this.#siblings = options.siblings ?? null;
    this.#offload = options.offload ?? NO_OFFLOAD;
    this.#scratch = this.slab.reserve(LEAD + tcphdr.HEADER_MAX + SMALL_MAX) + LEAD;
    this.#ipInput = new IpInput(this.slab, this.local, this.counters);
    this.#ipOutput = new IpOutput(this.slab, hash, this.#offload.checksum);
    this.#fragmenter = new Fragmenter(this.slab);
    this.#icmp = new Icmp(this.slab, this.local, this.counters, icmpLimits(limits));
    this.fastOpen = new FastOpen(hash);
    this.ports = new Ports(hash, prng, options.siblings);
    this.routing = new Routing(this.local);
    this.#loopback = new Loopback(this.slab);
    this.datagrams = new Datagrams(this.slab, this.counters, this.ports, this.routing, this.pathMtu);
    this.echo = new Echo(this.slab, this.counters, prng, this.routing, this.pathMtu);
    this.records = new Records(limits.records);
    const env: TcpEnv = {
      slab: this.slab,
      counters: this.counters,
      trace: this.trace,
      records: this.records,
      ranges: new RangePool(limits.ranges),
      prng,
      hash,
      fastOpen: this.fastOpen,
      attempt: new Attempt(),
      arrival: new Arrival(),
      pressure: { isOn: false },
    };
    this.#env = env;
    this.table = new Connections(env, this.pathMtu, limits, this.#siblings);
    this.#flood = new SynFlood(this.slab.view, this.counters, this.trace, limits, hash);
    this.#tcpInput = new TcpInput(env, this.table, this.listeners, this.#flood, limits, () => this.params);
    this.#tcpInput.siblings = this.#siblings;
    const { filter } = options;
    if (filter !== undefined) this.#floods = new Floods(filter, hash, this.#flood.key, this.counters, limits);
    for (const each of [this.table, this.listeners, this.datagrams, this.#flood, this.#tcpInput])
      each.floods = this.#floods;
    this.interception = new Interception(env, this.table, this.datagrams, this.#icmp, this.#tcpInput);
  }

  /** Processes a packet from the device. The caller may reuse its bytes on return, unless `hasText` is true then. */
  input(packet: Packet, now: number): void {
    assert(this.#env.arrival.tcb === null, "text of the last packet must have been taken or kept");
    const header = this.#header;
    this.#ipInput.takesForeign = this.interception.isOn;
    const verdict = this.#ipInput.input(packet, header, now);
    if (verdict === DELIVER) {
      if (header.protocol === protocol.TCP) this.#tcpInput.segment(packet, header, now);
      else if (header.protocol === protocol.UDP) {
        if (!this.datagrams.input(header, now) && !this.#handOver(packet)) this.#icmp.portUnreachable(header, now);
      } else if (!this.#icmpMessage(header, now)) this.#handOver(packet);
    } else {
      if (verdict === REPLY) this.#icmp.error(header, now);
      if (header.mark !== 0) this.trace.record(now, EV_DROP, header.mark, -1, packet.n);
    }
    if (this.interception.isOn) this.#armIpTimer();
    else this.table.deadlines.arm(IP_TIMER, this.#ipInput.nextDeadline());
  }

  /** Whether more SYNs come than can be answered. Then ask `sheds` about each packet before `input`. Call it for each batch of packets. */
  isFlooded(now: number, isDrained = true): boolean {
    this.#floods?.review(now, isDrained, !this.interception.isOn);
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
    this.table.deadlines.arm(
      IP_TIMER,
      Math.min(
        this.#ipInput.nextDeadline(),
        this.echo.nextDeadline(),
        this.interception.nextDeadline(),
        this.alarms.nextDeadline(),
      ),
    );
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

  /** Reports after the turn that the connection can be read. */
  remind(tcb: Tcb): void {
    tcb.events |= EVENT_READABLE;
    if (tcb.held) this.table.tell(tcb);
  }

  /** Fires every timer that is due. */
  advance(now: number): void {
    for (;;) {
      const id = this.table.deadlines.pop(now);
      if (id < 0) return;
      if (id === IP_TIMER) {
        while (this.#ipInput.nextDeadline() <= now) {
          if (this.#ipInput.expire(this.#header, now) === REPLY) this.#icmp.error(this.#header, now);
        }
        this.echo.advance(now);
        this.interception.advance(now);
        this.alarms.advance(now);
        this.#armIpTimer();
        continue;
      }
      if (id === SLEEP_TIMER) {
        this.table.sleep(now);
        continue;
      }
      const tcb = this.table.byId(id);
      if (tcb === null) continue;
      timeouts(tcb, now);
      this.table.paths.believeClaim(tcb, now);
      this.table.touch(tcb);
    }
  }

  /** Fills `packet` with the next packet to send; false if there is none. Its bytes are valid until the next call of the stack. */
  poll(packet: Packet, now: number): boolean {
    this.#loopsAt = NEVER;
    for (let loops = 0; loops < LOOPS_MAX; loops++) {
      if (!this.#next(packet, now)) return false;
      if (!this.routing.isInside(this.#send)) return true;
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
    this.table.memoryFreed();
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
      const tcb = this.table.nextToSend(now);
      if (tcb === undefined) return false;
      packet.o = this.#scratch;
      this.table.paths.learnPath(tcb, now);
      const superSegments = tcb.remote.family === 4 ? this.#offload.tso4 : this.#offload.tso6;
      if (!pollTransmit(tcb, packet, superSegments, now)) {
        this.table.settle(tcb, now);
        continue;
      }
      // It may have more to send; put it behind the others.
      this.table.output.push(tcb);
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
    const tcb = packet.connection < 0 ? null : this.table.byId(packet.connection);
    if (tcb === null) return;
    refused(tcb, now);
    this.table.touch(tcb);
  }

  /** When `advance` must be called next, or NEVER. */
  nextDeadline(): number {
    return Math.min(this.#loopsAt, this.table.deadlines.next());
  }

  /** Records SYNs for ports without a listener. Whoever sets it must clear it when `hasEvents` is true. */
  get refused(): RefusedSyns | null {
    return this.#tcpInput.refused;
  }

  set refused(refused: RefusedSyns | null) {
    this.#tcpInput.refused = refused;
  }

  hasEvents(): boolean {
    if (this.table.events.size > 0 || this.datagrams.hasEvents() || this.echo.hasEvents()) return true;
    if (this.interception.isOn && this.interception.hasEvents()) return true;
    if (this.alarms.hasEvents()) return true;
    return this.refused !== null && this.refused.count > 0;
  }

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
}

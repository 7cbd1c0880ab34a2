/**
 * Whatever is sent to an address or port that nobody here has, as gVisor's forwarders take it: SYNs are held until the user decides,
 * datagrams become flows, echo requests wait for an answer. The stack then speaks as the destination. Bounded: held SYNs and flows by
 * number and time, echo requests by number and octets.
 */
import { NEVER } from "#base/time";
import type { HeldEcho } from "#icmp/held-echoes";
import type { Icmp } from "#icmp/icmp";
import { IpHeader } from "#ip/header";
import { readHeader4, readHeader6 } from "#ip/read-header";
import { closed, openPassive } from "#tcp/machine/arrives";
import type { TcpParams } from "#tcp/words/params";
import { Reset } from "#tcp/words/reset";
import { readSegment, Segment } from "#tcp/words/segment";
import { TIME_WAIT } from "#tcp/words/state";
import type { Ends, Tcb, TcpEnv } from "#tcp/words/tcb";
import * as icmpv4 from "#wire/icmpv4";
import * as icmpv6 from "#wire/icmpv6";
import * as ipv4 from "#wire/ipv4";
import * as ipv6 from "#wire/ipv6";
import * as protocol from "#wire/protocol";
import * as tcphdr from "#wire/tcp";
import * as udphdr from "#wire/udp";
import { CallError } from "./call-error.ts";
import type { Connections } from "./connections.ts";
import type { Datagrams, Flow } from "./datagrams.ts";
import { HeldSyn, HeldSyns } from "./held-syns.ts";
import type { TcpInput } from "./tcp-input.ts";

export { type Flow, type HeldEcho, HeldSyn };

/** What is intercepted, and its bounds. */
export interface InterceptionLimits {
  /** The most SYNs that wait for a decision; 0: SYNs are not intercepted. */
  readonly syns: number;
  /** The most flows of datagrams; 0: datagrams are not intercepted. */
  readonly flows: number;
  /** A flow ends after so long without a datagram, µs. */
  readonly flowIdle: number;
  readonly echoes: boolean;
}

/** Why a destination cannot be reached. */
export type Unreachable = "network" | "host" | "prohibited" | "port";

const CODES_4: Readonly<Record<Unreachable, number>> = {
  network: icmpv4.NET_UNREACHABLE,
  host: icmpv4.HOST_UNREACHABLE,
  prohibited: icmpv4.ADMINISTRATIVELY_PROHIBITED,
  port: icmpv4.PORT_UNREACHABLE,
};
const CODES_6: Readonly<Record<Unreachable, number>> = {
  network: icmpv6.NO_ROUTE,
  host: icmpv6.ADDRESS_UNREACHABLE,
  prohibited: icmpv6.ADMINISTRATIVELY_PROHIBITED,
  port: icmpv6.PORT_UNREACHABLE,
};

/** Room for the headers that an ICMP error quotes. */
const QUOTE = ipv6.HEADER + tcphdr.HEADER_MAX;
/** Separates this use of the stack's secret from others. */
const FLOW_LABEL = 0x666c6f77;

export class Interception {
  /** Whether anything is intercepted: packets to foreign addresses are then ours. */
  isOn = false;
  readonly #env: TcpEnv;
  readonly #connections: Connections;
  readonly #datagrams: Datagrams;
  readonly #icmp: Icmp;
  readonly #tcpInput: TcpInput;
  readonly #syns: HeldSyns;
  readonly #segment = new Segment();
  readonly #reset = new Reset();
  readonly #header = new IpHeader();
  /** Where headers are written that an ICMP error quotes, or that `accept` reads. */
  readonly #scratch: number;

  /** Reserves a region of the slab, so make it before the first page is allocated. */
  constructor(env: TcpEnv, connections: Connections, datagrams: Datagrams, icmp: Icmp, tcpInput: TcpInput) {
    this.#env = env;
    this.#connections = connections;
    this.#datagrams = datagrams;
    this.#icmp = icmp;
    this.#tcpInput = tcpInput;
    this.#syns = new HeldSyns(env.slab);
    this.#scratch = env.slab.reserve(QUOTE);
  }

  // --- Calls -------------------------------------------------------------------------------------------------------

  begin({ syns, flows, flowIdle, echoes }: InterceptionLimits): void {
    if (this.isOn) throw new CallError("EALREADY", "this stack intercepts already");
    this.isOn = true;
    this.#syns.limit = syns;
    this.#tcpInput.held = syns > 0 ? this.#syns : null;
    this.#datagrams.flows.begin(flows, flowIdle, this.#env.hash.begin().word(FLOW_LABEL).end());
    this.#icmp.held.isForeign = true;
    this.#icmp.held.isWanted = echoes;
  }

  /** Ends it: held SYNs are dropped, flows end, connections go on as long as they last. */
  end(): void {
    this.isOn = false;
    this.#tcpInput.held = null;
    this.#syns.releaseAll();
    this.#datagrams.flows.stop();
    this.#icmp.held.isForeign = false;
    while (this.#icmp.held.take() !== undefined);
  }

  /** The next held SYN that was not reported, or undefined. */
  nextSyn(): HeldSyn | undefined {
    for (let next = this.#syns.events.shift(); next !== undefined; next = this.#syns.events.shift()) {
      if (next.isOpen) return next;
    }
    return undefined;
  }

  /** The next flow that has begun, or undefined. */
  nextFlow(): Flow | undefined {
    return this.#datagrams.flows.begun.shift();
  }

  /** The next flow that has ended by itself, or undefined. */
  nextEnded(): Flow | undefined {
    return this.#datagrams.flows.ended.shift();
  }

  nextEcho(): HeldEcho | undefined {
    return this.#icmp.held.take();
  }

  hasEvents(): boolean {
    const { begun, ended } = this.#datagrams.flows;
    return this.#syns.events.size > 0 || begun.size > 0 || ended.size > 0 || this.#icmp.held.size > 0;
  }

  /**
   * Accepts the connection of a held SYN: the handshake goes on as if it had arrived now. Null if the SYN is over. Throws CallError ENOBUFS
   * at the limit of connections; the SYN is then still held.
   */
  accept(held: HeldSyn, params: Readonly<TcpParams>, now: number): Tcb | null {
    if (!held.isOpen) return null;
    const connections = this.#connections;
    const { local: l, localPort, remote: r, remotePort } = held.ends;
    const row = connections.demux.find(l.a, l.b, l.c, l.d, localPort, r.a, r.b, r.c, r.d, remotePort);
    const old = row === null ? null : connections.awake(row);
    if (old !== null && old.state !== TIME_WAIT) {
      // Our user has opened a connection between these ends meanwhile.
      this.#syns.release(held);
      return null;
    }
    if (old !== null) connections.replace(old, now);
    const tcb = connections.create(params, held.ends, now);
    this.#syns.release(held);
    tcb.held = true;
    openPassive(tcb, this.#read(held), now, old);
    connections.touch(tcb);
    return tcb;
  }

  /** Answers a held SYN with an RST: nobody listens there. */
  refuse(held: HeldSyn): void {
    if (!this.#syns.release(held)) return;
    const { localPort, remotePort } = held.ends;
    closed(this.#read(held), this.#reset);
    this.#quote(held.ends, protocol.TCP, held.header.length);
    this.#tcpInput.answer(this.#header, localPort, remotePort, this.#reset);
  }

  /** Answers a held SYN with an ICMP error. */
  unreachable(held: HeldSyn, why: Unreachable, now: number): void {
    if (!this.#syns.release(held)) return;
    this.#quote(held.ends, protocol.TCP, held.header.length);
    this.#env.slab.u8.set(held.header, this.#header.o);
    this.#error(why, now);
  }

  /** Drops a held SYN without an answer: its sender repeats it. */
  drop(held: HeldSyn): void {
    this.#syns.release(held);
  }

  /** Sends an ICMP error about the datagrams of a flow. */
  flowUnreachable(flow: Flow, why: Unreachable, now: number): void {
    if (flow.isClosed) return;
    const ends = { local: flow.local!, localPort: flow.port, remote: flow.remote!, remotePort: flow.remotePort };
    this.#quote(ends, protocol.UDP, udphdr.HEADER);
    udphdr.write(this.#env.slab.view, this.#header.o, flow.remotePort, flow.port, udphdr.HEADER);
    this.#error(why, now);
  }

  /** Ends a flow; the next datagram begins another one. */
  endFlow(flow: Flow): void {
    this.#datagrams.flows.end(flow);
    flow.user = null;
  }

  answerEcho(echo: HeldEcho): boolean {
    return this.#icmp.answer(echo);
  }

  /** Sends an ICMP error about an echo request. */
  echoUnreachable(echo: HeldEcho, why: Unreachable, now: number): void {
    const { source, destination, identifier, sequence } = echo;
    const four = source.family === 4;
    const ends = { local: destination, localPort: 0, remote: source, remotePort: 0 };
    this.#quote(ends, four ? protocol.ICMP : protocol.ICMPV6, icmpv4.HEADER);
    const type = four ? icmpv4.ECHO_REQUEST : icmpv6.ECHO_REQUEST;
    icmpv4.write(this.#env.slab.view, this.#header.o, type, 0, (identifier << 16) | sequence);
    this.#error(why, now);
  }

  // --- For the stack -----------------------------------------------------------------------------------------------

  advance(now: number): void {
    if (!this.isOn) return;
    this.#syns.advance(now);
    this.#datagrams.flows.advance(now);
  }

  nextDeadline(): number {
    if (!this.isOn) return NEVER;
    return Math.min(this.#syns.nextDeadline(), this.#datagrams.flows.nextDeadline());
  }

  #read(held: HeldSyn): Segment {
    const { slab } = this.#env;
    slab.u8.set(held.header, this.#scratch);
    readSegment(slab.view, this.#scratch, held.header.length, 0, held.tos & 3, this.#segment);
    return this.#segment;
  }

  /** Writes the IP header of a packet from `remote` to `local` with `n` octets, of which an error will be sent. */
  #quote({ local, remote }: Ends, upper: number, n: number): void {
    const { view } = this.#env.slab;
    const header = this.#header;
    const o = this.#scratch;
    if (local.family === 4) {
      ipv4.write(view, o, 0, ipv4.HEADER_MIN + n, 0, 0, 64, upper, remote.d, local.d);
      ipv4.setChecksum(view, o);
      readHeader4(view, o, header);
    } else {
      ipv6.write(view, o, 0, 0, n, upper, 64);
      ipv6.setSource(view, o, remote.a, remote.b, remote.c, remote.d);
      ipv6.setDestination(view, o, local.a, local.b, local.c, local.d);
      readHeader6(view, o, header);
    }
    header.group = false;
    header.protocol = upper;
    header.headerN = local.family === 4 ? ipv4.HEADER_MIN : ipv6.HEADER;
    header.o = o + header.headerN;
    header.n = n;
  }

  #error(why: Unreachable, now: number): void {
    const header = this.#header;
    const four = header.family === 4;
    header.errorType = four ? icmpv4.DESTINATION_UNREACHABLE : icmpv6.DESTINATION_UNREACHABLE;
    header.errorCode = (four ? CODES_4 : CODES_6)[why];
    header.errorParameter = 0;
    this.#icmp.error(header, now);
  }
}

/**
 * Echo requests of ours and their replies (RFC 792, RFC 4443 §4.1 and §4.2). A run sends requests to one host at an interval; each is
 * answered, reported unreachable by ICMP, or times out. It uses no clock: times are passed in.
 */
import type { Counters } from "#base/counters";
import { Fifo } from "#base/fifo";
import { mark } from "#base/mark";
import { HEADROOM, type Packet } from "#base/packet";
import type { Prng } from "#base/prng";
import type { Slab } from "#base/slab";
import { NEVER } from "#base/time";
import { Address } from "#ip/address";
import type { IpHeader } from "#ip/header";
import type { IpSend } from "#ip/send";
import * as icmpv4 from "#wire/icmpv4";
import * as icmpv6 from "#wire/icmpv6";
import * as ipv6 from "#wire/ipv6";
import { ICMP, ICMPV6 } from "#wire/protocol";
import type { IcmpError } from "./read-error.ts";

export const ECHO_SENT = mark("icmp.echo-sent", "echo request sent");
export const ECHO_ANSWERED = mark("icmp.echo-answered", "echo reply to a request of ours");
export const ECHO_TIMEOUT = mark("icmp.echo-timeout", "no echo reply within the timeout");
export const ECHO_UNKNOWN = mark("icmp.echo-unknown", "echo reply without a request of ours that is still waiting");
export const ECHO_ERROR = mark("icmp.echo-error", "an ICMP error about an echo request of ours");

/** The most data octets of an echo request: IPv4's total length includes both headers. */
export const ECHO_SIZE_MAX = 65_535 - 20 - icmpv4.HEADER;
/** The most requests of a run: the sequence number does not wrap. */
export const ECHO_COUNT_MAX = 65_535;
/** Limit of runs at one time. */
const RUNS_MAX = 1024;
/** Octets of the random token at the beginning of the data; smaller requests have none. */
const TOKEN = 8;

export interface EchoOptions {
  /** Number of requests, 1 to ECHO_COUNT_MAX. */
  readonly count: number;
  /** Time from one request to the next, and time to wait for each reply, µs. */
  readonly interval: number;
  readonly timeout: number;
  /** Data octets of each request. */
  readonly size: number;
}

/** What became of one request. */
export interface EchoResult {
  /** From 1. */
  readonly sequence: number;
  /** The round trip in µs; -1 without a reply. */
  readonly time: number;
  /** The TTL or hop limit of the reply; -1 without one. */
  readonly ttl: number;
  /** The ICMP error, as an error code of the stack; 0: none. Without time and error: nothing came in time. */
  readonly error: number;
  /** Who sent the ICMP error. */
  readonly reporter: Address | null;
}

/** Requests to one host. Its fields belong to `EchoRequests`. */
export class EchoRun {
  readonly identifier: number;
  readonly local: Address;
  readonly remote: Address;
  readonly options: EchoOptions;
  /** The token in each request: off-path hosts cannot forge a reply. */
  readonly token: readonly [number, number];
  /** When each request without an answer was sent, by sequence number, oldest first. */
  readonly waiting = new Map<number, number>();
  /** Results that the layer above has not taken yet. */
  readonly results: EchoResult[] = [];
  sent = 0;
  /** When the next request is due; NEVER if it waits to be sent, or if there is none. */
  nextAt = NEVER;
  inEvents = false;
  user: object | null = null;

  constructor(identifier: number, ends: readonly [Address, Address], options: EchoOptions, token: [number, number]) {
    this.identifier = identifier;
    this.local = ends[0];
    this.remote = ends[1];
    this.options = options;
    this.token = token;
  }

  /** Whether each request has its result. */
  get isOver(): boolean {
    return this.sent === this.options.count && this.waiting.size === 0;
  }

  /** When something is to be done for it. */
  due(): number {
    for (const sentAt of this.waiting.values()) return Math.min(this.nextAt, sentAt + this.options.timeout);
    return this.nextAt;
  }
}

export class EchoRequests {
  /** Runs with results that were not taken. */
  readonly events = new Fifo<EchoRun>();
  readonly #slab: Slab;
  readonly #counters: Counters;
  readonly #prng: Prng;
  readonly #runs = new Map<number, EchoRun>();
  /** Runs whose next request is to be sent. */
  readonly #output = new Fifo<EchoRun>();
  /** Where a request is written. */
  readonly #o: number;

  /** Reserves a region of the slab, so make it before the first page is allocated. */
  constructor(slab: Slab, counters: Counters, prng: Prng) {
    this.#slab = slab;
    this.#counters = counters;
    this.#prng = prng;
    const lead = HEADROOM + ipv6.HEADER;
    this.#o = slab.reserve(lead + icmpv4.HEADER + ECHO_SIZE_MAX) + lead;
  }

  /** Begins a run, whose first request is sent at the next `poll`. Null if there are too many. */
  start(local: Address, remote: Address, options: EchoOptions): EchoRun | null {
    if (this.#runs.size >= RUNS_MAX) return null;
    let identifier = this.#prng.int32() & 0xffff;
    while (this.#runs.has(identifier)) identifier = (identifier + 1) & 0xffff;
    const run = new EchoRun(identifier, [local, remote], options, [this.#prng.int32(), this.#prng.int32()]);
    this.#runs.set(identifier, run);
    this.#output.push(run);
    return run;
  }

  /** Ends a run; results that come later are not reported. */
  cancel(run: EchoRun): void {
    this.#runs.delete(run.identifier);
    run.user = null;
  }

  /** When `advance` must be called next. */
  nextDeadline(): number {
    let due = NEVER;
    for (const run of this.#runs.values()) due = Math.min(due, run.due());
    return due;
  }

  /** Gives up requests whose time is over, and lets the next ones be sent. */
  advance(now: number): void {
    for (const run of this.#runs.values()) {
      if (run.nextAt <= now) {
        run.nextAt = NEVER;
        this.#output.push(run);
      }
      for (const [sequence, sentAt] of run.waiting) {
        if (sentAt + run.options.timeout > now) break;
        this.#counters.count(ECHO_TIMEOUT);
        this.#settle(run, { sequence, time: -1, ttl: -1, error: 0, reporter: null });
      }
    }
  }

  /** Takes an echo reply that ICMP has checked. */
  input(header: IpHeader, now: number): boolean {
    const v = this.#slab.view;
    const { o, n, s0, s1, s2, s3, d0, d1, d2, d3 } = header;
    const run = this.#runs.get(icmpv4.identifier(v, o));
    const sequence = icmpv4.sequence(v, o);
    const sentAt = run?.waiting.get(sequence);
    const expected =
      run !== undefined &&
      sentAt !== undefined &&
      run.remote.equalsWords(s0, s1, s2, s3) &&
      run.local.equalsWords(d0, d1, d2, d3) &&
      n === icmpv4.HEADER + run.options.size &&
      this.#hasToken(run, o + icmpv4.HEADER);
    this.#counters.count(expected ? ECHO_ANSWERED : ECHO_UNKNOWN);
    if (expected) this.#settle(run, { sequence, time: now - sentAt, ttl: header.ttl, error: 0, reporter: null });
    return expected;
  }

  /**
   * Takes an ICMP error about an ICMP message of ours; false if that is no request that waits. @param header the error's own
   * @param code an error code of the stack
   */
  error(e: IcmpError, header: IpHeader, code: number): boolean {
    const v = this.#slab.view;
    const request = e.family === 4 ? icmpv4.ECHO_REQUEST : icmpv6.ECHO_REQUEST;
    const run = this.#runs.get(icmpv4.identifier(v, e.o));
    const sequence = icmpv4.sequence(v, e.o);
    if (icmpv4.type(v, e.o) !== request || run === undefined || !run.waiting.has(sequence)) return false;
    if (!run.remote.equalsWords(e.d0, e.d1, e.d2, e.d3)) return false;
    this.#counters.count(ECHO_ERROR);
    const reporter = new Address(header.s0, header.s1, header.s2, header.s3);
    this.#settle(run, { sequence, time: -1, ttl: -1, error: code, reporter });
    return true;
  }

  /** Whether an ICMPv6 error is about an echo reply. */
  quotesReply6(e: IcmpError): boolean {
    return e.family === 6 && icmpv6.type(this.#slab.view, e.o) === icmpv6.ECHO_REPLY;
  }

  /** Takes the next request to send: `packet` begins with its ICMP header. Its bytes are valid until the next `poll`. */
  poll(packet: Packet, send: IpSend, now: number): boolean {
    for (let run = this.#output.shift(); run !== undefined; run = this.#output.shift()) {
      if (this.#runs.get(run.identifier) !== run) continue;
      this.#write(run, packet, send, now);
      return true;
    }
    return false;
  }

  #write(run: EchoRun, packet: Packet, send: IpSend, now: number): void {
    const { local, remote } = run;
    const { size, count, interval } = run.options;
    const sequence = ++run.sent;
    run.waiting.set(sequence, now);
    run.nextAt = sequence < count ? now + interval : NEVER;
    const v = this.#slab.view;
    const o = this.#o;
    const four = remote.family === 4;
    // The two families' messages differ only in their type.
    icmpv4.write(v, o, four ? icmpv4.ECHO_REQUEST : icmpv6.ECHO_REQUEST, 0, (run.identifier << 16) | sequence);
    const data = o + icmpv4.HEADER;
    for (let i = 0; i < size; i++) v.setUint8(data + i, i & 0xff);
    if (size >= TOKEN) {
      v.setInt32(data, run.token[0]);
      v.setInt32(data + 4, run.token[1]);
    }
    packet.clear();
    packet.o = o;
    packet.n = icmpv4.HEADER + size;
    packet.cause = ECHO_SENT;
    send.setSource(local.a, local.b, local.c, local.d);
    send.setDestination(remote.a, remote.b, remote.c, remote.d);
    send.protocol = four ? ICMP : ICMPV6;
    send.tos = 0;
    send.flowLabel = 0;
    send.dontFragment = false;
    this.#counters.count(ECHO_SENT);
  }

  #hasToken(run: EchoRun, o: number): boolean {
    const v = this.#slab.view;
    const [a, b] = run.token;
    return run.options.size < TOKEN || (v.getInt32(o) === a && v.getInt32(o + 4) === b);
  }

  #settle(run: EchoRun, result: EchoResult): void {
    run.waiting.delete(result.sequence);
    run.results.push(result);
    if (run.isOver) this.#runs.delete(run.identifier);
    if (run.inEvents) return;
    run.inEvents = true;
    this.events.push(run);
  }
}

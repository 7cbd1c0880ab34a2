/**
 * More SYNs than can be answered (RFC 4987). A SYN that finds its listener's queue full takes a token. Where none is left, SYNs are dropped, and
 * as long as that lasts the driver asks about each packet before the stack looks at it, because reading a packet costs less than
 * processing it. Each port has tokens of its own. Sources whose handshake was completed before have tokens of their own as well: nobody can
 * complete one from a forged address.
 */
import type { Counters } from "#base/counters";
import type { Packet } from "#base/packet";
import type { SipHash } from "#base/siphash";
import { MILLISECOND } from "#base/time";
import { EV_DROP, type Trace } from "#base/trace";
import type { TokenBucket } from "#icmp/token-bucket";
import { V4_MAPPED } from "#ip/address";
import { RX_SYN_FLOOD } from "#tcp/words/marks";
import * as ipv4 from "#wire/ipv4";
import * as ipv6 from "#wire/ipv6";
import { TCP } from "#wire/protocol";
import * as tcphdr from "#wire/tcp";
import { AnswerTokens, type PortTokens } from "./answer-tokens.ts";
import type { Floods } from "./floods.ts";
import type { Limits } from "./limits.ts";

/** How long a flood counts as going on after the last SYN was dropped, µs. */
const HOLD = 100 * MILLISECOND;

/** Sources remembered, as a power of 2. A later one takes the place of an earlier one. */
const SOURCES_SHIFT = 13;

/** Separates this use of the stack's secret from others. */
const LABEL = 0x666c6f64;

export class SynFlood {
  /** Drops them before they are read; null: no filter is there. */
  floods: Floods | null = null;
  readonly #view: DataView;
  readonly #counters: Counters;
  readonly #trace: Trace;
  readonly #tokens: AnswerTokens;
  /** Sources whose handshake was completed: an IPv4 address, or the /64 of an IPv6 address, folded. 0: none. */
  readonly #sources = new Int32Array(1 << SOURCES_SHIFT);
  /** Outsiders cannot know which sources share a place. */
  readonly key: number;
  /** The destination port of the SYN that `#sourceOfSyn` found. */
  #port = 0;
  #until = Number.NEGATIVE_INFINITY;

  constructor(view: DataView, counters: Counters, trace: Trace, limits: Readonly<Limits>, hash: SipHash) {
    this.#view = view;
    this.#counters = counters;
    this.#trace = trace;
    this.#tokens = new AnswerTokens(limits);
    this.key = hash.begin().word(LABEL).end() | 1;
  }

  /** A handshake with this source is complete. Addresses are words as in `Address`. */
  know(a: number, b: number, c: number, d: number): void {
    const source = a === 0 && b === 0 && c === V4_MAPPED ? d : foldPrefix(a, b);
    const place = this.#place(source);
    this.#sources[place] = source;
    this.floods?.know(place, source);
  }

  /** Whether a SYN from this source may have an answer, although the queue of its listener, at this port, is full. */
  admits(a: number, b: number, c: number, d: number, port: number, now: number): boolean {
    const source = a === 0 && b === 0 && c === V4_MAPPED ? d : foldPrefix(a, b);
    this.floods?.synQueueFull(port, now);
    const tokens = this.#tokens.of(port, now);
    if (this.#bucket(tokens, source).take(now, this.#tokens.parts(tokens, now))) return true;
    this.#lacks(tokens, now);
    return false;
  }

  #lacks(tokens: PortTokens, now: number): void {
    tokens.floodedUntil = this.#until = now + HOLD;
  }

  /** Whether SYNs are being dropped: then ask `sheds` about each packet. */
  isOn(now: number): boolean {
    return now < this.#until;
  }

  /** Whether the packet is a SYN that can have no answer now. It is counted, and must not be processed. */
  sheds({ o, n }: Packet, now: number): boolean {
    const source = this.#sourceOfSyn(o, n);
    if (source === 0) return false;
    // The listeners of other ports have room, as far as is known.
    const tokens = this.#tokens.find(this.#port);
    if (tokens === null || this.#bucket(tokens, source).has(now, this.#tokens.parts(tokens, now))) return false;
    this.#lacks(tokens, now);
    this.#counters.count(RX_SYN_FLOOD);
    this.#trace.record(now, EV_DROP, RX_SYN_FLOOD, -1, n);
    return true;
  }

  /** The source of a packet that is a SYN, folded; else 0. Its port is in `#port`. The stack checks everything else. */
  #sourceOfSyn(o: number, n: number): number {
    const v = this.#view;
    if (n < ipv4.HEADER_MIN + tcphdr.HEADER_MIN) return 0;
    const version = v.getUint8(o) >> 4;
    if (version === 4) {
      const segment = ipv4.headerLength(v, o);
      if (ipv4.protocol(v, o) !== TCP || ipv4.fragmentOffset(v, o) !== 0) return 0;
      return this.#isSyn(v, o + segment, n - segment) ? ipv4.source(v, o) : 0;
    }
    if (version !== 6 || ipv6.nextHeader(v, o) !== TCP) return 0;
    if (!this.#isSyn(v, o + ipv6.HEADER, n - ipv6.HEADER)) return 0;
    return foldPrefix(ipv6.source(v, o, 0), ipv6.source(v, o, 1));
  }

  #isSyn(v: DataView, o: number, n: number): boolean {
    if (n < tcphdr.HEADER_MIN) return false;
    this.#port = tcphdr.destinationPort(v, o);
    return (tcphdr.flags(v, o) & (tcphdr.SYN | tcphdr.ACK | tcphdr.RST)) === tcphdr.SYN;
  }

  #bucket({ acquaintances, strangers }: PortTokens, source: number): TokenBucket {
    return this.#sources[this.#place(source)] === source ? acquaintances : strangers;
  }

  #place(source: number): number {
    return Math.imul(source ^ (source >>> 15) ^ this.key, 0x9e3779b1) >>> (32 - SOURCES_SHIFT);
  }
}

/** A /64 in one word, never 0. */
function foldPrefix(a: number, b: number): number {
  return (Math.imul(a, 0x85ebca6b) ^ b) | 1;
}

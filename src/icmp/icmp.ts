import type { Counters } from "#base/counters";
import { type Mark, mark } from "#base/mark";
import type { Packet } from "#base/packet";
import type { Slab } from "#base/slab";
import { isLoopback } from "#ip/address";
import type { IpHeader } from "#ip/header";
import type { LocalAddresses } from "#ip/local";
import { IpSend } from "#ip/send";
import * as checksum from "#wire/checksum";
import * as icmpv4 from "#wire/icmpv4";
import * as icmpv6 from "#wire/icmpv6";
import * as ipv4 from "#wire/ipv4";
import * as ipv6 from "#wire/ipv6";
import { ExtensionWalk, walkExtensions } from "#wire/ipv6-extensions";
import { ICMP, ICMPV6 } from "#wire/protocol";
import { type HeldEcho, HeldEchoes } from "./held-echoes.ts";
import { type IcmpError, readError } from "./read-error.ts";
import { ReplyQueue } from "./reply-queue.ts";
import { TokenBucket } from "./token-bucket.ts";

export const ECHO = mark("icmp.echo", "echo request answered");
export const BAD_CHECKSUM = mark("icmp.bad-checksum", "the ICMP checksum is wrong");
export const ECHO_TO_GROUP = mark(
  "icmp.echo-to-group",
  "an echo request to a broadcast: not answered (RFC 1122 §3.2.2.6)",
);
export const ECHO_LIMITED = mark("icmp.echo-limited", "an echo request was not answered: too many per second");
export const ECHO_HELD = mark("icmp.echo-held", "an echo request to a foreign address: the application decides");
export const IGNORED = mark("icmp.ignored", "ICMP message that needs no action");
export const QUEUE_FULL = mark("icmp.queue-full", "ICMP message not sent: queue full");
export const ERROR_SENT = mark("icmp.error-sent", "ICMP error sent for a received packet");
export const RATE_LIMITED = mark(
  "icmp.rate-limited",
  "an ICMP error was not sent: too many per second (RFC 1812 §4.3.2.8)",
);
export const ERROR_UNDUE = mark(
  "icmp.error-undue",
  "no ICMP error is sent about an error, a fragment, a group (RFC 1122 §3.2.2)",
);

/** Results of `input`. */
/** Answered, ignored or dropped. */
export const DONE = 0;
/** An error about a packet of ours; `IcmpError` is filled. */
export const ERROR = 1;
/** An echo reply, described by `header`. */
export const ECHO_REPLY = 2;

export interface IcmpLimits {
  /** Limits of sent errors: per second, and at once. */
  readonly errorRate: number;
  readonly errorBurst: number;
  /** Limits of echo replies. */
  readonly echoRate: number;
  readonly echoBurst: number;
}

/** Linux's limits of errors: 1000 per second, 50 at once. */
export const ICMP_LIMITS: IcmpLimits = { errorRate: 1000, errorBurst: 50, echoRate: 10_000, echoBurst: 2_000 };

/** ICMP and ICMPv6 of a host: answers echo requests, reports errors, reads the errors of others. */
export class Icmp {
  /** Requests to foreign addresses. */
  readonly held: HeldEchoes;
  readonly #slab: Slab;
  readonly #local: LocalAddresses;
  readonly #counters: Counters;
  readonly #queue: ReplyQueue;
  readonly #bucket: TokenBucket;
  readonly #echoes: TokenBucket;
  readonly #send = new IpSend();
  readonly #walk = new ExtensionWalk();

  /** Reserves regions of the slab, so make it before the first page is allocated. */
  constructor(slab: Slab, local: LocalAddresses, counters: Counters, limits: IcmpLimits = ICMP_LIMITS) {
    this.#slab = slab;
    this.#local = local;
    this.#counters = counters;
    this.held = new HeldEchoes(slab);
    this.#queue = new ReplyQueue(slab);
    this.#bucket = new TokenBucket(limits.errorRate, limits.errorBurst);
    this.#echoes = new TokenBucket(limits.echoRate, limits.echoBurst);
  }

  /** Number of messages waiting to be sent. */
  get pending(): number {
    return this.#queue.size;
  }

  /** Takes an ICMP or ICMPv6 message that IP delivered. With ERROR, `error` is filled. */
  input(header: IpHeader, error: IcmpError, now: number): number {
    const v = this.#slab.view;
    const { o, n, family } = header;
    const short = family === 4 ? icmpv4.valid(v, o, n) : icmpv6.valid(v, o, n);
    if (short !== 0) return this.#done(short);
    if (!header.csumTrusted && !this.#checksumGood(header)) return this.#done(BAD_CHECKSUM);
    const type = icmpv4.type(v, o);
    if (type === (family === 4 ? icmpv4.ECHO_REQUEST : icmpv6.ECHO_REQUEST)) return this.#done(this.#echo(header, now));
    if (type === (family === 4 ? icmpv4.ECHO_REPLY : icmpv6.ECHO_REPLY)) return ECHO_REPLY;
    const isError = family === 4 ? icmpv4.isError(type) && type !== icmpv4.REDIRECT : icmpv6.isError(type);
    if (!isError) return this.#done(IGNORED);
    const wrong = readError(v, header, error);
    return wrong === 0 ? ERROR : this.#done(wrong);
  }

  /** Sends a port unreachable for the packet in `header`, if the rules allow it. */
  portUnreachable(header: IpHeader, now: number): void {
    const four = header.family === 4;
    header.errorType = four ? icmpv4.DESTINATION_UNREACHABLE : icmpv6.DESTINATION_UNREACHABLE;
    header.errorCode = four ? icmpv4.PORT_UNREACHABLE : icmpv6.PORT_UNREACHABLE;
    header.errorParameter = 0;
    this.error(header, now);
  }

  /**
   * Sends the error in `header` (`errorType`, `errorCode`, `errorParameter`: a pointer or an MTU) about the
   * packet in it, if the rules and the rate limit allow it: RFC 1122 §3.2.2, RFC 4443 §2.4. Returns whether it will be sent.
   */
  error(header: IpHeader, now: number): boolean {
    const why = this.#errorUndue(header)
      ? ERROR_UNDUE
      : this.#bucket.take(now)
        ? this.#queueError(header)
        : RATE_LIMITED;
    this.#counters.count(why);
    return why === ERROR_SENT;
  }

  /** Takes the next message to send: `packet` begins with its ICMP header. Its bytes are valid until the next `poll`. */
  poll(packet: Packet, send: IpSend): boolean {
    return this.#queue.poll(packet, send);
  }

  #done(mark: Mark): number {
    this.#counters.count(mark);
    return DONE;
  }

  #checksumGood(header: IpHeader): boolean {
    const { o, n, s0, s1, s2, s3, d0, d1, d2, d3 } = header;
    const pseudo = header.family === 4 ? 0 : checksum.pseudo6(s0, s1, s2, s3, d0, d1, d2, d3, ICMPV6, n);
    return checksum.good(checksum.sum(this.#slab.view, o, n, pseudo));
  }

  /** Answers an echo request: a copy of it except for type and checksum (RFC 792, RFC 1122 §3.2.2.6). */
  #echo(header: IpHeader, now: number): Mark {
    if (header.group && header.family === 4) return ECHO_TO_GROUP;
    if (!this.#echoes.take(now)) return ECHO_LIMITED;
    if (this.held.isForeign && !header.group && !this.#isOurs(header)) {
      if (!this.held.isWanted) return IGNORED;
      return this.held.hold(header) ? ECHO_HELD : QUEUE_FULL;
    }
    if (!this.#address(header)) return ECHO_TO_GROUP;
    const to = this.#queue.room(header.n);
    if (to < 0) return QUEUE_FULL;
    const { u8, view } = this.#slab;
    u8.copyWithin(to, header.o, header.o + header.n);
    view.setUint8(to, header.family === 4 ? icmpv4.ECHO_REPLY : icmpv6.ECHO_REPLY);
    view.setUint16(to + icmpv4.CHECKSUM, 0);
    // The reply gets the request's DSCP, but not its ECN bits: those report congestion on the request's path.
    this.#send.tos = header.tos & 0xfc;
    this.#queue.push(to, header.n, this.#send, ECHO);
    return ECHO;
  }

  #isOurs({ d0, d1, d2, d3 }: IpHeader): boolean {
    return this.#local.owns(d0, d1, d2, d3) || isLoopback(d0, d1, d2, d3);
  }

  /** Answers a held request: the reply comes from the address that was asked. False if there is no room. */
  answer({ source, destination, identifier, sequence, data, tos }: HeldEcho): boolean {
    const n = icmpv4.HEADER + data.length;
    const to = this.#queue.room(n);
    this.#counters.count(to < 0 ? QUEUE_FULL : ECHO);
    if (to < 0) return false;
    const four = source.family === 4;
    const { u8, view } = this.#slab;
    icmpv4.write(view, to, four ? icmpv4.ECHO_REPLY : icmpv6.ECHO_REPLY, 0, (identifier << 16) | sequence);
    u8.set(data, to + icmpv4.HEADER);
    const send = this.#send;
    send.protocol = four ? ICMP : ICMPV6;
    send.setDestination(source.a, source.b, source.c, source.d);
    send.setSource(destination.a, destination.b, destination.c, destination.d);
    send.tos = tos & 0xfc;
    this.#queue.push(to, n, send, ECHO);
    return true;
  }

  #queueError(header: IpHeader): Mark {
    if (!this.#address(header)) return ERROR_UNDUE;
    const { u8, view } = this.#slab;
    const four = header.family === 4;
    const o = header.headerO;
    // As much as fits: RFC 1812 §4.3.2.3 (576 bytes), RFC 4443 §2.4 (c) (1280).
    const most = four ? ipv4.DATAGRAM_MIN - ipv4.HEADER_MIN : ipv6.MTU_MIN - ipv6.HEADER;
    const whole = four ? ipv4.totalLength(view, o) : ipv6.HEADER + ipv6.payloadLength(view, o);
    const quote = Math.min(whole, most - icmpv4.HEADER);
    const to = this.#queue.room(icmpv4.HEADER + quote);
    if (to < 0) return QUEUE_FULL;
    const { errorType, errorCode, errorParameter } = header;
    // ICMP's pointer is the first octet of the word, its MTU the second half; ICMPv6's parameters are the whole word.
    const shifted = four && errorType === icmpv4.PARAMETER_PROBLEM;
    icmpv4.write(view, to, errorType, errorCode, shifted ? errorParameter << 24 : errorParameter);
    u8.copyWithin(to + icmpv4.HEADER, o, o + quote);
    // RFC 1122 §3.2.2: errors are sent with a TOS of zero.
    this.#send.tos = 0;
    this.#queue.push(to, icmpv4.HEADER + quote, this.#send, ERROR_SENT);
    return ERROR_SENT;
  }

  /** Addresses the message to the packet's source, from its destination, or from an address of ours if that is a group. */
  #address(header: IpHeader): boolean {
    const send = this.#send;
    send.protocol = header.family === 4 ? ICMP : ICMPV6;
    send.setDestination(header.s0, header.s1, header.s2, header.s3);
    send.setSource(header.d0, header.d1, header.d2, header.d3);
    if (!header.group) return true;
    const own = this.#local.own;
    for (let i = 0; i < own.length; i++) {
      const address = own[i]!;
      if (address.family !== header.family) continue;
      send.setSource(address.a, address.b, address.c, address.d);
      return true;
    }
    return false;
  }

  /** Whether no error may be sent about the packet. `IpInput` has dropped packets whose source is not a single host. */
  #errorUndue(header: IpHeader): boolean {
    const v = this.#slab.view;
    const o = header.headerO;
    if (header.family === 4) {
      if (header.group || ipv4.fragmentOffset(v, o) !== 0) return true;
      const message = o + ipv4.headerLength(v, o);
      return (
        header.protocol === ICMP && (ipv4.totalLength(v, o) === message - o || icmpv4.isError(v.getUint8(message)))
      );
    }
    // RFC 4443 §2.4 (e.3): about multicast packets only packet too big and unrecognized option may be sent.
    const { errorType, errorCode } = header;
    const excepted =
      errorType === icmpv6.PACKET_TOO_BIG ||
      (errorType === icmpv6.PARAMETER_PROBLEM && errorCode === icmpv6.UNRECOGNIZED_OPTION);
    if (header.group && !excepted) return true;
    const n = ipv6.HEADER + ipv6.payloadLength(v, o);
    const walk = this.#walk;
    if (walkExtensions(v, o, n, walk) !== 0 || walk.upper !== ICMPV6) return false;
    if (walk.upperO === o + n) return true;
    const type = v.getUint8(walk.upperO);
    return icmpv6.isError(type) || type === icmpv6.REDIRECT;
  }
}

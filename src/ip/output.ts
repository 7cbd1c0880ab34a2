import { CSUM_NONE, CSUM_PARTIAL, GSO_NONE, type Packet } from "#base/packet";
import type { SipHash } from "#base/siphash";
import type { Slab } from "#base/slab";
import * as checksum from "#wire/checksum";
import * as icmpv4 from "#wire/icmpv4";
import * as icmpv6 from "#wire/icmpv6";
import * as ipv4 from "#wire/ipv4";
import * as ipv6 from "#wire/ipv6";
import * as protocol from "#wire/protocol";
import * as tcp from "#wire/tcp";
import * as udp from "#wire/udp";
import type { IpSend } from "./send.ts";

/** Number of identification counters. Destinations share them by a keyed hash, so nobody can count another's packets. */
const COUNTERS = 1024;

/** Prepends IP headers to transport segments, and computes the transports' checksums. */
export class IpOutput {
  readonly #slab: Slab;
  readonly #hash: SipHash;
  readonly #checksumOffload: boolean;
  /** The next identification of each bucket; set to a random value when first used. */
  readonly #identification = new Int32Array(COUNTERS);
  readonly #seeded = new Uint8Array(COUNTERS);
  /** The last pair of addresses and its bucket, cached: most packets have the same destination as the one before. */
  #lastS3 = 0;
  #lastD0 = 0;
  #lastD1 = 0;
  #lastD2 = 0;
  #lastD3 = 0;
  #lastBucket = -1;

  /**
   * @param hash under the stack's secret
   * @param checksumOffload the device finishes CSUM_PARTIAL
   */
  constructor(slab: Slab, hash: SipHash, checksumOffload: boolean) {
    this.#slab = slab;
    this.#hash = hash;
    this.#checksumOffload = checksumOffload;
  }

  /**
   * Makes an IP packet from a transport segment: the transport header begins at `packet.o`, its checksum field is 0, and before
   * it there is room for 40 bytes (and HEADROOM for the device). Moves `o` down by the IP header, completes the checksum or
   * leaves it to the device (TCP and UDP), and sets `headerLength` of a super-segment.
   */
  prepend(packet: Packet, send: IpSend): void {
    const four = send.family === 4;
    const transportN = packet.total();
    const headerN = four ? ipv4.HEADER_MIN : ipv6.HEADER;
    this.#sum(packet, send, transportN);
    if (packet.csum === CSUM_PARTIAL) packet.csumStart = headerN;
    let segments = 1;
    if (packet.gso !== GSO_NONE) {
      const transportHeaderN = tcp.headerLength(this.#slab.view, packet.o);
      packet.headerLength = headerN + transportHeaderN;
      segments = Math.ceil((transportN - transportHeaderN) / packet.gsoSize);
    }
    packet.o -= headerN;
    packet.n += headerN;
    if (four) this.#write4(packet.o, headerN + transportN, segments, send);
    else this.#write6(packet.o, transportN, send);
  }

  /**
   * The next identification for packets from and to the addresses in `send`, leaving `count` of them for the segments that
   * a super-segment becomes (RFC 6864 lets those of DF packets be anything; other stacks' receive offload wants them to count up). An
   * int32; IPv4 takes the low half. Unpredictable to others (RFC 7739), unique per pair of addresses for 2^16 or 2^32 packets.
   */
  nextIdentification(send: IpSend, count: number): number {
    const bucket = this.#bucket(send);
    const id = this.#identification[bucket]!;
    this.#identification[bucket] = id + count;
    return id;
  }

  #bucket(send: IpSend): number {
    const { s3, d0, d1, d2, d3 } = send;
    const same =
      d3 === this.#lastD3 && s3 === this.#lastS3 && d0 === this.#lastD0 && d1 === this.#lastD1 && d2 === this.#lastD2;
    if (same && this.#lastBucket >= 0) return this.#lastBucket;
    const hash = this.#hash.begin().word(0x1d).word(d0).word(d1).word(d2).word(d3).word(s3).end();
    const bucket = hash & (COUNTERS - 1);
    if (this.#seeded[bucket] === 0) {
      this.#seeded[bucket] = 1;
      this.#identification[bucket] = this.#hash.begin().word(0x1d5).word(bucket).end();
    }
    this.#lastS3 = s3;
    this.#lastD0 = d0;
    this.#lastD1 = d1;
    this.#lastD2 = d2;
    this.#lastD3 = d3;
    this.#lastBucket = bucket;
    return bucket;
  }

  #write4(o: number, total: number, segments: number, send: IpSend): void {
    const v = this.#slab.view;
    const id = this.nextIdentification(send, segments) & 0xffff;
    const flags = send.dontFragment ? ipv4.DF : 0;
    ipv4.write(v, o, send.tos, total, id, flags, send.ttl, send.protocol, send.s3, send.d3);
    ipv4.setChecksum(v, o);
  }

  #write6(o: number, payload: number, send: IpSend): void {
    const v = this.#slab.view;
    ipv6.write(v, o, send.tos, send.flowLabel, payload, send.protocol, send.ttl);
    ipv6.setSource(v, o, send.s0, send.s1, send.s2, send.s3);
    ipv6.setDestination(v, o, send.d0, send.d1, send.d2, send.d3);
  }

  /** Sets the transport checksum: over all slices, or only over the pseudo-header if the device does the rest. */
  #sum(packet: Packet, send: IpSend, n: number): void {
    const v = this.#slab.view;
    const field = checksumField(send.protocol);
    packet.csum = CSUM_NONE;
    if (field < 0) return;
    let s = send.protocol === protocol.ICMP ? 0 : pseudo(send, n);
    // A packet that may be fragmented needs its checksum first.
    const offloadable = send.protocol === protocol.TCP || (send.protocol === protocol.UDP && send.dontFragment);
    if (packet.gso !== GSO_NONE || (this.#checksumOffload && offloadable)) {
      v.setUint16(packet.o + field, checksum.fold(s));
      packet.csum = CSUM_PARTIAL;
      packet.csumOffset = field;
      return;
    }
    s = checksum.sum(v, packet.o, packet.n, s);
    let position = packet.n;
    for (let i = 0; i < packet.slices; i++) {
      s = checksum.sumAt(v, packet.sliceO[i]!, packet.sliceN[i]!, position, s);
      position += packet.sliceN[i]!;
    }
    const sum = checksum.finish(s);
    // RFC 768: a computed checksum of zero is sent as 0xffff, since zero means "no checksum".
    v.setUint16(packet.o + field, sum === 0 && send.protocol === protocol.UDP ? 0xffff : sum);
  }
}

/** The sum of the pseudo-header for a transport packet of `n` bytes. */
export function pseudo(send: IpSend, n: number): number {
  const { s0, s1, s2, s3, d0, d1, d2, d3 } = send;
  if (send.family === 4) return checksum.pseudo4(s3, d3, send.protocol, n);
  return checksum.pseudo6(s0, s1, s2, s3, d0, d1, d2, d3, send.protocol, n);
}

/** The offset of the checksum in a transport's header, or -1. */
function checksumField(transport: number): number {
  if (transport === protocol.TCP) return tcp.CHECKSUM;
  if (transport === protocol.UDP) return udp.CHECKSUM;
  if (transport === protocol.ICMP) return icmpv4.CHECKSUM;
  return transport === protocol.ICMPV6 ? icmpv6.CHECKSUM : -1;
}

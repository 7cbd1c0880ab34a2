import type { Address } from "#ip/address";
import * as checksum from "#wire/checksum";
import * as icmpv4 from "#wire/icmpv4";
import * as icmpv6 from "#wire/icmpv6";
import * as ipv4 from "#wire/ipv4";
import * as ipv6 from "#wire/ipv6";
import { ExtensionWalk, fragmentOffset, walkExtensions } from "#wire/ipv6-extensions";
import { ICMP, ICMPV6, TCP, UDP } from "#wire/protocol";
import * as tcp from "#wire/tcp";
import * as udp from "#wire/udp";

/** The offset of the checksum in each transport header. All of these cover the addresses (ICMP only in version 6). */
const CHECKSUM: Readonly<Record<number, number>> = {
  [TCP]: tcp.CHECKSUM,
  [UDP]: udp.CHECKSUM,
  [ICMPV6]: icmpv6.CHECKSUM,
};

/**
 * Replaces addresses on the way across: a kernel drops packets that come in from its own address, so packets that it sends
 * to itself through the proxy must come back from another address. Changes headers, checksums, and the quotes in ICMP errors;
 * a packet that cannot be parsed is not changed.
 */
export class Mirror {
  readonly #from: readonly Address[];
  readonly #to: readonly Address[];
  readonly #walk = new ExtensionWalk();

  /** `from[i]` becomes `to[i]`, all of one family. */
  constructor(from: readonly Address[], to: readonly Address[]) {
    this.#from = from;
    this.#to = to;
  }

  /** Changes the packet of `n` bytes at `o` in place. */
  apply(v: DataView, o: number, n: number): void {
    if (n > 0 && v.getUint8(o) >> 4 === 6) this.#apply6(v, o, n);
    else this.#apply4(v, o, n);
  }

  #apply4(v: DataView, o: number, n: number): void {
    if (ipv4.valid(v, o, n) !== 0) return;
    const kind = ipv4.protocol(v, o);
    const message = o + ipv4.headerLength(v, o);
    const first = ipv4.fragmentOffset(v, o) === 0;
    const at = first && kind !== ICMP ? checksumAt(v, kind, message, o + n) : -1;
    this.#word4(v, o + ipv4.SOURCE, o + ipv4.CHECKSUM, at);
    this.#word4(v, o + ipv4.DESTINATION, o + ipv4.CHECKSUM, at);
    sayThereIsOne(v, kind, at);
    const quoted = message + icmpv4.HEADER;
    if (!first || kind !== ICMP || quoted + ipv4.HEADER_MIN > o + n || !icmpv4.isError(icmpv4.type(v, message))) return;
    // The quoted header's checksum is updated too, so its sum does not change and ICMP's checksum stays valid.
    this.#word4(v, quoted + ipv4.SOURCE, quoted + ipv4.CHECKSUM, -1);
    this.#word4(v, quoted + ipv4.DESTINATION, quoted + ipv4.CHECKSUM, -1);
  }

  #apply6(v: DataView, o: number, n: number): void {
    if (ipv6.valid(v, o, n) !== 0) return;
    const walk = this.#walk;
    const known = walkExtensions(v, o, n, walk) === 0;
    // A later fragment has no transport header.
    const whole = walk.fragmentO < 0 || fragmentOffset(v, walk.fragmentO) === 0;
    const kind = known && whole ? walk.upper : -1;
    const message = walk.upperO;
    const at = checksumAt(v, kind, message, o + n);
    this.#address6(v, o + ipv6.SOURCE, at);
    this.#address6(v, o + ipv6.DESTINATION, at);
    sayThereIsOne(v, kind, at);
    const quoted = message + icmpv6.HEADER;
    if (kind !== ICMPV6 || quoted + ipv6.HEADER > o + n || !icmpv6.isError(icmpv6.type(v, message))) return;
    this.#address6(v, quoted + ipv6.SOURCE, at);
    this.#address6(v, quoted + ipv6.DESTINATION, at);
  }

  /** Replaces one IPv4 address and updates the two checksums that cover it; -1: no such checksum. */
  #word4(v: DataView, o: number, headerSum: number, transportSum: number): void {
    const before = v.getInt32(o);
    const i = this.#from.findIndex((address) => address.d === before);
    if (i < 0) return;
    const after = this.#to[i]!.d;
    v.setInt32(o, after);
    adjust(v, headerSum, before, after);
    if (transportSum >= 0) adjust(v, transportSum, before, after);
  }

  #address6(v: DataView, o: number, transportSum: number): void {
    const i = this.#from.findIndex((address) =>
      address.equalsWords(v.getInt32(o), v.getInt32(o + 4), v.getInt32(o + 8), v.getInt32(o + 12)),
    );
    if (i < 0) return;
    const { a, b, c, d } = this.#to[i]!;
    [a, b, c, d].forEach((after, word) => {
      const before = v.getInt32(o + 4 * word);
      v.setInt32(o + 4 * word, after);
      if (transportSum >= 0) adjust(v, transportSum, before, after);
    });
  }
}

/** The offset of the transport checksum; -1 for other protocols, truncated packets, and UDP without a checksum. */
function checksumAt(v: DataView, kind: number, message: number, end: number): number {
  const offset = CHECKSUM[kind];
  if (offset === undefined || message + offset + 2 > end) return -1;
  const at = message + offset;
  return kind === UDP && v.getUint16(at) === 0 ? -1 : at;
}

function adjust(v: DataView, at: number, before: number, after: number): void {
  v.setUint16(at, checksum.update32(v.getUint16(at), before, after));
}

/** RFC 768: a computed checksum of 0 is sent as 0xffff, since in UDP 0 means "no checksum". */
function sayThereIsOne(v: DataView, kind: number, at: number): void {
  if (kind === UDP && at >= 0 && v.getUint16(at) === 0) v.setUint16(at, 0xffff);
}

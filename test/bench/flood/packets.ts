/**
 * Packets of a flood: from random addresses and ports, valid but for belonging to nothing. `elsewhere`: SYNs that the kernel drops, so that they cost
 * only what sending a flood costs on the same processors.
 */
import type { Slab } from "#base/slab";
import * as checksum from "#wire/checksum";
import * as icmpv4 from "#wire/icmpv4";
import * as ipv4 from "#wire/ipv4";
import * as protocol from "#wire/protocol";
import * as tcphdr from "#wire/tcp";
import * as opt from "#wire/tcp-options";

export const KINDS = ["syn", "ack", "rst", "fin", "data", "udp", "icmp", "fragment", "elsewhere"] as const;
export type Kind = (typeof KINDS)[number];

/** 10.0.0.7, where the server is, and 10.77.0.0/16. */
const TARGET = 0x0a000007;
const SOURCES = 0x0a4d0000;
/** 10.99.0.1, which the kernel drops. */
const ELSEWHERE = 0x0a630001;
export const PORT = 5001;
/** Nobody listens there. */
const CLOSED_PORT = 12_345;

const FLAGS: Readonly<Partial<Record<Kind, number>>> = {
  syn: tcphdr.SYN,
  elsewhere: tcphdr.SYN,
  ack: tcphdr.ACK,
  rst: tcphdr.RST,
  fin: tcphdr.FIN | tcphdr.ACK,
  data: tcphdr.ACK | tcphdr.PSH,
};

/** Octets behind the header of a packet that is not TCP. */
const PAYLOAD = 64;

/** Writes a packet at `o`. Returns its length. @param random an int32 */
export function write({ view, u8 }: Slab, o: number, kind: Kind, random: number): number {
  const source = SOURCES | (random >>> 16);
  const target = kind === "elsewhere" ? ELSEWHERE : TARGET;
  const flags = FLAGS[kind];
  const upper = o + ipv4.HEADER_MIN;
  let n: number;
  if (flags !== undefined) {
    const headerEnd = kind === "syn" ? opt.writeMss(view, upper + tcphdr.HEADER_MIN, 1460) : upper + tcphdr.HEADER_MIN;
    n = headerEnd - upper + (kind === "data" ? PAYLOAD : 0);
    tcphdr.write(view, upper, 1024 + (random & 0x7fff), PORT, random, random, headerEnd - upper, flags, 65_535, 0);
    const sum = checksum.sum(view, upper, n, checksum.pseudo4(source, target, protocol.TCP, n));
    tcphdr.setChecksum(view, upper, checksum.finish(sum));
  } else {
    n = 8 + PAYLOAD;
    u8.fill(0, upper, upper + n);
    if (kind === "icmp") {
      view.setUint8(upper, icmpv4.ECHO_REQUEST);
      view.setInt32(upper + 4, random);
      view.setUint16(upper + 2, checksum.finish(checksum.sum(view, upper, n, 0)));
    } else {
      view.setUint16(upper, 1024 + (random & 0x7fff));
      view.setUint16(upper + 2, CLOSED_PORT);
      view.setUint16(upper + 4, n);
    }
  }
  const upperProtocol = flags !== undefined ? protocol.TCP : kind === "icmp" ? protocol.ICMP : protocol.UDP;
  const flagsOfFragment = kind === "fragment" ? ipv4.MF : 0;
  ipv4.write(view, o, 0, ipv4.HEADER_MIN + n, random & 0xffff, flagsOfFragment, 64, upperProtocol, source, target);
  ipv4.setChecksum(view, o);
  return ipv4.HEADER_MIN + n;
}

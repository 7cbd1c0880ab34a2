import * as checksum from "#wire/checksum";
import * as ipv4 from "#wire/ipv4";
import * as ipv6 from "#wire/ipv6";
import { ICMP, ICMPV6, TCP } from "#wire/protocol";
import * as tcp from "#wire/tcp";
import { type Side, stackAddresses } from "./options.ts";

const PORT = 7000;
/** From the ephemeral range, so that a firewall treats it like any other client. */
const SOURCE_PORT = 53_211;
const WINDOW = 65_535;
const TTL = 64;

/** Writes a SYN without options from one stack's address to the other's, with the sides' addresses at `index`. Returns its length. */
export function writeSyn(v: DataView, o: number, from: Side, to: Side, index: number): number {
  const source = stackAddresses(from)[index]!;
  const destination = stackAddresses(to)[index]!;
  const n = tcp.HEADER_MIN;
  if (source.family === 4) {
    const [s, d] = [source.d, destination.d];
    const at = o + ipv4.HEADER_MIN;
    ipv4.write(v, o, 0, ipv4.HEADER_MIN + n, 0, ipv4.DF, TTL, TCP, s, d);
    ipv4.setChecksum(v, o);
    tcp.write(v, at, SOURCE_PORT, PORT, 0, 0, n, tcp.SYN, WINDOW, 0);
    tcp.setChecksum(v, at, checksum.finish(checksum.sum(v, at, n, checksum.pseudo4(s, d, TCP, n))));
    return ipv4.HEADER_MIN + n;
  }
  const { a, b, c, d } = source;
  const { a: e, b: f, c: g, d: h } = destination;
  const at = o + ipv6.HEADER;
  ipv6.write(v, o, 0, 0, n, TCP, TTL);
  ipv6.setSource(v, o, a, b, c, d);
  ipv6.setDestination(v, o, e, f, g, h);
  tcp.write(v, at, SOURCE_PORT, PORT, 0, 0, n, tcp.SYN, WINDOW, 0);
  tcp.setChecksum(v, at, checksum.finish(checksum.sum(v, at, n, checksum.pseudo6(a, b, c, d, e, f, g, h, TCP, n))));
  return ipv6.HEADER + n;
}

/** Whether the packet is our SYN. */
export function isProbe(v: DataView, o: number, family: 4 | 6): boolean {
  if (v.getUint8(o) >> 4 !== family) return false;
  const protocol = family === 4 ? ipv4.protocol(v, o) : ipv6.nextHeader(v, o);
  const at = o + (family === 4 ? ipv4.headerLength(v, o) : ipv6.HEADER);
  return protocol === TCP && tcp.sourcePort(v, at) === SOURCE_PORT && tcp.destinationPort(v, at) === PORT;
}

/** "type/code" of an ICMP error (RFC 792, RFC 4443) that the kernel sent instead of forwarding; null for other packets. */
export function icmpError(v: DataView, o: number): string | null {
  const four = v.getUint8(o) >> 4 === 4;
  if ((four ? ipv4.protocol(v, o) : ipv6.nextHeader(v, o)) !== (four ? ICMP : ICMPV6)) return null;
  const at = o + (four ? ipv4.headerLength(v, o) : ipv6.HEADER);
  const type = v.getUint8(at);
  const error = four ? [3, 5, 11, 12].includes(type) : type < 128;
  return error ? `${type}/${v.getUint8(at + 1)}` : null;
}

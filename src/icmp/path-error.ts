/**
 * ICMP errors of a router on the path, for the link model, the simulator and the fault proxy. A host's own errors are in
 * `icmp.ts`. The source of the error is the packet's destination, since a link has no address.
 */
import type { Packet } from "#base/packet";
import type { PacketMemory } from "#base/packet-memory";
import * as checksum from "#wire/checksum";
import * as icmpv4 from "#wire/icmpv4";
import * as icmpv6 from "#wire/icmpv6";
import * as ipv4 from "#wire/ipv4";
import * as ipv6 from "#wire/ipv6";
import { ICMP, ICMPV6 } from "#wire/protocol";

const TTL = 64;

/**
 * `packet` is larger than the `mtu` of the next link: fragmentation needed (RFC 1191 §4) or packet too big (RFC 4443
 * §3.2) at `reply.o`, with `reply.n` set. False if no error may be sent: IPv4 without DF, a later fragment, an ICMP error.
 */
export function tooBig(slab: PacketMemory, packet: Packet, mtu: number, reply: Packet): boolean {
  const v = slab.view;
  if (!errorDue(v, packet)) return false;
  if (v.getUint8(packet.o) >> 4 === 6) return write6(slab, packet, icmpv6.PACKET_TOO_BIG, 0, mtu, reply);
  if (!ipv4.dontFragment(v, packet.o)) return false;
  return write4(slab, packet, icmpv4.DESTINATION_UNREACHABLE, icmpv4.FRAGMENTATION_NEEDED, mtu, reply);
}

/** The TTL or hop limit of `packet` ran out (RFC 792, RFC 4443 §3.3). */
export function timeExceeded(slab: PacketMemory, packet: Packet, reply: Packet): boolean {
  if (!errorDue(slab.view, packet)) return false;
  if (slab.view.getUint8(packet.o) >> 4 === 6) {
    return write6(slab, packet, icmpv6.TIME_EXCEEDED, icmpv6.HOP_LIMIT_EXCEEDED, 0, reply);
  }
  return write4(slab, packet, icmpv4.TIME_EXCEEDED, icmpv4.TTL_EXCEEDED, 0, reply);
}

/** RFC 1122 §3.2.2, RFC 4443 §2.4 (e): no error about an error, or about a fragment other than the first. */
function errorDue(v: DataView, packet: Packet): boolean {
  const { o, n } = packet;
  if (n > 0 && v.getUint8(o) >> 4 === 6) {
    if (ipv6.valid(v, o, packet.total()) !== 0) return false;
    const message = o + ipv6.HEADER;
    return ipv6.nextHeader(v, o) !== ICMPV6 || (n > ipv6.HEADER && !icmpv6.isError(icmpv6.type(v, message)));
  }
  if (ipv4.valid(v, o, packet.total()) !== 0 || ipv4.fragmentOffset(v, o) !== 0) return false;
  const message = o + ipv4.headerLength(v, o);
  return ipv4.protocol(v, o) !== ICMP || (n > message - o && !icmpv4.isError(icmpv4.type(v, message)));
}

function write4(slab: PacketMemory, packet: Packet, type: number, code: number, rest: number, reply: Packet): true {
  const v = slab.view;
  const { o } = reply;
  const message = o + ipv4.HEADER_MIN;
  // RFC 1812 §4.3.2.3: as much as fits 576 bytes.
  const n = quote(slab, packet, message + icmpv4.HEADER, ipv4.DATAGRAM_MIN - ipv4.HEADER_MIN - icmpv4.HEADER);
  const length = icmpv4.HEADER + n;
  icmpv4.write(v, message, type, code, rest);
  v.setUint16(message + icmpv4.CHECKSUM, checksum.finish(checksum.sum(v, message, length, 0)));
  const total = ipv4.HEADER_MIN + length;
  const from = ipv4.destination(v, packet.o);
  ipv4.write(v, o, 0, total, 0, ipv4.DF, TTL, ICMP, from, ipv4.source(v, packet.o));
  ipv4.setChecksum(v, o);
  reply.n = total;
  return true;
}

function write6(slab: PacketMemory, packet: Packet, type: number, code: number, rest: number, reply: Packet): true {
  const v = slab.view;
  const { o } = reply;
  const message = o + ipv6.HEADER;
  const n = quote(slab, packet, message + icmpv6.HEADER, ipv6.MTU_MIN - ipv6.HEADER - icmpv6.HEADER);
  const length = icmpv6.HEADER + n;
  ipv6.write(v, o, 0, 0, length, ICMPV6, TTL);
  slab.u8.copyWithin(o + ipv6.SOURCE, packet.o + ipv6.DESTINATION, packet.o + ipv6.DESTINATION + 16);
  slab.u8.copyWithin(o + ipv6.DESTINATION, packet.o + ipv6.SOURCE, packet.o + ipv6.SOURCE + 16);
  icmpv6.write(v, message, type, code, rest);
  // RFC 8200 §8.1: the checksum covers both addresses, the length, the protocol and the message.
  const pseudo = checksum.sum(v, o + ipv6.SOURCE, 32, length + ICMPV6);
  v.setUint16(message + icmpv6.CHECKSUM, checksum.finish(checksum.sum(v, message, length, pseudo)));
  reply.n = ipv6.HEADER + length;
  return true;
}

/** Copies up to `most` bytes from the beginning of the packet, including its slices, to `to`; returns how many. */
function quote(slab: PacketMemory, packet: Packet, to: number, most: number): number {
  let done = Math.min(packet.n, most);
  slab.u8.copyWithin(to, packet.o, packet.o + done);
  for (let i = 0; i < packet.slices && done < most; i++) {
    const piece = Math.min(packet.sliceN[i]!, most - done);
    slab.u8.copyWithin(to + done, packet.sliceO[i]!, packet.sliceO[i]! + piece);
    done += piece;
  }
  return done;
}

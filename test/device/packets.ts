import { CSUM_NONE, CSUM_PARTIAL, GSO_NONE, GSO_TCP4, GSO_TCP6, type Packet } from "#base/packet";
import type { Slab } from "#base/slab";
import { fold, pseudo4, pseudo6, sum } from "#wire/checksum";
import * as ipv4 from "#wire/ipv4";
import * as ipv6 from "#wire/ipv6";
import { TCP } from "#wire/protocol";
import * as tcp from "#wire/tcp";

/** The two ends of the experiment. */
export const SOURCE4 = 0x0a000007;
export const DESTINATION4 = 0x0a000105;
export const SOURCE6 = [0xfd00000a, 0, 0, 7] as const;
export const DESTINATION6 = [0xfd00000b, 0, 0, 5] as const;

export interface Shape {
  readonly family: 4 | 6;
  readonly payload: Uint8Array;
  /** How many of the payload's bytes lie in the head; the rest is cut into `slices` pieces elsewhere in the slab. */
  readonly inHead: number;
  readonly slices: number;
  readonly partial: boolean;
  readonly gsoSize: number;
  readonly seq: number;
  readonly flags: number;
}

export const PLAIN: Shape = {
  family: 4,
  payload: new Uint8Array(0),
  inHead: 65_535,
  slices: 0,
  partial: false,
  gsoSize: 0,
  seq: 1,
  flags: tcp.ACK,
};

/** Bytes of IP and TCP header of the packets made here (TCP with a timestamps-sized option block). */
export function headerLength(family: 4 | 6): number {
  return (family === 4 ? ipv4.HEADER_MIN : ipv6.HEADER) + TCP_HEADER;
}

const TCP_HEADER = 32;

/** Lays a TCP packet out: its head at `o`, its slices at `elsewhere`. */
export function put(slab: Slab, packet: Packet, o: number, elsewhere: number, shape: Partial<Shape>): void {
  const s = { ...PLAIN, ...shape };
  const v = slab.view;
  const ip = s.family === 4 ? ipv4.HEADER_MIN : ipv6.HEADER;
  const header = ip + TCP_HEADER;
  packet.clear();
  packet.o = o;
  const length = TCP_HEADER + s.payload.length;
  let pseudo: number;
  if (s.family === 4) {
    ipv4.write(v, o, 0, ip + length, 0x1234, ipv4.DF, 64, TCP, SOURCE4, DESTINATION4);
    ipv4.setChecksum(v, o);
    pseudo = pseudo4(SOURCE4, DESTINATION4, TCP, length);
  } else {
    ipv6.write(v, o, 0, 0, length, TCP, 64);
    ipv6.setSource(v, o, ...SOURCE6);
    ipv6.setDestination(v, o, ...DESTINATION6);
    pseudo = pseudo6(...SOURCE6, ...DESTINATION6, TCP, length);
  }
  tcp.write(v, o + ip, 7000, 5000, s.seq, 99, TCP_HEADER, s.flags, 1000, 0);
  slab.u8.fill(1, o + ip + tcp.HEADER_MIN, o + header);
  const inHead = s.slices === 0 ? s.payload.length : Math.min(s.inHead, s.payload.length);
  slab.u8.set(s.payload.subarray(0, inHead), o + header);
  packet.n = header + inHead;
  putSlices(slab, packet, elsewhere, s.payload.subarray(inHead), s.slices);
  packet.csum = s.partial ? CSUM_PARTIAL : CSUM_NONE;
  packet.csumStart = ip;
  packet.csumOffset = tcp.CHECKSUM;
  packet.headerLength = header;
  packet.gsoSize = s.gsoSize;
  packet.gso = s.gsoSize === 0 ? GSO_NONE : s.family === 4 ? GSO_TCP4 : GSO_TCP6;
  const whole = new DataView(flat(slab, packet).buffer);
  const final = ~fold(sum(whole, ip, length, pseudo)) & 0xffff;
  tcp.setChecksum(v, o + ip, s.partial ? fold(pseudo) : final);
}

/** Each slice a little apart from the one before, at odd offsets too. */
function putSlices(slab: Slab, packet: Packet, o: number, rest: Uint8Array, slices: number): void {
  const piece = Math.ceil(rest.length / Math.max(slices, 1));
  for (let i = 0; i < rest.length; i += piece) {
    const part = rest.subarray(i, i + piece);
    slab.u8.set(part, o);
    packet.addSlice(o, part.length);
    o += part.length + 3;
  }
}

/** Head and slices in one new array. */
export function flat(slab: Slab, packet: Packet): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(packet.total());
  all.set(slab.u8.subarray(packet.o, packet.o + packet.n));
  let at = packet.n;
  for (let i = 0; i < packet.slices; i++) {
    all.set(slab.u8.subarray(packet.sliceO[i]!, packet.sliceO[i]! + packet.sliceN[i]!), at);
    at += packet.sliceN[i]!;
  }
  return all;
}

/** What arrived, for people and for comparison. */
export interface Arrived {
  readonly family: number;
  readonly id: number;
  readonly seq: number;
  readonly flags: number;
  readonly payload: Uint8Array;
  readonly gsoSize: number;
  /** The lengths in the IP header agree with the packet, and its header checksum is right. */
  readonly ipGood: boolean;
  /** The TCP checksum is right, or partial with the right sum of the pseudo-header. */
  readonly checksumGood: boolean;
}

export function readArrived(slab: Slab, packet: Packet): Arrived {
  const v = slab.view;
  const { o, n } = packet;
  const four = v.getUint8(o) >> 4 === 4;
  const ip = four ? ipv4.HEADER_MIN : ipv6.HEADER;
  const total = four ? ipv4.totalLength(v, o) : ipv6.payloadLength(v, o) + ipv6.HEADER;
  const pseudo = four
    ? pseudo4(ipv4.source(v, o), ipv4.destination(v, o), TCP, n - ip)
    : pseudo6(...SOURCE6, ...DESTINATION6, TCP, n - ip);
  const t = o + ip;
  const checksumGood =
    packet.csum === CSUM_PARTIAL
      ? tcp.checksum(v, t) === fold(pseudo) && packet.csumStart === ip && packet.csumOffset === tcp.CHECKSUM
      : fold(sum(v, t, n - ip, pseudo)) === 0xffff;
  return {
    family: four ? 4 : 6,
    id: four ? ipv4.identification(v, o) : 0,
    seq: tcp.seq(v, t),
    flags: tcp.flags(v, t),
    payload: slab.u8.slice(t + tcp.headerLength(v, t), o + n),
    gsoSize: packet.gso === GSO_NONE ? 0 : packet.gsoSize,
    ipGood: total === n && (!four || ipv4.checksumGood(v, o)),
    checksumGood,
  };
}

/** Bytes that tell where they are: no two nearby places look alike. */
export function pattern(n: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(n);
  let x = seed | 1;
  for (let i = 0; i < n; i++) bytes[i] = (x = Math.imul(x, 1664525) + 1013904223) >>> 24;
  return bytes;
}

/** Packets as plain arrays of octets, written down the way the RFCs draw them: the slow twin of the codecs. */
import { type Address, parseAddress } from "#ip/address";
import { naiveChecksum } from "./checksum.ts";

export const octets16 = (x: number): number[] => [(x >>> 8) & 255, x & 255];
export const octets32 = (x: number): number[] => [...octets16(x >>> 16), ...octets16(x)];

export function address(text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === null) throw new Error(`not an address: ${text}`);
  return parsed;
}

export function addressOctets(x: Address): number[] {
  const { a, b, c, d } = x;
  return x.family === 4 ? octets32(d) : [a, b, c, d].flatMap(octets32);
}

/** With its checksum (complemented sum) at octet `at`. */
export function withChecksum(octets: number[], at: number, pseudo: number[] = []): number[] {
  const sum = ~naiveChecksum([...pseudo, ...octets]) & 0xffff;
  return [...octets.slice(0, at), ...octets16(sum), ...octets.slice(at + 2)];
}

export interface Naive4 {
  source?: string | undefined;
  destination?: string;
  protocol?: number;
  id?: number;
  flags?: number;
  /** Bytes. */
  offset?: number;
  ttl?: number;
  tos?: number;
  options?: number[];
  totalLength?: number;
}

export function naiveIPv4(x: Naive4, payload: number[]): number[] {
  const options = x.options ?? [];
  const header = [
    0x40 | (5 + options.length / 4),
    x.tos ?? 0,
    ...octets16(x.totalLength ?? 20 + options.length + payload.length),
    ...octets16(x.id ?? 0),
    ...octets16((x.flags ?? 0) | ((x.offset ?? 0) / 8)),
    x.ttl ?? 64,
    x.protocol ?? 17,
    0,
    0,
    ...addressOctets(address(x.source ?? "10.0.0.1")),
    ...addressOctets(address(x.destination ?? "10.0.0.7")),
    ...options,
  ];
  return [...withChecksum(header, 10), ...payload];
}

export interface Naive6 {
  source?: string | undefined;
  destination?: string;
  nextHeader?: number;
  hopLimit?: number;
  trafficClass?: number;
  flowLabel?: number;
}

export function naiveIPv6(x: Naive6, payload: number[]): number[] {
  return [
    ...octets32((6 << 28) | ((x.trafficClass ?? 0) << 20) | (x.flowLabel ?? 0)),
    ...octets16(payload.length),
    x.nextHeader ?? 17,
    x.hopLimit ?? 64,
    ...addressOctets(address(x.source ?? "fd00::1")),
    ...addressOctets(address(x.destination ?? "fd00::7")),
    ...payload,
  ];
}

export function naiveFragment6(nextHeader: number, offset: number, more: boolean, id: number): number[] {
  return [nextHeader, 0, ...octets16(offset | (more ? 1 : 0)), ...octets32(id)];
}

/** The pseudo-header of RFC 8200 §8.1, or RFC 9293 §3.1. */
export function naivePseudo(source: Address, destination: Address, protocol: number, n: number): number[] {
  const ends = [...addressOctets(source), ...addressOctets(destination)];
  return source.family === 4 ? [...ends, 0, protocol, ...octets16(n)] : [...ends, ...octets32(n), 0, 0, 0, protocol];
}

export function naiveUdp(sourcePort: number, destinationPort: number, data: number[]): number[] {
  return [...octets16(sourcePort), ...octets16(destinationPort), ...octets16(8 + data.length), 0, 0, ...data];
}

/** An echo request or any other ICMP message; with `pseudo`, an ICMPv6 one. */
export function naiveIcmp(
  type: number,
  code: number,
  rest: number,
  data: number[],
  pseudo?: [source: string, destination: string],
): number[] {
  const message = [type, code, 0, 0, ...octets32(rest), ...data];
  if (pseudo === undefined) return withChecksum(message, 2);
  return withChecksum(message, 2, naivePseudo(address(pseudo[0]), address(pseudo[1]), 58, message.length));
}

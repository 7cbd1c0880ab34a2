import type { TcpOption } from "../language/ast.ts";

/**
 * Encodes and decodes packets. Deliberately independent of `src/wire`: scripts must not test code with that same code, and every field of a
 * wrong packet must be shown instead of rejecting it.
 */

export type Family = 4 | 6;
export const TCP_PROTOCOL = 6;
export const UDP_PROTOCOL = 17;

/** The source and destination of a packet: addresses as bytes (4 or 16). */
export interface Ends {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

export interface IpFields {
  readonly tos: number;
  readonly ttl: number;
  readonly flowLabel: number;
}

export interface TcpFields {
  readonly sequence: number;
  readonly ack: number;
  readonly flags: number;
  readonly window: number;
  readonly urgent: number;
  readonly options: Uint8Array;
  readonly payload: Uint8Array;
}

/** A packet that the stack under test sent. `faults` lists what is wrong with the packet itself (checksums, lengths). */
export interface Live {
  /** When it was sent, µs of the script. */
  readonly time: number;
  readonly bytes: Uint8Array;
  readonly family: Family;
  readonly protocol: number;
  readonly ip: IpFields;
  readonly ends: Ends;
  readonly tcp: (TcpFields & { readonly headerLength: number }) | undefined;
  readonly udp: { readonly length: number; readonly payload: Uint8Array } | undefined;
  readonly icmp:
    | { readonly type: number; readonly code: number; readonly rest: number; readonly quoted: Uint8Array }
    | undefined;
  readonly faults: readonly string[];
}

/** The Internet checksum over the pieces; each piece except the last must have an even length. */
export function checksum(...pieces: readonly Uint8Array[]): number {
  let sum = 0;
  for (const bytes of pieces) {
    for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}

function pseudoHeader(source: Uint8Array, destination: Uint8Array, protocol: number, length: number): Uint8Array {
  const n = source.length;
  const bytes = new Uint8Array(2 * n + 8);
  bytes.set(source, 0);
  bytes.set(destination, n);
  const view = new DataView(bytes.buffer);
  view.setUint32(2 * n, length);
  view.setUint32(2 * n + 4, protocol);
  return bytes;
}

function withIp(ends: Ends, ip: IpFields, protocol: number, body: Uint8Array): Uint8Array {
  const v6 = ends.source.length === 16;
  const header = v6 ? 40 : 20;
  const bytes = new Uint8Array(header + body.length);
  const view = new DataView(bytes.buffer);
  if (v6) {
    view.setUint32(0, (0x60000000 | (ip.tos << 20) | ip.flowLabel) >>> 0);
    view.setUint16(4, body.length);
    bytes[6] = protocol;
    bytes[7] = ip.ttl;
  } else {
    bytes[0] = 0x45;
    bytes[1] = ip.tos;
    view.setUint16(2, bytes.length);
    view.setUint16(6, 0x4000);
    bytes[8] = ip.ttl;
    bytes[9] = protocol;
  }
  bytes.set(ends.source, v6 ? 8 : 12);
  bytes.set(ends.destination, v6 ? 24 : 16);
  if (!v6) view.setUint16(10, checksum(bytes.subarray(0, 20)));
  bytes.set(body, header);
  return bytes;
}

export function encodeTcp(ends: Ends, ip: IpFields, tcp: TcpFields): Uint8Array {
  const header = 20 + tcp.options.length;
  const body = new Uint8Array(header + tcp.payload.length);
  const view = new DataView(body.buffer);
  view.setUint16(0, ends.sourcePort);
  view.setUint16(2, ends.destinationPort);
  view.setUint32(4, tcp.sequence);
  view.setUint32(8, tcp.ack);
  view.setUint16(12, ((header / 4) << 12) | tcp.flags);
  view.setUint16(14, tcp.window);
  view.setUint16(18, tcp.urgent);
  body.set(tcp.options, 20);
  body.set(tcp.payload, header);
  view.setUint16(16, checksum(pseudoHeader(ends.source, ends.destination, TCP_PROTOCOL, body.length), body));
  return withIp(ends, ip, TCP_PROTOCOL, body);
}

export function encodeUdp(ends: Ends, ip: IpFields, payload: Uint8Array): Uint8Array {
  const body = new Uint8Array(8 + payload.length);
  const view = new DataView(body.buffer);
  view.setUint16(0, ends.sourcePort);
  view.setUint16(2, ends.destinationPort);
  view.setUint16(4, body.length);
  body.set(payload, 8);
  const sum = checksum(pseudoHeader(ends.source, ends.destination, UDP_PROTOCOL, body.length), body);
  view.setUint16(6, sum === 0 ? 0xffff : sum);
  return withIp(ends, ip, UDP_PROTOCOL, body);
}

/** @param rest the four octets after the checksum: an MTU, an identifier. */
export function encodeIcmp(
  ends: Ends,
  ip: IpFields,
  type: number,
  code: number,
  rest: number,
  quoted: Uint8Array,
): Uint8Array {
  const v6 = ends.source.length === 16;
  const body = new Uint8Array(8 + quoted.length);
  const view = new DataView(body.buffer);
  body[0] = type;
  body[1] = code;
  view.setUint32(4, rest);
  body.set(quoted, 8);
  view.setUint16(2, v6 ? checksum(pseudoHeader(ends.source, ends.destination, 58, body.length), body) : checksum(body));
  return withIp(ends, ip, v6 ? 58 : 1, body);
}

/** The start of a packet as an ICMP error quotes it: the IP header and `n` more octets. */
export function quote(packet: Uint8Array, n: number): Uint8Array {
  return packet.slice(0, (packet[0]! >> 4 === 6 ? 40 : 20) + n);
}

export function decode(bytes: Uint8Array, time: number): Live {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const faults: string[] = [];
  const v6 = bytes[0]! >> 4 === 6;
  const header = v6 ? 40 : (bytes[0]! & 15) * 4;
  const length = v6 ? 40 + view.getUint16(4) : view.getUint16(2);
  if (length !== bytes.length) faults.push(`IP length ${length} in a packet of ${bytes.length} bytes`);
  if (!v6 && header !== 20) faults.push(`IPv4 header of ${header} bytes`);
  if (!v6 && checksum(bytes.subarray(0, header)) !== 0) faults.push("wrong IPv4 header checksum");
  if (!v6 && (view.getUint16(6) & 0xbfff) !== 0) faults.push("fragment");
  const protocol = bytes[v6 ? 6 : 9]!;
  const source = bytes.slice(v6 ? 8 : 12, v6 ? 24 : 16);
  const destination = bytes.slice(v6 ? 24 : 16, v6 ? 40 : 20);
  const ip: IpFields = v6
    ? { tos: (view.getUint16(0) >> 4) & 255, ttl: bytes[7]!, flowLabel: view.getUint32(0) & 0xfffff }
    : { tos: bytes[1]!, ttl: bytes[8]!, flowLabel: 0 };
  const body = bytes.subarray(header);
  const bodyView = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const pseudo = pseudoHeader(source, destination, protocol, body.length);
  const isIcmp = protocol === (v6 ? 58 : 1);
  const sum = protocol === 1 ? checksum(body) : checksum(pseudo, body);
  if ((isIcmp || protocol === TCP_PROTOCOL || protocol === UDP_PROTOCOL) && sum !== 0)
    faults.push("wrong transport checksum");
  const ported = protocol === TCP_PROTOCOL || protocol === UDP_PROTOCOL;
  const ends: Ends = {
    source,
    destination,
    sourcePort: ported ? bodyView.getUint16(0) : 0,
    destinationPort: ported ? bodyView.getUint16(2) : 0,
  };
  return {
    time,
    bytes,
    family: v6 ? 6 : 4,
    protocol,
    ip,
    ends,
    tcp: protocol === TCP_PROTOCOL ? decodeTcp(body, bodyView) : undefined,
    udp: protocol === UDP_PROTOCOL ? { length: bodyView.getUint16(4) - 8, payload: body.subarray(8) } : undefined,
    icmp: isIcmp
      ? { type: body[0]!, code: body[1]!, rest: bodyView.getUint32(4), quoted: body.subarray(8) }
      : undefined,
    faults,
  };
}

function decodeTcp(body: Uint8Array, view: DataView): NonNullable<Live["tcp"]> {
  const headerLength = (body[12]! >> 4) * 4;
  return {
    sequence: view.getUint32(4),
    ack: view.getUint32(8),
    flags: view.getUint16(12) & 0xfff,
    window: view.getUint16(14),
    urgent: view.getUint16(18),
    options: body.subarray(20, headerLength),
    payload: body.subarray(headerLength),
    headerLength,
  };
}

const FASTOPEN_MAGIC = [0xf9, 0x89];
/** RFC 9768 §3.2.3: the counters of ECT(0), CE and ECT(1), in this order or reversed. */
const ACCURATE_ECN = [172, 174] as const;

/** The options as octets, in the order in which they are written, without padding. */
export function encodeOptions(options: readonly TcpOption[]): Uint8Array {
  return Uint8Array.from(options.flatMap(encodeOption));
}

function encodeOption(option: TcpOption): number[] {
  switch (option.kind) {
    case "eol":
      return [0];
    case "nop":
      return [1];
    case "mss":
      return [2, 4, option.value >> 8, option.value & 255];
    case "wscale":
      return [3, 3, option.value];
    case "sackOK":
      return [4, 2];
    case "sack":
      return [
        5,
        2 + 8 * option.blocks.length,
        ...option.blocks.flatMap(([left, right]) => [...u32(left), ...u32(right)]),
      ];
    case "timestamp":
      return [8, 10, ...u32(option.value), ...u32(option.echo)];
    case "md5":
      return [19, 2 + option.digest.length / 2, ...unhex(option.digest)];
    case "accecn":
      return [
        ACCURATE_ECN[option.order],
        2 + 3 * option.counters.length,
        ...option.counters.flatMap((n) => u32(n).slice(1)),
      ];
    case "fastopen": {
      const cookie = [...(option.experimental ? FASTOPEN_MAGIC : []), ...unhex(option.cookie)];
      return [option.experimental ? 254 : 34, 2 + cookie.length, ...cookie];
    }
  }
}

/** An option that the language cannot express, or with a wrong length: shown as its octets. */
export interface RawOption {
  readonly kind: "raw";
  readonly bytes: readonly number[];
}

export function decodeOptions(bytes: Uint8Array): (TcpOption | RawOption)[] {
  const options: (TcpOption | RawOption)[] = [];
  for (let o = 0; o < bytes.length; ) {
    const kind = bytes[o]!;
    const length = kind < 2 ? 1 : (bytes[o + 1] ?? 0);
    if (length < 1 || (kind >= 2 && length < 2) || o + length > bytes.length) {
      options.push({ kind: "raw", bytes: [...bytes.subarray(o)] });
      return options;
    }
    options.push(decodeOption(kind, bytes.subarray(o, o + length)));
    o += length;
  }
  return options;
}

function decodeOption(kind: number, b: Uint8Array): TcpOption | RawOption {
  const view = new DataView(b.buffer, b.byteOffset, b.byteLength);
  if (kind === 0) return { kind: "eol" };
  if (kind === 1) return { kind: "nop" };
  if (kind === 2 && b.length === 4) return { kind: "mss", value: view.getUint16(2) };
  if (kind === 3 && b.length === 3) return { kind: "wscale", value: b[2]! };
  if (kind === 4 && b.length === 2) return { kind: "sackOK" };
  if (kind === 5 && b.length % 8 === 2) {
    const blocks: [number, number][] = [];
    for (let o = 2; o < b.length; o += 8) blocks.push([view.getUint32(o), view.getUint32(o + 4)]);
    return { kind: "sack", blocks };
  }
  if (kind === 8 && b.length === 10) return { kind: "timestamp", value: view.getUint32(2), echo: view.getUint32(6) };
  if (kind === 19) return { kind: "md5", digest: hex(b.subarray(2)) };
  if (kind === 34) return { kind: "fastopen", experimental: false, cookie: hex(b.subarray(2)) };
  if (kind === 254 && b[2] === FASTOPEN_MAGIC[0] && b[3] === FASTOPEN_MAGIC[1])
    return { kind: "fastopen", experimental: true, cookie: hex(b.subarray(4)) };
  if ((kind === 172 || kind === 174) && b.length % 3 === 2) {
    const counters = Array.from({ length: (b.length - 2) / 3 }, (_, i) => view.getUint32(1 + 3 * i) & 0xffffff);
    return { kind: "accecn", order: kind === 172 ? 0 : 1, counters };
  }
  return { kind: "raw", bytes: [...b] };
}

function u32(n: number): number[] {
  return [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
}

export function hex(bytes: Uint8Array | readonly number[]): string {
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

function unhex(text: string): number[] {
  return (text.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16));
}

/**
 * The octet at an offset of a stream: written by the script's `...` buffers, and contained in injected payloads. The pattern does not
 * repeat, so a lost, repeated, swapped or overwritten octet is detected.
 */
export function patternByte(offset: number): number {
  return Math.imul(offset + 1, 0x9e3779b1) >>> 24;
}

export function pattern(offset: number, n: number): Uint8Array {
  const bytes = new Uint8Array(n);
  for (let i = 0; i < n; i++) bytes[i] = patternByte(offset + i);
  return bytes;
}

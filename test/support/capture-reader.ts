import * as pcapng from "#observe/pcapng";

/** One packet of a capture. */
export interface CapturedPacket {
  /** Nanoseconds since 1970. */
  readonly time: bigint;
  /** What was kept of it. */
  readonly bytes: Uint8Array;
  /** Bytes that it had. */
  readonly length: number;
  readonly direction: "in" | "out" | "unknown";
  readonly comment: string | null;
}

export interface Capture {
  /** Of the first interface. */
  readonly linkType: number;
  readonly interfaceName: string | null;
  readonly packets: readonly CapturedPacket[];
  /** Bytes at the end that are no whole block: the writer was interrupted. */
  readonly rest: number;
}

const DIRECTIONS = ["unknown", "in", "out", "unknown"] as const;
/** Classic pcap: stamps in µs / in ns. */
const PCAP_MICRO = 0xa1b2c3d4;
const PCAP_NANO = 0xa1b23c4d;

/** Reads a capture, pcapng or classic pcap, of either byte order. @throws Error where it is neither. */
export function readCapture(bytes: Uint8Array): Capture {
  const v = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length >= 28 && v.getUint32(0) === pcapng.SECTION_HEADER) return readPcapng(v, bytes);
  for (const little of [false, true]) {
    const magic = bytes.length >= 24 ? v.getUint32(0, little) : 0;
    if (magic === PCAP_MICRO || magic === PCAP_NANO) return readPcap(v, bytes, little, magic === PCAP_NANO);
  }
  throw new Error("neither a pcapng nor a pcap file");
}

function readPcap(v: DataView, bytes: Uint8Array, little: boolean, nano: boolean): Capture {
  const packets: CapturedPacket[] = [];
  let o = 24;
  while (o + 16 <= bytes.length) {
    const kept = v.getUint32(o + 8, little);
    if (o + 16 + kept > bytes.length) break;
    const fraction = BigInt(v.getUint32(o + 4, little)) * (nano ? 1n : 1_000n);
    packets.push({
      time: BigInt(v.getUint32(o, little)) * 1_000_000_000n + fraction,
      bytes: bytes.slice(o + 16, o + 16 + kept),
      length: v.getUint32(o + 12, little),
      direction: "unknown",
      comment: null,
    });
    o += 16 + kept;
  }
  return { linkType: v.getUint32(20, little), interfaceName: null, packets, rest: bytes.length - o };
}

interface Interface {
  readonly linkType: number;
  readonly name: string | null;
  /** Units of its stamps in a second. */
  readonly perSecond: bigint;
}

function readPcapng(v: DataView, bytes: Uint8Array): Capture {
  const interfaces: Interface[] = [];
  const packets: CapturedPacket[] = [];
  let little = false;
  let o = 0;
  while (o + 12 <= bytes.length) {
    // The section header's own type reads the same in both orders.
    const first = v.getUint32(o);
    if (first === pcapng.SECTION_HEADER) little = v.getUint32(o + 8) !== pcapng.BYTE_ORDER_MAGIC;
    const length = v.getUint32(o + 4, little);
    if (length < 12 || o + length > bytes.length) break;
    const type = v.getUint32(o, little);
    if (type === pcapng.INTERFACE_DESCRIPTION) interfaces.push(readInterface(v, bytes, o, length, little));
    else if (type === pcapng.ENHANCED_PACKET) packets.push(readPacket(v, bytes, o, length, little, interfaces));
    o += length;
  }
  const { linkType = 0, name = null } = interfaces[0] ?? {};
  return { linkType, interfaceName: name, packets, rest: bytes.length - o };
}

function readInterface(v: DataView, bytes: Uint8Array, o: number, length: number, little: boolean): Interface {
  const options = readOptions(v, bytes, o + 16, o + length - 4, little);
  const name = options.get(pcapng.IF_NAME);
  const resolution = options.get(pcapng.IF_TSRESOL)?.[0] ?? 6;
  const perSecond = resolution & 0x80 ? 2n ** BigInt(resolution & 0x7f) : 10n ** BigInt(resolution);
  return {
    linkType: v.getUint16(o + 8, little),
    name: name === undefined ? null : new TextDecoder().decode(name),
    perSecond,
  };
}

function readPacket(
  v: DataView,
  bytes: Uint8Array,
  o: number,
  length: number,
  little: boolean,
  interfaces: readonly Interface[],
): CapturedPacket {
  const kept = Math.min(v.getUint32(o + 20, little), length - pcapng.PACKET_LEAD - 4);
  const data = o + pcapng.PACKET_LEAD;
  const options = readOptions(v, bytes, data + ((kept + 3) & ~3), o + length - 4, little);
  const flags = options.get(pcapng.EPB_FLAGS);
  const comment = options.get(pcapng.OPT_COMMENT);
  const stamp = (BigInt(v.getUint32(o + 12, little)) << 32n) | BigInt(v.getUint32(o + 16, little));
  const perSecond = interfaces[v.getUint32(o + 8, little)]?.perSecond ?? 1_000_000n;
  return {
    time: (stamp * 1_000_000_000n) / perSecond,
    bytes: bytes.slice(data, data + kept),
    length: v.getUint32(o + 24, little),
    direction: DIRECTIONS[(flags?.[little ? 0 : 3] ?? 0) & 3]!,
    comment: comment === undefined ? null : new TextDecoder().decode(comment),
  };
}

/** By code; of several with the same one the last. */
function readOptions(v: DataView, bytes: Uint8Array, o: number, end: number, little: boolean): Map<number, Uint8Array> {
  const options = new Map<number, Uint8Array>();
  while (o + 4 <= end) {
    const code = v.getUint16(o, little);
    const n = v.getUint16(o + 2, little);
    if (code === pcapng.OPT_END || o + 4 + n > end) break;
    options.set(code, bytes.subarray(o + 4, o + 4 + n));
    o += 4 + ((n + 3) & ~3);
  }
  return options;
}

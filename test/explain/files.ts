/** Capture files for tests, written independently of the reader. */

export interface Options {
  readonly little?: boolean;
  readonly nano?: boolean;
  readonly linkType?: number;
  readonly snap?: number;
}

export interface Frame {
  /** µs */
  readonly time: number;
  readonly bytes: Uint8Array;
}

const EPOCH = 1_700_000_000;

function words(little: boolean) {
  const out: number[] = [];
  const put = (value: number, n: number) => {
    const octets = Array.from({ length: n }, (_, i) => Math.floor(value / 2 ** (8 * i)) & 0xff);
    out.push(...(little ? octets : octets.reverse()));
  };
  return { out, put };
}

export function pcapFile(frames: readonly Frame[], options: Options = {}): Uint8Array {
  const { little = true, nano = false, linkType = 101, snap = 65_535 } = options;
  const { out, put } = words(little);
  put(nano ? 0xa1b23c4d : 0xa1b2c3d4, 4);
  for (const [value, n] of [
    [2, 2],
    [4, 2],
    [0, 4],
    [0, 4],
    [snap, 4],
    [linkType, 4],
  ] as const)
    put(value, n);
  for (const { time, bytes } of frames) {
    const kept = bytes.subarray(0, snap);
    put(EPOCH + Math.floor(time / 1e6), 4);
    put((time % 1e6) * (nano ? 1000 : 1), 4);
    put(kept.length, 4);
    put(bytes.length, 4);
    out.push(...kept);
  }
  return Uint8Array.from(out);
}

export interface PcapngOptions extends Options {
  /** The octet of if_tsresol. */
  readonly resolution?: number;
}

/** One section with one interface. */
export function pcapngFile(frames: readonly Frame[], options: PcapngOptions = {}): Uint8Array {
  const { little = true, linkType = 101, snap = 0, resolution = 6 } = options;
  const { out, put } = words(little);
  const block = (type: number, body: () => void) => {
    const start = out.length;
    put(type, 4);
    put(0, 4);
    body();
    while (out.length % 4 !== 0) out.push(0);
    const length = out.length + 4 - start;
    put(length, 4);
    out.splice(start + 4, 4, ...out.slice(-4));
  };
  block(0x0a0d0d0a, () => {
    put(0x1a2b3c4d, 4);
    put(1, 2);
    put(0, 2);
    put(0xffffffff, 4);
    put(0xffffffff, 4);
  });
  // A block of a type that nobody knows.
  block(0x40000bad, () => put(7, 4));
  block(1, () => {
    put(linkType, 2);
    put(0, 2);
    put(snap, 4);
    put(9, 2);
    put(1, 2);
    out.push(resolution, 0, 0, 0);
    put(0, 4);
  });
  const perSecond = resolution & 0x80 ? 2 ** (resolution & 0x7f) : 10 ** resolution;
  for (const { time, bytes } of frames)
    block(6, () => {
      const stamp = BigInt(Math.round((time / 1e6) * perSecond)) + BigInt(EPOCH) * BigInt(perSecond);
      put(0, 4);
      put(Number(stamp >> 32n), 4);
      put(Number(stamp & 0xffffffffn), 4);
      put(bytes.length, 4);
      put(bytes.length, 4);
      out.push(...bytes);
    });
  return Uint8Array.from(out);
}

/** A pcapng section of simple packet blocks. */
export function simpleFile(frames: readonly Frame[]): Uint8Array {
  const whole = pcapngFile([]);
  const { out, put } = words(true);
  for (const { bytes } of frames) {
    const length = 16 + ((bytes.length + 3) & ~3);
    put(3, 4);
    put(length, 4);
    put(bytes.length, 4);
    out.push(...bytes);
    while (out.length % 4 !== 0) out.push(0);
    put(length, 4);
  }
  return Uint8Array.from([...whole, ...out]);
}

/** The raw IP packets of a pcap file in big-endian order, as the lab writes them. */
export function framesOf(pcap: Uint8Array): Frame[] {
  const v = new DataView(pcap.buffer, pcap.byteOffset, pcap.length);
  const frames: Frame[] = [];
  for (let o = 24; o + 16 <= pcap.length; ) {
    const kept = v.getUint32(o + 8);
    const time = (v.getUint32(o) - EPOCH) * 1e6 + v.getUint32(o + 4);
    frames.push({ time, bytes: pcap.slice(o + 16, o + 16 + kept) });
    o += 16 + kept;
  }
  return frames;
}

/** Frames with something in front of the IP packet. */
export function behind(frames: readonly Frame[], header: readonly number[]): Frame[] {
  return frames.map(({ time, bytes }) => ({ time, bytes: Uint8Array.from([...header, ...bytes]) }));
}

const MACS = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];

/** Headers of link layers in front of IPv4, by link type. */
export const LINKS: readonly (readonly [string, number, readonly number[]])[] = [
  ["raw", 101, []],
  ["raw, BSD's number", 12, []],
  ["IPv4", 228, []],
  ["Ethernet", 1, [...MACS, 8, 0]],
  ["VLAN", 1, [...MACS, 0x81, 0, 0, 5, 8, 0]],
  ["QinQ", 1, [...MACS, 0x88, 0xa8, 0, 7, 0x81, 0, 0, 5, 8, 0]],
  ["MPLS", 1, [...MACS, 0x88, 0x47, 0, 1, 0, 64, 0, 1, 1, 64]],
  ["PPPoE", 1, [...MACS, 0x88, 0x64, 0x11, 0, 0, 1, 0, 40, 0, 0x21]],
  ["cooked v1", 113, [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0]],
  ["cooked v2", 276, [8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0]],
  ["NULL, little", 0, [2, 0, 0, 0]],
  ["NULL, big", 0, [0, 0, 0, 2]],
  ["LOOP", 108, [0, 0, 0, 2]],
];

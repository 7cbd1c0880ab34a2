/**
 * Blocks of a pcapng file (draft-ietf-opsawg-pcapng), in little-endian order: a file may have either order, but dumpcap, which
 * feeds Wireshark from a pipe, reads only its own machine's order. Each function writes one block at `o` and returns its end.
 */

const LITTLE = true;

export const SECTION_HEADER = 0x0a0d0d0a;
export const INTERFACE_DESCRIPTION = 1;
export const SIMPLE_PACKET = 3;
export const ENHANCED_PACKET = 6;
export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
/** The packet begins with the IP header, of either version. */
export const LINKTYPE_RAW = 101;

export const OPT_END = 0;
export const OPT_COMMENT = 1;
export const SHB_USERAPPL = 4;
export const IF_NAME = 2;
export const IF_TSRESOL = 9;
export const EPB_FLAGS = 2;
/** epb_flags, bits 0 and 1. */
export const INBOUND = 1;
export const OUTBOUND = 2;

/** Bytes of an enhanced packet block before the packet, and after it without padding and comment. */
export const PACKET_LEAD = 28;
export const PACKET_TAIL = 8 + 4 + 4;

const encoder = new TextEncoder();

/** The type and the length of the block at `o`. */
export function blockType(v: DataView, o: number): number {
  return v.getUint32(o, LITTLE);
}

export function blockLength(v: DataView, o: number): number {
  return v.getUint32(o + 4, LITTLE);
}

/** The section header block, with the name of the program. */
export function writeSectionHeader(v: DataView, o: number, application: string): number {
  v.setUint32(o, SECTION_HEADER, LITTLE);
  v.setUint32(o + 8, BYTE_ORDER_MAGIC, LITTLE);
  v.setUint16(o + 12, 1, LITTLE); // version 1.0
  v.setUint16(o + 14, 0, LITTLE);
  v.setUint32(o + 16, 0xffffffff, LITTLE); // length of the section: not known
  v.setUint32(o + 20, 0xffffffff, LITTLE);
  const at = writeOption(v, o + 24, SHB_USERAPPL, encoder.encode(application));
  return endBlock(v, o, endOptions(v, at));
}

/** The interface of all packets after it; timestamps are nanoseconds. @param snap limit of the bytes kept of a packet */
export function writeInterface(v: DataView, o: number, name: string, snap: number): number {
  v.setUint32(o, INTERFACE_DESCRIPTION, LITTLE);
  v.setUint16(o + 8, LINKTYPE_RAW, LITTLE);
  v.setUint16(o + 10, 0, LITTLE);
  v.setUint32(o + 12, snap, LITTLE);
  let at = writeOption(v, o + 16, IF_NAME, encoder.encode(name));
  v.setUint16(at, IF_TSRESOL, LITTLE);
  v.setUint16(at + 2, 1, LITTLE);
  v.setUint32(at + 4, 9, LITTLE); // one octet and its padding: 10^-9 s
  at += 8;
  return endBlock(v, o, endOptions(v, at));
}

/** The beginning of a packet block. The packet's bytes go to the returned offset. @param time µs since 1970 */
export function writePacketLead(v: DataView, o: number, time: number, kept: number, n: number): number {
  v.setUint32(o, ENHANCED_PACKET, LITTLE);
  v.setUint32(o + 8, 0, LITTLE); // the interface
  // time * 1000 as 64 bits, which a double cannot hold.
  const high = Math.floor(time / 0x1_0000_0000);
  const low = (time - high * 0x1_0000_0000) * 1_000;
  v.setUint32(o + 12, high * 1_000 + Math.floor(low / 0x1_0000_0000), LITTLE);
  v.setUint32(o + 16, low % 0x1_0000_0000, LITTLE);
  v.setUint32(o + 20, kept, LITTLE);
  v.setUint32(o + 24, n, LITTLE);
  return o + PACKET_LEAD;
}

/** The end of a packet block, after the `kept` bytes of the packet; the block begins at `o`. @param comment UTF-8, or null */
export function writePacketTail(
  v: DataView,
  o: number,
  kept: number,
  direction: number,
  comment: Uint8Array | null,
): number {
  let at = pad(v, o + PACKET_LEAD + kept);
  v.setUint16(at, EPB_FLAGS, LITTLE);
  v.setUint16(at + 2, 4, LITTLE);
  v.setUint32(at + 4, direction, LITTLE);
  at += 8;
  if (comment !== null) at = writeOption(v, at, OPT_COMMENT, comment);
  return endBlock(v, o, endOptions(v, at));
}

function writeOption(v: DataView, o: number, code: number, value: Uint8Array): number {
  v.setUint16(o, code, LITTLE);
  v.setUint16(o + 2, value.length, LITTLE);
  for (let i = 0; i < value.length; i++) v.setUint8(o + 4 + i, value[i]!);
  return pad(v, o + 4 + value.length);
}

function endOptions(v: DataView, o: number): number {
  v.setUint32(o, OPT_END, LITTLE);
  return o + 4;
}

/** Writes the length of a block at both its ends. */
function endBlock(v: DataView, o: number, at: number): number {
  const length = at + 4 - o;
  v.setUint32(o + 4, length, LITTLE);
  v.setUint32(at, length, LITTLE);
  return at + 4;
}

/** Pads with zeros to a multiple of four, where blocks must begin. */
function pad(v: DataView, o: number): number {
  while ((o & 3) !== 0) v.setUint8(o++, 0);
  return o;
}

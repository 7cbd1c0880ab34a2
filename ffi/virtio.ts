/**
 * struct virtio_net_hdr (linux/virtio_net.h) as a TUN device with IFF_VNET_HDR puts it before every packet, and struct
 * iovec. Both are in the machine's byte order, which is little-endian wherever Bun runs.
 *
 * u8 flags, u8 gso_type, u16 hdr_len, u16 gso_size, u16 csum_start, u16 csum_offset; csum_start counts from the IP header.
 */
export const VNET_HEADER = 10;

/** The checksum at csum_start + csum_offset is not yet complete. */
export const NEEDS_CSUM = 1;
/** The checksum was verified. */
export const DATA_VALID = 2;

export const GSO_TYPE_TCPV4 = 1;
export const GSO_TYPE_TCPV6 = 4;
/** Added to the type: the first segment of the super-segment carries CWR. */
export const GSO_TYPE_ECN = 0x80;

export function flags(v: DataView, o: number): number {
  return v.getUint8(o);
}

export function gsoType(v: DataView, o: number): number {
  return v.getUint8(o + 1);
}

export function gsoSize(v: DataView, o: number): number {
  return v.getUint16(o + 4, true);
}

export function csumStart(v: DataView, o: number): number {
  return v.getUint16(o + 6, true);
}

export function csumOffset(v: DataView, o: number): number {
  return v.getUint16(o + 8, true);
}

/** Writes a header that requests nothing: the packet is whole and its checksum complete. */
export function putPlain(v: DataView, o: number): void {
  v.setUint32(o, 0, true);
  v.setUint32(o + 4, 0, true);
  v.setUint16(o + 8, 0, true);
}

export function putChecksum(v: DataView, o: number, start: number, offset: number): void {
  v.setUint32(o, NEEDS_CSUM, true);
  v.setUint16(o + 4, 0, true);
  v.setUint16(o + 6, start, true);
  v.setUint16(o + 8, offset, true);
}

export function putSegments(v: DataView, o: number, type: number, headerLength: number, size: number): void {
  v.setUint8(o + 1, type);
  v.setUint16(o + 2, headerLength, true);
  v.setUint16(o + 4, size, true);
}

/** Bytes of a struct iovec: address and length, 64 bits each. */
export const IOVEC = 16;

/** Writes entry `i` of an iovec array. A 64-bit address is two 32-bit stores: no BigInt. */
export function putIovec(words: Uint32Array, i: number, address: number, n: number): void {
  const at = i * 4;
  words[at] = address;
  words[at + 1] = address / 4294967296;
  words[at + 2] = n;
  words[at + 3] = 0;
}

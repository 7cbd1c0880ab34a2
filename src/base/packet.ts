/** The most payload slices of one egress packet: 64 KiB in pages of 16 KiB, begun and ended in the middle, and one spare. */
export const SLICES_MAX = 6;

/** Checksum state of a packet. */
/** Ingress: nobody verified it, the stack must. Egress: the checksum field is final. */
export const CSUM_NONE = 0;
/**
 * The transport checksum field holds only the folded pseudo-header sum (not complemented); `csumStart` and `csumOffset`
 * say where the rest goes. Ingress: the packet never crossed a wire, so it is trusted. Egress: the device completes it.
 */
export const CSUM_PARTIAL = 1;
/** Ingress: the device has verified it. */
export const CSUM_VALID = 2;

/** `gso` of a packet: not a super-segment / TCP over IPv4 / TCP over IPv6. */
export const GSO_NONE = 0;
/** A super-segment of TCP over IPv4. */
export const GSO_TCP4 = 1;
/** A super-segment of TCP over IPv6. */
export const GSO_TCP6 = 2;

/** Bytes kept free in front of every packet's head, so that a device can put its own header (virtio-net) there. */
export const HEADROOM = 64;

/** The largest IP packet, and with it the room a receive slot has. */
export const PACKET_MAX = 65_535;

/**
 * A register for one packet between device and stack, reused for every packet (nothing is allocated per
 * packet). The packet's bytes are `n` bytes at `o` of the slab, beginning with the IP header. On egress the payload may
 * follow as `slices` further pieces of the same slab, so that it is never copied: the packet is head + slices.
 * On ingress a packet is always contiguous: `slices` is 0.
 */
export class Packet {
  /** Where the head begins, in the memory. */
  o = 0;
  /** Octets of the head; of the whole packet, if it has no slices. */
  n = 0;
  /** How many slices follow the head. */
  slices = 0;
  /** Where each slice begins, in the memory. */
  readonly sliceO = new Int32Array(SLICES_MAX);
  /** Octets of each slice. */
  readonly sliceN = new Int32Array(SLICES_MAX);
  /** CSUM_NONE, CSUM_PARTIAL or CSUM_VALID. */
  csum = CSUM_NONE;
  /** Where the transport header begins, from `o`; only with CSUM_PARTIAL. */
  csumStart = 0;
  /** The offset of the checksum field from `csumStart`; only with CSUM_PARTIAL. */
  csumOffset = 0;
  /** GSO_NONE, GSO_TCP4 or GSO_TCP6: a super-segment, to be cut (or seen as cut) every `gsoSize` bytes of TCP payload. */
  gso = GSO_NONE;
  /** Octets of TCP payload per segment, only with `gso`. */
  gsoSize = 0;
  /** Bytes of IP + TCP header, only with `gso`. */
  headerLength = 0;
  /** Egress: the ECN field of the IP header that the transport wants (RFC 3168): 0, or 2 for ECT(0). */
  ecn = 0;
  /** Why this packet is sent: a `Mark`; 0 on ingress. */
  cause = 0;
  /** The number of the connection that it belongs to, or -1. */
  connection = -1;
  /** Ingress: how many stacks with the same addresses have handed it over to the next one. */
  hops = 0;

  /** Back to an empty packet without offload. */
  clear(): void {
    this.o = 0;
    this.n = 0;
    this.slices = 0;
    this.csum = CSUM_NONE;
    this.gso = GSO_NONE;
    this.gsoSize = 0;
    this.headerLength = 0;
    this.ecn = 0;
    this.cause = 0;
    this.connection = -1;
    this.hops = 0;
  }

  /** Takes over what another packet says of its checksum and of its segmentation. */
  offloadAs(from: Packet): void {
    this.csum = from.csum;
    this.csumStart = from.csumStart;
    this.csumOffset = from.csumOffset;
    this.gso = from.gso;
    this.gsoSize = from.gsoSize;
    this.headerLength = from.headerLength;
  }

  /** Appends a piece of the memory. */
  addSlice(o: number, n: number): void {
    this.sliceO[this.slices] = o;
    this.sliceN[this.slices] = n;
    this.slices++;
  }

  /** Bytes of the whole packet. */
  total(): number {
    let n = this.n;
    for (let i = 0; i < this.slices; i++) n += this.sliceN[i]!;
    return n;
  }
}

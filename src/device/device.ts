import type { Packet } from "#base/packet";
import type { Slab } from "#base/slab";

/** What a device can do for the stack (virtio-net's words). All false: the stack gets and gives plain MTU-sized packets. */
export interface Offload {
  /** Egress: the device finishes CSUM_PARTIAL checksums. Ingress: it may hand over CSUM_PARTIAL or CSUM_VALID. */
  readonly checksum: boolean;
  /** TCP super-segments over IPv4 / IPv6, both ways. */
  readonly tso4: boolean;
  readonly tso6: boolean;
}

export const NO_OFFLOAD: Offload = { checksum: false, tso4: false, tso6: false };

/** What `transmit` did with a packet. */
/** Taken: sent, or dropped and counted as a wire would drop it. */
export const TX_OK = 0;
/** Not taken: the device is full for now. The caller keeps the packet and tries again later. */
export const TX_AGAIN = 1;
/** The device is gone (interface deleted, descriptor closed). */
export const TX_GONE = 2;

/** What `receive` says beside TX_OK-like lengths: nothing there now / the device is gone. */
export const RX_NONE = 0;
export const RX_GONE = -1;

/**
 * The bell of a device: how an idle driver learns that there is something to read. Between `arm` and `disarm` the device
 * calls `notify`, once or more, when a packet may be there. A packet that came before `arm` need not ring: whoever arms
 * looks once more afterwards.
 */
export interface Wakeable {
  arm(notify: () => void): void;
  disarm(): void;
}

/**
 * A device carries IP packets. Devices wrap devices (capture, impairment, software segmentation): each decorator takes
 * and gives the same interface, and the stack cannot tell.
 *
 * **Invariant**: a device never keeps a reference to the packet's bytes after `transmit` returns; it has written them or
 * copied them.
 */
export interface Device {
  readonly name: string;
  /** The largest IP packet, in bytes, that the link carries (a super-segment's segments, not the super-segment). */
  readonly mtu: number;
  /** Packets that fit between us and the reader at the other side before the link drops (txqueuelen). */
  readonly queueLength: number;
  readonly offload: Offload;
  /** The bell; a decorator hands on that of the device it wraps. Without one an idle driver looks every millisecond. */
  readonly wakeable?: Wakeable | undefined;
  /** Called once, before anything else: the memory that packets will lie in. */
  attach(slab: Slab): void;
  /**
   * Puts the next packet at `packet.o` of the slab (there is room for PACKET_MAX bytes, and HEADROOM before it),
   * sets `n`, `csum*` and `gso*`, and returns its length; or RX_NONE, or RX_GONE.
   */
  receive(packet: Packet, now: number): number;
  /**
   * Sends head + slices. The head has HEADROOM free bytes before it. After TX_AGAIN the next packet is the same one (its
   * bytes may lie elsewhere), so that a device may have sent a part of it.
   */
  transmit(packet: Packet, now: number): number;
  /** When `receive` or the device's own queues next have something to do without being asked (a delayed packet); else NEVER. */
  nextDeadline(): number;
  close(): void;
}

import type { Packet } from "#base/packet";
import type { PacketMemory } from "#base/packet-memory";
import type { FloodFilter } from "#ip/flood-filter";
import type { FlowKey } from "#ip/flow-hash";

export type { FloodFilter, FlowKey };

/** What a device can do for the stack (virtio-net's words). All false: the stack gets and gives plain MTU-sized packets. */
export interface Offload {
  /** Egress: the device finishes CSUM_PARTIAL checksums. Ingress: it may hand over CSUM_PARTIAL or CSUM_VALID. */
  readonly checksum: boolean;
  /** TCP super-segments over IPv4 / IPv6, both ways. */
  readonly tso4: boolean;
  /** TCP super-segments over IPv6, both ways. */
  readonly tso6: boolean;
}

/** All offloads: super-segments, and checksums that the device finishes. */
export const FULL_OFFLOAD: Offload = { checksum: true, tso4: true, tso6: true };
/** Only checksums are left to the device. */
export const CHECKSUM_OFFLOAD: Offload = { checksum: true, tso4: false, tso6: false };
/** None: every packet is one that a wire carries. */
export const NO_OFFLOAD: Offload = { checksum: false, tso4: false, tso6: false };

/** Results of `transmit`. */
/** Taken: sent, or dropped and counted, as on a wire. */
export const TX_OK = 0;
/** Not taken: the device is full for now. The caller keeps the packet and tries again later. */
export const TX_AGAIN = 1;
/** The device is gone (interface deleted, descriptor closed). */
export const TX_GONE = 2;
/** Not taken: a queue of this machine is full (ENOBUFS). The caller gives the packet up, and tells whose it was that it was not sent. */
export const TX_REFUSED = 3;

/** Results of `receive` other than a length: no packet now, or the device is gone. */
export const RX_NONE = 0;
/** Result of `receive`: the device is gone. */
export const RX_GONE = -1;

/**
 * The bell of a device wakes an idle driver. Between `arm` and `disarm` the device calls `notify`, once or more, when a
 * packet may have arrived. Packets that came before `arm` need not ring, so the caller of `arm` must look once more
 * afterwards.
 */
export interface Wakeable {
  /** From now on `notify` is called when a packet may have arrived. */
  arm(notify: () => void): void;
  /** From now on nothing is called. */
  disarm(): void;
  /**
   * Blocks the thread until a packet may have arrived, for at most so many µs; returns whether one may have. The bell need not be armed.
   * Absent: nobody can wait for this device.
   */
  wait?(usecs: number): boolean;
  /** Whether `wait` ends, too, when the program's event loop has something to do. Timers of the program do not end it. */
  readonly seesLoop?: boolean;
}

/**
 * A device carries IP packets. Devices wrap devices (capture, impairment, software segmentation) behind the same
 * interface.
 *
 * **Invariant**: a device never keeps a reference to the packet's bytes after `transmit` returns; it has written them or
 * copied them.
 */
export interface Device {
  /** For messages: "tun0". */
  readonly name: string;
  /** The largest IP packet, in bytes, that the link carries (a super-segment's segments, not the super-segment). */
  readonly mtu: number;
  /** How many packets the link queues before it drops (txqueuelen). */
  readonly queueLength: number;
  /** What the device does for the stack. */
  readonly offload: Offload;
  /** The bell. A decorator passes on that of the device it wraps. Without a bell an idle driver polls every millisecond. */
  readonly wakeable?: Wakeable | undefined;
  /** Drops packets of a flood before they are queued, if there is one. A decorator whose user wants to see every packet does not pass it on. */
  readonly filter?: FloodFilter | undefined;
  /** Called once, before anything else, with the memory that holds the packets. */
  attach(slab: PacketMemory): void;
  /**
   * Writes the next packet at `packet.o` of the slab (which has room for PACKET_MAX bytes, and HEADROOM before them), or sets `o` to
   * memory of its own that does not change until the next call, sets `n`, `csum*` and `gso*`, and returns its length; or RX_NONE, or RX_GONE.
   */
  receive(packet: Packet, now: number): number;
  /**
   * Sends head + slices. The head has HEADROOM free bytes before it. After TX_AGAIN the caller must offer the same packet
   * again (its bytes may have moved), since the device may have sent a part of it.
   */
  transmit(packet: Packet, now: number): number;
  /** When the device next has something to do by itself (a delayed packet); else NEVER. */
  nextDeadline(): number;
  /** Gives the device up; nothing is called afterwards. */
  close(): void;
}

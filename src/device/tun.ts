import { assert } from "#base/assert";
import { Counters } from "#base/counters";
import { type Mark, mark } from "#base/mark";
import {
  CSUM_NONE,
  CSUM_PARTIAL,
  CSUM_VALID,
  GSO_NONE,
  GSO_TCP4,
  GSO_TCP6,
  PACKET_MAX,
  type Packet,
  SLICES_MAX,
} from "#base/packet";
import type { PacketMemory } from "#base/packet-memory";
import { NEVER } from "#base/time";
import { EAGAIN, EBADF, EBADFD, EBUSY, EFAULT, EINTR, EINVAL, EIO, ENOBUFS, ENODEV, ENOMEM } from "#ffi/errno";
import * as netif from "#ffi/interface";
import * as libc from "#ffi/libc";
import { check } from "#ffi/system-error";
import * as tunctl from "#ffi/tun";
import * as virtio from "#ffi/virtio";
import type { FloodFilter } from "#ip/flood-filter";
import { CWR, OFFSET_FLAGS } from "#wire/tcp";
import {
  CHECKSUM_OFFLOAD,
  type Device,
  FULL_OFFLOAD,
  NO_OFFLOAD,
  type Offload,
  RX_GONE,
  RX_NONE,
  TX_AGAIN,
  TX_GONE,
  TX_OK,
  TX_REFUSED,
  type Wakeable,
} from "./device.ts";
import { closeFilter, KernelFilter, NO_FILTER, openFilter } from "./filter/kernel-filter.ts";
import { SigioBell } from "./sigio.ts";
import {
  attachHint,
  awaitQueue,
  checkName,
  checkSettings,
  configureInterface,
  type InterfaceSettings,
  openHint,
  queuesHint,
} from "./tun-config.ts";
import { adoptDescriptor, featuresOf, type TunDescriptorOptions } from "./tun-descriptor.ts";

/** Enough for a burst of 64 KiB super-segments, and for the window of a long fat link in packets of 1,500 bytes. */
export const QUEUE_LENGTH = 2_000;

export const QUEUES_MAX = tunctl.QUEUES_MAX;

export const TUN_DOWN = mark("tun.down", "not sent: the interface is down");
export const TUN_REFUSED = mark("tun.refused", "not sent: the kernel did not take the packet");
export const TUN_UNREADABLE = mark("tun.unreadable", "not received: the kernel could not deliver the packet");

export interface TunOptions extends InterfaceSettings {
  /** The name of the interface: "tun0". */
  readonly name: string;
  /**
   * Whether to make a missing device, which needs CAP_NET_ADMIN. False: SystemError with the code ENODEV, so that a typing error
   * in a name makes no device. Default true; `device.temporary` says whether it was made.
   */
  readonly create?: boolean | undefined;
  /** TCP segmentation offload: super-segments of up to 64 KiB. False: packets of at most the MTU. Default true. */
  readonly offload?: boolean | undefined;
  /**
   * Checksum offload: packets between kernel and stack need no checksum. False: packets as a wire carries them, with complete checksums, and
   * no segmentation offload. Default true.
   */
  readonly checksums?: boolean | undefined;
  /**
   * Whether the kernel may drop floods before the device's queue (docs/adr/0077). It needs CAP_BPF; without it there is no filter, and
   * `device.filterDescriptor` says why. Default true.
   */
  readonly filter?: boolean | undefined;
}

/** The offloads of a device that is opened with these options. */
export function offloadOf({ offload = true, checksums = true }: Pick<TunOptions, "offload" | "checksums">): Offload {
  if (!checksums) return NO_OFFLOAD;
  return offload ? FULL_OFFLOAD : CHECKSUM_OFFLOAD;
}

/**
 * Makes a TUN device, or attaches to the one that netup made for this user, changes the settings that differ, and brings it
 * up. The device disappears when it is closed, unless it was made persistent. With `fd`, takes a descriptor that somebody else has attached.
 * Throws SystemError, with all changes undone; `fd` stays open then.
 */
export function openTun(options: TunOptions | TunDescriptorOptions): TunDevice {
  if (typeof options === "object" && options !== null && "fd" in options) {
    const { name, offload, known } = adoptDescriptor(options);
    return new TunDevice(options.fd, name, offload, known);
  }
  const [fd] = openTunQueues(options, 1) as [number];
  return onDescriptor(fd, options);
}

function onDescriptor(fd: number, options: TunOptions): TunDevice {
  const filter = openFilter(fd, options.filter);
  try {
    return new TunDevice(fd, options.name, offloadOf(options), undefined, filter);
  } catch (error) {
    libc.close(fd);
    closeFilter(filter);
    throw error;
  }
}

/**
 * The same with several queues (IFF_MULTI_QUEUE): returns a descriptor for each, for a `TunDevice` of its own. The kernel gives the packets
 * of a flow to the queue that sent the flow's last packet, and otherwise chooses by a hash of the addresses and ports.
 */
export function openTunQueues(options: TunOptions, queues: number): number[] {
  checkSettings(options);
  const { name, queueLength = QUEUE_LENGTH, create = true } = options;
  const offload = offloadOf(options);
  checkName(name);
  const fresh = netif.interfaceIndex(name) < 0;
  if (fresh && !create)
    check(-ENODEV, "TUNSETIFF", name, () => "Let `sudo tcpnet netup` make it, or correct the name.");
  const descriptors = attachQueues(name, offload, queues);
  try {
    // For its own devices netup has set the queue length.
    configureInterface(name, { ...options, queueLength: fresh ? queueLength : options.queueLength });
    awaitQueue(name);
    return descriptors;
  } catch (error) {
    descriptors.forEach(libc.close);
    throw error;
  }
}

/** Whether the device disappears when its last descriptor is closed. */
export function isTemporary(fd: number, name: string): boolean {
  return check(tunctl.isPersistent(fd), "TUNGETIFF", name) === 0;
}

/** Closes a descriptor of `openTunQueues` that has no device yet. */
export function closeTunQueue(fd: number): void {
  libc.close(fd);
}

/** All descriptors of a device, or none. */
function attachQueues(name: string, offload: Offload, queues: number): number[] {
  const descriptors: number[] = [];
  try {
    while (descriptors.length < queues) descriptors.push(attach(name, offload, queues > 1, descriptors.length === 0));
    return descriptors;
  } catch (error) {
    descriptors.forEach(libc.close);
    throw error;
  }
}

/** Makes a device that stays until `removeTun`. The user id `owner` may attach to it without privileges. */
export function makePersistentTun(options: TunOptions & { readonly owner?: number | undefined }): void {
  const { name, owner, queueLength = QUEUE_LENGTH } = options;
  const fd = attach(name, offloadOf(options));
  try {
    if (owner !== undefined) check(tunctl.setOwner(fd, owner), "TUNSETOWNER", name);
    configureInterface(name, { ...options, queueLength });
    check(tunctl.setPersist(fd, true), "TUNSETPERSIST", name);
  } finally {
    libc.close(fd);
  }
}

/** Removes a persistent device; false if it does not exist. */
export function removeTun(name: string): boolean {
  checkName(name);
  if (netif.interfaceIndex(name) < 0) return false;
  const fd = attach(name, FULL_OFFLOAD);
  const result = tunctl.setPersist(fd, false);
  libc.close(fd);
  check(result, "TUNSETPERSIST", name);
  return true;
}

/**
 * A descriptor attached to the device, with its header format and offloads set. @param several it is one of several queues; otherwise the
 * device may have been made for one queue or for more. @param isFirst of this program
 */
function attach(name: string, offload: Offload, several = false, isFirst = true): number {
  checkName(name);
  const flags = libc.O_RDWR | libc.O_NONBLOCK | libc.O_CLOEXEC;
  const fd = check(libc.open("/dev/net/tun", flags), "open", "/dev/net/tun", openHint);
  try {
    const form = tunctl.IFF_TUN | tunctl.IFF_NO_PI | (offload.checksum ? tunctl.IFF_VNET_HDR : 0);
    const result = several ? setMultiQueue(fd, name, form, isFirst) : setSingleQueue(fd, name, form);
    check(result, "TUNSETIFF", name, (errno) => (several ? queuesHint : attachHint)(name, errno));
    if (offload.checksum) check(tunctl.setVnetHeaderSize(fd, virtio.VNET_HEADER), "TUNSETVNETHDRSZ", name);
    // Also needed to switch offloads off: a persistent device keeps those of its last user.
    check(tunctl.setOffload(fd, featuresOf(offload)), "TUNSETOFFLOAD", name);
    return fd;
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/** The kernel must be told which kind of device there is. */
function setSingleQueue(fd: number, name: string, form: number): number {
  const result = tunctl.setInterface(fd, name, form);
  return result === -EINVAL && netif.interfaceIndex(name) > 0 ? setMultiQueue(fd, name, form, true) : result;
}

/** A device of several queues has room for the descriptors of another program, which would then get a part of the flows. */
function setMultiQueue(fd: number, name: string, form: number, isFirst: boolean): number {
  const isInUse = isFirst && netif.getCarrier(name) === 1;
  const result = tunctl.setInterface(fd, name, form | tunctl.IFF_MULTI_QUEUE);
  return result === 0 && isInUse ? -EBUSY : result;
}

/** Transfers one packet per call directly between the slab and the kernel; nothing is allocated per packet. */
export class TunDevice implements Device {
  readonly name: string;
  readonly mtu: number;
  readonly queueLength: number;
  readonly offload: Offload;
  /** The device was made by `openTun` and disappears when it is closed. */
  readonly temporary: boolean;
  readonly wakeable: Wakeable;
  readonly filter: FloodFilter | undefined;
  /**
   * The descriptor of the filter's table, open until the device is closed; 0: no filter was wanted; below 0: the negated error number for which
   * there is none (-1, EPERM: it needs CAP_BPF).
   */
  readonly filterDescriptor: number;
  readonly #filter: KernelFilter | undefined;
  readonly #bell: SigioBell;
  /** Packets that were dropped, by mark. */
  readonly counters = new Counters();
  #fd: number;
  /** Bytes of virtio-net header before every packet: 0 or VNET_HEADER. */
  readonly #vnet: number;
  #slab: PacketMemory | undefined;
  #base: libc.Address = 0;
  readonly #iovecs = new Uint32Array(new ArrayBuffer((1 + SLICES_MAX) * virtio.IOVEC));
  readonly #iovecsAddress: libc.Address;

  /**
   * @param fd an attached descriptor, non-blocking; the device closes it.
   * @param known its MTU and queue length, if the interface is in another network namespace
   * @param filter a result of `openFilter`; a descriptor is closed by the device
   */
  constructor(
    fd: number,
    name: string,
    offload: Offload,
    known?: Pick<Device, "mtu" | "queueLength">,
    filter = NO_FILTER,
  ) {
    this.#fd = fd;
    this.name = name;
    this.mtu = known?.mtu ?? check(netif.getMtu(name), "SIOCGIFMTU", name);
    this.queueLength = known?.queueLength ?? check(netif.getQueueLength(name), "SIOCGIFTXQLEN", name);
    this.offload = offload;
    this.temporary = isTemporary(fd, name);
    this.#bell = new SigioBell(fd, name);
    this.wakeable = this.#bell;
    this.#vnet = offload.checksum ? virtio.VNET_HEADER : 0;
    this.#iovecsAddress = libc.pin(this.#iovecs.buffer);
    this.#filter = filter > NO_FILTER ? KernelFilter.of(filter) : undefined;
    this.filter = this.#filter;
    this.filterDescriptor = filter > NO_FILTER && this.#filter === undefined ? NO_FILTER : filter;
  }

  /** Open until the device is closed. Used to pass the device on to another program. */
  get descriptor(): number {
    return this.#fd;
  }

  attach(slab: PacketMemory): void {
    assert(this.#slab === undefined, "a device is attached once");
    this.#slab = slab;
    this.#base = libc.pin(slab.buffer);
  }

  receive(packet: Packet, _now: number): number {
    const slab = this.#slab;
    if (slab === undefined) return RX_GONE;
    const at = packet.o - this.#vnet;
    const n = libc.read(this.#fd, this.#base + at, this.#vnet + PACKET_MAX) - this.#vnet;
    if (n <= 0) return this.#nothing(n + this.#vnet);
    packet.n = n;
    packet.slices = 0;
    packet.csum = CSUM_NONE;
    packet.gso = GSO_NONE;
    if (this.#vnet !== 0) readHeader(slab.view, at, packet);
    return n;
  }

  transmit(packet: Packet, _now: number): number {
    const slab = this.#slab;
    if (slab === undefined) return TX_GONE;
    const at = packet.o - this.#vnet;
    if (this.#vnet !== 0) writeHeader(slab.view, at, packet);
    const head = this.#vnet + packet.n;
    let n: number;
    if (packet.slices === 0) {
      n = libc.write(this.#fd, this.#base + at, head);
    } else {
      virtio.putIovec(this.#iovecs, 0, this.#base + at, head);
      for (let i = 0; i < packet.slices; i++)
        virtio.putIovec(this.#iovecs, i + 1, this.#base + packet.sliceO[i]!, packet.sliceN[i]!);
      n = libc.writev(this.#fd, this.#iovecsAddress, 1 + packet.slices);
    }
    return n >= 0 ? TX_OK : this.#refused(n);
  }

  nextDeadline(): number {
    return NEVER;
  }

  /** Blocks until a packet can be received, for at most so many microseconds; returns whether one can. For use without an event loop. */
  wait(usecs: number): boolean {
    return this.#fd >= 0 && this.#bell.waitAlone(usecs);
  }

  close(): void {
    const slab = this.#slab;
    if (this.#fd < 0) return;
    this.#bell.close();
    this.#filter?.close();
    libc.close(this.#fd);
    this.#fd = -1;
    this.#slab = undefined;
    if (slab !== undefined) libc.unpin(slab.buffer);
    libc.unpin(this.#iovecs.buffer);
  }

  /** Handles a read without a packet; `result` is its return value. */
  #nothing(result: number): number {
    if (result === -EAGAIN || result === -EINTR) return RX_NONE;
    // EBADFD: the interface was deleted. EFAULT: it was deleted during this very call.
    if (result === -EBADFD || result === -EBADF || result === -ENODEV || result === -EFAULT) return RX_GONE;
    this.counters.count(TUN_UNREADABLE);
    return RX_NONE;
  }

  /** Handles a failed write. The packet is dropped and counted, as on a wire, unless the device is full or gone, or has no memory. */
  #refused(result: number): number {
    if (result === -EAGAIN || result === -EINTR) return TX_AGAIN;
    if (result === -EBADFD || result === -EBADF || result === -ENODEV) return TX_GONE;
    if (result === -ENOBUFS || result === -ENOMEM) {
      this.counters.count(TUN_REFUSED);
      return TX_REFUSED;
    }
    const why: Mark = result === -EIO ? TUN_DOWN : TUN_REFUSED;
    this.counters.count(why);
    return TX_OK;
  }
}

/** Reads the virtio-net header at `at` into the packet's offload fields. */
function readHeader(v: DataView, at: number, packet: Packet): void {
  const flags = virtio.flags(v, at);
  if ((flags & virtio.NEEDS_CSUM) !== 0) {
    packet.csum = CSUM_PARTIAL;
    packet.csumStart = virtio.csumStart(v, at);
    packet.csumOffset = virtio.csumOffset(v, at);
  } else if ((flags & virtio.DATA_VALID) !== 0) {
    packet.csum = CSUM_VALID;
  }
  const type = virtio.gsoType(v, at) & ~virtio.GSO_TYPE_ECN;
  if (type !== virtio.GSO_TYPE_TCPV4 && type !== virtio.GSO_TYPE_TCPV6) return;
  packet.gso = type === virtio.GSO_TYPE_TCPV4 ? GSO_TCP4 : GSO_TCP6;
  packet.gsoSize = virtio.gsoSize(v, at);
  // hdr_len is only a hint (linux/virtio_net.h), so the TCP header is used to find the data.
  packet.headerLength = packet.csumStart + (v.getUint8(packet.o + packet.csumStart + OFFSET_FLAGS) >> 4) * 4;
}

/** Writes the packet's offload fields into the virtio-net header at `at`. */
function writeHeader(v: DataView, at: number, packet: Packet): void {
  if (packet.csum !== CSUM_PARTIAL) {
    virtio.putPlain(v, at);
    return;
  }
  virtio.putChecksum(v, at, packet.csumStart, packet.csumOffset);
  if (packet.gso === GSO_NONE) return;
  const cwr = (v.getUint8(packet.o + packet.csumStart + OFFSET_FLAGS + 1) & CWR) !== 0;
  const type = packet.gso === GSO_TCP4 ? virtio.GSO_TYPE_TCPV4 : virtio.GSO_TYPE_TCPV6;
  virtio.putSegments(v, at, type | (cwr ? virtio.GSO_TYPE_ECN : 0), packet.headerLength, packet.gsoSize);
}

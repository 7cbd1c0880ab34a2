import { ioctl } from "./libc.ts";

/** The requests of linux/if_tun.h. Each returns 0 or the negated error number. */

const TUNSETPERSIST = 0x400454cb;
const TUNSETIFF = 0x400454ca;
const TUNSETOWNER = 0x400454cc;
const TUNSETOFFLOAD = 0x400454d0;
const TUNSETVNETHDRSZ = 0x400454d8;
const TUNGETIFF = 0x800454d2;
const TUNSETFILTEREBPF = 0x800454e1;

export const IFF_TUN = 0x0001;
/** Without the four bytes of protocol information before each packet. */
export const IFF_NO_PI = 0x1000;
/** With a struct virtio_net_hdr before each packet. */
export const IFF_VNET_HDR = 0x4000;
/** Several descriptors may be attached: each is a queue of its own. Fixed when the device is made. */
export const IFF_MULTI_QUEUE = 0x0100;

/** MAX_TAP_QUEUES of linux/if_tun.h: the most queues of a device. */
export const QUEUES_MAX = 256;

/** What the reader of the device can process, so that the kernel leaves it undone: checksums, TCP segmentation, segmentation with CWR. */
export const TUN_F_CSUM = 0x01;
export const TUN_F_TSO4 = 0x02;
export const TUN_F_TSO6 = 0x04;
export const TUN_F_TSO_ECN = 0x08;

/** The device persists when no program has it open. */
const IFF_PERSIST = 0x0800;

/** Bytes of a struct ifreq on 64-bit machines; the name fills the first 16. */
const IFREQ = 40;
const NAME = 16;

/** Creates the device, or attaches to the existing one of that name. */
export function setInterface(fd: number, name: string, flags: number): number {
  const request = new Uint8Array(IFREQ);
  new TextEncoder().encodeInto(name, request.subarray(0, NAME - 1));
  new DataView(request.buffer).setInt16(NAME, flags, true);
  return ioctl(fd, TUNSETIFF, request);
}

export function setOffload(fd: number, features: number): number {
  return ioctl(fd, TUNSETOFFLOAD, features);
}

/** Sets the size of the header before each packet. Every program that attaches must set it, because the device keeps the last value. */
export function setVnetHeaderSize(fd: number, n: number): number {
  const value = new Uint8Array(4);
  new DataView(value.buffer).setInt32(0, n, true);
  return ioctl(fd, TUNSETVNETHDRSZ, value);
}

/** Sets whether the device outlives the descriptor. */
export function setPersist(fd: number, on: boolean): number {
  return ioctl(fd, TUNSETPERSIST, on ? 1 : 0);
}

/** Whether the device persists after its descriptor is closed: 0 or 1, or the negated error number. */
export function isPersistent(fd: number): number {
  const request = new Uint8Array(IFREQ);
  const result = ioctl(fd, TUNGETIFF, request);
  if (result < 0) return result;
  return (new DataView(request.buffer).getUint16(NAME, true) & IFF_PERSIST) === 0 ? 0 : 1;
}

/** The name and the IFF_* flags of the device that a descriptor is attached to. @param checked throws for a negated error number */
export function describe(fd: number, checked: (result: number) => number): { name: string; flags: number } {
  const request = new Uint8Array(IFREQ);
  checked(ioctl(fd, TUNGETIFF, request));
  const name = new TextDecoder().decode(request.subarray(0, request.indexOf(0)));
  return { name, flags: new DataView(request.buffer).getUint16(NAME, true) };
}

/** The user who may attach without privileges. */
export function setOwner(fd: number, uid: number): number {
  return ioctl(fd, TUNSETOWNER, uid);
}

/** In place of a program: none. */
export const DETACH = -1;

/** Sets the program that sees each packet for the device before it is queued, or DETACH. It is the device's, not the descriptor's. */
export function setFilter(fd: number, program: number): number {
  const value = new Uint8Array(4);
  new DataView(value.buffer).setInt32(0, program, true);
  return ioctl(fd, TUNSETFILTEREBPF, value);
}

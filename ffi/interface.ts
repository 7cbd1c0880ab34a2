import { AF_INET, AF_INET6, close, datagramSocket, ioctl, pin, unpin } from "./libc.ts";

/**
 * Network interfaces by ioctl (netdevice(7)), so that no `ip` command is needed. Setters return 0, getters a value; both return the negated
 * error number on failure. Addresses are bytes in network order.
 */

const SIOCGIFFLAGS = 0x8913;
const SIOCSIFFLAGS = 0x8914;
const SIOCGIFADDR = 0x8915;
const SIOCSIFADDR = 0x8916;
const SIOCADDRT = 0x890b;
const SIOCSIFDSTADDR = 0x8918;
const SIOCGIFNETMASK = 0x891b;
const SIOCSIFNETMASK = 0x891c;
const SIOCGIFMTU = 0x8921;
const SIOCSIFMTU = 0x8922;
const SIOCGIFINDEX = 0x8933;
const SIOCGIFTXQLEN = 0x8942;
const SIOCSIFTXQLEN = 0x8943;
const SIOCETHTOOL = 0x8946;
/** linux/ethtool.h: a `struct ethtool_value` is the command and its value. */
const ETHTOOL_GLINK = 0x0a;

export const IFF_UP = 0x1;
/** Up, with a carrier, and its queue takes packets: the kernel sets it some time after IFF_UP (linkwatch). */
export const IFF_RUNNING = 0x40;
export const IFF_MULTICAST = 0x1000;

const IFREQ = 40;
const NAME = 16;

function ifreq(name: string): Uint8Array<ArrayBuffer> {
  const request = new Uint8Array(IFREQ);
  new TextEncoder().encodeInto(name, request.subarray(0, NAME - 1));
  return request;
}

/** Makes one request on a socket opened for it: this is set-up, not the packet path. */
function request(family: number, number: number, argument: Uint8Array): number {
  const fd = datagramSocket(family);
  if (fd < 0) return fd;
  const result = ioctl(fd, number, argument);
  close(fd);
  return result;
}

function getInt(name: string, number: number): number {
  const r = ifreq(name);
  const result = request(AF_INET, number, r);
  return result < 0 ? result : new DataView(r.buffer).getInt32(NAME, true);
}

function setInt(name: string, number: number, value: number): number {
  const r = ifreq(name);
  new DataView(r.buffer).setInt32(NAME, value, true);
  return request(AF_INET, number, r);
}

/** The interface's index; positive if it exists. */
export function interfaceIndex(name: string): number {
  return getInt(name, SIOCGIFINDEX);
}

export function getFlags(name: string): number {
  const r = ifreq(name);
  const result = request(AF_INET, SIOCGIFFLAGS, r);
  return result < 0 ? result : new DataView(r.buffer).getUint16(NAME, true);
}

export function setFlags(name: string, flags: number): number {
  const r = ifreq(name);
  new DataView(r.buffer).setUint16(NAME, flags, true);
  return request(AF_INET, SIOCSIFFLAGS, r);
}

/** Whether the interface has a carrier: 1 or 0. A TUN device has one while a program is attached to it. */
export function getCarrier(name: string): number {
  const value = Uint32Array.of(ETHTOOL_GLINK, 0);
  const r = ifreq(name);
  new DataView(r.buffer).setBigUint64(NAME, BigInt(pin(value.buffer)), true);
  const result = request(AF_INET, SIOCETHTOOL, r);
  unpin(value.buffer);
  return result < 0 ? result : value[1]!;
}

export function getMtu(name: string): number {
  return getInt(name, SIOCGIFMTU);
}

export function setMtu(name: string, bytes: number): number {
  return setInt(name, SIOCSIFMTU, bytes);
}

/** txqueuelen, in packets. */
export function getQueueLength(name: string): number {
  return getInt(name, SIOCGIFTXQLEN);
}

export function setQueueLength(name: string, packets: number): number {
  return setInt(name, SIOCSIFTXQLEN, packets);
}

/** struct sockaddr_in within the ifreq: family, port, then the address. */
const SOCKADDR_ADDRESS = NAME + 4;

function getInet(name: string, number: number): Uint8Array | number {
  const r = ifreq(name);
  const result = request(AF_INET, number, r);
  return result < 0 ? result : r.slice(SOCKADDR_ADDRESS, SOCKADDR_ADDRESS + 4);
}

function setInet(name: string, number: number, address: Uint8Array): number {
  const r = ifreq(name);
  new DataView(r.buffer).setUint16(NAME, AF_INET, true);
  r.set(address, SOCKADDR_ADDRESS);
  return request(AF_INET, number, r);
}

/** The interface's first IPv4 address and its prefix length; undefined if it has no address. */
export function getAddress4(name: string): { address: Uint8Array; length: number } | undefined {
  const address = getInet(name, SIOCGIFADDR);
  const mask = getInet(name, SIOCGIFNETMASK);
  if (typeof address === "number" || typeof mask === "number") return undefined;
  let length = 0;
  for (const byte of mask) for (let rest = byte; rest !== 0; rest &= rest - 1) length++;
  return { address, length };
}

/** Replaces the interface's first IPv4 address. */
export function setAddress4(name: string, address: Uint8Array, length: number): number {
  const result = setInet(name, SIOCSIFADDR, address);
  if (result < 0) return result;
  const mask = new Uint8Array(4);
  // In JavaScript a shift by 32 is a shift by 0, so length 0 is handled separately.
  new DataView(mask.buffer).setInt32(0, length === 0 ? 0 : -1 << (32 - length));
  return setInet(name, SIOCSIFNETMASK, mask);
}

/** Sets the address at the other end of a point-to-point interface; the kernel adds a route to it. */
export function setPeer4(name: string, address: Uint8Array): number {
  return setInet(name, SIOCSIFDSTADDR, address);
}

const RTF_UP = 1;
const RTF_HOST = 4;

/** Adds a route to an IPv6 prefix, by default to one address: struct in6_rtmsg. */
export function addRoute6(name: string, address: Uint8Array, length = 128): number {
  const index = interfaceIndex(name);
  if (index < 0) return index;
  const r = new Uint8Array(80);
  r.set(address, 0);
  const view = new DataView(r.buffer);
  view.setUint16(52, length, true);
  view.setUint32(56, 1, true);
  view.setUint32(72, length === 128 ? RTF_UP | RTF_HOST : RTF_UP, true);
  view.setInt32(76, index, true);
  return request(AF_INET6, SIOCADDRT, r);
}

/** Routes every IPv4 address to the interface: struct rtentry. */
export function addDefaultRoute4(name: string): number {
  const device = new TextEncoder().encode(`${name}\0`);
  const r = new Uint8Array(120);
  const view = new DataView(r.buffer);
  // Destination, gateway and mask are 0.0.0.0.
  for (const at of [8, 24, 40]) view.setUint16(at, AF_INET, true);
  view.setUint16(56, RTF_UP, true);
  view.setBigUint64(88, BigInt(pin(device.buffer)), true);
  const result = request(AF_INET, SIOCADDRT, r);
  unpin(device.buffer);
  return result;
}

/** Routes every IPv6 address to the interface. */
export function addDefaultRoute6(name: string): number {
  return addRoute6(name, new Uint8Array(16), 0);
}

/** Adds an IPv6 address: struct in6_ifreq is address, prefix length, interface index. */
export function addAddress6(name: string, address: Uint8Array, length: number): number {
  const index = interfaceIndex(name);
  if (index < 0) return index;
  const r = new Uint8Array(24);
  r.set(address, 0);
  const view = new DataView(r.buffer);
  view.setUint32(16, length, true);
  view.setInt32(20, index, true);
  return request(AF_INET6, SIOCSIFADDR, r);
}

import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { E2BIG, EADDRINUSE, EBUSY, EINVAL, EISDIR, ENODEV, ENOENT, ENOTTY, ENXIO, EPERM } from "#ffi/errno";
import * as netif from "#ffi/interface";
import { check, SystemError } from "#ffi/system-error";
import { QUEUES_MAX } from "#ffi/tun";
import { formatIPv4, formatIPv6 } from "#wire/address-text";
import { MTU_MIN } from "#wire/ipv6";

/** The kernel's address on a device, and the prefix that is routed to it. */
export interface DevicePrefix {
  /** 4 or 16 bytes in network order. */
  readonly address: Uint8Array;
  /** Bits of the prefix: 0–32 or 0–128. */
  readonly length: number;
}

/** The requested settings of an interface. Omitted settings are not changed. */
export interface InterfaceSettings {
  /** The kernel's address on the interface, and the length of its prefix. */
  readonly prefix?: DevicePrefix | undefined;
  /** Bytes: the largest IP packet, 68–65535. */
  readonly mtu?: number | undefined;
  /** txqueuelen: how many packets the kernel queues for us before it drops. */
  readonly queueLength?: number | undefined;
}

/** IFNAMSIZ, less the final zero. */
const NAME_MAX = 15;

/** Refuses settings of a wrong type or out of range, since plain JavaScript may call this, too. Throws SystemError. */
export function checkSettings(settings: unknown): void {
  const refuse = (hint: string) => new SystemError({ call: "openTun", target: "its argument", errno: EINVAL, hint });
  if (typeof settings !== "object" || settings === null) {
    throw refuse(`It is an object: openTun({ name: ${typeof settings === "string" ? `"${settings}"` : '"tun0"'} }).`);
  }
  const { name, mtu, queueLength, offload, filter, prefix } = settings as Readonly<Record<string, unknown>>;
  if (typeof name !== "string")
    throw refuse(
      'It needs the name of a device, openTun({ name: "tun0" }), or an open descriptor, openTun({ fd: 3 }).',
    );
  const whole = (what: string, value: unknown, least: number, most: number) => {
    if (value === undefined || (Number.isInteger(value) && (value as number) >= least && (value as number) <= most))
      return;
    throw refuse(`The ${what} must be a whole number from ${least} to ${most}, not ${value}.`);
  };
  whole("mtu", mtu, 68, 65_535);
  whole("queueLength", queueLength, 0, 1_000_000);
  if (offload !== undefined && typeof offload !== "boolean") throw refuse("The offload must be true or false.");
  if (filter !== undefined && typeof filter !== "boolean") throw refuse("The filter must be true or false.");
  if (prefix === undefined) return;
  const { address, length } = (prefix ?? {}) as Partial<DevicePrefix>;
  const bytes = address instanceof Uint8Array ? address.length : 0;
  if (bytes !== 4 && bytes !== 16) throw refuse("prefix.address must be a Uint8Array of 4 or 16 bytes.");
  whole("prefix.length", length ?? -1, 0, bytes * 8);
}

/** Refuses a name that the kernel would refuse or treat as something else ("tun%d" is a pattern, "a:b" an alias). */
export function checkName(name: string): void {
  const bytes = new TextEncoder().encode(name).length;
  if (bytes >= 1 && bytes <= NAME_MAX && !/[/:%\s\0]/.test(name) && name !== "." && name !== "..") return;
  const hint = `A device name is 1 to ${NAME_MAX} bytes without "/", ":", "%" and blanks, for example tun0.`;
  throw new SystemError({ call: "TUNSETIFF", target: `"${name}"`, errno: EINVAL, hint });
}

/**
 * Gives an interface the requested settings and changes only what differs. A device that netup prepared needs no change,
 * so its user needs no privileges. Throws SystemError.
 */
export function configureInterface(name: string, wish: InterfaceSettings): void {
  const privileges = (what: string) => (errno: number) =>
    errno === EPERM
      ? `The ${what} of ${name} must be changed, which needs CAP_NET_ADMIN: run this with sudo, or let netup prepare the device.`
      : "";
  const { prefix, mtu, queueLength } = wish;
  const flags = check(netif.getFlags(name), "SIOCGIFFLAGS", name);
  if (prefix && (flags & netif.IFF_UP) === 0) quiet(name, flags, prefix);
  if (mtu !== undefined && netif.getMtu(name) !== mtu)
    check(netif.setMtu(name, mtu), "SIOCSIFMTU", name, (errno) =>
      errno === EINVAL ? `This device cannot have an MTU of ${mtu}.` : privileges("MTU")(errno),
    );
  if (queueLength !== undefined && netif.getQueueLength(name) !== queueLength)
    check(netif.setQueueLength(name, queueLength), "SIOCSIFTXQLEN", name, privileges("queue length"));
  if (prefix && !hasAddress(name, prefix)) {
    refuseForeignAddress(name, prefix);
    const four = prefix.address.length === 4;
    const result = four
      ? netif.setAddress4(name, prefix.address, prefix.length)
      : netif.addAddress6(name, prefix.address, prefix.length);
    check(result, "SIOCSIFADDR", name, privileges("address"));
  }
  const up = (flags | netif.IFF_UP) & ~netif.IFF_MULTICAST;
  if ((flags & netif.IFF_UP) === 0) check(netif.setFlags(name, up), "SIOCSIFFLAGS", name, privileges("state (down)"));
}

/**
 * Stops the kernel's own packets (router solicitations, multicast reports, link-local addresses) on a new link, so that captures
 * show only ours. A failure is not an error.
 */
function quiet(name: string, flags: number, prefix: DevicePrefix): void {
  netif.setFlags(name, flags & ~netif.IFF_MULTICAST);
  const four = prefix.address.length === 4;
  if (!four) {
    // A router joined its group when the device appeared. An MTU below IPv6's minimum makes the kernel drop all its IPv6 state
    // here, and it starts again without multicast.
    const mtu = netif.getMtu(name);
    netif.setMtu(name, MTU_MIN - 1);
    netif.setMtu(name, mtu);
  }
  try {
    writeFileSync(`/proc/sys/net/ipv6/conf/${name}/${four ? "disable_ipv6" : "addr_gen_mode"}`, "1");
  } catch {
    // Read-only, no IPv6 in this kernel, or no permission.
  }
}

function hasAddress(name: string, { address, length }: DevicePrefix): boolean {
  if (address.length === 4) {
    const now = netif.getAddress4(name);
    return now !== undefined && now.length === length && Buffer.compare(now.address, address) === 0;
  }
  const hex = Buffer.from(address).toString("hex");
  return readText("/proc/net/if_inet6")
    .split("\n")
    .map((line) => line.split(/\s+/))
    .some((f) => f[0] === hex && f[5] === name && Number.parseInt(f[2]!, 16) === length);
}

/** The longest wait for the kernel to start a device's queue, ms: a moment, but on a machine whose kernel threads get no processor. */
const QUEUE_MS = 1000;

/**
 * Waits until the kernel has started the device's queue. It does so some time after the program attached and the interface came up
 * (linkwatch), and drops what is sent to the device before: a client's first SYN, and the second comes a second later.
 */
export function awaitQueue(name: string): void {
  const until = performance.now() + QUEUE_MS;
  while ((netif.getFlags(name) & netif.IFF_RUNNING) === 0 && performance.now() < until) Bun.sleepSync(1);
}

/** Refuses an address of another interface: the kernel allows that, and then either interface may answer. */
function refuseForeignAddress(name: string, { address }: DevicePrefix): void {
  const other = interfacesWith(address).find((each) => each !== name);
  if (other === undefined) return;
  const hint = `${addressText(address)} is already the address of ${other}: use ${other}, or another prefix for ${name}.`;
  throw new SystemError({ call: "SIOCSIFADDR", target: name, errno: EADDRINUSE, hint });
}

/** The interfaces with that address. Also finds devices that no program has open; `networkInterfaces` omits those. */
export function interfacesWith(address: Uint8Array): string[] {
  const text = addressText(address);
  const listed = Object.entries(networkInterfaces()).filter(([, entries]) => entries?.some((e) => e.address === text));
  const idle = address.length === 4 ? namesWithAddress4(address) : namesWithAddress6(address);
  return [...listed.map(([name]) => name), ...idle];
}

function namesWithAddress4(address: Uint8Array): string[] {
  const names = [...readText("/proc/net/dev").matchAll(/^ *([^\s:]+):/gm)].map((match) => match[1]!);
  return names.filter((name) => {
    const first = netif.getAddress4(name)?.address;
    return first !== undefined && Buffer.compare(first, address) === 0;
  });
}

function namesWithAddress6(address: Uint8Array): string[] {
  const hex = Buffer.from(address).toString("hex");
  const rows = readText("/proc/net/if_inet6")
    .split("\n")
    .map((line) => line.split(/\s+/));
  return rows.filter((row) => row[0] === hex).map((row) => row[5]!);
}

function addressText(address: Uint8Array): string {
  const v = new DataView(address.buffer, address.byteOffset, address.length);
  if (address.length === 4) return formatIPv4(v.getInt32(0));
  return formatIPv6(v.getInt32(0), v.getInt32(4), v.getInt32(8), v.getInt32(12));
}

/** Why /dev/net/tun did not open. */
export function openHint(errno: number): string {
  if (errno === ENOENT || errno === ENODEV || errno === ENXIO)
    return "This system has no TUN driver: try `sudo modprobe tun`, or in a container `--device /dev/net/tun`.";
  if (errno === EISDIR) return NOT_THE_DRIVER;
  return "Only root may open it here: run this with sudo.";
}

const NOT_THE_DRIVER = "It is not the TUN driver: remove it, then `sudo mknod /dev/net/tun c 10 200`.";

/** Why TUNSETIFF failed. */
export function attachHint(name: string, errno: number): string {
  const exists = netif.interfaceIndex(name) > 0;
  if (errno === EBUSY) return `${holder(name)} has ${name} open: end it, or use another name.`;
  if (errno === EPERM)
    return exists
      ? `${name} was created for another user: run this with sudo, or let \`netup --user\` create it for you.`
      : "Creating a device needs CAP_NET_ADMIN: run this with sudo, or let `sudo tcpnet netup` create the device for you.";
  if (errno === EINVAL && exists) return `${name} is not a TUN device, or one with other settings: use another name.`;
  return errno === ENOTTY ? NOT_THE_DRIVER.replace("It", "/dev/net/tun") : "";
}

/** Why TUNSETIFF failed for one of several queues. */
export function queuesHint(name: string, errno: number): string {
  if (errno === E2BIG) return `A device has at most ${QUEUES_MAX} queues.`;
  if (errno === EINVAL && netif.interfaceIndex(name) > 0)
    return `${name} was made for one queue, or is not a TUN device: make it anew by \`netup --multi-queue\`, or use another name.`;
  return attachHint(name, errno);
}

/**
 * "Process 123 (openvpn)", if /proc shows it: the fdinfo of a TUN descriptor names its interface. Processes of other network
 * namespaces are skipped, since they may have another device of that name.
 */
function holder(name: string): string {
  const here = link("/proc/self/ns/net");
  for (const pid of list("/proc")) {
    if (!/^\d+$/.test(pid) || link(`/proc/${pid}/ns/net`) !== here) continue;
    for (const fd of list(`/proc/${pid}/fd`)) {
      if (link(`/proc/${pid}/fd/${fd}`) !== "/dev/net/tun") continue;
      if (!new RegExp(`^iff:\\s*${RegExp.escape(name)}$`, "m").test(readText(`/proc/${pid}/fdinfo/${fd}`))) continue;
      // A process may choose any name, also one with terminal control sequences.
      return `Process ${pid} (${readText(`/proc/${pid}/comm`)
        .trim()
        .replace(/[^ -~]/g, "?")})`;
    }
  }
  return "Another program";
}

const list = (path: string): string[] => attempt(() => readdirSync(path), []);
const link = (path: string): string => attempt(() => readlinkSync(path), "");
const readText = (path: string): string => attempt(() => readFileSync(path, "utf8"), "");

/** Parts of /proc may be unreadable; those count as absent. */
function attempt<T>(look: () => T, otherwise: T): T {
  try {
    return look();
  } catch {
    return otherwise;
  }
}

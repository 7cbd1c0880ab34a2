import { readFileSync } from "node:fs";
import type { Device } from "#device/device";
import { NO_FILTER, openFilter } from "#device/filter/kernel-filter";
import { ImpairDevice } from "#device/impair";
import { isTemporary, offloadOf, openTun, openTunQueues, TunDevice, type TunOptions } from "#device/tun";
import type { DevicePrefix } from "#device/tun-config";
import { monotonic } from "#driver/clock";
import { EBADFD, ENODEV, errnoName } from "#ffi/errno";
import * as netif from "#ffi/interface";
import { SystemError } from "#ffi/system-error";
import { tooBig } from "#icmp/path-error";
import { addressBytes } from "#ip/address";
import type { Prefix } from "#ip/prefix";
import { ALIAS, ALIAS_ADOPTED } from "#netup/changes";
import { type Link, readLinks } from "#netup/facts";
import { machine } from "#netup/run";
import { restoreMtuAfterwards } from "./afterwards.ts";
import { CliError } from "./cli-error.ts";
import { netupDevices } from "./diagnose.ts";
import type { Endpoint } from "./endpoint.ts";
import { EXIT_NOT_READY } from "./exit-codes.ts";
import { deviceGone } from "./failure.ts";
import { handover } from "./handover.ts";
import type { Impairment } from "./link-flags.ts";
import { willGiveUpRoot } from "./privileges.ts";
import { programName } from "./program.ts";
import type { Voice } from "./voice.ts";

export interface DeviceWishes {
  readonly mtu: number | undefined;
  readonly offload: boolean;
  readonly impairment: Impairment | null;
  /** Use an existing device that netup did not make. */
  readonly force: boolean;
  /** The device's descriptor, if another program has opened it. */
  readonly tunFd?: number | undefined;
}

type TunWishes = DeviceWishes & { readonly checksums: boolean };

/** Wishes of whoever carries packets over a link of its own, as a wire would. */
type WireWishes = DeviceWishes & { readonly isWire?: boolean };

/** A device, and the function that restores its MTU after it is closed, if it is persistent. */
export interface OpenedDevice {
  readonly device: Device;
  /** This program made it, and it disappears when it is closed. */
  readonly temporary: boolean;
  readonly giveBack: () => void;
}

/** Makes or attaches to the TUN device of the command line, with an impaired link if one was requested. */
export function openDevice({ tun, kernel }: Pick<Endpoint, "tun" | "kernel">, wishes: WireWishes): OpenedDevice {
  const { impairment, isWire = impairment !== null } = wishes;
  // A link carries packets as a wire does, so the device must not pass super-segments or incomplete checksums.
  const tunWishes = { ...wishes, checksums: !isWire };
  const name = `device ${tun}`;
  const kept = handover.take(name);
  const { device, giveBack } =
    wishes.tunFd !== undefined
      ? { device: handedIn(kept ?? wishes.tunFd, tun, tunWishes), giveBack: () => {} }
      : kept === undefined
        ? openNow(tun, kernel, tunWishes, openTun)
        : { device: openedBefore(kept, tun, tunWishes), giveBack: () => {} };
  handover.keep(name, device.descriptor);
  keepFilter(tun, device.filterDescriptor);
  const temporary = wishes.tunFd === undefined && device.temporary;
  return { device: impairment === null ? device : impaired(device, impairment), temporary, giveBack };
}

/** A device with several queues. */
export interface OpenedQueues {
  /** One for each queue. */
  readonly descriptors: readonly number[];
  /** A result of `openFilter`. */
  readonly filter: number;
  readonly temporary: boolean;
  readonly giveBack: () => void;
}

/** Makes or attaches to the TUN device of the command line, with several queues. */
export function openQueues(
  { tun, kernel }: Pick<Endpoint, "tun" | "kernel">,
  wishes: DeviceWishes,
  queues: number,
): OpenedQueues {
  const name = `device ${tun}`;
  const kept: number[] = [];
  for (let fd = handover.take(name); fd !== undefined; fd = handover.take(name)) kept.push(fd);
  const { device: descriptors, giveBack } =
    kept.length > 0
      ? { device: kept, giveBack: () => {} }
      : openNow(tun, kernel, { ...wishes, checksums: true }, (options) => openTunQueues(options, queues));
  for (const fd of descriptors) handover.keep(name, fd);
  const filter = kept.length > 0 ? filterOpenedBefore(tun) : openFilter(descriptors[0]!);
  keepFilter(tun, filter);
  return { descriptors, filter, temporary: orGone(tun, () => isTemporary(descriptors[0]!, tun)), giveBack };
}

/** Whether the kernel drops floods before the device, for programs: "kernel", "none", or "none: EPERM". A capture gets every packet. */
export function floodFilterOf(device: Device): string {
  if (device.filter !== undefined) return "kernel";
  return floodFilterText(device instanceof TunDevice ? device.filterDescriptor : NO_FILTER);
}

/** The same of a result of `openFilter`. */
export function floodFilterText(filter: number): string {
  if (filter > NO_FILTER) return "kernel";
  return filter === NO_FILTER ? "none" : `none: ${errnoName(-filter)}`;
}

/** The device that was opened before root was given up. */
function openedBefore(fd: number, tun: string, wishes: TunWishes): TunDevice {
  return orGone(tun, () => new TunDevice(fd, tun, offloadOf(wishes), undefined, filterOpenedBefore(tun)));
}

/** Only root may load a filter for floods: keeps it, or why there is none, for the program without root. */
function keepFilter(tun: string, filter: number): void {
  if (filter > NO_FILTER) handover.keep(filterOf(tun), filter);
  else handover.say(filterOf(tun), `${filter}`);
}

function filterOpenedBefore(tun: string): number {
  return handover.take(filterOf(tun)) ?? Number(handover.word(filterOf(tun)) ?? NO_FILTER);
}

const filterOf = (tun: string) => `filter ${tun}`;

function orUnfit<T>(fd: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    const { call, target, code, hint } = error;
    throw new CliError(EXIT_NOT_READY, `--tun-fd ${fd} is not usable`, `${call} on ${target}: ${code}`, hint);
  }
}

/** The device by a descriptor that another program has attached to it. */
function handedIn(fd: number, tun: string, { mtu, offload, checksums }: TunWishes): TunDevice {
  const device = orUnfit(fd, () => openTun({ fd, mtu, offload, ...(checksums ? {} : { checksums }) }));
  if (device.name === tun) return device;
  throw new CliError(
    EXIT_NOT_READY,
    `descriptor ${fd} is attached to ${device.name}, not to ${tun}`,
    "--tun-fd and the device's name must mean the same device",
    `name the device ${device.name}, or pass a descriptor of ${tun}`,
  );
}

function orGone<T>(tun: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    // The device was removed meanwhile.
    if (error instanceof SystemError && GONE.has(error.errno)) throw deviceGone({ tun });
    throw error;
  }
}

const GONE = new Set([ENODEV, EBADFD]);

function openNow<T>(
  tun: string,
  kernel: Prefix,
  { mtu, offload, checksums, force }: TunWishes,
  open: (options: TunOptions) => T,
): { device: T; giveBack: () => void } {
  const link = linkOf(tun);
  // If another program has it open, the system's error names that program.
  if (link !== null && !(link.kind === "tun" && link.attached)) {
    if (!force) refuseForeign(link);
    refuseOtherAddress(link, kernel);
  }
  const prefix: DevicePrefix = { address: addressBytes(kernel.address), length: kernel.bits };
  const before = netif.getMtu(tun);
  // Only a stack directly on the device uses a filter: a link carries every packet.
  const device = open({ name: tun, prefix, mtu, offload, checksums, filter: checksums });
  const giveBack = () => {
    if (before > 0 && mtu !== undefined && mtu !== before) netif.setMtu(tun, before);
  };
  if (before > 0 && mtu !== undefined && mtu !== before && willGiveUpRoot()) restoreMtuAfterwards(tun, before);
  return { device, giveBack };
}

/** Reports that a device was made, and names netup's devices, in case the name was mistyped. */
export function tellNewDevice(tun: string, voice: Voice): void {
  const devices = netupDevices();
  const others = devices.length === 0 ? "" : `; netup made ${devices.join(" and ")}`;
  voice.event("new-device", { tun, netup: devices }, `· ${tun} was not there: a new device was made${others}`);
}

export function impaired(device: Device, { profiles, seed }: Impairment): Device {
  return new ImpairDevice(device, { profiles, seed, now: monotonic(), tooBig });
}

/** Refuses a device that another program made, such as a VPN, without --force. */
function refuseForeign({ name, alias }: Link): void {
  if (alias.startsWith(ALIAS)) return;
  throw new CliError(
    EXIT_NOT_READY,
    `${name} was not created by netup`,
    "a device with this name exists, and another program may use it",
    `use another name, or --force if the device is yours; ${programName} status shows it`,
  );
}

/** Refuses another address for a device of netup: its routes and rules need the original one. */
function refuseOtherAddress({ name, alias, addresses }: Link, kernel: Prefix): void {
  if (!alias.startsWith(ALIAS) || alias === ALIAS_ADOPTED) return;
  const has = addresses.filter((address) => address.includes(":") === (kernel.family === 6));
  if (has.length === 0 || has.includes(`${kernel}`)) return;
  throw new CliError(
    EXIT_NOT_READY,
    `${name} has ${has.join(", ")}, not ${kernel}`,
    "netup set it up with that address, with routes and firewall rules for it",
    `use ${has[0]}; to change it: sudo ${programName} netdown, then netup --addresses`,
  );
}

/** The device's state; null if it does not exist, or `ip` fails. */
function linkOf(tun: string): Link | null {
  // /proc/net shows this network's devices; /sys may still show another network's.
  if (!new RegExp(`^ *${RegExp.escape(tun)}:`, "m").test(readFileSync("/proc/net/dev", "utf8"))) return null;
  const { code, out } = machine.run(["ip", "-d", "-j", "addr", "show", "dev", tun]);
  return code === 0 ? (readLinks(out)[0] ?? null) : null;
}

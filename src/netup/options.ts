import type { Address } from "#ip/address";
import { Prefix, parsePrefix } from "#ip/prefix";
import { usage } from "./errors.ts";
import { unfitForKernel } from "./kernel-end.ts";
import { type Role, STACK_OFFSET } from "./roles.ts";
import { machine, type System } from "./run.ts";

/** The options of a caller. Each has a default; strings have the form of the command line's arguments. */
export interface NetupOptions {
  /** Names of the two devices, "tun0,tun1". */
  readonly ifs?: string | undefined;
  /** The prefix to take both subnets from, "10.77.0.0/16". */
  readonly subnet?: string | undefined;
  /** The kernel's addresses on the two devices, "10.0.0.1/24,10.0.1.1/24"; instead of `subnet`. */
  readonly addresses?: string | undefined;
  /** The user who may open the devices without root; default SUDO_USER. */
  readonly user?: string | undefined;
  /** Masquerade towards this interface ("auto": that of the default route). */
  readonly uplink?: string | undefined;
  readonly globalForward?: boolean | undefined;
  /** Also IPv6: fd00:a::1/64 and fd00:b::1/64. */
  readonly v6?: boolean | undefined;
  /** Adopt a TUN device that exists and was not made by netup. */
  readonly force?: boolean | undefined;
  /** The devices may have several queues (`host --queues`). */
  readonly multiQueue?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
  /** Bytes, 576 to 65,535; default 1500. */
  readonly mtu?: number | undefined;
  /** Keep a state file for netdown. False in a private namespace: the changes end with it. Default true. */
  readonly record?: boolean | undefined;
  /** The program's name in the commands to type; default "./tcpnet". */
  readonly program?: string | undefined;
  /** The machine; tests pass a recorded one. */
  readonly system?: System | undefined;
}

/** One of the two devices, as requested. */
export interface Side {
  readonly role: Role;
  readonly name: string;
  /** The kernel's addresses on it. */
  readonly prefixes: readonly Prefix[];
}

export interface Owner {
  readonly name: string;
  readonly uid: number;
}

/** The checked options: what to set up. */
export interface Settings {
  readonly sides: readonly [Side, Side];
  readonly owner: Owner | null;
  readonly uplink: string | null;
  readonly globalForward: boolean;
  readonly v6: boolean;
  readonly force: boolean;
  readonly multiQueue: boolean;
  readonly mtu: number;
  /** Whether `mtu` was requested: otherwise a device that exists keeps the one it has. */
  readonly isMtuGiven: boolean;
  readonly program: string;
}

export const DEFAULT_NAMES = "tun0,tun1";

/** The default prefix for both subnets, and the IPv6 ones. */
const SUBNET = "10.0.0.0/23";
const PREFIXES6 = ["fd00:a::1/64", "fd00:b::1/64"] as const;

/** IFNAMSIZ is 16 with the final NUL. Stricter than the kernel, since the name becomes part of rules and paths. */
const NAME = /^[A-Za-z][\w-]{0,14}$/;

/** Whether the kernel allows an interface of that name. Such a name is safe as one component of a path. */
export function isDeviceName(name: string): boolean {
  return /^[^\s\p{Cc}/:]{1,15}$/u.test(name) && name !== "." && name !== "..";
}

export function settle(options: NetupOptions): Settings {
  const names = namesOf(options.ifs ?? DEFAULT_NAMES);
  if (options.addresses !== undefined && options.subnet !== undefined) {
    throw usage(
      "--addresses and --subnet exclude each other",
      "both set the subnets of the devices",
      "give one of them",
    );
  }
  const pair = options.addresses !== undefined ? pairOf(options.addresses) : subnets(options.subnet ?? SUBNET);
  const v6 = options.v6 === true ? PREFIXES6.map((text) => prefixOf(text, "--v6")) : null;
  const side = (i: 0 | 1): Side => ({
    role: i === 0 ? "host" : "peer",
    name: names[i],
    prefixes: v6 === null ? [pair[i]] : [pair[i], v6[i]!],
  });
  const mtu = options.mtu ?? 1500;
  if (!Number.isInteger(mtu) || mtu < 576 || mtu > 65_535) {
    throw usage(`--mtu ${mtu} is out of range`, "an IPv4 link carries 576 to 65535 bytes", "leave it out for 1500");
  }
  if (options.v6 === true && mtu < 1280) {
    throw usage(
      `--mtu ${mtu} is too small for IPv6`,
      "IPv6 needs at least 1280 bytes (RFC 8200 §5)",
      "give --mtu 1280 or more",
    );
  }
  const uplink = options.uplink ?? null;
  if (uplink !== null && (names.includes(uplink) || uplink === "lo" || !isDeviceName(uplink))) {
    const why = names.includes(uplink)
      ? "it is one of the two devices"
      : "this is not an interface that leads to other machines";
    throw usage(`--uplink ${uplink} is not an uplink`, why, "name one that `ip link` shows, or use auto");
  }
  return {
    sides: [side(0), side(1)],
    owner: ownerOf(options),
    uplink,
    globalForward: options.globalForward === true,
    v6: v6 !== null,
    force: options.force === true,
    multiQueue: options.multiQueue === true,
    mtu,
    isMtuGiven: options.mtu !== undefined,
    program: options.program ?? "./tcpnet",
  };
}

export function namesOf(text: string): [string, string] {
  const names = text.split(",");
  const bad = names.find((name) => !NAME.test(name));
  if (bad !== undefined) {
    throw usage(
      `"${bad}" is not a device name`,
      "a letter, then up to 14 letters, digits, - or _",
      "for example --ifs tun0,tun1",
    );
  }
  const [host, peer] = names;
  if (names.length !== 2 || host === peer) {
    throw usage(
      `--ifs ${text} does not name two devices`,
      "host and peer need one device each",
      "for example --ifs tun0,tun1",
    );
  }
  return [host!, peer!];
}

/** Parses the argument of `flag`. @throws NetupError if it is not a network */
export function prefixOf(text: string, flag: string): Prefix {
  const prefix = parsePrefix(text);
  if (prefix instanceof Prefix) return prefix;
  throw usage(`${flag} ${text === "" ? '""' : text} cannot be understood`, prefix.reason, `use ${prefix.hint}`);
}

function pairOf(text: string): [Prefix, Prefix] {
  const parts = text.split(",");
  if (parts.length !== 2) {
    const what = `--addresses ${text} does not name two addresses`;
    throw usage(what, "each device needs one", "for example --addresses 10.0.0.1/24,10.0.1.1/24");
  }
  const [a, b] = parts.map((part) => prefixOf(part, "--addresses")) as [Prefix, Prefix];
  if (a.family !== 4 || b.family !== 4) {
    throw usage(
      `--addresses ${text} is not IPv4`,
      "the two lab subnets are IPv4; --v6 adds fd00:a::/64 and fd00:b::/64",
      "for example --addresses 10.0.0.1/24,10.0.1.1/24 --v6",
    );
  }
  for (const prefix of [a, b]) requireFit(prefix);
  if (a.overlaps(b)) {
    throw usage(
      `${a} and ${b} overlap`,
      "the two devices need different subnets",
      "for example --addresses 10.0.0.1/24,10.0.1.1/24",
    );
  }
  return [a, b];
}

function requireFit(prefix: Prefix): void {
  const unfit = unfitForKernel(prefix);
  if (unfit !== null) throw usage(unfit.what, unfit.why, unfit.fix);
}

const SUBNET_SHORTEST = 8;
const SUBNET_LONGEST = 29;

/** Parses the argument of --subnet. The advice in its errors has no host bits. */
function subnetOf(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (prefix instanceof Prefix) return prefix;
  const near = parsePrefix(prefix.hint);
  const say = near instanceof Prefix ? `use ${near.subnet}` : "for example --subnet 10.77.0.0/16";
  throw usage(`--subnet ${text === "" ? '""' : text} cannot be understood`, prefix.reason, say);
}

/** The first two /24 subnets of `text`, or its two halves if it is too small. The kernel gets the first address of each. */
function subnets(text: string): [Prefix, Prefix] {
  const base = subnetOf(text);
  if (base.family !== 4 || base.bits < SUBNET_SHORTEST || base.bits > SUBNET_LONGEST) {
    throw usage(
      `--subnet ${text} cannot be split in two`,
      `it must be an IPv4 prefix of /${SUBNET_SHORTEST} to /${SUBNET_LONGEST}`,
      "for example --subnet 10.77.0.0/16",
    );
  }
  if (!base.address.equals(base.network)) {
    throw usage(`--subnet ${text} has host bits set`, `its network is ${base.subnet}`, `--subnet ${base.subnet}`);
  }
  const bits = Math.max(24, base.bits + 1);
  const [a, b] = [1, 2 ** (32 - bits) + 1].map((offset) => new Prefix(base.hostAt(offset)!, bits)) as [Prefix, Prefix];
  requireFit(a);
  return [a, b];
}

function ownerOf(options: NetupOptions): Owner | null {
  const system = options.system ?? machine;
  const name = options.user ?? system.env.SUDO_USER ?? null;
  if (name === null || name === "root" || name === "0") return null;
  const uid = system.run(["id", "-u", "--", name]);
  if (uid.code === 0) return { name, uid: Number(uid.out) };
  if (/^[1-9]\d{0,9}$/.test(name)) return { name, uid: Number(name) };
  throw usage(`there is no user ${name}`, uid.err, "name an existing user: --user NAME");
}

/** The stack's own addresses on one side, as `host` and `peer` choose them. */
export function stackAddresses({ role, prefixes }: Side): Address[] {
  return prefixes.map((prefix) => prefix.neighbour(STACK_OFFSET[role]));
}

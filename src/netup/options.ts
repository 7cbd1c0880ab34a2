import { addressText, type Cidr, cidrOf, cidrText, networkText, overlap, parseCidr, stackAddress } from "./cidr.ts";
import { usage } from "./errors.ts";
import { machine, type System } from "./run.ts";

/** What a caller may say. Everything has a default; the strings are as they come from a command line. */
export interface NetupOptions {
  /** Names of the two devices, "tun0,tun1". */
  readonly ifs?: string | undefined;
  /** A prefix that both subnets are taken from, "10.77.0.0/16". */
  readonly subnet?: string | undefined;
  /** The kernel's addresses on the two devices, "10.0.0.1/24,10.0.1.1/24"; goes before `subnet`. */
  readonly addresses?: string | undefined;
  /** Who may open the devices without root; default SUDO_USER. */
  readonly user?: string | undefined;
  /** Masquerade to this interface ("auto": where the default route leads). */
  readonly uplink?: string | undefined;
  readonly globalForward?: boolean | undefined;
  /** IPv6 too: fd00:a::1/64 and fd00:b::1/64. */
  readonly v6?: boolean | undefined;
  /** Adopt a TUN device that is there already and not ours. */
  readonly force?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
  /** Bytes, 576 to 65,535; default 1500. */
  readonly mtu?: number | undefined;
  /** Where the record of changes lies; default $TCPNET_STATE, else /run/tcpnet/state.json. */
  readonly stateFile?: string | undefined;
  /** How the program is called in the lines to type; default "./tcpnet". */
  readonly program?: string | undefined;
  /** The machine; a test hands in another. */
  readonly system?: System | undefined;
}

/** One of the two devices as it shall be. */
export interface Side {
  readonly role: "host" | "peer";
  readonly name: string;
  readonly cidrs: readonly Cidr[];
}

export interface Owner {
  readonly name: string;
  readonly uid: number;
}

/** The options after checking: what shall be. */
export interface Settings {
  readonly sides: readonly [Side, Side];
  readonly owner: Owner | null;
  readonly uplink: string | null;
  readonly globalForward: boolean;
  readonly v6: boolean;
  readonly force: boolean;
  readonly mtu: number;
  readonly program: string;
}

/** Host offsets of the stacks' own addresses (DESIGN: the words of the command line). */
export const HOST_OFFSET = 7;
export const PEER_OFFSET = 5;

/** IFNAMSIZ is 16 with the final NUL. Stricter than the kernel, since the name stands in rules and paths. */
const NAME = /^[A-Za-z][\w-]{0,14}$/;

export function settle(options: NetupOptions): Settings {
  const names = namesOf(options.ifs ?? "tun0,tun1");
  const pair = options.addresses !== undefined ? pairOf(options.addresses) : subnets(options.subnet ?? null);
  const v6: [Cidr, Cidr] | null =
    options.v6 === true ? [cidrOf("fd00:a::1/64", "address"), cidrOf("fd00:b::1/64", "address")] : null;
  const side = (i: 0 | 1): Side => ({
    role: i === 0 ? "host" : "peer",
    name: names[i],
    cidrs: v6 === null ? [pair[i]] : [pair[i], v6[i]],
  });
  const mtu = options.mtu ?? 1500;
  if (!Number.isInteger(mtu) || mtu < 576 || mtu > 65_535) {
    throw usage(`mtu ${mtu} is out of range`, "an IPv4 link carries 576 to 65535 bytes", "leave it out for 1500");
  }
  if (options.v6 === true && mtu < 1280) {
    throw usage(`mtu ${mtu} is too small for IPv6`, "RFC 8200 §5 asks for 1280 bytes", "give --mtu 1280 or more");
  }
  const uplink = options.uplink ?? null;
  if (uplink !== null && (names.includes(uplink) || !/^[^\s/]{1,15}$/.test(uplink))) {
    throw usage(`uplink ${uplink} cannot be`, "it is no name of another interface", "see `ip link` for the names");
  }
  return {
    sides: [side(0), side(1)],
    owner: ownerOf(options),
    uplink,
    globalForward: options.globalForward === true,
    v6: v6 !== null,
    force: options.force === true,
    mtu,
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
      "host and peer need one each",
      "for example --ifs tun0,tun1",
    );
  }
  return [host!, peer!];
}

function pairOf(text: string): [Cidr, Cidr] {
  const parts = text.split(",");
  if (parts.length !== 2) {
    throw usage(`${text} is not two addresses`, "each device has one", "for example 10.0.0.1/24,10.0.1.1/24");
  }
  const pair: [Cidr, Cidr] = [cidrOf(parts[0]!, "address"), cidrOf(parts[1]!, "address")];
  const [a, b] = pair;
  for (const cidr of pair) {
    const room = cidr.family === 4 ? 30 : 126;
    if (cidr.prefix > room) {
      throw usage(
        `${cidrText(cidr)} has no room for a second address`,
        `its prefix is longer than /${room}`,
        "use /24",
      );
    }
    const host = cidr.value - parseCidr(networkText(cidr))!.value;
    const hosts = 1n << BigInt((cidr.family === 4 ? 32 : 128) - cidr.prefix);
    if (host === 0n || host === hosts - 1n) {
      throw usage(
        `${cidrText(cidr)} is no host address`,
        "it is the first or the last of its prefix",
        "10.0.0.1/24, say",
      );
    }
  }
  if (a.family !== 4 || b.family !== 4) {
    throw usage(
      `${text} is not IPv4`,
      "the two lab subnets are IPv4; --v6 adds fd00:a::/64 and fd00:b::/64",
      "add --v6",
    );
  }
  if (overlap(a, b)) {
    throw usage(
      `${networkText(a)} and ${networkText(b)} overlap`,
      "the kernel could not route between them",
      "use two subnets",
    );
  }
  return pair;
}

/** Two subnets at the beginning of `text`, each a /24, or a half of what there is. The kernel takes the first address. */
function subnets(text: string | null): [Cidr, Cidr] {
  const base = cidrOf(text ?? "10.0.0.0/23", "subnet");
  if (base.family !== 4 || base.prefix < 8 || base.prefix > 29) {
    throw usage(
      `subnet ${text} cannot be split in two`,
      "an IPv4 prefix of /8 to /29 can",
      "for example --subnet 10.77.0.0/16",
    );
  }
  if (networkText(base) !== cidrText(base)) {
    throw usage(
      `subnet ${text} has host bits set`,
      `its network is ${networkText(base)}`,
      `--subnet ${networkText(base)}`,
    );
  }
  const prefix = Math.max(24, base.prefix + 1);
  const step = 1n << BigInt(32 - prefix);
  return [
    { family: 4, value: base.value + 1n, prefix },
    { family: 4, value: base.value + step + 1n, prefix },
  ];
}

function ownerOf(options: NetupOptions): Owner | null {
  const system = options.system ?? machine;
  const name = options.user ?? system.env.SUDO_USER ?? null;
  if (name === null || name === "root" || name === "0") return null;
  const uid = system.run(["id", "-u", "--", name]);
  if (uid.code === 0) return { name, uid: Number(uid.out) };
  if (/^[1-9]\d{0,9}$/.test(name)) return { name, uid: Number(name) };
  throw usage(`there is no user ${name}`, uid.err, "name one that `id` knows: --user NAME");
}

/** The stack's own address on a side, as `host` and `peer` choose it. */
export function stackAddressText(side: Side, index = 0): string {
  const cidr = side.cidrs[index]!;
  return addressText(cidr.family, stackAddress(cidr, side.role === "host" ? HOST_OFFSET : PEER_OFFSET));
}

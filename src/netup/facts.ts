import { type Ruleset, readRuleset } from "./nft.ts";
import { type System, sysctlPath } from "./run.ts";
import { readFilter, type XtFilter } from "./xtables.ts";

/** A network interface as the kernel reports it. */
export interface Link {
  readonly name: string;
  /** "tun", "tap" or another kind; "" for hardware. */
  readonly kind: string;
  readonly alias: string;
  /** The user who may open it without privileges: a name, or a number if the user has no name; null for root only. */
  readonly owner: string | null;
  readonly up: boolean;
  /** A program holds it open. */
  readonly attached: boolean;
  /** Several descriptors may be attached, each a queue. */
  readonly multiQueue: boolean;
  readonly mtu: number;
  readonly queue: number;
  readonly addresses: readonly string[];
  readonly rx: Traffic;
  readonly tx: Traffic;
}

/** Counted by the kernel: rx is what programs wrote into the TUN. */
export interface Traffic {
  readonly packets: number;
  readonly bytes: number;
  readonly dropped: number;
}

export interface Route {
  /** "10.0.0.0/24", "10.0.0.1", or "default". */
  readonly to: string;
  readonly dev: string;
  readonly via: string | null;
  readonly table: string;
  readonly protocol: string;
}

export type Tool = "ip" | "nft" | "iptables" | "firewall-cmd" | "ufw" | "nmcli";

/** A fact about the machine: the thing itself, null if it is absent, "unknown" if only root can see it. */
export type Seen<T> = T | null | "unknown";

/** Everything that netup's decisions depend on. */
export interface Facts {
  readonly kernel: string;
  readonly bootId: string;
  /** CAP_NET_ADMIN and uid 0. The tools we call have no more privileges than we have. */
  readonly privileged: boolean;
  /** Mode bits of /dev/net/tun; null if it does not exist. */
  readonly tunMode: number | null;
  readonly tools: Readonly<Record<Tool, boolean>>;
  readonly links: readonly Link[];
  readonly routes: readonly Route[];
  /** By key in slash form. Keys that could not be read are absent. */
  readonly sysctl: Readonly<Record<string, string>>;
  readonly ruleset: Seen<Ruleset>;
  /** The existing filter tables of iptables, each with the binary that manages it. */
  readonly filters: readonly XtFilter[];
  /** False if a table of legacy iptables may exist but could not be read. */
  readonly filtersKnown: boolean;
  /** firewalld's zone of each interface (null: none). */
  readonly firewalld: Seen<Readonly<Record<string, string | null>>>;
  readonly networkManager: boolean;
}

const CAP_NET_ADMIN = 12;

/** Reads the state of the machine and changes nothing. The devices in `names` need not exist. */
export function detect(system: System, names: readonly string[]): Facts {
  const privileged = isPrivileged(system);
  const tools: Record<Tool, boolean> = {
    ip: system.which("ip") !== null,
    nft: system.which("nft") !== null,
    iptables: binaryOf(system, "nft", 4) !== null || binaryOf(system, "legacy", 4) !== null,
    "firewall-cmd": system.which("firewall-cmd") !== null,
    ufw: system.which("ufw") !== null,
    nmcli: system.which("nmcli") !== null,
  };
  const links = tools.ip ? readLinks(system.run(["ip", "-d", "-s", "-j", "addr", "show"]).out) : [];
  const ruleset = detectRuleset(system, tools, privileged);
  const xt = detectFilters(system, ruleset, privileged);
  const interfaces = [...new Set([...names, ...links.map((link) => link.name)])];
  return {
    kernel: system.read("/proc/sys/kernel/osrelease") ?? "unknown",
    bootId: system.read("/proc/sys/kernel/random/boot_id") ?? "",
    privileged,
    tunMode: modeOf(system, "/dev/net/tun"),
    tools,
    links,
    routes: tools.ip ? readRoutes(system) : [],
    sysctl: readSysctls(system, interfaces),
    ruleset,
    ...xt,
    firewalld: detectFirewalld(system, tools, names),
    networkManager: tools.nmcli && system.run(["nmcli", "-t", "-f", "RUNNING", "general"]).out.trim() === "running",
  };
}

/** CAP_NET_ADMIN and uid 0. */
export function isPrivileged(system: System): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(system.read("/proc/self/status") ?? "")?.[1] ?? "0";
  return system.uid === 0 && ((BigInt(`0x${effective}`) >> BigInt(CAP_NET_ADMIN)) & 1n) === 1n;
}

function modeOf(system: System, path: string): number | null {
  const ran = system.run(["stat", "-L", "-c", "%a", path]);
  return ran.code === 0 ? Number.parseInt(ran.out, 8) : null;
}

/** The fields of the output of `ip -j` that are read here. */
interface IpLink {
  ifname: string;
  flags: string[];
  mtu: number;
  txqlen?: number;
  ifalias?: string;
  linkinfo?: { info_kind?: string; info_data?: { type?: string; user?: string | number; multi_queue?: boolean } };
  addr_info?: { local?: string; prefixlen?: number }[];
  stats64?: Record<"rx" | "tx", { packets: number; bytes: number; dropped: number }>;
}

interface IpRoute {
  dst: string;
  dev?: string;
  gateway?: string;
  table?: string;
  protocol?: string;
  type?: string;
  multi_queue?: boolean;
}

function readJson<T>(text: string): T[] {
  try {
    const value = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

export function readLinks(text: string): Link[] {
  return readJson<IpLink>(text)
    .filter((link) => typeof link.ifname === "string")
    .map((link) => {
      const data = link.linkinfo?.info_data;
      const none = { packets: 0, bytes: 0, dropped: 0 };
      return {
        name: link.ifname,
        kind: link.linkinfo?.info_kind === "tun" ? (data?.type ?? "tun") : (link.linkinfo?.info_kind ?? ""),
        alias: link.ifalias ?? "",
        owner: data?.user === undefined ? null : String(data.user),
        up: link.flags.includes("UP"),
        attached: link.flags.includes("LOWER_UP"),
        multiQueue: data?.multi_queue === true,
        mtu: link.mtu,
        queue: link.txqlen ?? 0,
        addresses: (link.addr_info ?? [])
          .filter((info) => info.local !== undefined)
          .map((info) => `${info.local}/${info.prefixlen}`),
        rx: link.stats64?.rx ?? none,
        tx: link.stats64?.tx ?? none,
      };
    });
}

function readRoutes(system: System): Route[] {
  const routes: Route[] = [];
  for (const family of ["-4", "-6"]) {
    for (const route of readJson<IpRoute>(system.run(["ip", family, "-j", "route", "show", "table", "all"]).out)) {
      if (route.table === "local" || route.type === "multicast") continue;
      routes.push({
        to: route.dst,
        dev: route.dev ?? "",
        via: route.gateway ?? null,
        table: route.table ?? "main",
        protocol: route.protocol ?? "",
      });
    }
  }
  return routes;
}

/** The keys that netup reads or writes, for every interface there is. */
export function sysctlKeys(interfaces: readonly string[]): string[] {
  const keys = [
    "net/ipv4/ip_forward",
    "net/ipv4/conf/all/accept_redirects",
    "net/ipv4/conf/all/rp_filter",
    "net/ipv6/conf/all/forwarding",
    "net/ipv6/conf/all/force_forwarding",
  ];
  for (const name of ["default", ...interfaces]) {
    keys.push(forwardingKey(4, name), forwardingKey(6, name), forceForwardingKey(name), acceptRaKey(name));
  }
  return keys;
}

export function forwardingKey(family: 4 | 6, name: string): string {
  return `net/ipv${family}/conf/${name}/forwarding`;
}

export function forceForwardingKey(name: string): string {
  return `net/ipv6/conf/${name}/force_forwarding`;
}

export function acceptRaKey(name: string): string {
  return `net/ipv6/conf/${name}/accept_ra`;
}

function readSysctls(system: System, interfaces: readonly string[]): Record<string, string> {
  const values: Record<string, string> = {};
  for (const key of sysctlKeys(interfaces)) {
    const value = system.read(sysctlPath(key));
    if (value !== null) values[key] = value;
  }
  return values;
}

function detectRuleset(system: System, tools: Record<Tool, boolean>, privileged: boolean): Seen<Ruleset> {
  if (!tools.nft) return null;
  if (!privileged) return "unknown";
  return readRuleset(system.run(["nft", "-j", "list", "ruleset"])) ?? "unknown";
}

/**
 * The binary for a flavour of iptables: iptables-nft or iptables-legacy if installed, else plain iptables if its version
 * output names this flavour.
 */
export function binaryOf(system: System, flavour: "nft" | "legacy", family: 4 | 6): string | null {
  const plain = family === 4 ? "iptables" : "ip6tables";
  if (system.which(`${plain}-${flavour}`) !== null) return `${plain}-${flavour}`;
  if (system.which(plain) === null) return null;
  const isNft = system.run([plain, "-V"]).out.includes("nf_tables");
  return isNft === (flavour === "nft") ? plain : null;
}

/**
 * Asks only about tables that exist: listing the legacy filter table would create it, and with it a hook on every packet.
 * `nft list ruleset` does not show legacy tables, /proc/net/ip_tables_names does.
 */
function detectFilters(
  system: System,
  ruleset: Seen<Ruleset>,
  privileged: boolean,
): { filters: XtFilter[]; filtersKnown: boolean } {
  if (!privileged) return { filters: [], filtersKnown: false };
  const filters: XtFilter[] = [];
  let filtersKnown = true;
  for (const family of [4, 6] as const) {
    const table = family === 4 ? "ip filter" : "ip6 filter";
    const inNft = ruleset === null || (ruleset !== "unknown" && ruleset.tables.includes(table));
    const names = system.read(`/proc/net/ip${family === 4 ? "" : "6"}_tables_names`) ?? "";
    const inLegacy = names.split("\n").includes("filter");
    for (const [flavour, exists] of [
      ["nft", inNft],
      ["legacy", inLegacy],
    ] as const) {
      if (!exists) continue;
      const binary = binaryOf(system, flavour, family);
      const ran = binary === null ? null : system.run([binary, "-w", "5", "-v", "-S"]);
      const filter = ran === null ? null : readFilter(binary!, flavour, family, ran);
      if (filter !== null) filters.push(filter);
      // A native nft table of that name does not belong to iptables: it is listed with the foreign nft chains.
      else if (flavour === "legacy") filtersKnown = false;
    }
  }
  return { filters, filtersKnown };
}

const FIREWALLD_NOT_RUNNING = 252;

function detectFirewalld(
  system: System,
  tools: Record<Tool, boolean>,
  names: readonly string[],
): Seen<Record<string, string | null>> {
  if (!tools["firewall-cmd"]) return null;
  const state = system.run(["firewall-cmd", "--state"]);
  if (state.code === FIREWALLD_NOT_RUNNING || /not running/i.test(state.out + state.err)) return null;
  if (state.code !== 0) return "unknown";
  const zones: Record<string, string | null> = {};
  for (const name of names) zones[name] = zoneOf(system, name);
  return zones;
}

/** The zone that firewalld has bound the interface to; null for none. */
export function zoneOf(system: System, name: string): string | null {
  const ran = system.run(["firewall-cmd", `--get-zone-of-interface=${name}`]);
  return ran.code === 0 ? ran.out.trim() : null;
}

import { type Answer, OK } from "./answer.ts";
import type { Context } from "./programs.ts";
import { type Setting, set } from "./setting.ts";
import { applied } from "./settings.ts";

/** ip, ifconfig, tc, ethtool: settings of the device, and of the connections over it. */

/** Value of `queueLimit` for the device's own queue. */
const UNLIMITED = -1;
const PACKET_MAX = 65_535;
const MS = 1_000;
const S = 1_000_000;

export function networkProgram(name: string, args: readonly string[], { host }: Context): Answer | undefined {
  const read = NETWORK[name];
  if (!read) return undefined;
  return applied(host, read(args)) ? OK : undefined;
}

function ipCommand(words: readonly string[]): Setting[] | undefined {
  const args = words.filter((word) => !/^-(4|6|o|br|s|d|family|inet6?)$/.test(word));
  const [object, verb] = args;
  if (object === "tcp_metrics") return forgets(args.slice(1));
  if (/^r(o|ou|out|oute)?$/.test(object ?? "")) return routeCommand(args.slice(1));
  if (/^l(ink?)?$/.test(object ?? "") && /^s(et?)?$/.test(verb ?? "")) return deviceCommand(args.slice(2));
  return undefined;
}

/** `ip tcp_metrics flush [all]`, `ip tcp_metrics delete PEER`: there is only one peer. */
function forgets([verb, ...rest]: readonly string[]): Setting[] | undefined {
  const known = verb === "flush" || verb === "delete" || verb === "del";
  return known && rest.every((word) => /^(all|address|[\d.]+|[\da-f:]+)$/.test(word))
    ? [set("forgetPeers", true)]
    : undefined;
}

/** `ip link set [dev] tun0 mtu N`, `ifconfig tun0 mtu N` */
function deviceCommand(words: readonly string[]): Setting[] | undefined {
  const actions: Setting[] = [];
  const args = words.filter((word, i) => word !== "dev" && !(i <= 1 && /^(tun\d+|lo)$/.test(word)));
  for (let i = 0; i < args.length; i += 2) {
    const [name, value = ""] = [args[i]!, args[i + 1]];
    if (name === "mtu" && /^\d+$/.test(value)) actions.push(set("mtu", Number(value)));
    else if (name === "up" || name === "down") i--;
    else if (!/^(txqueuelen|qlen|group|alias)$/.test(name)) return undefined;
    if (name === "down") return undefined;
  }
  return actions;
}

/** The route's destination is ignored; only its settings for connections are used. */
function routeCommand(words: readonly string[]): Setting[] | undefined {
  const actions: Setting[] = [];
  for (let i = 0; i < words.length; i++) {
    const [name, value = ""] = [words[i]!, words[i + 1]];
    const read = ROUTE[name];
    if (read) {
      const action = read(value);
      if (!action) return undefined;
      actions.push(...action);
      i++;
    } else if (name === "flush" && value === "cache") {
      actions.push(set("forgetRoutes", true));
      i++;
    } else if (["add", "change", "replace", "get", "show"].includes(name)) continue;
    else if (["dev", "via", "src", "proto", "scope", "metric", "table", "to"].includes(name)) i++;
    else if (!/^(default|[0-9a-f.:]+(\/\d+)?)$/.test(name)) return undefined;
  }
  return actions;
}

const whole = (name: string) => (value: string) => (/^\d+$/.test(value) ? [set(name, Number(value))] : undefined);

const ROUTE: Readonly<Record<string, (value: string) => Setting[] | undefined>> = {
  initcwnd: whole("initialWindow"),
  rto_min: (value) => (/^\d+(ms|s)?$/.test(value) ? [set("rtoMin", duration(value))] : undefined),
  mtu: (value) => (/^\d+$/.test(value) ? [set("mtu", Number(value))] : undefined),
  congctl: (value) => (/^\w+$/.test(value) ? [set("congestionControl", value)] : undefined),
  quickack: (value) => (/^[01]$/.test(value) ? [set("quickRoute", value === "1")] : undefined),
  fastopen_no_cookie: (value) => (/^[01]$/.test(value) ? [set("cookielessRoute", value === "1")] : undefined),
  features: (value) => (value === "ecn" ? [set("ecn", 1)] : undefined),
};

/** A duration for iproute2: milliseconds, if no unit is given. */
function duration(text: string): number {
  return Number.parseInt(text, 10) * (/\ds$/.test(text) ? S : MS);
}

/** The device is never slower than its queue, so a queue only matters if it has no room at all. */
function queueCommand(words: readonly string[]): Setting[] | undefined {
  if (words[0] !== "qdisc") return undefined;
  if (words[1] === "del" || words[1] === "delete") return [set("queueLimit", UNLIMITED)];
  const text = words.join(" ");
  const queue = /\broot (?:handle \S+ )?(?:pfifo_fast|noqueue|([pb])fifo(?: limit (\d+))?)$/.exec(text);
  if (!queue) return undefined;
  const [, unit, limit = `${UNLIMITED}`] = queue;
  // A limit in octets that fits some packets but not others cannot be simulated.
  if (unit === "b" && Number(limit) > 0 && Number(limit) < PACKET_MAX) return undefined;
  return [set("queueLimit", Number(limit))];
}

/**
 * Offloads cannot be seen on the wire. Linux's TCP makes super-segments whatever the device can do (sk_setup_caps), and they are segmented
 * before the device.
 */
function offloadCommand(words: readonly string[]): Setting[] | undefined {
  if (words[0] !== "-K" && words[0] !== "--offload" && words[0] !== "--features")
    return words[0]?.startsWith("-") ? undefined : [];
  return words.slice(2).every((word, i) => i % 2 === 0 || word === "on" || word === "off") ? [] : undefined;
}

const NETWORK: Readonly<Record<string, (args: readonly string[]) => Setting[] | undefined>> = {
  ip: ipCommand,
  ifconfig: deviceCommand,
  tc: queueCommand,
  ethtool: offloadCommand,
};

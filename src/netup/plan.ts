import { Prefix, parsePrefix } from "#ip/prefix";
import type { Change, SysctlChange } from "./changes.ts";
import { notReady } from "./errors.ts";
import { acceptRaKey, type Facts, forceForwardingKey, forwardingKey } from "./facts.ts";
import { untrackAndTrust } from "./firewall.ts";
import { prefixOf, type Settings } from "./options.ts";
import { device } from "./plan-device.ts";
import type { Finding, Step, StepKind } from "./step.ts";

export interface Plan {
  readonly steps: readonly Step[];
  readonly findings: readonly Finding[];
  /** The name of the uplink, if one was requested. */
  readonly uplink: string | null;
}

/**
 * The steps that are still needed to reach `settings` from `facts`; empty if nothing is missing.
 * @param recorded the changes in the state file of an earlier netup
 */
export function plan(facts: Facts, settings: Settings, recorded: readonly Change[] = []): Plan {
  requirePrerequisites(facts, settings);
  requireFreePrefixes(facts, settings);
  const uplink = resolveUplink(facts, settings);
  const firewall = untrackAndTrust(facts, settings, uplink);
  const steps = [
    ...globalForwarding(facts, settings),
    ...settings.sides.flatMap((side) => device(facts, settings, side, recorded)),
    ...manager(facts, settings),
    ...forwarding(facts, settings, uplink),
    ...firewall.steps,
  ];
  return { steps, findings: [...ownerFindings(facts, settings), ...firewall.findings], uplink };
}

function requirePrerequisites(facts: Facts, settings: Settings): void {
  if (!facts.tools.ip) {
    throw notReady(
      "cannot look at network devices",
      "the command `ip` is not installed",
      "sudo apt-get install iproute2",
    );
  }
  if (facts.tunMode === null) {
    throw notReady(
      "there is no /dev/net/tun",
      "the kernel module tun is not loaded, or this container has no such device",
      "sudo modprobe tun; for a container: docker run --device /dev/net/tun --cap-add NET_ADMIN",
    );
  }
  if (settings.v6 && facts.sysctl["net/ipv6/conf/all/forwarding"] === undefined) {
    throw notReady("IPv6 is disabled", "this kernel runs without it", "leave out --v6");
  }
}

/** Prefixes to suggest if the requested one is taken: private ones, then that of benchmarks (RFC 2544). */
const OFFERS = ["10.77.0.0/16", "172.31.240.0/20", "192.168.240.0/22", "198.18.0.0/16"];

function requireFreePrefixes(facts: Facts, settings: Settings): void {
  const names = settings.sides.map((side) => side.name);
  const foreign = facts.routes.filter((route) => route.to !== "default" && !names.includes(route.dev));
  const taken = foreign.map((route) => ({ route, prefix: parsePrefix(withPrefix(route.to)) }));
  const collides = (wanted: Prefix) =>
    taken.find(({ prefix }) => prefix instanceof Prefix && prefix.bits > 0 && wanted.overlaps(prefix));
  for (const side of settings.sides) {
    for (const prefix of side.prefixes) {
      const hit = collides(prefix);
      if (hit === undefined) continue;
      const free = OFFERS.find((offer) => collides(prefixOf(offer, "--subnet")) === undefined) ?? "a free prefix";
      throw notReady(
        `${prefix.subnet} is already in use`,
        `this machine routes ${hit.route.to} ${hit.route.dev === "" ? "elsewhere" : `through ${hit.route.dev}`}`,
        `sudo ${settings.program} netup --subnet ${free}`,
      );
    }
  }
}

function withPrefix(to: string): string {
  return to.includes("/") ? to : `${to}/${to.includes(":") ? 128 : 32}`;
}

function resolveUplink(facts: Facts, settings: Settings): string | null {
  const { uplink, program } = settings;
  if (uplink === null) return null;
  if (uplink === "auto") {
    const route = facts.routes.find((each) => each.to === "default" && each.table === "main" && each.dev !== "");
    if (route !== undefined) return route.dev;
    throw notReady("no uplink was found", "there is no default route", `name one: sudo ${program} netup --uplink IF`);
  }
  if (facts.links.some((link) => link.name === uplink)) return uplink;
  const names = facts.links.map((link) => link.name).filter((name) => name !== "lo");
  throw notReady(
    `there is no interface ${uplink}`,
    `there are: ${names.join(", ") || "none"}`,
    "name one of them, or auto",
  );
}

function globalForwarding(facts: Facts, settings: Settings): Step[] {
  const key = "net/ipv4/ip_forward";
  if (!settings.globalForward || facts.sysctl[key] === "1") return [];
  // Switching it back also clears forwarding on every interface and rewrites accept_redirects, so those are recorded.
  const also = snapshot(facts, /^net\/ipv4\/conf\/(?:.+\/forwarding|all\/accept_redirects)$/);
  return [sysctlStep("forward", "all interfaces", "ip_forward = 1: this machine becomes a router", key, "1", also)];
}

function snapshot(facts: Facts, keys: RegExp): Record<string, string> {
  return Object.fromEntries(Object.entries(facts.sysctl).filter(([key]) => keys.test(key)));
}

function sysctlStep(
  kind: StepKind,
  subject: string,
  title: string,
  key: string,
  after: string,
  also: Record<string, string> = {},
): Step {
  const change: SysctlChange = { what: "sysctl", key, before: null, after, also };
  return { kind, subject, title, actions: [{ sysctl: key, value: after }], change };
}

/** NetworkManager may manage a new TUN, apply a profile of the same name to it, and change its firewalld zone. */
function manager(facts: Facts, settings: Settings): Step[] {
  if (!facts.networkManager) return [];
  return settings.sides
    .filter((side) => !facts.links.some((link) => link.name === side.name))
    .map(({ name }) => ({
      kind: "manager",
      subject: name,
      title: "NetworkManager does not manage it, until the device is deleted",
      actions: [{ run: ["nmcli", "device", "set", name, "managed", "no"] }],
      change: null,
    }));
}

function forwarding(facts: Facts, settings: Settings, uplink: string | null): Step[] {
  const steps: Step[] = [];
  const names = settings.sides.map((side) => side.name);
  const inherited = settings.globalForward ? "1" : facts.sysctl[forwardingKey(4, "default")];
  for (const name of [...names, ...(uplink === null ? [] : [uplink])]) {
    const key = forwardingKey(4, name);
    const exists = facts.links.some((link) => link.name === name);
    if (settings.globalForward || (exists ? facts.sysctl[key] : inherited) === "1") continue;
    const title = name === uplink ? "replies from outside" : "this interface only";
    steps.push(sysctlStep("forward", name, title, key, "1"));
  }
  return settings.v6 ? [...steps, ...forwarding6(facts, names)] : steps;
}

function forwarding6(facts: Facts, names: readonly string[]): Step[] {
  if (facts.sysctl["net/ipv6/conf/all/forwarding"] === "1") return [];
  if (facts.sysctl["net/ipv6/conf/all/force_forwarding"] !== undefined) {
    return names
      .filter((name) => facts.sysctl[forceForwardingKey(name)] !== "1")
      .map((name) => sysctlStep("forward", name, "IPv6, this interface only", forceForwardingKey(name), "1"));
  }
  // Linux before 6.17 forwards IPv6 on all interfaces or on none. A router ignores router advertisements unless accept_ra is
  // 2; without it the machine would lose its own default route when that expires.
  const advertised = facts.routes.filter((route) => route.to === "default" && route.protocol === "ra");
  const steps = [...new Set(advertised.map((route) => route.dev))]
    .filter((dev) => facts.sysctl[acceptRaKey(dev)] === "1")
    .map((dev) => sysctlStep("forward", dev, "keep its advertised default route", acceptRaKey(dev), "2"));
  const also = snapshot(facts, /^net\/ipv6\/conf\/.+\/forwarding$/);
  delete also["net/ipv6/conf/all/forwarding"];
  const key = "net/ipv6/conf/all/forwarding";
  return [
    ...steps,
    sysctlStep(
      "forward",
      "all interfaces",
      "IPv6 (this kernel cannot forward it on single interfaces)",
      key,
      "1",
      also,
    ),
  ];
}

const OTHERS_READ_WRITE = 0o006;

function ownerFindings(facts: Facts, settings: Settings): Finding[] {
  if (settings.owner === null || facts.tunMode === null) return [];
  if ((facts.tunMode & OTHERS_READ_WRITE) === OTHERS_READ_WRITE) return [];
  return [
    {
      level: "note",
      what: `${settings.owner.name} may use the devices, but cannot open /dev/net/tun`,
      why: `its mode is ${facts.tunMode.toString(8)}`,
      fix: "run host and peer with sudo, or: sudo chmod 666 /dev/net/tun",
    },
  ];
}

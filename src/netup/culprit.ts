import type { Facts } from "./facts.ts";
import { acceptLine, foreignChains } from "./firewall.ts";
import type { Settings } from "./options.ts";
import type { Trial } from "./probe.ts";
import type { Finding } from "./step.ts";
import { filterOwner } from "./xtables.ts";

/**
 * ICMP errors that only firewalls send for a forwarded packet: port unreachable, prohibited, and the same of IPv6. The
 * kernel's own forwarding code sends none of them.
 */
const REJECTIONS = ["3/2", "3/3", "3/9", "3/10", "3/13", "1/1", "1/4", "1/5", "1/6"];

/**
 * Names what dropped a probe, by the kernel counters that moved while it was sent. Each case was measured: for each way
 * to drop a packet, which counters the kernel raises.
 */
export function explain(facts: Facts, settings: Settings, trial: Trial): Finding {
  const { from, to, sent, icmp } = trial;
  const group = trial.family === 4 ? "Ip" : "Ip6";
  const moved = (name: string) => (trial.counters[name] ?? 0) >= sent;
  const what = `a probe from ${from} did not arrive at ${to}`;
  const fail = (why: string, fix: string): Finding => ({ level: "fail", what, why, fix });
  if (icmp !== null && REJECTIONS.includes(icmp)) return { ...fail("", ""), ...rejected(facts, settings, icmp) };
  if (icmp === "3/0" || icmp === "1/0" || moved("IpExt.InNoRoutes")) {
    return fail(`the kernel has no route to ${to}`, `ip link set ${to} up; ip route`);
  }
  if (moved(`${group}.InAddrErrors`)) {
    return fail(`forwarding is off on ${from}`, `sudo ${settings.program} netup`);
  }
  if (moved("TcpExt.IPReversePathFilter")) {
    const fix = `sysctl -w net.ipv4.conf.${from}.rp_filter=0`;
    return fail(`the reverse path filter dropped it: the route to its source does not lead through ${from}`, fix);
  }
  if (moved(trial.family === 4 ? "Ip.ForwDatagrams" : "Ip6.OutForwDatagrams") && !moved(`${to}.tx`)) {
    return { ...fail("", ""), ...dropped(facts, settings) };
  }
  if (icmp !== null)
    return fail(`the kernel answered with ICMP ${icmp}`, `${settings.program} status shows what is set up`);
  if (moved(`${group}.InReceives`)) {
    return { ...fail("", ""), ...beforeRouting(facts, settings) };
  }
  return fail(`no packet came in at all: ${from} is down or was removed`, `ip link show ${from}`);
}

type Cause = Pick<Finding, "why" | "fix">;

function rejected(facts: Facts, settings: Settings, icmp: string): Cause {
  if (facts.firewalld !== null) {
    const fix = `sudo firewall-cmd --get-active-zones; then sudo ${settings.program} netup`;
    return { why: `firewalld rejected it (ICMP ${icmp}) because of the zone of the interface`, fix };
  }
  const { why, fix } = dropped(facts, settings);
  return { why: why.replace("dropped", `rejected (ICMP ${icmp})`), fix };
}

/** The kernel began to forward the packet but did not send it: a chain of the forward hook dropped it. */
function dropped(facts: Facts, settings: Settings): Cause {
  const names = settings.sides.map((side) => side.name);
  const foreign = foreignChains(facts, settings);
  const first = foreign.find((chain) => chain.policy === "drop") ?? foreign[0];
  if (first !== undefined) {
    const how = first.policy === "drop" ? "policy drop" : "one of its rules";
    const where = `table ${first.family} ${first.table}, chain ${first.name}, ${how}`;
    return { why: `it was routed, then dropped by nft ${where}`, fix: acceptLine(first, names) };
  }
  const filter = facts.filters.find((each) => each.policies.FORWARD === "DROP") ?? facts.filters[0];
  if (filter !== undefined) {
    const fix = `sudo ${filter.binary} -v -L FORWARD; then sudo ${settings.program} netup`;
    return { why: `it was routed, then dropped by ${filterOwner(filter)}, chain FORWARD`, fix };
  }
  return { why: "it was routed, then dropped by a firewall that netup cannot inspect", fix: "sudo nft monitor trace" };
}

/** The packet came in, and no other counter moved. */
function beforeRouting(facts: Facts, settings: Settings): Cause {
  const { ruleset } = facts;
  const own = settings.sides.map((side) => side.name);
  if (ruleset !== null && ruleset !== "unknown") {
    const suspect = ruleset.chains.find(
      (chain) =>
        chain.hook === "prerouting" &&
        ruleset.rules.some((rule) => rule.table === chain.table && JSON.stringify(rule.expr).includes('"drop"')),
    );
    if (suspect !== undefined) {
      const where = `${suspect.family} ${suspect.table} ${suspect.name}`;
      const fix = `sudo nft 'insert rule ${where} iifname { ${own.map((name) => `"${name}"`).join(", ")} } accept'`;
      return { why: `it came in, then nft chain ${where} dropped it before routing`, fix };
    }
  }
  const why = "it came in, then was dropped before routing, or its source is an address of this machine";
  return { why, fix: "ip addr; sudo nft monitor trace" };
}

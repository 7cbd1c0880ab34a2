import { expect, test } from "bun:test";
import { explain } from "#netup/culprit";
import { detect } from "#netup/facts";
import { settle } from "#netup/options";
import type { Trial } from "#netup/probe";
import { Recorded } from "./recorded.ts";

/** Counters as the kernel moved them in each case, with five probes sent. */
function cause(
  counters: Record<string, number>,
  icmp: string | null = null,
  system = new Recorded(),
  family: 4 | 6 = 4,
) {
  const trial: Trial = { from: "tun0", to: "tun1", family, arrived: false, sent: 5, ms: 0, icmp, counters };
  const { level, why, fix } = explain(detect(system, ["tun0", "tun1"]), settle({ system }), trial);
  expect(level).toBe("fail");
  expect(fix).not.toBe("");
  return why;
}

const IN = { "Ip.InReceives": 5 };
const ROUTED = { ...IN, "Ip.ForwDatagrams": 5 };
const chain = (hook: string, policy: string) => ({
  chain: { family: "inet", table: "guard", name: "c", type: "filter", hook, prio: 0, policy },
});
const nft = (...items: object[]) => new Recorded().tell("nft -j list ruleset", JSON.stringify({ nftables: items }));

test("forwarding that is off is recognized by the kernel's address errors", () => {
  expect(cause({ ...IN, "Ip.InAddrErrors": 5 })).toBe("forwarding is off on tun0");
  expect(cause({ "Ip6.InReceives": 5, "Ip6.InAddrErrors": 5 }, null, new Recorded(), 6)).toBe(
    "forwarding is off on tun0",
  );
});

test("the reverse path filter is named", () => {
  expect(cause({ ...IN, "TcpExt.IPReversePathFilter": 5 })).toContain("reverse path filter");
});

test("a missing route is named", () => {
  expect(cause({ ...IN, "IpExt.InNoRoutes": 5 })).toContain("no route");
  expect(cause(IN, "3/0")).toContain("no route");
});

test("a packet that was routed and not sent was dropped by a firewall, which is named if it is known", () => {
  expect(cause(ROUTED, null, nft(chain("forward", "drop")))).toBe(
    "it was routed, then dropped by nft table inet guard, chain c, policy drop",
  );
  const legacy = new Recorded().tell("iptables-legacy -w 5 -v -S", "-P FORWARD DROP\n-N ufw-before-forward");
  legacy.files.set("/proc/net/ip_tables_names", "filter");
  expect(cause(ROUTED, null, legacy)).toBe("it was routed, then dropped by ufw (iptables-legacy), chain FORWARD");
  expect(cause(ROUTED)).toContain("cannot inspect");
});

test("a rejection is told apart from a drop", () => {
  const system = new Recorded().tell("firewall-cmd --state", "running");
  expect(cause(ROUTED, "3/13", system)).toBe("firewalld rejected it (ICMP 3/13) because of the zone of the interface");
  expect(cause(ROUTED, "3/3", nft(chain("forward", "drop")))).toContain("rejected (ICMP 3/3) by nft table inet guard");
  expect(cause(IN, "11/0")).toBe("the kernel answered with ICMP 11/0");
});

test("a packet that came in and raised no other counter was dropped before routing, or came from an address of the kernel", () => {
  expect(cause(IN)).toContain("an address of this machine");
  const rpfilter = { rule: { family: "inet", table: "guard", chain: "c", expr: [{ drop: null }] } };
  expect(cause(IN, null, nft(chain("prerouting", "accept"), rpfilter))).toBe(
    "it came in, then nft chain inet guard c dropped it before routing",
  );
});

test("if no packet came in, the device is named", () => {
  expect(cause({})).toContain("tun0 is down");
});

test("counters that rose by less than the number of probes are ignored", () => {
  expect(cause({ ...IN, "Ip.InAddrErrors": 2 })).not.toContain("forwarding is off");
});

import { expect, test } from "bun:test";
import { netup } from "#netup/netup";
import { isState } from "#netup/state-check";
import { isSysctlKey } from "#netup/sysctl-key";
import { isOwnSpec } from "#netup/xtables";
import { Recorded, tunJson } from "./recorded.ts";

const untried = () => ({ outcome: "untried" as const, trials: [], why: "" });

/** The state that netup writes on a machine where it changes all that it ever changes. */
async function written(): Promise<Record<string, unknown>> {
  const filter = { nftables: [{ table: { family: "ip", name: "filter" } }] };
  const uplink = { ifname: "eth0.7", flags: ["UP"], mtu: 1500 };
  const system = new Recorded()
    .tell("id -u -- alice", "1000")
    .tell("ip tuntap", "")
    .tell("ip link", "")
    .tell("ip addr", "")
    .tell("nft -j -f", "")
    .tell("nft -j list ruleset", JSON.stringify(filter))
    .tell("iptables-nft -w 5 -v -S", "-P FORWARD DROP")
    .tell("iptables-nft -w 5 -t filter -I", "")
    .tell("firewall-cmd --state", "running")
    .tell("firewall-cmd --zone", "success")
    .tell("ip -d -s -j addr", JSON.stringify([uplink, tunJson("tun1", "vpn", null, null)]));
  for (const name of ["eth0.7", "tun0", "tun1"]) system.files.set(`/proc/sys/net/ipv4/conf/${name}/forwarding`, "0");
  await netup({ system, user: "alice", v6: true, uplink: "eth0.7", globalForward: true, force: true }, untried);
  const path = [...system.files.keys()].find((name) => name.startsWith("/run/tcpnet/state"))!;
  return JSON.parse(system.files.get(path)!);
}

test("a state with each kind of change that netup makes is valid", async () => {
  const state = await written();
  const kinds = (state.changes as { what: string }[]).map(({ what }) => what);
  expect([...new Set(kinds)].sort()).toEqual(["adopted", "link", "rule", "sysctl", "table", "zone"]);
  expect(isState(state)).toBe(true);
});

test("a state with one value that netup never writes is invalid", async () => {
  const forged: readonly (readonly [what: string, path: string, value: unknown])[] = [
    ["rule", "binary", "/tmp/x"],
    ["rule", "binary", "sh"],
    ["rule", "binary", "iptables-save"],
    ["rule", "table", "nat"],
    ["rule", "chain", "-F"],
    ["rule", "spec", ["-j", "ACCEPT"]],
    ["rule", "spec", "ACCEPT"],
    ["sysctl", "key", "net/ipv4/../../kernel/core_pattern"],
    ["sysctl", "key", "kernel/core_pattern"],
    ["sysctl", "before", "|/tmp/x"],
    ["sysctl", "after", "1\n"],
    ["sysctl", "also", { "net/ipv4/conf/../forwarding": "1" }],
    ["sysctl", "also", { "net/ipv4/ip_forward": "|/tmp/x" }],
    ["sysctl", "also", []],
    ["table", "name", "filter"],
    ["table", "family", "ip"],
    ["link", "name", "../x"],
    ["link", "owner", { name: "alice" }],
    ["adopted", "name", "a b"],
    ["adopted", "before", { alias: "a\nb", up: true }],
    ["adopted", "added", ["10.0.0.1/24; x"]],
    ["zone", "name", ""],
    ["zone", "before", "--reload"],
    ["zone", "before", "public\n"],
    ["zone", "after", "public"],
    ["zone", "what", "constructor"],
  ];
  for (const [what, field, value] of forged) {
    const state = await written();
    const change = (state.changes as Record<string, unknown>[]).find((each) => each.what === what)!;
    change[field] = value;
    expect([what, field, value, isState(state)]).toEqual([what, field, value, false]);
  }
  for (const [field, value] of [
    ["version", 2],
    ["setup", null],
    ["changes", {}],
    ["changes", [null]],
    ["created", "now"],
    ["cookie", 7],
  ] as const) {
    expect([field, value, isState({ ...(await written()), [field]: value })]).toEqual([field, value, false]);
  }
  for (const names of [["tun0"], ["tun0", "..", "x"], ["tun0", "a/b"]]) {
    const state = await written();
    expect([names, isState({ ...state, setup: { ...(state.setup as object), names } })]).toEqual([names, false]);
  }
});

test("only netup's own sysctl keys are valid, and none leads to another path", () => {
  for (const key of ["net/ipv4/ip_forward", "net/ipv4/conf/eth0.100/forwarding", "net/ipv6/conf/all/accept_ra"])
    expect([key, isSysctlKey(key)]).toEqual([key, true]);
  for (const key of [
    "",
    "net/ipv4/conf/../forwarding",
    "net/ipv4/conf/./forwarding",
    "net/ipv4/conf//forwarding",
    "net/ipv4/conf/a/b/forwarding",
    "net/ipv4/conf/tun0/rp_filter",
    "net/ipv5/conf/tun0/forwarding",
    "net/constructor/conf/tun0/forwarding",
    "/net/ipv4/conf/tun0/forwarding",
    "net/ipv4/conf/tun0/forwarding/",
    "net/ipv4/neigh/tun0/forwarding",
    "net/ipv4/ip_forward/../ip_forward",
  ])
    expect([key, isSysctlKey(key)]).toEqual([key, false]);
});

test("a rule is netup's only if it contains nothing else than netup writes", () => {
  const comment = ["-m", "comment", "--comment", "tcpnet"];
  const own = [
    ["-i", "tun0", "-o", "tun1", ...comment, "-j", "ACCEPT"],
    ["-i", "eth0", "-o", "tun0", "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", ...comment, "-j", "ACCEPT"],
    ["-d", "10.0.1.0/24", "-i", "tun0", ...comment, "-j", "CT", "--notrack"],
  ];
  for (const spec of own) expect([spec, isOwnSpec(spec)]).toEqual([spec, true]);
  for (const spec of [
    [],
    ["-j", "ACCEPT"],
    ["-i", "tun0", "-o", "tun1", "-j", "ACCEPT"],
    ["-i", "tun0", "-o", "tun1", ...comment, "-j", "DROP"],
    ["-i", "tun0", ...comment, "-j", "ACCEPT"],
    ["-i", "-F", "-o", "tun1", ...comment, "-j", "ACCEPT"],
    ["-i", "tun0", "-o", "tun1", ...comment, "-j", "ACCEPT", "--modprobe=/tmp/x"],
    ["-i", "tun0", "-o", "tun1", ...comment, "-j"],
    ["-s", "10.0.0.0/8", "-i", "tun0", "-o", "tun1", ...comment, "-j", "ACCEPT"],
  ])
    expect([spec, isOwnSpec(spec)]).toEqual([spec, false]);
});

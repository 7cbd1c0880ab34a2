import { expect, test } from "bun:test";
import { QUEUE_LENGTH as DEVICE_QUEUE_LENGTH } from "#device/tun";
import { actionText } from "#netup/apply";
import { NetupError } from "#netup/errors";
import { detect } from "#netup/facts";
import { type NetupOptions, settle } from "#netup/options";
import { type Plan, plan } from "#netup/plan";
import { QUEUE_LENGTH } from "#netup/plan-device";
import { Recorded, tunJson } from "./recorded.ts";

/** The plan for a recorded machine. */
function planned(system: Recorded, options: NetupOptions = {}): Plan {
  const settings = settle({ system, ...options });
  return plan(detect(system, ["tun0", "tun1"]), settings);
}

function refused(system: Recorded, options: NetupOptions = {}): NetupError {
  try {
    planned(system, options);
  } catch (error) {
    if (error instanceof NetupError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

const commands = ({ steps }: Plan) => steps.flatMap((step) => step.actions.map(actionText));
const trust = (made: Plan) => commands({ ...made, steps: made.steps.filter((step) => step.kind === "trust") });

const chain = (family: string, table: string, name: string, policy: string) => ({
  chain: { family, table, name, type: "filter", hook: "forward", prio: 0, policy },
});
const ruleset = (...items: object[]) => JSON.stringify({ nftables: items });
const table = (family: string, name: string) => ({ table: { family, name } });

/** A machine whose iptables (of that flavour) says this. */
function withIptables(flavour: "nft" | "legacy", ...lines: string[]): Recorded {
  const system = new Recorded().tell(`iptables-${flavour} -w 5 -v -S`, lines.join("\n"));
  if (flavour === "legacy") system.files.set("/proc/net/ip_tables_names", "filter");
  else system.tell("nft -j list ruleset", ruleset(table("ip", "filter"), chain("ip", "filter", "FORWARD", "drop")));
  return system;
}

test("on a plain machine: two devices, forwarding of each, untracking, and nothing else", () => {
  expect(commands(planned(new Recorded()))).toEqual([
    "ip tuntap add dev tun0 mode tun",
    "ip link set dev tun0 alias tcpnet:v1:host",
    `ip link set dev tun0 addrgenmode none multicast off txqueuelen ${QUEUE_LENGTH} mtu 1500`,
    "ip addr add 10.0.0.1/24 dev tun0",
    "ip link set dev tun0 up",
    "ip tuntap add dev tun1 mode tun",
    "ip link set dev tun1 alias tcpnet:v1:peer",
    `ip link set dev tun1 addrgenmode none multicast off txqueuelen ${QUEUE_LENGTH} mtu 1500`,
    "ip addr add 10.0.1.1/24 dev tun1",
    "ip link set dev tun1 up",
    "sysctl -w net.ipv4.conf.tun0.forwarding=1",
    "sysctl -w net.ipv4.conf.tun1.forwarding=1",
    "nft -j -f -",
  ]);
});

test("with --multi-queue the devices may have several queues; a device that was made for one is not taken for such", () => {
  const made = commands(planned(new Recorded(), { multiQueue: true })).filter((line) => line.includes("tuntap"));
  expect(made).toEqual(["ip tuntap add dev tun0 mode tun multi_queue", "ip tuntap add dev tun1 mode tun multi_queue"]);
  const there = (multi: boolean) => {
    const link = tunJson("tun0", "tcpnet:v1:host", "10.0.0.1/24", null) as { linkinfo: { info_data: object } };
    Object.assign(link.linkinfo.info_data, { multi_queue: multi });
    return new Recorded().tell("ip -d -s -j addr", JSON.stringify([link]));
  };
  expect(refused(there(false), { multiQueue: true }).why).toStartWith("it has one queue");
  // Either kind serves those who want one queue.
  for (const multi of [true, false]) expect(commands(planned(there(multi))).join()).not.toContain("dev tun0 mode tun");
  expect(commands(planned(there(true), { multiQueue: true })).join()).not.toContain("dev tun0 mode tun");
});

test("netup gives a device the same queue length as the program does", () => {
  expect(QUEUE_LENGTH).toBe(DEVICE_QUEUE_LENGTH);
});

test("if new devices forward by default, no sysctl is set", () => {
  const system = new Recorded();
  system.files.set("/proc/sys/net/ipv4/conf/default/forwarding", "1");
  expect(commands(planned(system)).join()).not.toContain("sysctl");
});

test("global forwarding is one sysctl, recorded with all the keys that the kernel rewrites when it is switched back", () => {
  const system = new Recorded();
  system.files.set("/proc/sys/net/ipv4/conf/all/accept_redirects", "1");
  const made = planned(system, { globalForward: true });
  expect(commands(made).filter((text) => text.startsWith("sysctl"))).toEqual(["sysctl -w net.ipv4.ip_forward=1"]);
  expect(made.steps[0]!.change).toEqual({
    what: "sysctl",
    key: "net/ipv4/ip_forward",
    before: null,
    after: "1",
    also: { "net/ipv4/conf/all/accept_redirects": "1", "net/ipv4/conf/default/forwarding": "0" },
  });
});

test("iptables of either flavour gets its rule through the binary that manages the table", () => {
  for (const flavour of ["nft", "legacy"] as const) {
    expect(trust(planned(withIptables(flavour, "-P FORWARD DROP -c 0 0")))).toEqual([
      `iptables-${flavour} -I FORWARD -i tun1 -o tun0 -m comment --comment tcpnet -j ACCEPT`,
      `iptables-${flavour} -I FORWARD -i tun0 -o tun1 -m comment --comment tcpnet -j ACCEPT`,
    ]);
    const docker = withIptables(flavour, "-P FORWARD DROP", "-N DOCKER-USER", "-A FORWARD -j DOCKER-USER");
    expect(trust(planned(docker))[0]).toStartWith(`iptables-${flavour} -I DOCKER-USER -i tun1 -o tun0 `);
    expect(trust(planned(withIptables(flavour, "-P FORWARD ACCEPT")))).toEqual([]);
  }
});

test("a missing table of legacy iptables is not listed: that would create it", () => {
  const system = new Recorded();
  planned(system);
  expect(system.log.filter((text) => text.includes("tables") && !text.startsWith("nft"))).toEqual([]);
});

test("plain iptables is used for the flavour that its version names", () => {
  const system = withIptables("legacy").without("iptables-legacy", "iptables-nft");
  system.tell("iptables -V", "iptables v1.8.9 (legacy)").tell("iptables -w 5 -v -S", "-P FORWARD DROP");
  expect(trust(planned(system))[0]).toStartWith("iptables -I FORWARD");
});

test("firewalld gets the devices in its trusted zone, and its own tables are not reported as foreign", () => {
  const system = new Recorded()
    .tell("firewall-cmd --state", "running")
    .tell("firewall-cmd --get-zone-of-interface=tun1", "trusted\n")
    .tell("nft -j list ruleset", ruleset(chain("inet", "firewalld", "filter_FORWARD", "drop")));
  const made = planned(system);
  expect(trust(made)).toEqual(["firewall-cmd --zone=trusted --change-interface=tun0"]);
  expect(made.steps.find((step) => step.kind === "trust")!.change).toEqual({
    what: "zone",
    name: "tun0",
    before: null,
    after: "trusted",
  });
  expect(made.findings.map((finding) => finding.level)).toEqual(["note"]);
});

test("each firewall that may drop gets a rule: firewalld and Docker on one machine", () => {
  const system = withIptables("nft", "-P FORWARD DROP", "-A FORWARD -j DOCKER-USER").tell(
    "firewall-cmd --state",
    "running",
  );
  expect(trust(planned(system)).map((text) => text.split(" ")[0])).toEqual([
    "firewall-cmd",
    "firewall-cmd",
    "iptables-nft",
    "iptables-nft",
  ]);
});

test("a foreign chain with policy drop is reported with the command to type, and not edited", () => {
  const system = new Recorded().tell("nft -j list ruleset", ruleset(chain("inet", "guard", "passing", "drop")));
  const made = planned(system);
  expect(trust(made)).toEqual([]);
  expect(made.findings).toEqual([
    {
      level: "warn",
      what: "nft table inet guard, chain passing has policy drop",
      why: "netup does not edit the tables of others, and no other table can overrule it",
      fix: `sudo nft 'insert rule inet guard passing iifname { "tun0", "tun1" } oifname { "tun0", "tun1" } accept'`,
    },
  ]);
});

test("IPv6 is left alone without --v6: no rule, no sysctl, no address", () => {
  const text = commands(planned(withIptables("nft", "-P FORWARD DROP"))).join("\n");
  expect(text).not.toMatch(/ip6|ipv6|fd00/);
});

test("with --v6 a new kernel forwards per interface, an old one everywhere without losing its default route", () => {
  const modern = new Recorded();
  modern.files.set("/proc/sys/net/ipv6/conf/all/force_forwarding", "0");
  expect(commands(planned(modern, { v6: true })).filter((text) => text.includes("ipv6"))).toEqual([
    "sysctl -w net.ipv6.conf.tun0.force_forwarding=1",
    "sysctl -w net.ipv6.conf.tun1.force_forwarding=1",
  ]);
  const old = new Recorded()
    .tell("ip -d -s -j addr", JSON.stringify([{ ifname: "eth0", flags: ["UP"], mtu: 1500 }]))
    .tell("ip -6 -j route", JSON.stringify([{ dst: "default", dev: "eth0", protocol: "ra" }]));
  old.files.set("/proc/sys/net/ipv6/conf/eth0/accept_ra", "1");
  expect(commands(planned(old, { v6: true })).filter((text) => text.includes("ipv6"))).toEqual([
    "sysctl -w net.ipv6.conf.eth0.accept_ra=2",
    "sysctl -w net.ipv6.conf.all.forwarding=1",
  ]);
});

test("with an uplink, firewalls let replies in, and no connection from outside", () => {
  const system = withIptables("nft", "-P FORWARD DROP")
    .tell("ip -d -s -j addr", JSON.stringify([{ ifname: "eth0.7", flags: ["UP"], mtu: 1500 }]))
    .tell("ip -4 -j route", JSON.stringify([{ dst: "default", dev: "eth0.7", gateway: "192.0.2.1" }]));
  const made = planned(system, { uplink: "auto" });
  expect(made.uplink).toBe("eth0.7");
  expect(commands(made)).toContain("sysctl -w net/ipv4/conf/eth0.7/forwarding=1");
  const inward = trust(made).filter((text) => text.includes("-i eth0.7"));
  expect(inward.length).toBe(2);
  for (const text of inward) expect(text).toContain("--ctstate RELATED,ESTABLISHED");
  expect(trust(made).filter((text) => text.includes("-o eth0.7")).length).toBe(2);
});

test("what is already set up is not planned again", () => {
  const links = [
    tunJson("tun0", "tcpnet:v1:host", "10.0.0.1/24", "alice"),
    tunJson("tun1", "tcpnet:v1:peer", "10.0.1.1/24", "alice"),
  ];
  const system = withIptables(
    "legacy",
    "-P FORWARD DROP",
    "-A FORWARD -i tun0 -o tun1 -m comment --comment tcpnet -c 1 40 -j ACCEPT",
    "-A FORWARD -i tun1 -o tun0 -m comment --comment tcpnet -c 1 40 -j ACCEPT",
  ).tell("id -u -- alice", "1000");
  const first = planned(system, { user: "alice" }).steps.find((step) => step.kind === "notrack")!.actions[0]!;
  const stdin = "run" in first ? first.stdin! : "";
  const added = (JSON.parse(stdin).nftables as { add?: object; delete?: object }[]).slice(2).map((each) => each.add!);
  system.tell("ip -d -s -j addr", JSON.stringify(links)).tell("nft -j list ruleset", ruleset(...added));
  for (const name of ["tun0", "tun1"]) system.files.set(`/proc/sys/net/ipv4/conf/${name}/forwarding`, "1");
  expect(commands(planned(system, { user: "alice" }))).toEqual([]);
  links[1] = tunJson("tun1", "tcpnet:v1:peer", null, "alice", false);
  system.tell("ip -d -s -j addr", JSON.stringify(links));
  expect(commands(planned(system, { user: "alice" }))).toEqual([
    "ip link set dev tun1 addrgenmode none multicast off txqueuelen 2000 mtu 1500",
    "ip addr add 10.0.1.1/24 dev tun1",
    "ip link set dev tun1 up",
  ]);
});

test("a device of ours with another MTU, owner, address or number of queues is refused, and what differs is named", () => {
  const ours = (more: object = {}) => [
    { ...tunJson("tun0", "tcpnet:v1:host", "10.0.0.1/24", null), ...more },
    tunJson("tun1", "tcpnet:v1:peer", "10.0.1.1/24", null),
  ];
  const on = (list: object[]) => new Recorded().tell("ip -d -s -j addr", JSON.stringify(list));
  const why = (options: NetupOptions, list = ours()) => refused(on(list).tell("id -u -- alice", "1000"), options).why;
  expect(why({ mtu: 1400 })).toBe("its MTU is 1500, not 1400");
  expect(why({ mtu: 1500 }, ours({ mtu: 1400 }))).toBe("its MTU is 1400, not 1500");
  expect(why({ user: "alice" })).toBe("it belongs to root, not to alice");
  expect(why({ subnet: "10.77.0.0/16" })).toBe("it has the address 10.0.0.1/24, which is not 10.77.0.1/24");
  expect(why({ multiQueue: true })).toStartWith("it has one queue");
  // Without --mtu a device keeps the one it has.
  expect(commands(planned(on(ours({ mtu: 1400 })))).join()).not.toContain("mtu");
  const adopted = on([{ ...tunJson("tun0", "", "10.0.0.1/24", null), mtu: 1300 }]);
  expect(refused(adopted, { force: true, mtu: 1400 }).fix).toContain("sudo ip link set dev tun0 mtu 1400");
  expect(commands(planned(adopted, { force: true })).join()).toContain("alias");
});

test("without root the firewall rules are unknown, not absent", () => {
  const system = new Recorded();
  system.uid = 1000;
  expect(planned(system).findings.map((finding) => finding.what)).toEqual(["the firewall rules are unknown"]);
  expect(system.log.join("\n")).not.toMatch(/nft|iptables/);
});

test("a legacy table that cannot be listed is reported as unknown", () => {
  const system = new Recorded().without("iptables-legacy", "iptables");
  system.files.set("/proc/net/ip_tables_names", "filter");
  expect(planned(system).findings.map((finding) => finding.what)).toEqual(["the rules of legacy iptables are unknown"]);
});

test("without nft, iptables' raw table turns off tracking by destination, so that other traffic stays tracked", () => {
  const made = planned(new Recorded().without("nft"));
  expect(commands(made).slice(-2)).toEqual([
    "iptables -t raw -I PREROUTING -i tun0 -d 10.0.1.0/24 -m comment --comment tcpnet -j NOTRACK",
    "iptables -t raw -I PREROUTING -i tun1 -d 10.0.0.0/24 -m comment --comment tcpnet -j NOTRACK",
  ]);
  const bare = planned(new Recorded().without("nft", "iptables", "iptables-nft", "iptables-legacy"));
  expect(bare.findings.map((finding) => finding.what)).toEqual(["connection tracking stays on for the lab's traffic"]);
});

test("if NetworkManager runs, it is told not to manage new devices", () => {
  const made = planned(new Recorded().tell("nmcli -t -f RUNNING general", "running\n"));
  expect(commands(made).filter((text) => text.startsWith("nmcli"))).toEqual([
    "nmcli device set tun0 managed no",
    "nmcli device set tun1 managed no",
  ]);
});

test("an owner who cannot open /dev/net/tun is told so", () => {
  const system = new Recorded().tell("stat -L -c %a /dev/net/tun", "600").tell("id -u -- alice", "1000");
  expect(planned(system, { user: "alice" }).findings.map((finding) => finding.why)).toEqual(["its mode is 600"]);
});

test("an obstacle ends the plan with exit code 3, a reason, and what to type", () => {
  const links = (...list: object[]) => new Recorded().tell("ip -d -s -j addr", JSON.stringify(list));
  const route = (dst: string, dev: string) => new Recorded().tell("ip -4 -j route", JSON.stringify([{ dst, dev }]));
  const eth = { ifname: "tun0", flags: ["UP"], mtu: 1500, linkinfo: { info_kind: "veth" } };
  const cases: [Recorded, NetupOptions, string][] = [
    [new Recorded().without("ip"), {}, "cannot look at network devices"],
    [new Recorded().tell("stat", 1), {}, "there is no /dev/net/tun"],
    [links(tunJson("tun0", "", "10.8.0.2/24", null)), {}, "tun0 exists already and was not made by netup"],
    [links(eth), { force: true }, "tun0 cannot be used"],
    [links(tunJson("tun0", "tcpnet:v1:host", "10.9.0.1/24", null)), {}, "tun0 is already set up, with other settings"],
    [route("10.0.0.0/8", "vpn0"), {}, "10.0.0.0/24 is already in use"],
    [route("10.0.1.5", "eth0"), {}, "10.0.1.0/24 is already in use"],
    [new Recorded(), { uplink: "auto" }, "no uplink was found"],
    [new Recorded(), { uplink: "eth9" }, "there is no interface eth9"],
  ];
  for (const [system, options, what] of cases) {
    const { exitCode, message, why, fix } = refused(system, options);
    expect([message, exitCode]).toEqual([what, 3]);
    for (const words of [why, fix]) expect(words).not.toBe("");
  }
});

test("the prefix suggested instead is free", () => {
  const taken = ["10.0.0.0/8", "172.16.0.0/12", "default"].map((dst) => ({ dst, dev: "vpn0" }));
  const { fix } = refused(new Recorded().tell("ip -4 -j route", JSON.stringify(taken)));
  expect(fix).toBe("sudo ./tcpnet netup --subnet 192.168.240.0/22");
});

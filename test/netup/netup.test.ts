import { expect, test } from "bun:test";
import { netdown } from "#netup/netdown";
import { netup } from "#netup/netup";
import type { Probe, Trial } from "#netup/probe";
import { renderNetdown, renderNetup, renderStatus, toJson } from "#netup/render";
import { type State, statePath } from "#netup/state";
import { status } from "#netup/status";
import { Recorded, tunJson } from "./recorded.ts";

/** The state of the namespace that a recorded machine is in. */
const STATE_FILE = "/run/tcpnet/state-4026531840.json";

const trial = (from: string, to: string, arrived: boolean): Trial => ({
  from,
  to,
  family: 4,
  arrived,
  sent: 1,
  ms: arrived ? 0.25 : 0,
  icmp: null,
  counters: arrived ? {} : { "Ip.InReceives": 1, "Ip.ForwDatagrams": 1 },
});
const passes: Probe = () => ({
  outcome: "passed",
  trials: [trial("tun0", "tun1", true), trial("tun1", "tun0", true)],
  why: "",
});
const drops: Probe = () => ({
  outcome: "dropped",
  trials: [trial("tun0", "tun1", false), trial("tun1", "tun0", false)],
  why: "",
});

/** A machine that takes everything. */
function willing(): Recorded {
  const system = new Recorded().tell("ip tuntap", "").tell("ip link", "").tell("ip addr", "").tell("nft -j -f", "");
  for (const name of ["tun0", "tun1"]) system.files.set(`/proc/sys/net/ipv4/conf/${name}/forwarding`, "0");
  return system;
}

test("every change is recorded before it is made", async () => {
  const system = willing();
  const seen: string[] = [];
  const run = system.run.bind(system);
  system.run = (argv) => {
    if (argv[1] === "tuntap" || argv.join(" ") === "nft -j -f -") seen.push(system.files.get(STATE_FILE) ?? "");
    return run(argv);
  };
  await netup({ system }, passes);
  expect(seen.map((text) => (JSON.parse(text) as State).changes.length)).toEqual([1, 2, 5]);
});

test("a dry run writes nothing and asks for no privileges", async () => {
  const system = willing();
  system.uid = 1000;
  const before = new Map(system.files);
  const { exitCode, probe } = await netup({ system, dryRun: true }, passes);
  expect([exitCode, probe]).toEqual([0, null]);
  expect(system.files).toEqual(before);
  await expect(netup({ system }, passes)).rejects.toMatchObject({ exitCode: 4, fix: "sudo ./tcpnet netup" });
  expect(() => netdown({ system })).toThrow();
});

test("in a container with a read-only /proc/sys the error says so, and all changes are undone", async () => {
  const system = willing();
  const before = new Map(system.files);
  system.write = () => {
    throw Object.assign(new Error("EROFS: read-only file system, open"), { code: "EROFS" });
  };
  await expect(netup({ system }, passes)).rejects.toMatchObject({
    exitCode: 3,
    fix: expect.stringContaining("--privileged"),
  });
  expect(system.files).toEqual(before);
});

test("a state file that cannot be written stops netup before it changes anything", async () => {
  const system = willing();
  system.save = () => {
    throw new Error("EACCES: permission denied, mkdir '/run/tcpnet'");
  };
  await expect(netup({ system }, passes)).rejects.toMatchObject({
    fix: expect.stringContaining("mount -t tmpfs tmpfs /run"),
  });
  expect(system.log.join("\n")).not.toMatch(/tuntap|nft -j -f/);
});

test("a foreign drop policy is not reported if packets pass, and is named as the cause if they do not", async () => {
  const chain = { family: "inet", table: "guard", name: "c", type: "filter", hook: "forward", prio: 0, policy: "drop" };
  const guarded = () => willing().tell("nft -j list ruleset", JSON.stringify({ nftables: [{ chain }] }));
  const fine = await netup({ system: guarded() }, passes);
  expect([fine.exitCode, fine.findings]).toEqual([0, []]);
  const stuck = await netup({ system: guarded() }, drops);
  expect(stuck.exitCode).toBe(3);
  expect(stuck.findings.map((finding) => [finding.level, finding.fix.slice(0, 29)])).toEqual([
    ["fail", "sudo nft 'insert rule inet gu"],
  ]);
});

test("a damaged state file is reported, and nothing in it is carried out", async () => {
  for (const text of ["", "{", "[]", "null", `{"version": 2, "changes": []}`, `{"version": 1}`]) {
    const system = willing();
    system.files.set(STATE_FILE, text);
    await expect(netup({ system }, passes)).rejects.toMatchObject({ exitCode: 3 });
    expect(() => netdown({ system })).toThrow(/cannot be read/);
  }
});

test("state of another boot or an earlier namespace is ignored, and that of another namespace is not touched", async () => {
  const system = willing();
  await netup({ system }, passes);
  const theirs = system.files.get(STATE_FILE)!;
  system.links.set("/proc/self/ns/net", "net:[4026532777]");
  expect(statePath(system)).toBe("/run/tcpnet/state-4026532777.json");
  expect(netdown({ system }).undone).toEqual([]);
  expect(system.files.get(STATE_FILE)).toBe(theirs);
  system.links.set("/proc/self/ns/net", "net:[4026531840]");
  const keys = () => netdown({ system, dryRun: true }).undone.map(({ key }) => key);
  expect(keys()).not.toEqual([]);
  // The number of a namespace that is gone is given to a new one.
  system.networkCookie = "8";
  expect(keys()).toEqual([]);
  system.networkCookie = "7";
  system.files.set("/proc/sys/kernel/random/boot_id", "boot-2");
  expect(keys()).toEqual([]);
});

test("no environment variable sets the path of the state file, and with record: false none is written", async () => {
  const system = willing();
  system.env = { TCPNET_STATE: "/elsewhere/a.json" };
  expect(statePath(system)).toBe(STATE_FILE);
  const { stateFile } = await netup({ system, record: false }, passes);
  expect([stateFile, system.files.has(STATE_FILE)]).toEqual([null, false]);
});

test("a state file that somebody else may have written is refused, with the reason", async () => {
  const system = willing();
  await netup({ system }, passes);
  system.suspects.set(STATE_FILE, "others may write to it");
  const refused = { exitCode: 3, why: "others may write to it", fix: expect.stringContaining(`rm ${STATE_FILE}`) };
  system.log.length = 0;
  expect(() => netdown({ system })).toThrow(expect.objectContaining(refused));
  expect(() => status({ system })).toThrow(expect.objectContaining(refused));
  await expect(netup({ system }, passes)).rejects.toMatchObject(refused);
  expect(system.log).toEqual([]);
});

test("netdown with other names than those that netup set up undoes nothing, and names the devices", async () => {
  const system = willing();
  await netup({ system }, passes);
  const refused = {
    exitCode: 3,
    message: "netup set up tun0,tun1, not foo,bar",
    fix: expect.stringContaining("netdown"),
  };
  expect(() => netdown({ system, ifs: "foo,bar" })).toThrow(expect.objectContaining(refused));
  expect(() => netdown({ system, ifs: "tun0,bar" })).toThrow(expect.objectContaining({ exitCode: 3 }));
  expect(() => netdown({ system, ifs: "foo,bar", dryRun: true })).toThrow(expect.objectContaining(refused));
  // The same without a state file: the devices are found in the kernel.
  system.tell("ip -d -s -j addr", JSON.stringify([tunJson("tun0", "tcpnet:v1:host", null, null)]));
  system.files.delete(STATE_FILE);
  expect(() => netdown({ system, ifs: "foo,bar" })).toThrow(
    expect.objectContaining({ message: "netup set up tun0, not foo,bar" }),
  );
  expect(system.log.join("\n")).not.toContain("delete");
  expect(netdown({ system, ifs: "tun1,tun0", dryRun: true }).undone.map(({ key }) => key)).toEqual(["link tun0"]);
});

test("if nothing is set up, netdown with any names has nothing to do", () => {
  expect(netdown({ system: willing(), ifs: "foo,bar" }).undone).toEqual([]);
});

test("a rule with our comment that netup cannot have made is not removed", () => {
  const theirs = "-A FORWARD -s 192.0.2.0/24 -i eth0 -m comment --comment tcpnet -j ACCEPT";
  const ours = "-A FORWARD -i tun0 -o tun1 -m comment --comment tcpnet -j ACCEPT";
  const system = willing().tell("iptables-nft -w 5 -v -S", ["-P FORWARD DROP", theirs, ours].join("\n"));
  system.tell("nft -j list ruleset", JSON.stringify({ nftables: [{ table: { family: "ip", name: "filter" } }] }));
  expect(netdown({ system, dryRun: true }).undone.map(({ key }) => key)).toEqual([
    "rule iptables-nft filter FORWARD -i tun0 -o tun1 -m comment --comment tcpnet -j ACCEPT",
  ]);
});

test("what could not be undone stays in the state file for the next netdown", async () => {
  const system = willing();
  await netup({ system }, passes);
  system.tell("nft list table inet tcpnet", "").tell("nft delete table", 1);
  const first = netdown({ system });
  expect(first.exitCode).toBe(3);
  expect((JSON.parse(system.files.get(STATE_FILE)!) as State).changes.map((change) => change.what)).toEqual(["table"]);
  expect(renderNetdown(first).join("\n")).toContain("✗ failed  nft delete table inet tcpnet");
  system.tell("nft delete table", "");
  expect(netdown({ system }).exitCode).toBe(0);
  expect(system.files.has(STATE_FILE)).toBe(false);
});

test("a permanent zone binding of firewalld is not removed", () => {
  const zones = "firewall-cmd --get-zone-of-interface=tun0";
  const system = willing()
    .tell("ip -d -s -j addr", JSON.stringify([tunJson("tun0", "tcpnet:v1:host", null, null)]))
    .tell("firewall-cmd --state", "running")
    .tell(zones, "trusted")
    .tell("firewall-cmd --permanent --get-zone-of-interface=tun0", "trusted");
  const keys = () => netdown({ system, dryRun: true }).undone.map((each) => each.key);
  expect(keys()).toEqual(["link tun0"]);
  system.tell("firewall-cmd --permanent --get-zone-of-interface=tun0", 2);
  expect(keys()).toEqual(["zone tun0", "link tun0"]);
});

test("the output for people", async () => {
  const screen = (lines: string[]) => lines.join("\n").replace(/since .*?,/, "since THEN,");
  const system = willing().tell("id -u -- alice", "1000");
  expect(screen(renderNetup(await netup({ system, user: "alice", dryRun: true }, passes)))).toMatchSnapshot("dry run");
  expect(screen(renderNetup(await netup({ system, user: "alice" }, passes)))).toMatchSnapshot("netup");
  const links = [
    tunJson("tun0", "tcpnet:v1:host", "10.0.0.1/24", "alice"),
    tunJson("tun1", "tcpnet:v1:peer", "10.0.1.1/24", "alice"),
  ];
  system.tell("ip -d -s -j addr", JSON.stringify(links)).tell(
    "ip -4 -j route",
    JSON.stringify([
      { dst: "10.0.0.0/24", dev: "tun0" },
      { dst: "default", dev: "eth0" },
    ]),
  );
  expect(screen(renderStatus(status({ system })))).toMatchSnapshot("status");
  system.uid = 1000;
  expect(screen(renderStatus(status({ system })))).toMatchSnapshot("status without root");
  system.uid = 0;
  expect(screen(renderNetdown(netdown({ system, dryRun: true })))).toMatchSnapshot("netdown, dry run");
  expect(screen(renderNetdown(netdown({ system })))).toMatchSnapshot("netdown");
  expect(screen(renderStatus(status({ system: new Recorded() })))).toMatchSnapshot("status of nothing");
});

test("status reports what is missing, and the command to type has the devices' names", async () => {
  const system = willing().tell("nft -j list ruleset", `{"nftables": []}`);
  const links = ["lab0", "lab1"].map((name, i) => tunJson(name, "tcpnet:v1:x", `10.0.${i}.1/24`, null));
  for (const { ifname } of links as { ifname: string }[]) {
    system.files.set(`/proc/sys/net/ipv4/conf/${ifname}/forwarding`, "0");
  }
  await netup({ system, ifs: "lab0,lab1" }, passes);
  system.tell("ip -d -s -j addr", JSON.stringify(links));
  system.files.set("/proc/sys/net/ipv4/conf/lab1/forwarding", "0");
  const { exitCode, findings } = status({ system });
  expect(exitCode).toBe(3);
  expect(findings.map(({ level, what, fix }) => [level, what, fix])).toEqual([
    ["fail", "forwarding is off on lab1", "sudo ./tcpnet netup --ifs lab0,lab1"],
    ["warn", "connection tracking is on for the lab's packets", "sudo ./tcpnet netup --ifs lab0,lab1"],
  ]);
});

test("root without CAP_NET_ADMIN is told so, instead of advice to use sudo", () => {
  const system = willing();
  system.files.set("/proc/self/status", "Name:\tx\nCapEff:\t0000000000000000");
  expect(() => netdown({ system })).toThrow(
    expect.objectContaining({ exitCode: 4, fix: expect.stringContaining("--cap-add NET_ADMIN") }),
  );
});

test("each result is one JSON object that names its schema", async () => {
  const system = willing();
  const schema = (text: string) => (JSON.parse(text) as { schema: string }).schema;
  expect(schema(toJson(await netup({ system }, passes)))).toBe("tcpnet.netup/1");
  expect(schema(toJson(status({ system })))).toBe("tcpnet.status/1");
  expect(schema(toJson(netdown({ system })))).toBe("tcpnet.netdown/1");
});

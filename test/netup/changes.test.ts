import { expect, test } from "bun:test";
import { type Change, undo } from "#netup/changes";
import { Recorded, tunJson } from "./recorded.ts";

const FORWARD = "/proc/sys/net/ipv4/ip_forward";
const sysctl = (also: Record<string, string> = {}): Change => ({
  what: "sysctl",
  key: "net/ipv4/ip_forward",
  before: "0",
  after: "1",
  also,
});
const rule: Change = {
  what: "rule",
  binary: "iptables-nft",
  table: "filter",
  chain: "FORWARD",
  spec: ["-i", "a", "-o", "b"],
};
const zone = (before: string | null): Change => ({ what: "zone", name: "tun0", before, after: "trusted" });
const link: Change = { what: "link", name: "tun0", owner: null };

const showing = (...links: object[]) => new Recorded().tell("ip -d -j addr show dev tun0", JSON.stringify(links));

test("a sysctl is restored only if it still has our value, together with the keys that the kernel rewrites", () => {
  const system = new Recorded();
  const other = "/proc/sys/net/ipv4/conf/eth0/forwarding";
  system.files.set(FORWARD, "1").set(other, "0");
  expect(undo(system, sysctl({ "net/ipv4/conf/eth0/forwarding": "1" })).outcome).toBe("restored");
  expect([system.files.get(FORWARD), system.files.get(other)]).toEqual(["0", "1"]);
  expect(undo(system, sysctl()).outcome).toBe("gone");
  system.files.set(FORWARD, "2");
  expect(undo(system, sysctl()).outcome).toBe("left");
  expect(system.files.get(FORWARD)).toBe("2");
  system.files.delete(FORWARD);
  expect(undo(system, sysctl()).outcome).toBe("gone");
});

test("a device is deleted only if it has our alias", () => {
  const ours = showing(tunJson("tun0", "tcpnet:v1:host", null, null)).tell("ip link delete dev tun0", "");
  expect(undo(ours, link).outcome).toBe("restored");
  for (const alias of ["", "vpn", "tcpnet:v1:adopted"]) {
    const other = showing(tunJson("tun0", alias, null, null)).tell("ip link delete dev tun0", "");
    expect([alias, undo(other, link).outcome]).toEqual([alias, "left"]);
    expect(other.log.join()).not.toContain("delete");
  }
  expect(undo(showing(), link).outcome).toBe("gone");
});

test("a device that netup made and did not mark is deleted, unless it looks used", () => {
  const bare = () => tunJson("tun0", "", null, null, false);
  expect(undo(showing(bare()).tell("ip link delete dev tun0", ""), link).outcome).toBe("restored");
  for (const other of [
    tunJson("tun0", "", "10.8.0.1/24", null, false),
    tunJson("tun0", "", null, null, true),
    { ...bare(), flags: ["LOWER_UP"] },
    { ...bare(), linkinfo: { info_kind: "veth" } },
    tunJson("tun0", "", null, "somebody", false),
  ]) {
    expect(undo(showing(other).tell("ip link delete dev tun0", ""), link).outcome).toBe("left");
  }
});

test("an adopted device gets its old alias, state and addresses back", () => {
  const change: Change = { what: "adopted", name: "tun0", before: { alias: "vpn", up: false }, added: ["10.0.0.1/24"] };
  const system = showing(tunJson("tun0", "tcpnet:v1:adopted", "10.0.0.1/24", null))
    .tell("ip addr", "")
    .tell("ip link", "");
  system.tell("ip -d -j addr", JSON.stringify([tunJson("tun0", "tcpnet:v1:adopted", "10.0.0.1/24", null)]));
  expect(undo(system, change).outcome).toBe("restored");
  expect(system.log.slice(1)).toEqual([
    "ip addr del 10.0.0.1/24 dev tun0",
    "ip link set dev tun0 down",
    "ip link set dev tun0 alias vpn",
  ]);
});

test("a rule is removed if it exists; a missing rule is not an error", () => {
  const system = new Recorded()
    .tell("iptables-nft -w 5 -t filter -C FORWARD -i a -o b", "")
    .tell("iptables-nft -w 5 -t filter -D", "");
  expect(undo(system, rule).outcome).toBe("restored");
  expect(undo(new Recorded(), rule).outcome).toBe("gone");
});

test("a zone binding is restored only if it is still ours and firewalld runs", () => {
  const running = () => new Recorded().tell("firewall-cmd --state", "running").tell("firewall-cmd --zone", "");
  const bound = (name: string) => running().tell("firewall-cmd --get-zone-of-interface=tun0", name);
  const first = bound("trusted");
  expect(undo(first, zone(null)).outcome).toBe("restored");
  expect(first.log.at(-1)).toBe("firewall-cmd --zone=trusted --remove-interface=tun0");
  const second = bound("trusted");
  expect(undo(second, zone("work")).outcome).toBe("restored");
  expect(second.log.at(-1)).toBe("firewall-cmd --zone=work --change-interface=tun0");
  expect(undo(bound("work"), zone(null)).outcome).toBe("left");
  expect(undo(running(), zone(null)).outcome).toBe("gone");
  expect(undo(new Recorded(), zone(null)).outcome).toBe("gone");
  const unbound = bound("trusted").tell("firewall-cmd --zone=trusted --remove-interface", 17);
  expect(undo(unbound, zone(null)).outcome).toBe("restored");
});

test("a failed undo names the command and its error", () => {
  const system = new Recorded().tell("nft list table inet tcpnet", "").tell("nft delete table", 1);
  const undone = undo(system, { what: "table", family: "inet", name: "tcpnet" });
  expect(undone.outcome).toBe("failed");
  expect(undone.text).toBe("nft delete table inet tcpnet: said 1");
});

import { expect, test } from "bun:test";
import { NetupError } from "#netup/errors";
import { type NetupOptions, settle, stackAddresses } from "#netup/options";
import { Recorded } from "./recorded.ts";

const machine = () => new Recorded().tell("id -u -- alice", "1000\n").tell("id -u -- nobody-here", 1);

function settled(options: NetupOptions) {
  return settle({ system: machine(), ...options });
}

function refusal(options: NetupOptions): NetupError {
  try {
    settled(options);
  } catch (error) {
    if (error instanceof NetupError) return error;
    throw error;
  }
  throw new Error(`taken: ${JSON.stringify(options)}`);
}

test("the defaults are the README's experiment", () => {
  const { sides, owner, uplink } = settled({});
  expect(sides.map((side) => [side.name, ...side.prefixes.map(String), ...stackAddresses(side).map(String)])).toEqual([
    ["tun0", "10.0.0.1/24", "10.0.0.7"],
    ["tun1", "10.0.1.1/24", "10.0.1.5"],
  ]);
  expect(owner).toBeNull();
  expect(uplink).toBeNull();
});

test("the owner is the user who called sudo, unless another is named; root needs no owner", () => {
  const system = machine();
  system.env = { SUDO_USER: "alice" };
  expect(settle({ system }).owner).toEqual({ name: "alice", uid: 1000 });
  expect(settle({ system, user: "4711" }).owner).toEqual({ name: "4711", uid: 4711 });
  expect(settle({ system, user: "root" }).owner).toBeNull();
  system.env = { SUDO_USER: "root" };
  expect(settle({ system }).owner).toBeNull();
});

test("a subnet is split into two that do not overlap", () => {
  const split = (subnet: string) => settled({ subnet }).sides.map((side) => `${side.prefixes[0]}`);
  expect(split("10.77.0.0/16")).toEqual(["10.77.0.1/24", "10.77.1.1/24"]);
  expect(split("192.168.9.0/24")).toEqual(["192.168.9.1/25", "192.168.9.129/25"]);
  expect(split("192.168.9.8/29")).toEqual(["192.168.9.9/30", "192.168.9.13/30"]);
});

test("bad options are usage errors with what to type instead", () => {
  const bad: NetupOptions[] = [
    { ifs: "tun0" },
    { ifs: "tun0,tun0" },
    { ifs: "tun0,tun1,tun2" },
    { ifs: "tun0,a/b" },
    { ifs: "tun0,averyverylongname" },
    { ifs: "tun0,tun%d" },
    { ifs: ",tun1" },
    { subnet: "10.0.0.0" },
    { subnet: "10.0.0.0/33" },
    { subnet: "10.0.0.0/30" },
    { subnet: "10.0.0.1/24" },
    { subnet: "fd00::/64" },
    { subnet: "127.0.0.0/8" },
    { subnet: "0.0.0.0/8" },
    { subnet: "010.0.0.0/16" },
    { addresses: "10.0.0.1/24" },
    { addresses: "10.0.0.1/24,10.0.0.2/24" },
    { addresses: "010.0.0.1/24,10.0.1.1/24" },
    { addresses: "10.0.0.0/24,10.0.1.1/24" },
    { addresses: "10.0.0.255/24,10.0.1.1/24" },
    { addresses: "10.0.0.1/31,10.0.1.1/24" },
    { addresses: "10.0.0.1,10.0.1.1" },
    { addresses: "fd00::1/64,fd01::1/64" },
    { addresses: "127.0.0.1/8,10.0.1.1/24" },
    { addresses: "10.0.0.1/7,192.168.1.1/24" },
    { addresses: "224.0.0.1/24,10.0.1.1/24" },
    { addresses: "," },
    { mtu: 575 },
    { mtu: 65_536 },
    { mtu: 1500.5 },
    { mtu: Number.NaN },
    { mtu: 1279, v6: true },
    { user: "nobody-here" },
    { uplink: "tun0" },
    { uplink: "a b" },
    { uplink: "lo" },
  ];
  for (const options of bad) {
    const { exitCode, message, why, fix } = refusal(options);
    expect([options, exitCode]).toEqual([options, 2]);
    for (const words of [message, why, fix]) expect(words).not.toBe("");
  }
});

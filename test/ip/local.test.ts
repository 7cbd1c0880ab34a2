import { describe, expect, test } from "bun:test";
import { type Address, parseAddress } from "#ip/address";
import { LocalAddresses } from "#ip/local";
import { Prefix, parsePrefix } from "#ip/prefix";

const address = (text: string): Address => parseAddress(text)!;
const prefix = (text: string): Prefix => {
  const p = parsePrefix(text);
  if (!(p instanceof Prefix)) throw new Error(p.reason);
  return p;
};
const owned = (local: LocalAddresses, texts: string) =>
  texts.split(" ").filter((text) => {
    const { a, b, c, d } = address(text);
    return local.owns(a, b, c, d);
  });
const broadcast = (local: LocalAddresses, text: string) => {
  const { a, b, c, d } = address(text);
  return local.isBroadcast(a, b, c, d);
};

describe("local addresses", () => {
  test("own addresses of both families are ours, their neighbours are not", () => {
    const local = new LocalAddresses([address("10.0.0.7"), address("fd00::7")], [prefix("10.0.0.1/24")]);
    expect(owned(local, "10.0.0.7 10.0.0.1 10.0.0.8 ::7 fd00::7 fd00::8 ::a00:7")).toEqual(["10.0.0.7", "fd00::7"]);
  });

  test("an owned prefix is ours but for the kernel's address, the network and the broadcast", () => {
    const local = new LocalAddresses([], [], prefix("10.0.0.1/24"), [address("10.0.0.1")]);
    expect(owned(local, "10.0.0.0 10.0.0.1 10.0.0.2 10.0.0.254 10.0.0.255 10.0.1.2 255.255.255.255")).toEqual([
      "10.0.0.2",
      "10.0.0.254",
    ]);
    const six = new LocalAddresses([], [], prefix("fd00::1/64"), [address("fd00::1")]);
    expect(owned(six, "fd00:: fd00::1 fd00::2 fd00:0:0:1::2 0.0.0.2")).toEqual(["fd00::2"]);
  });

  test("broadcasts are the limited one and the all-ones address of each link, /31 excepted", () => {
    const local = new LocalAddresses([], [prefix("10.0.0.1/24"), prefix("10.9.0.0/31")]);
    expect(broadcast(local, "255.255.255.255")).toBe(true);
    expect(broadcast(local, "10.0.0.255")).toBe(true);
    expect(broadcast(local, "10.0.1.255")).toBe(false);
    expect(broadcast(local, "10.9.0.1")).toBe(false);
    expect(broadcast(local, "::ffff:ffff")).toBe(false);
  });
});

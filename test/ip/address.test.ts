import { describe, expect, test } from "bun:test";
import { isIPv6 } from "node:net";
import fc from "fast-check";
import { Address, parseAddress } from "#ip/address";
import { Prefix, parsePrefix } from "#ip/prefix";

const SEED = 5952;
const address = (text: string) => {
  const parsed = parseAddress(text);
  if (parsed === null) throw new Error(`not an address: ${text}`);
  return parsed;
};
const prefix = (text: string) => {
  const parsed = parsePrefix(text);
  if (!(parsed instanceof Prefix)) throw new Error(parsed.reason);
  return parsed;
};
const word = fc.oneof(fc.constantFrom(0, -1, 1, 0xffff, 0x10000), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }));
const anyAddress = fc.oneof(
  word.map((w) => Address.v4(w)),
  fc.tuple(word, word, word, word).map(([a, b, c, d]) => new Address(a, b, c, d)),
);

describe("addresses", () => {
  test("text and back is the same address, and node:net reads it too", () => {
    fc.assert(
      fc.property(anyAddress, (x) => {
        expect(address(x.toString()).equals(x)).toBe(true);
        expect(isIPv6(x.toString())).toBe(x.family === 6);
      }),
      { seed: SEED, numRuns: 500 },
    );
  });

  test("IPv6 text is RFC 5952's", () => {
    const canonical: Record<string, string> = {
      "2001:0DB8::0001": "2001:db8::1",
      "2001:db8:0:0:0:0:2:1": "2001:db8::2:1",
      "2001:db8:0:1:1:1:1:1": "2001:db8:0:1:1:1:1:1",
      "2001:0:0:1:0:0:0:1": "2001:0:0:1::1",
      "2001:db8:0:0:1:0:0:1": "2001:db8::1:0:0:1",
      "0:0:0:0:0:0:0:0": "::",
      "1::": "1::",
      "::1:2:3:4:5:6:7": "0:1:2:3:4:5:6:7",
      "64:ff9b::192.0.2.33": "64:ff9b::c000:221",
    };
    for (const [text, expected] of Object.entries(canonical)) expect(address(text).toString()).toBe(expected);
  });

  test("what two programs could read differently, or what is none, is refused", () => {
    const none = (
      "010.0.0.1 10.1 10.0.0 10.0.0.256 10.0.0.1. .10.0.0.1 1.2.3.4.5 0x0a.0.0.1 +1.2.3.4 1e1.0.0.1 10.0.0.1/24 " +
      "fe80::1%eth0 1:2:3:4:5:6:7 1:2:3:4:5:6:7:8:9 1:2:3:4::5:6:7:8 ::1::2 ::: : 12345:: g:: :1:2:3:4:5:6:7 1:2:3:4:5:6:7: " +
      "1.2.3.4:: ::1.2.3.4:5 ::01.2.3.4 [::1]"
    ).split(" ");
    for (const text of ["", " 10.0.0.1", "10.0.0.1 ", "10.0.0.1\n", "::1\n", ...none]) {
      expect([text, parseAddress(text)]).toEqual([text, null]);
    }
  });

  test("any text whatever is read or refused, never thrown", () => {
    const soup = fc.string({ unit: fc.constantFrom(..."0123456789abf:./% "), maxLength: 24 });
    fc.assert(
      fc.property(soup, (text) => {
        const parsed = parseAddress(text);
        if (parsed !== null) expect(parseAddress(parsed.toString())?.equals(parsed)).toBe(true);
        parsePrefix(text);
      }),
      { seed: SEED, numRuns: 2000 },
    );
  });

  test("classes of addresses", () => {
    const of = (text: string) => {
      const x = address(text);
      return [
        x.isUnspecified && "unspecified",
        x.isLoopback && "loopback",
        x.isMulticast && "multicast",
        x.isLimitedBroadcast && "broadcast",
        x.isLinkLocal && "link-local",
      ].filter(Boolean);
    };
    for (const text of ["0.0.0.0", "::"]) expect(of(text)).toEqual(["unspecified"]);
    for (const text of ["127.0.0.1", "127.255.0.9", "::1"]) expect(of(text)).toEqual(["loopback"]);
    for (const text of ["224.0.0.1", "239.255.255.255", "ff02::1"]) expect(of(text)).toEqual(["multicast"]);
    for (const text of ["169.254.9.9", "fe80::1", "febf::1"]) expect(of(text)).toEqual(["link-local"]);
    expect(of("255.255.255.255")).toEqual(["broadcast"]);
    for (const text of ["10.0.0.1", "240.0.0.1", "0.0.0.1", "fec0::1", "fd00::1", "::2"]) expect(of(text)).toEqual([]);
  });
});

describe("prefixes", () => {
  test("a prefix contains what agrees in its leading bits, as a comparison of bit strings says", () => {
    const bitsOf = (x: Address) => [x.a, x.b, x.c, x.d].map((w) => (w >>> 0).toString(2).padStart(32, "0")).join("");
    fc.assert(
      fc.property(anyAddress, anyAddress, fc.nat(128), fc.nat(127), (x, y, n, flip) => {
        const bits = x.family === 4 ? n % 33 : n;
        const lead = x.family === 4 ? bits + 96 : bits;
        const near = new Address(
          x.a ^ (flip < 32 ? 1 << (31 - flip) : 0),
          x.b ^ (flip >> 5 === 1 ? 1 << (31 - (flip & 31)) : 0),
          x.c ^ (flip >> 5 === 2 ? 1 << (31 - (flip & 31)) : 0),
          x.d ^ (flip >> 5 === 3 ? 1 << (31 - (flip & 31)) : 0),
        );
        const p = new Prefix(x, bits);
        for (const other of [x, y, near]) {
          const same = other.family === x.family && bitsOf(other).slice(0, lead) === bitsOf(x).slice(0, lead);
          expect(p.contains(other)).toBe(same);
        }
      }),
      { seed: SEED, numRuns: 500 },
    );
  });

  test("network, broadcast, host offsets and the last usable address", () => {
    const say = (text: string) => {
      const p = prefix(text);
      return [p.network, p.broadcast, p.hostAt(7), p.lastUsable(), p].map(String);
    };
    expect(say("10.0.0.1/24")).toEqual(["10.0.0.0", "10.0.0.255", "10.0.0.7", "10.0.0.254", "10.0.0.1/24"]);
    expect(say("10.0.0.1/30")).toEqual(["10.0.0.0", "10.0.0.3", "null", "10.0.0.2", "10.0.0.1/30"]);
    expect(say("10.0.0.0/31")).toEqual(["10.0.0.0", "null", "null", "10.0.0.1", "10.0.0.0/31"]);
    expect(say("10.0.0.9/32")).toEqual(["10.0.0.9", "null", "null", "10.0.0.9", "10.0.0.9/32"]);
    expect(say("0.0.0.0/0")).toEqual(["0.0.0.0", "255.255.255.255", "0.0.0.7", "255.255.255.254", "0.0.0.0/0"]);
    const last = "fd00:a::ffff:ffff:ffff:ffff";
    expect(say("fd00:a::1/64")).toEqual(["fd00:a::", "null", "fd00:a::7", last, "fd00:a::1/64"]);
  });

  test("a host may not have the network's address or the broadcast, except in /31, /32, /127 and /128", () => {
    const usable = (p: string, a: string) => prefix(p).isUsable(address(a));
    expect(usable("10.0.0.1/24", "10.0.0.0")).toBe(false);
    expect(usable("10.0.0.1/24", "10.0.0.255")).toBe(false);
    expect(usable("10.0.0.1/24", "10.0.0.254")).toBe(true);
    expect(usable("10.0.0.1/24", "10.0.1.7")).toBe(false);
    expect(usable("10.0.0.0/31", "10.0.0.0")).toBe(true);
    expect(usable("10.0.0.0/31", "10.0.0.1")).toBe(true);
    expect(usable("fd00::1/64", "fd00::")).toBe(false);
    expect(usable("fd00::1/64", "fd00::ffff:ffff:ffff:ffff")).toBe(true);
    expect(usable("fd00::/127", "fd00::")).toBe(true);
  });

  test("what is no prefix is told why, and what to type", () => {
    const say = (text: string) => {
      const p = parsePrefix(text);
      return p instanceof Prefix ? p.toString() : `${p.reason}; ${p.hint}`;
    };
    expect(say("10.0.0.1")).toBe('"10.0.0.1" has no prefix length; 10.0.0.1/24');
    expect(say("fd00::1")).toBe('"fd00::1" has no prefix length; fd00::1/64');
    expect(say("10.0.0.1/33")).toBe('"10.0.0.1/33": IPv4 prefixes go up to /32; 10.0.0.1/24');
    expect(say("fd00::1/129")).toBe('"fd00::1/129": IPv6 prefixes go up to /128; fd00::1/64');
    expect(say("010.0.0.1/24")).toBe(
      '"010.0.0.1/24" has a number with a leading zero, which some programs read as octal; 10.0.0.1/24',
    );
    expect(say("10.1/16")).toContain("is a short form: an IPv4 address has four numbers");
    expect(say("10.0.0.300/24")).toContain("has a number above 255");
    expect(say("fe80::1%eth0/64")).toBe(
      '"fe80::1%eth0/64" names a zone (the part after %), which has no meaning here; fe80::1/64',
    );
    expect(say("10.0.0.1/")).toContain("has nothing where the prefix length belongs; a number from 0 to 32");
    expect(say("10.0.0.1/255.255.255.0")).toContain("has a netmask where the prefix length belongs");
    expect(say("10.0.0.1/024")).toContain('has "024" where the prefix length belongs');
    expect(say("tun0")).toContain("is not an IPv4 or IPv6 address");
    expect(say("10.0.0.1/24")).toBe("10.0.0.1/24");
  });
});

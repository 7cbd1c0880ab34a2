import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { CookieKeys, OLD, RIGHT, WRONG } from "#tcp/open/fast-open-cookie";
import { address } from "../../support/naive/ip.ts";

const hex = (digits: string) => Uint8Array.from(Buffer.from(digits, "hex"));
const cookieOf = (keys: CookieKeys, remote: string, local: string) => {
  keys.make(address(remote), address(local));
  return Buffer.from(keys.cookie).toString("hex");
};

describe("cookies of a server (RFC 7413 §4.1.2)", () => {
  test("they are those of a Linux kernel with the same key: hosts behind one address serve one another's clients", () => {
    // net.ipv4.tcp_fastopen_key = 00010203-04050607-08090a0b-0c0d0e0f, whose words the kernel keeps low octet first.
    const keys = new CookieKeys(hex("03020100070605040b0a09080f0e0d0c"));
    expect(cookieOf(keys, "192.0.2.1", "192.168.0.1")).toBe("743a69802a396757");
    // TCP_FASTOPEN_KEY takes the octets as they are.
    const other = new CookieKeys(hex("000102030405060708090a0b0c0d0e0f"));
    expect(cookieOf(other, "192.0.2.1", "192.168.0.1")).toBe("41a9f97e168a1b96");
  });

  const key = fc.uint8Array({ minLength: 16, maxLength: 16 });
  const ends = fc.constantFrom(
    ["10.0.0.1", "10.0.0.7"],
    ["10.0.0.2", "10.0.0.7"],
    ["10.0.0.1", "10.0.0.8"],
    ["fd00::1", "fd00::7"],
    ["fd00::1:0:1", "fd00::7"],
    ["fd00::7", "fd00::1"],
  );

  test("a cookie is good for the pair of addresses that it was made for, and under its key alone", () => {
    fc.assert(
      fc.property(key, key, ends, ends, (a, b, mine, theirs) => {
        const keys = new CookieKeys(a);
        keys.make(address(mine[0]!), address(mine[1]!));
        const cookie = keys.cookie.slice();
        expect(keys.check(address(mine[0]!), address(mine[1]!), cookie, 8)).toBe(RIGHT);
        const elsewhere = keys.check(address(theirs[0]!), address(theirs[1]!), cookie, 8);
        expect(elsewhere).toBe(mine === theirs ? RIGHT : WRONG);
        const same = Buffer.from(a).equals(Buffer.from(b));
        expect(new CookieKeys(b).check(address(mine[0]!), address(mine[1]!), cookie, 8)).toBe(same ? RIGHT : WRONG);
      }),
      { seed: 7413, numRuns: 200 },
    );
  });

  test("any changed bit makes a cookie invalid, and so does any other length", () => {
    const keys = new CookieKeys(new Uint8Array(16).fill(7));
    const [remote, local] = [address("10.0.0.1"), address("10.0.0.7")];
    keys.make(remote, local);
    const cookie = new Uint8Array(16);
    cookie.set(keys.cookie);
    for (let bit = 0; bit < 64; bit++) {
      const wrong = cookie.slice();
      wrong[bit >> 3] = wrong[bit >> 3]! ^ (1 << (bit & 7));
      expect(keys.check(remote, local, wrong, 8)).toBe(WRONG);
    }
    for (const n of [0, 4, 6, 10, 16]) expect(keys.check(remote, local, cookie, n)).toBe(WRONG);
    expect(keys.check(remote, local, cookie, 8)).toBe(RIGHT);
  });

  test("after a change of keys the old cookie is good for a while, and the new one is what is made", () => {
    const before = new Uint8Array(16).fill(1);
    const after = new Uint8Array(16).fill(2);
    const [remote, local] = [address("fd00::1"), address("fd00::7")];
    const old = new CookieKeys(before);
    old.make(remote, local);
    const keys = new CookieKeys(after, before);
    expect(keys.check(remote, local, old.cookie, 8)).toBe(OLD);
    keys.make(remote, local);
    const fresh = keys.cookie.slice();
    expect(keys.check(remote, local, fresh, 8)).toBe(RIGHT);
    expect(new CookieKeys(after).check(remote, local, old.cookie, 8)).toBe(WRONG);
  });
});

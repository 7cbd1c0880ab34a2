import { expect, test } from "bun:test";
import { isIPv6 } from "node:net";
import fc from "fast-check";
import {
  addressText,
  bits,
  type Cidr,
  cidrText,
  network,
  overlap,
  parseAddress,
  parseCidr,
  stackAddress,
} from "#netup/cidr";

const SEED = { seed: 20_261, numRuns: 500 };

const anyCidr: fc.Arbitrary<Cidr> = fc.constantFrom(4 as const, 6 as const).chain((family) =>
  fc.record({
    family: fc.constant(family),
    value: fc.bigInt({ min: 0n, max: (1n << BigInt(bits(family))) - 1n }),
    prefix: fc.integer({ min: 0, max: bits(family) }),
  }),
);

test("a network address is read back from its own text", () => {
  fc.assert(
    fc.property(anyCidr, (cidr) => {
      expect(parseCidr(cidrText(cidr))).toEqual(cidr);
    }),
    SEED,
  );
});

test("an IPv6 address has one value, however it is written", () => {
  const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
  fc.assert(
    fc.property(
      fc.array(group, { minLength: 8, maxLength: 8 }),
      fc.nat(8),
      fc.nat(8),
      fc.boolean(),
      (groups, from, n, dotted) => {
        const value = groups.reduce((sum, each) => sum * 65_536n + BigInt(each), 0n);
        const [high, low] = [groups[6]!, groups[7]!];
        const words = groups.map((each) => each.toString(16));
        if (dotted) words.splice(6, 2, `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`);
        const gap = groups.slice(from, from + n);
        const short = gap.length > 0 && gap.every((each) => each === 0) && from + n <= (dotted ? 6 : 8);
        const text = short ? `${words.slice(0, from).join(":")}::${words.slice(from + n).join(":")}` : words.join(":");
        expect(isIPv6(text)).toBe(true);
        expect(parseAddress(text)).toBe(value);
        expect(parseAddress(addressText(6, value))).toBe(value);
      },
    ),
    SEED,
  );
});

test("addresses are read in strict form only", () => {
  for (const text of ["10.0.0", "010.0.0.1", "10.0.0.256", "1.2.3.4.5", "fe80::1%eth0", ":::", "1::2::3", ""]) {
    expect(parseAddress(text)).toBeNull();
  }
});

test("what is no network address is null", () => {
  for (const text of [
    "10.0.0.1",
    "10.0.0.1/",
    "10.0.0.1/33",
    "10.0.0.1/024",
    "10.0.0.1/-1",
    "::1/129",
    "/24",
    "x/24",
  ]) {
    expect(parseCidr(text)).toBeNull();
  }
});

test("two prefixes overlap if and only if one holds the other's network", () => {
  const holds = (a: Cidr, b: Cidr) =>
    a.prefix <= b.prefix && network({ ...b, prefix: a.prefix }).value === network(a).value;
  fc.assert(
    fc.property(anyCidr, anyCidr, fc.integer({ min: 0, max: 128 }), (a, other, shared) => {
      const b = shared % 2 === 0 ? other : { ...a, prefix: Math.min(shared, bits(a.family)) };
      expect(overlap(a, b)).toBe(a.family === b.family && (holds(a, b) || holds(b, a)));
    }),
    SEED,
  );
});

test("the stack's address is usable, and never the kernel's", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 30 }), fc.nat(), fc.constantFrom(5, 7), (prefix, pick, offset) => {
      const size = 2 ** (32 - prefix);
      const base = network({ family: 4, value: 0x0a00_0000n, prefix }).value;
      const cidr: Cidr = { family: 4, value: base + BigInt(1 + (pick % (size - 2))), prefix };
      const own = stackAddress(cidr, offset);
      expect(own > base && own < base + BigInt(size) - 1n && own !== cidr.value).toBe(true);
      if (size > 8 && cidr.value !== base + BigInt(offset)) expect(own).toBe(base + BigInt(offset));
    }),
    SEED,
  );
});

test("the two lines of the card meet", () => {
  expect(addressText(4, stackAddress(parseCidr("10.0.0.1/24")!, 7))).toBe("10.0.0.7");
  expect(addressText(4, stackAddress(parseCidr("10.0.1.1/24")!, 5))).toBe("10.0.1.5");
});

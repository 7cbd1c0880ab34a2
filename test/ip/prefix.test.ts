import { expect, test } from "bun:test";
import fc from "fast-check";
import { Address, type Family, parseAddress } from "#ip/address";
import { Prefix, parsePrefix } from "#ip/prefix";

const SEED = { seed: 4632, numRuns: 500 };

/** An address as one number: the slow and obvious twin. */
function numberOf({ family, a, b, c, d }: Address): bigint {
  const words = family === 4 ? [d] : [a, b, c, d];
  return words.reduce((value, word) => (value << 32n) | BigInt(word >>> 0), 0n);
}

const width = (family: Family) => (family === 4 ? 32 : 128);

/** The number of the network: all that the prefix leaves of an address. */
function networkOf({ address, bits, family }: Prefix): bigint {
  const host = BigInt(width(family) - bits);
  return (numberOf(address) >> host) << host;
}

const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const four = fc.tuple(word, fc.integer({ min: 0, max: 32 })).map(([d, bits]) => new Prefix(Address.v4(d), bits));
const six = fc
  .tuple(word, word, word, word, fc.integer({ min: 0, max: 128 }))
  .map(([a, b, c, d, bits]) => new Prefix(new Address(a, b, c, d), bits));
const any = fc.oneof(four, six);

test("the subnet is the prefix without its host bits, and reads back from its text", () => {
  fc.assert(
    fc.property(any, (prefix) => {
      const read = parsePrefix(`${prefix.subnet}`) as Prefix;
      expect(numberOf(read.address)).toBe(networkOf(prefix));
      expect([read.family, read.bits]).toEqual([prefix.family, prefix.bits]);
    }),
    SEED,
  );
});

test("two prefixes overlap if and only if one holds the other's network", () => {
  const holds = (a: Prefix, b: Prefix) => a.bits <= b.bits && networkOf(new Prefix(b.address, a.bits)) === networkOf(a);
  fc.assert(
    fc.property(any, any, fc.nat(128), fc.boolean(), (a, other, bits, near) => {
      const b = near ? new Prefix(a.address, Math.min(bits, width(a.family))) : other;
      expect(a.overlaps(b)).toBe(a.family === b.family && (holds(a, b) || holds(b, a)));
    }),
    SEED,
  );
});

test("a neighbour is usable, never the prefix's own address, and at its offset where that is free", () => {
  fc.assert(
    fc.property(any, fc.nat(9), (prefix, offset) => {
      const { family, bits, address } = prefix;
      if (bits > width(family) - 2 || !prefix.isUsable(address)) return;
      const neighbour = prefix.neighbour(offset);
      expect(prefix.isUsable(neighbour)).toBe(true);
      expect(neighbour.equals(address)).toBe(false);
      const wanted = networkOf(prefix) + BigInt(offset);
      const last = networkOf(prefix) + (1n << BigInt(width(family) - bits)) - 1n;
      const free = offset > 0 && wanted < last && wanted !== numberOf(address);
      if (free) expect(numberOf(neighbour)).toBe(wanted);
    }),
    SEED,
  );
});

test("without room at the offset a neighbour is the highest that is free", () => {
  const of = (text: string, offset: number) => `${(parsePrefix(text) as Prefix).neighbour(offset)}`;
  expect(of("10.0.0.1/24", 7)).toBe("10.0.0.7");
  expect(of("10.0.0.7/24", 7)).toBe("10.0.0.254");
  expect(of("10.0.0.1/30", 7)).toBe("10.0.0.2");
  expect(of("10.0.0.2/30", 7)).toBe("10.0.0.1");
  expect(of("10.0.0.6/29", 7)).toBe("10.0.0.5");
  expect(of("fd00:a::1/64", 5)).toBe("fd00:a::5");
  expect(of("fd00:a::1/126", 5)).toBe("fd00:a::3");
  expect(of("fd00:a::3/126", 5)).toBe("fd00:a::2");
});

test("unicast is what one host on a link may have", () => {
  const is = (text: string) => parseAddress(text)!.isUnicast;
  for (const text of ["10.0.0.1", "1.0.0.0", "169.254.0.1", "223.255.255.255", "fd00::1", "fe80::1", "2001:db8::"]) {
    expect([text, is(text)]).toEqual([text, true]);
  }
  for (const text of ["0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "255.255.255.255", "::", "::1", "ff02::1"]) {
    expect([text, is(text)]).toEqual([text, false]);
  }
});

import { expect, test } from "bun:test";
import fc from "fast-check";
import { parsePrefix } from "#ip/prefix";
import { Routes } from "#lab/sim/routes";

/** An IPv4 or IPv6 header with this destination. */
function header(destination: readonly number[]): DataView {
  const v = new DataView(new ArrayBuffer(40));
  v.setUint8(0, destination.length === 4 ? 0x45 : 0x60);
  destination.forEach((byte, i) => void v.setUint8((destination.length === 4 ? 16 : 24) + i, byte));
  return v;
}

test("the longest prefix wins whatever the order of adding, of both families", () => {
  const routes = new Routes<string>();
  routes.default = "out";
  routes.add("10.0.0.0/8", "ten");
  routes.add("10.1.2.0/24", "lab");
  routes.add("10.1.0.0/16", "site");
  routes.add("fd00::/8", "six");
  const to = (bytes: number[]) => routes.lookup(header(bytes), 0, 40);
  expect(to([10, 9, 9, 9])).toBe("ten");
  expect(to([10, 1, 9, 9])).toBe("site");
  expect(to([10, 1, 2, 9])).toBe("lab");
  expect(to([11, 1, 2, 9])).toBe("out");
  expect(to([0xfd, ...Array(15).fill(1)])).toBe("six");
  expect(to([0x20, ...Array(15).fill(1)])).toBe("out");
});

test("agrees with a linear search of all prefixes", () => {
  const prefix = fc.tuple(fc.constantFrom("10.0.0.0", "10.128.0.0", "10.0.0.64"), fc.integer({ min: 0, max: 32 }));
  fc.assert(
    fc.property(fc.array(prefix), fc.constantFrom(0, 64, 65), fc.constantFrom(0, 128), (prefixes, low, high) => {
      const routes = new Routes<number>();
      prefixes.forEach(([address, bits], i) => void routes.add(`${address}/${bits}`, i));
      let best = -1;
      let found: number | undefined;
      prefixes.forEach(([address, bits], i) => {
        const parsed = parsePrefix(`${address}/${bits}`);
        if ("reason" in parsed) throw new Error(parsed.reason);
        const inside = parsed.containsWords(0, 0, 0xffff, (10 << 24) | (high << 16) | low);
        if (inside && bits > best) {
          best = bits;
          found = i;
        }
      });
      expect(routes.lookup(header([10, high, 0, low]), 0, 40)).toBe(found);
    }),
    { seed: 12, numRuns: 300 },
  );
});

test("bytes that are not an IP packet take the default route", () => {
  const routes = new Routes<string>();
  routes.add("0.0.0.0/0", "four");
  expect(routes.lookup(header([1, 2, 3, 4]), 0, 19)).toBeUndefined();
  const v = header([1, 2, 3, 4]);
  v.setUint8(0, 0x75);
  expect(routes.lookup(v, 0, 40)).toBeUndefined();
  expect(routes.size).toBe(1);
});

test("an invalid prefix is refused with a message", () => {
  expect(() => new Routes().add("10.0.0.0/33", 1)).toThrow("prefixes go up to /32");
});

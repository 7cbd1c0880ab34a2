import { expect, test } from "bun:test";
import fc from "fast-check";
import { copyBytes } from "#base/copy";

test("copies as copyWithin does, within an array and between two, whatever overlaps", () => {
  const place = fc.integer({ min: 0, max: 40 });
  fc.assert(
    fc.property(place, place, fc.integer({ min: 0, max: 24 }), fc.boolean(), (from, to, n, within) => {
      const source = Uint8Array.from({ length: 64 }, (_, i) => i + 1);
      const target = within ? source : new Uint8Array(64);
      const wanted = target.slice();
      wanted.set(source.slice(from, from + n), to);
      copyBytes(source, from, target, to, n);
      expect(target).toEqual(wanted);
    }),
  );
});

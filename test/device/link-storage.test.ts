import { expect, test } from "bun:test";
import fc from "fast-check";
import { Packet } from "#base/packet";
import { Slab } from "#base/slab";
import { LinkStorage, NO_CELL } from "#device/link-storage";

test("what was put in comes out, cells are shared by holders, and room is what it was", () => {
  const step = fc.oneof(
    fc.record({ put: fc.integer({ min: 1, max: 100 }) }),
    fc.record({ hold: fc.nat() }),
    fc.record({ release: fc.nat() }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const slab = new Slab(1);
      const packet = new Packet();
      const storage = new LinkStorage(100, 40);
      const held: { cell: number; fill: number; n: number; holders: number }[] = [];
      steps.forEach((one, i) => {
        if ("put" in one) {
          slab.u8.fill(i, 0, 100);
          packet.clear();
          packet.n = one.put;
          const cell = storage.put(slab, packet);
          if (held.length === 40) expect(cell).toBe(NO_CELL);
          else held.push({ cell, fill: i & 255, n: one.put, holders: 1 });
        } else if (held.length > 0) {
          const at = ("hold" in one ? one.hold : one.release) % held.length;
          const entry = held[at]!;
          if ("hold" in one) {
            if (entry.holders === 2) return;
            entry.holders++;
            storage.hold(entry.cell);
          } else {
            storage.release(entry.cell);
            if (--entry.holders === 0) held.splice(at, 1);
          }
        }
        expect(storage.used).toBe(held.length);
      });
      for (const { cell, fill, n } of held) {
        expect(storage.get(cell, slab, 1_000)).toBe(n);
        expect(slab.u8.subarray(1_000, 1_000 + n).every((byte) => byte === fill)).toBe(true);
      }
    }),
    { seed: 3, numRuns: 200 },
  );
});

import { expect, test } from "bun:test";
import fc from "fast-check";
import { IdTable } from "#base/id-table";

test("ids are unique while in use, the table agrees with a Map, and reserved ids are never given", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat()), { maxLength: 300, size: "max" }), (steps) => {
      const table = new IdTable<object>(2);
      const map = new Map<number, object>();
      for (const [add, which] of steps) {
        if (add || map.size === 0) {
          const id = table.add();
          expect(map.has(id) || id < 2).toBe(false);
          const item = {};
          table.set(id, item);
          map.set(id, item);
        } else {
          const id = [...map.keys()][which % map.size]!;
          table.delete(id);
          map.delete(id);
        }
      }
      expect(new Set(table.values())).toEqual(new Set(map.values()));
      for (const [id, item] of map) expect(table.get(id)).toBe(item);
      expect(Math.max(...map.keys(), 0)).toBeLessThan(table.length);
    }),
    { seed: 3, numRuns: 100 },
  );
});

test("after a burst the table is as short as what is left allows, and ids are still unique", () => {
  const table = new IdTable<number>(2);
  const ids = Array.from({ length: 10_000 }, () => table.add());
  for (const id of ids) table.set(id, id);
  for (const id of ids.slice(100)) table.delete(id);
  expect(table.length).toBeLessThan(1_000);
  const more = Array.from({ length: 5_000 }, () => table.add());
  for (const id of more) table.set(id, id);
  expect(new Set([...ids.slice(0, 100), ...more]).size).toBe(5_100);
  for (const id of [...ids.slice(0, 100), ...more]) expect(table.get(id)).toBe(id);
});

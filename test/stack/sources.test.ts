import { expect, test } from "bun:test";
import fc from "fast-check";
import { Sources } from "#stack/sources";
import { address } from "../support/naive/ip.ts";

const HOSTS = ["10.0.0.1", "10.0.0.2", "fd00:a::1", "fd00:a::2", "fd00:b::1"];
/** Of IPv6 a /64 is one source. */
const sourceOf = (host: string) => (host.includes(":") ? host.slice(0, 6) : host);

test("a source is full at the limit, whatever was opened and closed before; sources without connections are forgotten", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.tuple(fc.constantFrom(...HOSTS), fc.boolean())),
      (limit, steps) => {
        const sources = new Sources(limit);
        const model = new Map<string, number>();
        for (const [host, comes] of steps) {
          const key = sourceOf(host);
          const n = model.get(key) ?? 0;
          expect(sources.isFull(address(host))).toBe(n >= limit);
          if (comes && n < limit) {
            sources.add(address(host));
            model.set(key, n + 1);
          } else if (!comes && n > 0) {
            sources.remove(address(host));
            model.set(key, n - 1);
          }
        }
        expect(sources.size).toBe([...model.values()].filter((n) => n > 0).length);
      },
    ),
  );
});

test("without a limit no source is ever full", () => {
  const sources = new Sources(0);
  expect(sources.isFull(address("10.0.0.1"))).toBe(false);
});

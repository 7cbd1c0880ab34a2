import { expect, test } from "bun:test";
import fc from "fast-check";
import { Address } from "#ip/address";
import { Demux, type Row } from "#stack/demux";
import { Rows } from "#tcp/words/rows";
import type { Tcb } from "#tcp/words/tcb";

/** What the table looks at of a connection. */
interface Tuple {
  readonly local: Address;
  readonly localPort: number;
  readonly remote: Address;
  readonly remotePort: number;
}

/** Few addresses and ports, so that many tuples differ in one of them only. */
const address = fc
  .tuple(fc.constantFrom(0, 1), fc.integer({ min: 0, max: 3 }))
  .map(([six, last]) => (six ? new Address(0xfd000000 | 0, 0, 0, last) : Address.v4(0x0a000000 | last)));
const port = fc.integer({ min: 1, max: 4 });
const tuple = fc.record({ local: address, localPort: port, remote: address, remotePort: port });
const step = fc.record({ do: fc.constantFrom("insert", "insert", "remove", "find"), tuple });

const NO_ROWS = new Rows(8, 1, false);

const key = ({ local, localPort, remote, remotePort }: Tuple) => `${local} ${localPort} ${remote} ${remotePort}`;

function find(demux: Demux, { local: l, localPort, remote: r, remotePort }: Tuple): Row | null {
  return demux.find(l.a, l.b, l.c, l.d, localPort, r.a, r.b, r.c, r.d, remotePort);
}

test("the table agrees with a Map for any order of insertions and removals", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 600, size: "max" }), fc.integer(), fc.integer(), (steps, k0, k1) => {
      const demux = new Demux(k0, k1, NO_ROWS, NO_ROWS);
      const map = new Map<string, Tcb>();
      for (const { do: what, tuple } of steps) {
        const there = map.get(key(tuple));
        expect(find(demux, tuple)).toBe(there ?? null);
        if (what === "insert" && there === undefined) {
          const tcb = tuple as Tcb;
          demux.insert(tcb);
          map.set(key(tuple), tcb);
        } else if (what === "remove") {
          demux.remove(there ?? (tuple as Tcb));
          map.delete(key(tuple));
        }
        expect(demux.size).toBe(map.size);
      }
      for (const tcb of map.values()) expect(find(demux, tcb)).toBe(tcb);
      expect(new Set(demux.values())).toEqual(new Set(map.values()));
    }),
    { seed: 4, numRuns: 200 },
  );
});

test("all of ten thousand connections are found, and after half of them were removed the others are still found", () => {
  const demux = new Demux(1, 2, NO_ROWS, NO_ROWS);
  const tcbs = Array.from(
    { length: 10_000 },
    (_, i): Tuple => ({
      local: Address.v4(0x0a000007),
      localPort: 7000,
      remote: Address.v4(0x0a010000 + (i >> 3)),
      remotePort: 40_000 + (i & 7),
    }),
  ) as Tcb[];
  for (const tcb of tcbs) demux.insert(tcb);
  for (const tcb of tcbs) if (tcb.remotePort & 1) demux.remove(tcb);
  for (const tcb of tcbs) expect(find(demux, tcb)).toBe(tcb.remotePort & 1 ? null : tcb);
  expect(demux.size).toBe(5_000);
});

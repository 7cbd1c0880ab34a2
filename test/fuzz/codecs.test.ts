/** Every codec of TCP against its slow twin, with fast-check; and parsers against anything at all. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readSegment, Segment } from "#tcp/words/segment";
import * as tcphdr from "#wire/tcp";
import * as opt from "#wire/tcp-options";
import { octets32 } from "../support/naive/ip.ts";
import { naiveOptions, word } from "../support/naive/tcp.ts";

const SEED = { seed: 42, numRuns: 500 };
const u8 = fc.integer({ min: 0, max: 255 });
const u16 = fc.integer({ min: 0, max: 0xffff });
const i32 = fc.integer({ min: -0x80000000, max: 0x7fffffff });
const view = (octets: ArrayLike<number>) => new DataView(Uint8Array.from(octets).buffer);

describe("header", () => {
  test("what `write` writes the accessors read, and the octets are those of RFC 9293 §3.1", () => {
    fc.assert(
      fc.property(
        u16,
        u16,
        i32,
        i32,
        fc.integer({ min: 5, max: 15 }),
        fc.integer({ min: 0, max: 0x1ff }),
        u16,
        u16,
        (source, destination, seq, ack, words, flags, window, urgent) => {
          const v = view(new Array(60).fill(0xee));
          tcphdr.write(v, 0, source, destination, seq, ack, words * 4, flags, window, urgent);
          expect([
            tcphdr.sourcePort(v, 0),
            tcphdr.destinationPort(v, 0),
            tcphdr.seq(v, 0),
            tcphdr.ack(v, 0),
            tcphdr.headerLength(v, 0),
            tcphdr.flags(v, 0),
            tcphdr.window(v, 0),
            tcphdr.checksum(v, 0),
            tcphdr.urgent(v, 0),
          ]).toEqual([source, destination, seq, ack, words * 4, flags, window, 0, urgent]);
          const b = new Uint8Array(v.buffer);
          expect([...b.subarray(0, 20)]).toEqual([
            source >> 8,
            source & 255,
            destination >> 8,
            destination & 255,
            ...octets32(seq),
            ...octets32(ack),
            (words << 4) | (flags >> 8),
            flags & 255,
            window >> 8,
            window & 255,
            0,
            0,
            urgent >> 8,
            urgent & 255,
          ]);
        },
      ),
      SEED,
    );
  });

  test("setters change only their own field", () => {
    fc.assert(
      fc.property(
        fc.array(u8, { minLength: 20, maxLength: 20 }),
        i32,
        u16,
        fc.integer({ min: 0, max: 0x1ff }),
        (octets, seq, n, flags) => {
          const v = view(octets);
          tcphdr.setSeq(v, 0, seq);
          tcphdr.setWindow(v, 0, n);
          tcphdr.setChecksum(v, 0, n);
          tcphdr.setFlags(v, 0, flags);
          expect([tcphdr.seq(v, 0), tcphdr.window(v, 0), tcphdr.checksum(v, 0), tcphdr.flags(v, 0)]).toEqual([
            seq,
            n,
            n,
            flags,
          ]);
          const after = [...new Uint8Array(v.buffer)];
          for (const i of [0, 1, 2, 3, 8, 9, 10, 11, 18, 19]) expect(after[i]).toBe(octets[i]!);
          expect(after[12]! >> 4).toBe(octets[12]! >> 4);
        },
      ),
      SEED,
    );
  });

  test("a segment that `valid` passes never reads outside of itself", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (octets) => {
        const v = new DataView(octets.buffer, octets.byteOffset, octets.length);
        if (tcphdr.valid(v, 0, octets.length) !== 0) return;
        const seg = new Segment();
        readSegment(v, 0, octets.length, 0, 0, seg);
        expect(seg.n).toBeGreaterThanOrEqual(0);
        expect(seg.o + seg.n).toBe(octets.length);
        expect(seg.len - seg.n).toBeLessThanOrEqual(2);
      }),
      { seed: 42, numRuns: 3000 },
    );
  });
});

describe("options", () => {
  const known = fc.oneof(
    fc.constant([1]),
    u16.map((n) => [2, 4, n >> 8, n & 255]),
    u8.map((n) => [3, 3, n]),
    fc.constant([4, 2]),
    fc.tuple(i32, i32).map(([a, b]) => [8, 10, ...octets32(a), ...octets32(b)]),
    fc
      .array(fc.tuple(i32, i32), { minLength: 1, maxLength: 4 })
      .map((blocks) => [5, 2 + 8 * blocks.length, ...blocks.flatMap(([a, b]) => [...octets32(a), ...octets32(b)])]),
    fc
      .tuple(
        fc.integer({ min: 9, max: 255 }).filter((kind) => kind !== 28),
        fc.array(u8, { maxLength: 6 }),
      )
      .map(([kind, value]) => [kind, 2 + value.length, ...value]),
  );

  test("`parse` says what the slow twin says, at any alignment and in any order", () => {
    fc.assert(
      fc.property(fc.array(known, { maxLength: 6 }), fc.integer({ min: 0, max: 3 }), (list, shift) => {
        const octets = [...new Array(shift).fill(1), ...list.flat()];
        const out = new opt.TcpOptions();
        opt.parse(view(octets), 0, octets.length, out);
        const twin = new Map(naiveOptions(octets));
        expect(out.malformed).toBe(false);
        const mss = twin.get(2);
        expect(out.mss).toBe(mss === undefined ? -1 : mss[0]! * 256 + mss[1]!);
        expect(out.windowScale).toBe(twin.has(3) ? Math.min(twin.get(3)![0]!, 14) : -1);
        expect(out.sackPermitted).toBe(twin.has(4));
        const ts = twin.get(8);
        expect(out.timestamps).toBe(ts !== undefined);
        if (ts !== undefined) expect([out.tsval >>> 0, out.tsecr >>> 0]).toEqual([word(ts, 0), word(ts, 4)]);
        const sack = twin.get(5) ?? [];
        expect(out.sackBlocks).toBe(sack.length / 8);
        for (let i = 0; i < out.sackBlocks; i++) {
          expect([out.sackLeft[i]! >>> 0, out.sackRight[i]! >>> 0]).toEqual([word(sack, i * 8), word(sack, i * 8 + 4)]);
        }
      }),
      SEED,
    );
  });

  test("any octets whatever: it ends, it does not throw, it stays inside", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (octets) => {
        const out = new opt.TcpOptions();
        opt.parse(new DataView(octets.buffer, octets.byteOffset, octets.length), 0, octets.length, out);
        expect(out.sackBlocks).toBeLessThanOrEqual(4);
        expect(out.windowScale).toBeLessThanOrEqual(14);
      }),
      { seed: 42, numRuns: 5000 },
    );
  });

  test("a parse does not affect the next one", () => {
    const out = new opt.TcpOptions();
    const full = [
      2, 4, 5, 180, 3, 3, 7, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2, 28, 4, 0, 9,
    ];
    opt.parse(view(full), 0, full.length, out);
    opt.parse(view([]), 0, 0, out);
    // Blocks beyond the count are nobody's business.
    out.sackLeft.fill(0);
    out.sackRight.fill(0);
    expect(out).toEqual(new opt.TcpOptions());
  });

  test("what the writers write `parse` reads, in multiples of four octets", () => {
    fc.assert(
      fc.property(
        u16,
        fc.integer({ min: 0, max: 14 }),
        i32,
        i32,
        fc.array(fc.tuple(i32, i32), { minLength: 1, maxLength: 4 }),
        (mss, shift, value, echo, blocks) => {
          const v = view(new Array(80).fill(0));
          const syn = opt.writeWindowScale(
            v,
            opt.writeSackPermittedAndTimestamps(v, opt.writeMss(v, 0, mss), value, echo),
            shift,
          );
          expect(syn % 4).toBe(0);
          const out = new opt.TcpOptions();
          opt.parse(v, 0, syn, out);
          expect([out.mss, out.windowScale, out.sackPermitted, out.timestamps, out.tsval, out.tsecr]).toEqual([
            mss,
            shift,
            true,
            true,
            value,
            echo,
          ]);
          for (const timestamps of [false, true]) {
            const given = timestamps ? blocks.slice(0, 3) : blocks;
            let end = timestamps ? opt.writeTimestamps(v, 0, value, echo) : 0;
            end = opt.writeSackHead(v, end, given.length);
            for (const [left, right] of given) end = opt.writeSackBlock(v, end, left, right);
            expect(end % 4).toBe(0);
            expect(end).toBeLessThanOrEqual(40);
            opt.parse(v, 0, end, out);
            expect(out.sackBlocks).toBe(given.length);
            for (const [i, [left, right]] of given.entries())
              expect([out.sackLeft[i], out.sackRight[i]]).toEqual([left, right]);
            expect(out.timestamps).toBe(timestamps);
          }
          const alone = opt.writeSackPermitted(v, 0);
          opt.parse(v, 0, alone, out);
          expect([alone, out.sackPermitted, out.timestamps]).toEqual([4, true, false]);
        },
      ),
      SEED,
    );
  });
});

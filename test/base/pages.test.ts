import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Packet, SLICES_MAX } from "#base/packet";
import { Pages } from "#base/pages";
import { BLOCK_SIZE, PAGE_SIZE, Slab } from "#base/slab";

/** Sizes about the page and the block, and small ones. */
const size = fc.oneof(
  fc.integer({ min: 1, max: 100 }),
  fc.integer({ min: BLOCK_SIZE - 2, max: BLOCK_SIZE + 2 }),
  fc.integer({ min: PAGE_SIZE - 2, max: PAGE_SIZE + 2 }),
  fc.integer({ min: 1, max: 3 * PAGE_SIZE }),
);
const step = fc.record({
  do: fc.constantFrom("append", "ahead", "fill", "shared", "drop", "read", "slices", "clear"),
  n: size,
  at: size,
});

/** What lies where: an array of octets, undefined where nothing was written. */
class Model {
  octets: (number | undefined)[] = [];

  write(at: number, bytes: Uint8Array): void {
    for (const [i, octet] of bytes.entries()) this.octets[at + i] = octet;
  }

  /** The longest written stretch from `at`, at most `n`. */
  written(at: number, n: number): number {
    let i = 0;
    while (i < n && this.octets[at + i] !== undefined) i++;
    return i;
  }
}

describe("pages and an array of octets", () => {
  test("the same octets come back, whatever was written, dropped and read in whatever order", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40, size: "max" }), (steps) => {
        const slab = new Slab(64 * PAGE_SIZE);
        const shared = new Uint8Array(4 * PAGE_SIZE).map((_, i) => (i * 19) & 0xff);
        const sharedO = slab.keepShared(shared);
        const pages = new Pages(slab);
        const model = new Model();
        let stamp = 0;
        for (const { do: what, n, at } of steps) {
          const end = model.octets.length;
          if (what === "append" || what === "ahead") {
            const place = what === "append" ? end : end + (at % (2 * PAGE_SIZE));
            const bytes = new Uint8Array(n).map((_, i) => (i * 13 + stamp * 31) & 0xff);
            stamp++;
            const done = pages.write(place, bytes, 0, n);
            model.write(place, bytes.subarray(0, done));
            expect(done === n || slab.available === 0).toBe(true);
          } else if (what === "fill") {
            const room = pages.room(end, n);
            const offered = room.reduce((sum, view) => sum + view.length, 0);
            expect(offered === n || slab.available === 0).toBe(true);
            // All of it, a part, or nothing.
            const filled = at % (offered + 1);
            const bytes = new Uint8Array(filled).map((_, i) => (i * 17 + stamp * 29) & 0xff);
            stamp++;
            let done = 0;
            for (const view of room) {
              view.set(bytes.subarray(done, done + view.length));
              done += Math.min(view.length, filled - done);
            }
            model.write(end, bytes);
            pages.truncate(model.octets.length);
          } else if (what === "shared") {
            const from = at % (3 * PAGE_SIZE);
            const most = Math.min(n, shared.length - from);
            const done = pages.writeShared(end, sharedO + from, most);
            model.write(end, shared.subarray(from, from + done));
            expect(done === most || slab.available === 0).toBe(true);
          } else if (what === "drop") {
            const gone = Math.min(n, end);
            pages.drop(gone);
            model.octets.splice(0, gone);
            if (model.octets.length === 0) pages.clear();
          } else if (what === "clear") {
            pages.clear();
            model.octets = [];
          } else look(slab, pages, model, at % Math.max(end, 1), n, what === "slices");
        }
        pages.clear();
        slab.dropShared(sharedO);
        expect([slab.used, pages.memory]).toEqual([0, 0]);
      }),
      { seed: 3, numRuns: 150 },
    );
  });

  test("a full slab: what does not fit is not written, and what was there stays", () => {
    const slab = new Slab(3 * PAGE_SIZE);
    const pages = new Pages(slab);
    const bytes = new Uint8Array(4 * PAGE_SIZE).map((_, i) => i % 251);
    expect(pages.write(0, bytes, 0, bytes.length)).toBe(3 * PAGE_SIZE);
    expect(pages.write(3 * PAGE_SIZE, bytes, 0, 1)).toBe(0);
    expect(pages.room(3 * PAGE_SIZE, 1)).toEqual([]);
    pages.truncate(3 * PAGE_SIZE);
    pages.drop(PAGE_SIZE);
    expect(pages.write(2 * PAGE_SIZE, bytes, 7, 10)).toBe(10);
    const target = new Uint8Array(10);
    pages.read(2 * PAGE_SIZE, target, 0, 10);
    expect(target).toEqual(bytes.slice(7, 17));
  });

  test("pages are given back as soon as they are empty", () => {
    const slab = new Slab(8 * PAGE_SIZE);
    const pages = new Pages(slab);
    pages.write(0, new Uint8Array(3 * PAGE_SIZE), 0, 3 * PAGE_SIZE);
    expect(slab.used).toBe(3);
    pages.drop(PAGE_SIZE - 1);
    expect(slab.used).toBe(3);
    pages.drop(1);
    expect(slab.used).toBe(2);
  });
});

describe("blocks", () => {
  const one = Uint8Array.of(7);

  test("sixteen connections with a few bytes each share one page", () => {
    const slab = new Slab(8 * PAGE_SIZE);
    const queues = Array.from({ length: 16 }, () => new Pages(slab));
    for (const queue of queues) queue.write(0, one, 0, 1);
    expect(slab.used).toBe(1);
    expect(queues[0]!.memory).toBe(BLOCK_SIZE);
    for (const queue of queues) queue.clear();
    expect(slab.used).toBe(0);
  });

  test("single bytes far apart take a block each, not a page", () => {
    const slab = new Slab(64 * PAGE_SIZE);
    const queue = new Pages(slab);
    for (let i = 0; i < 160; i++) expect(queue.write(i * PAGE_SIZE + 5000, one, 0, 1)).toBe(1);
    expect(slab.used).toBe(10);
    queue.drop(100 * PAGE_SIZE);
    expect(queue.memory).toBe(60 * BLOCK_SIZE);
    queue.truncate(30 * PAGE_SIZE);
    expect(queue.memory).toBe(30 * BLOCK_SIZE);
    queue.truncate(0);
    expect(slab.used).toBe(0);
  });

  test("a block becomes a page when more is written beside it, and keeps its bytes", () => {
    const slab = new Slab(8 * PAGE_SIZE);
    const queue = new Pages(slab);
    const bytes = new Uint8Array(3000).map((_, i) => i % 251);
    queue.write(0, bytes, 0, 1000);
    queue.write(1000, bytes, 1000, 2000);
    expect([queue.memory, slab.used]).toEqual([PAGE_SIZE, 1]);
    const target = new Uint8Array(3000);
    queue.read(0, target, 0, 3000);
    expect(target).toEqual(bytes);
  });

  test("a block is freed as soon as its bytes are dropped, though the page goes on", () => {
    const slab = new Slab(8 * PAGE_SIZE);
    const queue = new Pages(slab);
    queue.write(0, one, 0, 1);
    queue.drop(BLOCK_SIZE);
    expect(slab.used).toBe(0);
    queue.write(0, one, 0, 1);
    expect(queue.memory).toBe(BLOCK_SIZE);
  });

  test("blocks of several pages in any order: all come back, none twice", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1000), { minLength: 20, maxLength: 300 }), (steps) => {
        const slab = new Slab(8 * PAGE_SIZE);
        const taken: number[] = [];
        for (const n of steps) {
          if (n % 3 > 0) {
            const o = slab.allocBlock();
            if (o < 0) expect(taken.length).toBe(8 * 16);
            else {
              expect(taken).not.toContain(o);
              taken.push(o);
            }
          } else if (taken.length > 0) slab.freeBlock(taken.splice(n % taken.length, 1)[0]!);
          expect(slab.used).toBeGreaterThanOrEqual(taken.length >> 4);
        }
        for (const o of taken) slab.freeBlock(o);
        expect(slab.used).toBe(0);
        expect(slab.alloc()).toBeGreaterThanOrEqual(0);
      }),
      { seed: 5, numRuns: 100 },
    );
  });
});

/** Reads, or slices, what was written from `at` on, and compares it. */
function look(slab: Slab, pages: Pages, model: Model, at: number, n: number, slices: boolean): void {
  const there = model.written(at, n);
  const expected = Uint8Array.from(model.octets.slice(at, at + there) as number[]);
  if (!slices) {
    const target = new Uint8Array(there + 2).fill(0xaa);
    pages.read(at, target, 1, there);
    expect([target[0], target[there + 1]]).toEqual([0xaa, 0xaa]);
    expect(Buffer.compare(target.subarray(1, there + 1), expected)).toBe(0);
    return;
  }
  const packet = new Packet();
  const done = pages.slices(at, there, packet);
  expect(done === there || packet.slices === SLICES_MAX).toBe(true);
  expect(packet.total()).toBe(done);
  let from = 0;
  for (let i = 0; i < packet.slices; i++) {
    const piece = slab.u8.subarray(packet.sliceO[i]!, packet.sliceO[i]! + packet.sliceN[i]!);
    expect(Buffer.compare(piece, expected.subarray(from, from + piece.length))).toBe(0);
    from += piece.length;
  }
}

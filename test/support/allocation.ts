import { heapStats } from "bun:jsc";

/** What the engine's own compiler may take at any time. */
const NOISE = 128 << 10;
const TRIES = 12;

/**
 * Bytes by which `run` made the heap grow, without a collection in between: what it allocated. JavaScriptCore counts
 * objects and heap size only when it collects; the heap's capacity grows as blocks of objects fill, at once.
 * Exact to some tens of kilobytes, so run enough for one object per turn to show (100,000 objects: megabytes).
 * On a busy machine the compiler comes late, and its blocks count: the least of a dozen runs is answered. What allocates
 * per turn does so in every one of them.
 */
export function bytesAllocated(run: () => void): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < TRIES && least > NOISE; i++) {
    Bun.gc(true);
    const before = heapCapacity();
    run();
    least = Math.min(least, heapCapacity() - before);
  }
  return least;
}

function heapCapacity(): number {
  return heapStats().heapCapacity;
}

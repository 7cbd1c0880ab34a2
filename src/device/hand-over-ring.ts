import type { Packet } from "#base/packet";

/** Indices of the two positions, each in a cache line of its own. */
const READ = 0;
const WRITTEN = 16;
const WORDS = 32;
/** Octets before each packet: its length, its fields, and room to keep the next one aligned. */
const HEAD = 16;
const ALIGN = 16;
/** A length that says: the next packet is at the beginning. */
const WRAP = -1;

/** Octets of packets that may wait. */
export const RING_SIZE = 1 << 20;
/** Octets of shared memory for one ring. */
export const RING_MEMORY = WORDS * 4 + RING_SIZE;

/**
 * Packets on their way from one thread to another, in shared memory: one writer, one reader, no lock. It is bounded, and what finds no
 * room is not taken.
 */
export class HandOverRing {
  readonly #words: Int32Array;
  readonly #view: DataView;
  readonly #bytes: Uint8Array;

  /** @param at where its RING_MEMORY octets begin, a multiple of 16 */
  constructor(memory: SharedArrayBuffer, at: number) {
    this.#words = new Int32Array(memory, at, WORDS);
    this.#view = new DataView(memory, at + WORDS * 4, RING_SIZE);
    this.#bytes = new Uint8Array(memory, at + WORDS * 4, RING_SIZE);
  }

  get isEmpty(): boolean {
    return Atomics.load(this.#words, READ) === Atomics.load(this.#words, WRITTEN);
  }

  /** Copies a packet without slices, whose first octets are in `head` and the rest in `source`. False if there is no room for it. */
  push(head: Uint8Array, source: Uint8Array, from: number, n: number, packet: Packet): boolean {
    const read = Atomics.load(this.#words, READ);
    let at = Atomics.load(this.#words, WRITTEN);
    const length = head.length + n;
    const size = (HEAD + length + ALIGN - 1) & -ALIGN;
    // One position stays free, so that a full ring does not look empty.
    const toEnd = read > at ? read - at - ALIGN : RING_SIZE - at - (read === 0 ? ALIGN : 0);
    if (size > toEnd) {
      if (read > at || size > read - ALIGN) return false;
      this.#view.setInt32(at, WRAP, true);
      at = 0;
    }
    const v = this.#view;
    v.setInt32(at, length, true);
    v.setUint8(at + 4, packet.csum);
    v.setUint8(at + 5, packet.gso);
    v.setUint16(at + 6, packet.gsoSize, true);
    v.setUint16(at + 8, packet.headerLength, true);
    v.setUint16(at + 10, packet.hops, true);
    this.#bytes.set(head, at + HEAD);
    this.#bytes.set(source.subarray(from, from + n), at + HEAD + head.length);
    Atomics.store(this.#words, WRITTEN, (at + size) % RING_SIZE);
    return true;
  }

  /** Copies the oldest packet to `packet.o` of `target`. Returns its length, or 0 if there is none. */
  shift(target: Uint8Array, packet: Packet): number {
    const written = Atomics.load(this.#words, WRITTEN);
    let at = Atomics.load(this.#words, READ);
    if (at === written) return 0;
    const v = this.#view;
    if (v.getInt32(at, true) === WRAP) at = 0;
    const n = v.getInt32(at, true);
    packet.n = n;
    packet.slices = 0;
    packet.csum = v.getUint8(at + 4);
    packet.gso = v.getUint8(at + 5);
    packet.gsoSize = v.getUint16(at + 6, true);
    packet.headerLength = v.getUint16(at + 8, true);
    packet.hops = v.getUint16(at + 10, true);
    target.set(this.#bytes.subarray(at + HEAD, at + HEAD + n), packet.o);
    Atomics.store(this.#words, READ, (at + ((HEAD + n + ALIGN - 1) & -ALIGN)) % RING_SIZE);
    return n;
  }
}

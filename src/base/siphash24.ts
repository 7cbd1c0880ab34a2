/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed 64-bit hash, for values that other stacks must compute in the same way. All
 * 64-bit words are pairs of int32, the low one first; input goes in by blocks of 8 octets, so nothing is allocated.
 */
export class SipHash24 {
  /** The hash after `end`, as two int32 whose octets in little-endian order are SipHash's output. */
  low = 0;
  high = 0;
  readonly #k0: number;
  readonly #k1: number;
  readonly #k2: number;
  readonly #k3: number;
  /** v0 to v3, each low and high. */
  readonly #v = new Int32Array(8);
  #blocks = 0;

  /** The 16 octets of the key as four little-endian words. */
  constructor(k0: number, k1: number, k2: number, k3: number) {
    this.#k0 = k0;
    this.#k1 = k1;
    this.#k2 = k2;
    this.#k3 = k3;
  }

  begin(): this {
    const v = this.#v;
    v[0] = this.#k0 ^ 0x70736575;
    v[1] = this.#k1 ^ 0x736f6d65;
    v[2] = this.#k2 ^ 0x6e646f6d;
    v[3] = this.#k3 ^ 0x646f7261;
    v[4] = this.#k0 ^ 0x6e657261;
    v[5] = this.#k1 ^ 0x6c796765;
    v[6] = this.#k2 ^ 0x79746573;
    v[7] = this.#k3 ^ 0x74656462;
    this.#blocks = 0;
    return this;
  }

  /** Eight octets of input as two little-endian words. */
  block(low: number, high: number): this {
    const v = this.#v;
    v[6] = v[6]! ^ low;
    v[7] = v[7]! ^ high;
    this.#round();
    this.#round();
    v[0] = v[0]! ^ low;
    v[1] = v[1]! ^ high;
    this.#blocks++;
    return this;
  }

  /** Input of whole blocks only: the last one holds nothing but the length. */
  end(): this {
    this.block(0, (this.#blocks * 8) << 24);
    const v = this.#v;
    v[4] = v[4]! ^ 0xff;
    for (let i = 0; i < 4; i++) this.#round();
    this.low = v[0]! ^ v[2]! ^ v[4]! ^ v[6]!;
    this.high = v[1]! ^ v[3]! ^ v[5]! ^ v[7]!;
    return this;
  }

  #round(): void {
    const v = this.#v;
    add(v, 0, 2);
    rotate(v, 2, 13);
    mix(v, 2, 0);
    swap(v, 0);
    add(v, 4, 6);
    rotate(v, 6, 16);
    mix(v, 6, 4);
    add(v, 0, 6);
    rotate(v, 6, 21);
    mix(v, 6, 0);
    add(v, 4, 2);
    rotate(v, 2, 17);
    mix(v, 2, 4);
    swap(v, 4);
  }
}

function add(v: Int32Array, a: number, b: number): void {
  const low = (v[a]! >>> 0) + (v[b]! >>> 0);
  v[a] = low;
  v[a + 1] = v[a + 1]! + v[b + 1]! + (low > 0xffffffff ? 1 : 0);
}

/** By fewer than 32 bits to the left. */
function rotate(v: Int32Array, a: number, bits: number): void {
  const low = v[a]!;
  const high = v[a + 1]!;
  v[a] = (low << bits) | (high >>> (32 - bits));
  v[a + 1] = (high << bits) | (low >>> (32 - bits));
}

function mix(v: Int32Array, a: number, b: number): void {
  v[a] = v[a]! ^ v[b]!;
  v[a + 1] = v[a + 1]! ^ v[b + 1]!;
}

/** A rotation by 32 bits. */
function swap(v: Int32Array, a: number): void {
  const low = v[a]!;
  v[a] = v[a + 1]!;
  v[a + 1] = low;
}

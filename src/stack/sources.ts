import type { SipHash } from "#base/siphash";
import { type Address, V4_MAPPED } from "#ip/address";

/** The counts of several stacks. */
export interface SharedSources {
  /** Its length is a power of 2. */
  readonly table: Int32Array;
  /** Under the secret of all of them. */
  readonly hash: SipHash;
}

/** Separates this use of the stack's secret from others. */
const SOURCE_LABEL = 0x736f7263;

/**
 * The number of passive connections per source: an IPv4 address, or the /64 of an IPv6 address, which usually belongs to one host (RFC
 * 4291 §2.5.1). Counted only if there is a limit.
 *
 * Stacks that share the limit count in one table, by a keyed hash: two sources of the same hash share the limit, which an outsider cannot
 * bring about.
 */
export class Sources {
  /** Most connections of one source; 0: no limit. */
  readonly limit: number;
  readonly #four = new Map<number, number>();
  readonly #six = new Map<string, number>();

  readonly #shared: SharedSources | null;

  constructor(limit: number, shared: SharedSources | null = null) {
    this.limit = limit;
    this.#shared = shared;
  }

  isFull(source: Address): boolean {
    return this.limit > 0 && this.#count(source) >= this.limit;
  }

  add(source: Address): void {
    this.#change(source, 1);
  }

  remove(source: Address): void {
    this.#change(source, -1);
  }

  /** How many sources have connections. */
  get size(): number {
    return this.#four.size + this.#six.size;
  }

  #count(source: Address): number {
    if (this.#shared !== null) return Atomics.load(this.#shared.table, slotOf(source, this.#shared));
    return (isFour(source) ? this.#four.get(source.d) : this.#six.get(prefixOf(source))) ?? 0;
  }

  #change(source: Address, by: number): void {
    if (this.#shared !== null) {
      Atomics.add(this.#shared.table, slotOf(source, this.#shared), by);
      return;
    }
    const n = this.#count(source) + by;
    if (isFour(source)) put(this.#four, source.d, n);
    else put(this.#six, prefixOf(source), n);
  }
}

function slotOf(source: Address, { table, hash }: SharedSources): number {
  const { a, b, c, d } = source;
  const begun = hash.begin().word(SOURCE_LABEL).word(a).word(b);
  return (isFour(source) ? begun.word(c).word(d) : begun).end() & (table.length - 1);
}

function put<K>(counts: Map<K, number>, key: K, n: number): void {
  if (n > 0) counts.set(key, n);
  else counts.delete(key);
}

const isFour = ({ a, b, c }: Address) => a === 0 && b === 0 && c === V4_MAPPED;
const prefixOf = ({ a, b }: Address) => `${a},${b}`;

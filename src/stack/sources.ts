import { type Address, V4_MAPPED } from "#ip/address";

/**
 * The number of passive connections per source: an IPv4 address, or the /64 of an IPv6 address, which usually belongs to one host (RFC
 * 4291 §2.5.1). Counted only if there is a limit.
 */
export class Sources {
  /** Most connections of one source; 0: no limit. */
  readonly limit: number;
  readonly #four = new Map<number, number>();
  readonly #six = new Map<string, number>();

  constructor(limit: number) {
    this.limit = limit;
  }

  isFull(source: Address): boolean {
    return this.limit > 0 && this.#count(source) >= this.limit;
  }

  add(source: Address): void {
    this.#set(source, this.#count(source) + 1);
  }

  remove(source: Address): void {
    this.#set(source, this.#count(source) - 1);
  }

  /** How many sources have connections. */
  get size(): number {
    return this.#four.size + this.#six.size;
  }

  #count(source: Address): number {
    return (isFour(source) ? this.#four.get(source.d) : this.#six.get(prefixOf(source))) ?? 0;
  }

  #set(source: Address, n: number): void {
    if (isFour(source)) put(this.#four, source.d, n);
    else put(this.#six, prefixOf(source), n);
  }
}

function put<K>(counts: Map<K, number>, key: K, n: number): void {
  if (n > 0) counts.set(key, n);
  else counts.delete(key);
}

const isFour = ({ a, b, c }: Address) => a === 0 && b === 0 && c === V4_MAPPED;
const prefixOf = ({ a, b }: Address) => `${a},${b}`;

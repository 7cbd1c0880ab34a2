/** The filter of a TUN device in the kernel: the program is loaded and attached once; everything after that is memory that both sides see. */
import * as bpf from "#ffi/bpf";
import { close, F_DUPFD_CLOEXEC, fcntl } from "#ffi/libc";
import { kernelClockNs, mapMemory, unmapMemory } from "#ffi/memory-map";
import { DETACH, setFilter } from "#ffi/tun";
import type { FloodFilter } from "#ip/flood-filter";
import type { FlowKey } from "#ip/flow-hash";
import * as table from "./layout.ts";
import { floodProgram } from "./program.ts";

const NAME = "tcpnet_flood";

/** The device has no filter, and nobody asked for one. */
export const NO_FILTER = 0;

/**
 * Loads a filter and attaches it to the device of the descriptor, for all its queues, in place of any that is there: a persistent device keeps
 * that of its last user. Returns the descriptor of the filter's table; or the negated error number (-EPERM: CAP_BPF is needed), or NO_FILTER if it
 * is not `isWanted`: then the device has no filter.
 */
export function openFilter(tun: number, isWanted = true): number {
  if (!isWanted) return without(tun, NO_FILTER);
  const map = bpf.createTable(NAME, table.TABLE_SIZE);
  if (map < 0) return without(tun, map);
  const program = bpf.loadSocketFilter(NAME, floodProgram(map));
  const result = program < 0 ? program : setFilter(tun, program);
  // The device keeps the program.
  if (program >= 0) close(program);
  if (result >= 0) return map;
  close(map);
  return without(tun, result);
}

/** Another descriptor of the table, for another queue of the device. What is no descriptor stays as it is. */
export function duplicateFilter(filter: number): number {
  return filter > NO_FILTER ? fcntl(filter, F_DUPFD_CLOEXEC, 0) : filter;
}

/** Closes a result of `openFilter` that no device has taken. */
export function closeFilter(filter: number): void {
  if (filter > NO_FILTER) close(filter);
}

function without(tun: number, error: number): number {
  setFilter(tun, DETACH);
  return error;
}

/** The table of an attached filter, mapped into memory. Several threads may have one each. */
export class KernelFilter implements FloodFilter {
  readonly #descriptor: number;
  /** Of the table; null after `close`. */
  #memory: ArrayBuffer | null;
  #words: Int32Array;
  #times: BigInt64Array;

  private constructor(descriptor: number, memory: ArrayBuffer) {
    this.#descriptor = descriptor;
    this.#memory = memory;
    this.#words = new Int32Array(memory);
    this.#times = new BigInt64Array(memory);
  }

  /** Takes a descriptor of `openFilter`. Undefined, and the descriptor is closed, if its table cannot be mapped. */
  static of(map: number): KernelFilter | undefined {
    const memory = mapMemory(map, table.TABLE_SIZE);
    if (memory !== null) return new KernelFilter(map, memory);
    close(map);
    return undefined;
  }

  begin({ k0, k1 }: FlowKey, sourceKey: number, rate: number): void {
    const words = this.#words;
    words[table.KEY0 >> 2] = k0;
    words[table.KEY1 >> 2] = k1;
    words[table.SOURCE_KEY >> 2] = sourceKey;
    const all = Atomics.add(words, table.RATE >> 2, rate) + rate;
    const interval = Math.ceil(1e9 / all);
    this.#times[table.INTERVAL >> 3] = BigInt(interval);
    this.#times[table.TOLERANCE >> 3] = BigInt(interval * table.BURST);
  }

  add(hash: number): void {
    Atomics.add(this.#words, placeOf(hash), 1);
  }

  remove(hash: number): void {
    Atomics.sub(this.#words, placeOf(hash), 1);
  }

  know(place: number, source: number): void {
    this.#words[(table.SOURCES >> 2) + place] = source;
  }

  limit(kind: number, holdUs: number): void {
    const until = kernelClockNs() + BigInt(holdUs * 1_000);
    this.#times[limitOf(kind, table.UNTIL) >> 3] = until;
    this.#times[table.ANY_UNTIL >> 3] = until;
  }

  wasRead(kind: number): void {
    this.#words[limitOf(kind, table.PASSED) >> 2] = 0;
  }

  takeDropped(kind: number): number {
    return Atomics.exchange(this.#words, limitOf(kind, table.DROPPED) >> 2, 0) >>> 0;
  }

  /** Frees the memory. Calls after that have no effect. */
  close(): void {
    const memory = this.#memory;
    if (memory === null) return;
    this.#memory = null;
    close(this.#descriptor);
    // Typed arrays ignore writes beyond their end, but Atomics throw: it is as long as before.
    const nothing = new ArrayBuffer(table.TABLE_SIZE);
    this.#words = new Int32Array(nothing);
    this.#times = new BigInt64Array(nothing);
    unmapMemory(memory);
  }
}

function placeOf(hash: number): number {
  return (table.FLOWS >> 2) + (hash & ((1 << table.FLOWS_SHIFT) - 1));
}

function limitOf(kind: number, offset: number): number {
  return table.LIMITS + kind * table.LIMIT_SIZE + offset;
}

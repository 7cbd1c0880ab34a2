import { NO_PAGE, type Slab } from "#base/slab";
import { CallError } from "#stack/call-error";
import { checkBytes, shown } from "./checks.ts";

/**
 * The offset of shared octets in a stack's slab, where they are put by the first call; NO_PAGE if it has no room for them.
 * @throws CallError EINVAL: they were closed.
 */
export let placeIn: (shared: SharedBytes, slab: Slab) => number;
/** The octets, for stacks that have no room for them. */
export let bytesOf: (shared: SharedBytes) => Uint8Array;

/**
 * Octets that are sent many times, by one connection or by many: a file that every client gets, a message to all of them, a pattern of a
 * measurement. `socket.writeShared` queues them and copies nothing but what does not fill a page of 16 KiB, so a thousand connections that send a
 * megabyte hold one megabyte. Where a stack has no room for them in one piece, they are copied as by `write`.
 */
export class SharedBytes implements Disposable {
  /** Octets. */
  readonly length: number;
  readonly #bytes: Uint8Array;
  #places = new WeakMap<Slab, number>();
  /** Those that have them. A stack that is gone takes them with it. */
  readonly #slabs: WeakRef<Slab>[] = [];
  #isClosed = false;

  /** @param bytes are copied, so they may be changed afterwards. Each stack that sends them gets a copy of its own. */
  constructor(bytes: Uint8Array) {
    checkBytes("the argument of SharedBytes", bytes);
    this.#bytes = bytes.slice();
    this.length = bytes.length;
  }

  /** Gives their memory back when no connection holds them any more. They cannot be written any more. */
  close(): void {
    this.#isClosed = true;
    for (const reference of this.#slabs) {
      const slab = reference.deref();
      const o = slab === undefined ? undefined : this.#places.get(slab);
      if (slab !== undefined && o !== undefined && o !== NO_PAGE) slab.dropShared(o);
    }
    this.#slabs.length = 0;
    this.#places = new WeakMap();
  }

  /** As `close`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Their offset in the slab, or NO_PAGE. */
  #placeIn(slab: Slab): number {
    if (this.#isClosed) throw new CallError("EINVAL", "the shared octets were closed, and cannot be written any more");
    const known = this.#places.get(slab);
    if (known !== undefined) return known;
    const o = slab.keepShared(this.#bytes);
    this.#places.set(slab, o);
    if (o !== NO_PAGE) this.#slabs.push(new WeakRef(slab));
    return o;
  }

  static {
    placeIn = (shared, slab) => shared.#placeIn(slab);
    bytesOf = (shared) => shared.#bytes;
  }
}

/** The arguments of writeShared. @throws CallError EINVAL; RangeError. */
export function checkShared(shared: unknown, from: number, n: number): asserts shared is SharedBytes {
  if (!(shared instanceof SharedBytes))
    throw new CallError("EINVAL", `the first argument of writeShared must be a SharedBytes, not ${shown(shared)}`);
  if (!(from >= 0 && n >= 0 && from + n <= shared.length))
    throw new RangeError(`cannot write octets ${from} to ${from + n}: there are ${shared.length}`);
}

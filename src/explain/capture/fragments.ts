/** IP fragments: the first has the TCP header, the last tells the length. The payload itself is not needed. */

/** Datagrams that wait for fragments: more are forgotten, the oldest first. */
const WAITING_MAX = 256;
/** Octets kept of a first fragment: its TCP header. */
const HEADER_MAX = 60;

interface Waiting {
  /** The beginning of the TCP segment; null: the first fragment has not come. */
  header: Uint8Array<ArrayBuffer> | null;
  /** Octets of the TCP segment; -1: the last fragment has not come. */
  total: number;
}

export interface Fragment {
  /** Addresses and identification. */
  readonly key: string;
  readonly offset: number;
  readonly more: boolean;
  /** Octets of this fragment's payload. */
  readonly length: number;
}

export class Fragments {
  readonly #waiting = new Map<string, Waiting>();

  /** Takes a fragment whose payload, at "o`, has `kept" octets in the file. Returns the TCP header and the segment's length if both are known. */
  take(
    { key, offset, more, length }: Fragment,
    v: DataView,
    o: number,
    kept: number,
  ): { readonly header: Uint8Array<ArrayBuffer>; readonly total: number } | null {
    let known = this.#waiting.get(key);
    if (known === undefined) {
      if (this.#waiting.size >= WAITING_MAX) this.#waiting.delete(this.#waiting.keys().next().value!);
      this.#waiting.set(key, (known = { header: null, total: -1 }));
    }
    if (offset === 0)
      known.header = new Uint8Array(
        v.buffer,
        v.byteOffset + o,
        Math.min(kept, HEADER_MAX),
      ).slice() as Uint8Array<ArrayBuffer>;
    if (!more) known.total = offset + length;
    if (known.header === null || known.total < 0) return null;
    this.#waiting.delete(key);
    return { header: known.header, total: known.total };
  }
}

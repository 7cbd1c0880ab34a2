/** The blocks of a receiver by segment numbers: RFC 2018's order, at a cost that does not depend on how many there are. */
export class SackPeer {
  /** The first segment that has not come. */
  next = 0;
  /** At each end of a block, its other end, modulo the size; and where a block was changed last, the newest first. */
  readonly #other: Int32Array;
  readonly #has: Uint8Array;
  readonly #mask: number;
  readonly #recent: number[] = [];
  /** The segment that came although it was there (RFC 2883), or -1: it is the first block of this ACK. */
  #duplicate = -1;

  /** @param most segments between the first and the last that may be held at once */
  constructor(most: number) {
    const n = 2 ** Math.ceil(Math.log2(most));
    this.#other = new Int32Array(n);
    this.#has = new Uint8Array(n);
    this.#mask = n - 1;
  }

  get blocks(): number {
    return this.#recent.length + (this.#duplicate < 0 ? 0 : 1);
  }

  /** Of block i, the newest is 0. `#recent` holds left ends. */
  left(i: number): number {
    if (this.#duplicate < 0) return this.#recent[i]!;
    return i === 0 ? this.#duplicate : this.#recent[i - 1]!;
  }

  right(i: number): number {
    const left = this.left(i);
    return i === 0 && this.#duplicate >= 0 ? left + 1 : this.#other[left & this.#mask]! + 1;
  }

  take(segment: number): void {
    const isDuplicate = segment < this.next || this.#has[segment & this.#mask] === 1;
    this.#duplicate = isDuplicate ? segment : -1;
    if (isDuplicate) return;
    if (segment === this.next) {
      this.next++;
      if (this.#has[this.next & this.#mask] === 1) this.#advance();
      return;
    }
    this.#has[segment & this.#mask] = 1;
    let left = segment;
    let right = segment;
    if (segment - 1 > this.next && this.#has[(segment - 1) & this.#mask] === 1) {
      left = this.#other[(segment - 1) & this.#mask]!;
      this.#drop(left);
    }
    if (this.#has[(segment + 1) & this.#mask] === 1) {
      right = this.#other[(segment + 1) & this.#mask]!;
      this.#drop(segment + 1);
    }
    this.#other[left & this.#mask] = right;
    this.#other[right & this.#mask] = left;
    this.#recent.unshift(left);
    // An ACK has room for four: what is older is told only when it changes again.
    if (this.#recent.length > 4) this.#recent.pop();
  }

  #advance(): void {
    const end = this.#other[this.next & this.#mask]!;
    this.#drop(this.next);
    for (let i = this.next; i <= end; i++) this.#has[i & this.#mask] = 0;
    this.next = end + 1;
  }

  #drop(left: number): void {
    const i = this.#recent.indexOf(left);
    if (i >= 0) this.#recent.splice(i, 1);
  }
}

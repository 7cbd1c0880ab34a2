/** Data of one direction that was sent and is not acknowledged, as the capture shows it. */

/** One sending of the same octets. */
export interface Sending {
  readonly time: number;
  /** Its row in the table of packets; -1: it has none. */
  readonly row: number;
  /** uint32; -1: it has no timestamp. */
  readonly tsval: number;
}

/** A segment with every time it was sent. */
export interface Sent {
  /** Relative, without wrapping; SYN and FIN included. */
  readonly left: number;
  readonly right: number;
  readonly sendings: Sending[];
  /** It arrived: it is acknowledged, or was reported by SACK. */
  isThere: boolean;
}

/** More would be an attack, or a capture of one side: the oldest are forgotten. */
const SENT_MAX = 65_536;

/** Segments by sequence number. */
export class SentList {
  #all: Sent[] = [];
  #head = 0;

  get size(): number {
    return this.#all.length - this.#head;
  }

  get first(): Sent | undefined {
    return this.#all[this.#head];
  }

  add(sent: Sent): void {
    const last = this.#all.at(-1);
    if (last === undefined || last.left <= sent.left) this.#all.push(sent);
    else this.#all.splice(this.#at(sent.left), 0, sent);
    if (this.size > SENT_MAX) this.#head++;
    this.#tidy();
  }

  /** Those that have octets in [left, right). */
  *between(left: number, right: number): Generator<Sent, void, void> {
    let i = this.#at(left);
    // The one before may reach into it.
    while (i > this.#head && this.#all[i - 1]!.right > left) i--;
    for (; i < this.#all.length; i++) {
      const each = this.#all[i]!;
      if (each.left >= right) return;
      if (each.right > left) yield each;
    }
  }

  /** Removes what ends at or before `ack`, and calls `gone` for each. */
  acknowledge(ack: number, gone: (sent: Sent) => void): void {
    while (this.#head < this.#all.length && this.#all[this.#head]!.right <= ack) gone(this.#all[this.#head++]!);
    this.#tidy();
  }

  /** The first entry with a left edge of at least `left`. */
  #at(left: number): number {
    let low = this.#head;
    let high = this.#all.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#all[middle]!.left < left) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #tidy(): void {
    if (this.#head < 1024 || this.#head * 2 < this.#all.length) return;
    this.#all = this.#all.slice(this.#head);
    this.#head = 0;
  }
}

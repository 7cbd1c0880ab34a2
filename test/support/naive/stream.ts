/**
 * A received stream octet by octet: what came lies in an array with holes. The slow twin of `#tcp/reassembly` over
 * `#base/pages`. Offsets count from the first octet of the stream.
 */
export class NaiveStream {
  readonly octets: (number | undefined)[] = [];
  /** The first octet that is missing. */
  next = 0;
  /** Octets that were read. */
  read = 0;

  arrive(at: number, bytes: readonly number[]): void {
    bytes.forEach((octet, i) => {
      if (at + i >= this.next) this.octets[at + i] = octet;
    });
    while (this.octets[this.next] !== undefined) this.next++;
  }

  /** Up to `n` octets that are in order and were not read. */
  take(n: number): number[] {
    const end = Math.min(this.read + n, this.next);
    const taken = this.octets.slice(this.read, end) as number[];
    this.read = end;
    return taken;
  }

  /** Stretches beyond `next`, as [left, right). */
  ranges(): [number, number][] {
    const ranges: [number, number][] = [];
    for (let i = this.next; i < this.octets.length; i++) {
      if (this.octets[i] === undefined) continue;
      const last = ranges.at(-1);
      if (last !== undefined && last[1] === i) last[1]++;
      else ranges.push([i, i + 1]);
    }
    return ranges;
  }

  has(left: number, right: number): boolean {
    for (let i = left; i < right; i++) if (this.octets[i] === undefined) return false;
    return true;
  }
}

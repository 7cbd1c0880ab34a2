/** Reassembly as a list of fragments and an array of octets with holes. The slow twin of `#ip/reassembly`. */
export interface NaiveFragment {
  offset: number;
  data: number[];
  more: boolean;
}

export type NaiveOutcome = "kept" | "dropped" | number[];

export class NaiveDatagram {
  #fragments: NaiveFragment[] = [];
  #dead = false;

  add(x: NaiveFragment): NaiveOutcome {
    if (this.#dead) return "dropped";
    const end = x.offset + x.data.length;
    for (const y of this.#fragments) {
      const yEnd = y.offset + y.data.length;
      if (y.offset === x.offset && yEnd === end) return "kept";
      if (x.offset < yEnd && y.offset < end) return this.#die();
    }
    const all = [...this.#fragments, x];
    const ends = all.filter((y) => !y.more).map((y) => y.offset + y.data.length);
    const furthest = Math.max(...all.filter((y) => y.more).map((y) => y.offset + y.data.length), -1);
    if (new Set(ends).size > 1 || (ends.length > 0 && furthest >= ends[0]!)) return this.#die();
    this.#fragments = all;
    if (ends.length === 0) return "kept";
    const octets: (number | undefined)[] = new Array(ends[0]!).fill(undefined);
    for (const y of all) for (const [i, octet] of y.data.entries()) octets[y.offset + i] = octet;
    return octets.includes(undefined) ? "kept" : (octets as number[]);
  }

  #die(): "dropped" {
    this.#dead = true;
    return "dropped";
  }
}

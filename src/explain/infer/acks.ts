/** What a sender has heard: ACKs take effect when they can have come to it, which is later than the capture saw them. */

/** An ACK on its way from the place of the capture to the sender. */
interface Coming {
  readonly time: number;
  readonly ack: number;
  /** The right edge of the window; Infinity: not known. */
  readonly edge: number;
  readonly sacked: number;
  readonly hasData: boolean;
  readonly isDuplicate: boolean;
}

const COMING_MAX = 16_384;

export class Heard {
  /** SND.UNA, the window's right edge, and the right edge of what SACK reported, as the sender knows them. */
  una = 0;
  edge = Number.POSITIVE_INFINITY;
  sacked = 0;
  /** ACKs in a row that acknowledged nothing new while data was missing. */
  duplicates = 0;
  /** When it heard last, in its time, and whether that was data. */
  time = Number.NEGATIVE_INFINITY;
  hasData = false;
  #coming: Coming[] = [];
  #head = 0;

  add(coming: Coming): void {
    this.#coming.push(coming);
    if (this.#coming.length - this.#head > COMING_MAX) this.#head++;
  }

  /** Takes what has come by `time`. @param trip µs from the capture to the sender and back */
  until(time: number, trip: number): void {
    while (this.#head < this.#coming.length && this.#coming[this.#head]!.time + trip <= time) {
      const each = this.#coming[this.#head++]!;
      this.#take(each, each.time + trip);
    }
    if (this.#head < 256 || this.#head * 2 < this.#coming.length) return;
    this.#coming = this.#coming.slice(this.#head);
    this.#head = 0;
  }

  #take({ ack, edge, sacked, hasData, isDuplicate }: Coming, time: number): void {
    this.time = time;
    this.hasData = hasData;
    if (ack > this.una) {
      this.una = ack;
      this.duplicates = 0;
    } else if (isDuplicate) this.duplicates++;
    this.sacked = Math.max(this.sacked, sacked);
    if (Number.isFinite(edge) && (edge > this.edge || !Number.isFinite(this.edge) || ack >= this.una)) this.edge = edge;
  }
}

/** A first block of what was acknowledged, or of what is in the second block, is a D-SACK (RFC 2883 §4). */
export function split(
  sack: readonly (readonly [number, number])[],
  ack: number,
): readonly [readonly [number, number] | null, readonly (readonly [number, number])[]] {
  const [first, second] = sack;
  if (first === undefined) return [null, sack];
  const isInside = second !== undefined && first[0] >= second[0] && first[1] <= second[1];
  return first[1] <= ack || isInside ? [first, sack.slice(1)] : [null, sack];
}

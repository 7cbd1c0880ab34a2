/**
 * Round trips from the place of the capture to one end and back: from a timestamp of the other end to its first echo (RFC 7323 §4.1).
 * The smallest counts, since an end may have been idle between the two.
 */

/** Timestamps whose echo is waited for. */
const WAITING_MAX = 64;
/** Samples that tell the trip as it is now, queues included. */
const RECENT = 6;

/** A shorter trip has no queue in it that counts, µs. */
const QUEUEING = 1_000;

export class Echoes {
  readonly #value = new Float64Array(WAITING_MAX).fill(-1);
  readonly #time = new Float64Array(WAITING_MAX);
  #next = 0;
  #last = -1;
  /** Of the last busy samples, the oldest overwritten first. */
  readonly #busy = new Float64Array(RECENT).fill(Number.POSITIVE_INFINITY);
  #busyNext = 0;
  /** µs; Infinity: not known. */
  min = Number.POSITIVE_INFINITY;

  /** A packet to that end has the timestamp. */
  sent(tsval: number, time: number): void {
    if (tsval === this.#last) return;
    this.#last = tsval;
    this.#value[this.#next] = tsval;
    this.#time[this.#next] = time;
    this.#next = (this.#next + 1) % WAITING_MAX;
  }

  /** A packet from that end echoes it. @param isBusy that end had data in flight, so it was not waiting for its program */
  echoed(tsecr: number, time: number, isBusy: boolean): void {
    const i = this.#value.indexOf(tsecr);
    if (i < 0) return;
    this.#value[i] = -1;
    const trip = time - this.#time[i]!;
    this.sample(trip);
    if (!isBusy) return;
    this.#busy[this.#busyNext] = trip;
    this.#busyNext = (this.#busyNext + 1) % RECENT;
  }

  /** The trip as it is now; 0: not known. */
  get now(): number {
    if (!Number.isFinite(this.min)) return 0;
    let least = Number.POSITIVE_INFINITY;
    for (const trip of this.#busy) least = Math.min(least, trip);
    return this.min >= QUEUEING && Number.isFinite(least) ? least : this.min;
  }

  /** From the handshake, or from data and its ACK. */
  sample(trip: number): void {
    if (trip >= 0 && trip < this.min) this.min = trip;
  }
}

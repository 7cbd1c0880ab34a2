/**
 * Whether the driver looks for a packet once more before it waits in the device. That is worthwhile for a peer that has a processor of its
 * own; where the peer needs this one, it is in vain.
 */

/** µs for which the driver looks: less than it costs to fall asleep and to be woken. */
const SPIN = 20;

/** After so many spins in a row that found nothing, the driver spins only once in AGAIN waits. */
const IN_VAIN = 3;
const AGAIN = 128;

export class Spins {
  /** Spins and waits since a spin has found a packet. */
  #inVain = 0;
  /** When the spin ends that is going on; 0: none is. */
  #until = 0;

  /** True if the driver is to look once more instead of waiting. */
  again(now: number): boolean {
    if (this.#until === 0) {
      if (this.#inVain >= IN_VAIN && ++this.#inVain % AGAIN !== 0) return false;
      this.#until = now + SPIN;
      return true;
    }
    if (now < this.#until) return true;
    this.#until = 0;
    this.#inVain++;
    return false;
  }

  /** A packet moved. @param came it was received */
  moved(came: boolean): void {
    if (came && this.#until !== 0) this.#inVain = 0;
    this.#until = 0;
  }
}

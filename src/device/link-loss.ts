import type { Mark } from "#base/mark";
import type { Prng } from "#base/prng";
import { LINK_LOSS, LINK_LOSS_NTH, NO_DROP } from "./link-marks.ts";
import type { GilbertElliott, LinkProfile, LossNth } from "./link-profile.ts";
import { CorrelatedDraws } from "./link-random.ts";

/** Decides which packets are lost on the wire. Called once per packet, in the order in which they leave the transmitter. */
export class LossModel {
  readonly #prng: Prng;
  readonly #draws: CorrelatedDraws;
  /** Packets decided since the profile was set. */
  #count = 0;
  #bad = false;

  constructor(prng: Prng) {
    this.#prng = prng;
    this.#draws = new CorrelatedDraws(prng.fork());
  }

  /** Restarts the count of packets and returns to the good state. */
  restart(): void {
    this.#count = 0;
    this.#bad = false;
  }

  /** NO_DROP, LINK_LOSS or LINK_LOSS_NTH for the next packet. */
  next(profile: LinkProfile): Mark {
    const index = this.#count++;
    const lost =
      profile.loss.kind === "independent"
        ? this.#draws.happens(profile.loss.chance)
        : this.#gilbertElliott(profile.loss);
    if (profile.lossNth !== undefined && isNth(profile.lossNth, index)) return LINK_LOSS_NTH;
    return lost ? LINK_LOSS : NO_DROP;
  }

  /** As netem's gemodel: first the state may change, then the loss of the new state applies. */
  #gilbertElliott(model: GilbertElliott): boolean {
    const bad = this.#bad;
    if (this.#prng.chance(bad ? model.r : model.p)) this.#bad = !bad;
    return this.#prng.chance(bad ? model.lossBad : model.lossGood);
  }
}

function isNth(nth: LossNth, index: number): boolean {
  const length = nth.mask.length;
  if (index >= length && !nth.repeats) return false;
  return nth.mask[nth.repeats ? index % length : index] === 1;
}

import type { Codel } from "./link-profile.ts";
import type { LinkQueue } from "./link-queue.ts";

/** What a queue with CoDel does to the packets it chooses. */
export interface CodelFate {
  drop(cell: number, now: number): void;
  /** Marks the packet, if it is ECN-capable; answers whether it could. */
  mark(cell: number, now: number): boolean;
}

/** CoDel may leave nothing to send. */
export const NOTHING = -1;

/**
 * RFC 8289, section 5: at the head of the queue it watches the time packets have waited, and drops (or marks), ever more
 * often, while even the shortest of these waits stays above `target` for an `interval`. The names are the RFC's.
 */
export class CodelState {
  #firstAboveTime = 0;
  #dropNext = 0;
  #count = 0;
  #lastCount = 0;
  #dropping = false;
  #okToDrop = false;
  readonly #queue: LinkQueue;
  readonly #fate: CodelFate;
  readonly #maxPacket: number;

  /** @param maxPacket the MTU: a queue of no more than one packet is not a standing queue. */
  constructor(queue: LinkQueue, fate: CodelFate, maxPacket: number) {
    this.#queue = queue;
    this.#fate = fate;
    this.#maxPacket = maxPacket;
  }

  restart(): void {
    this.#firstAboveTime = 0;
    this.#dropNext = 0;
    this.#count = 0;
    this.#lastCount = 0;
    this.#dropping = false;
  }

  /** The next packet to send at `now`, or NOTHING. */
  dequeue(now: number, codel: Codel): number {
    let cell = this.#doDequeue(now, codel);
    if (this.#dropping) {
      if (!this.#okToDrop) this.#dropping = false;
      // A large backlog may ask for several drops at once, hence the loop.
      while (this.#dropping && now >= this.#dropNext) {
        this.#count++;
        if (codel.ecn && this.#fate.mark(cell, now)) {
          this.#dropNext = controlLaw(this.#dropNext, this.#count, codel.interval);
          return cell;
        }
        this.#fate.drop(cell, now);
        cell = this.#doDequeue(now, codel);
        if (!this.#okToDrop) this.#dropping = false;
        else this.#dropNext = controlLaw(this.#dropNext, this.#count, codel.interval);
      }
    } else if (this.#okToDrop) {
      // A packet that is marked stays: only a drop takes the next one.
      if (!(codel.ecn && this.#fate.mark(cell, now))) {
        this.#fate.drop(cell, now);
        cell = this.#doDequeue(now, codel);
      }
      this.#dropping = true;
      // The rate of drops that held the queue last time, if that was not long ago, is where to begin now.
      const delta = this.#count - this.#lastCount;
      this.#count = delta > 1 && now - this.#dropNext < 16 * codel.interval ? delta : 1;
      this.#dropNext = controlLaw(now, this.#count, codel.interval);
      this.#lastCount = this.#count;
    }
    return cell;
  }

  /** RFC 8289, section 5.5: takes a packet, and decides whether it may be dropped. */
  #doDequeue(now: number, codel: Codel): number {
    this.#okToDrop = false;
    if (this.#queue.packets === 0) {
      this.#firstAboveTime = 0;
      return NOTHING;
    }
    const sojourn = now - this.#queue.headSince;
    const cell = this.#queue.pop();
    if (sojourn < codel.target || this.#queue.bytes <= this.#maxPacket) this.#firstAboveTime = 0;
    else if (this.#firstAboveTime === 0) this.#firstAboveTime = now + codel.interval;
    else if (now >= this.#firstAboveTime) this.#okToDrop = true;
    return cell;
  }
}

/** Drops come at intervals that shrink with the inverse square root of their number: RFC 8289, section 5.4. */
function controlLaw(t: number, count: number, interval: number): number {
  return t + interval / Math.sqrt(count);
}

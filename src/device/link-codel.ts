import type { Codel } from "./link-profile.ts";
import type { LinkQueue } from "./link-queue.ts";

/** What CoDel does with the packets it selects. */
export interface CodelFate {
  drop(cell: number, now: number): void;
  /** Marks the packet if it is ECN-capable; returns whether it is. */
  mark(cell: number, now: number): boolean;
}

/** No packet to send: CoDel dropped all of them. */
export const NOTHING = -1;

/**
 * RFC 8289, section 5: measures at the head of the queue how long packets have waited. While even the shortest wait stays
 * above `target` for an `interval`, it drops (or marks) packets at a rising rate. The names are the RFC's.
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
      // With a large backlog several drops may be due at once.
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
      // A marked packet is sent. Only after a drop is the next packet taken.
      if (!(codel.ecn && this.#fate.mark(cell, now))) {
        this.#fate.drop(cell, now);
        cell = this.#doDequeue(now, codel);
      }
      this.#dropping = true;
      // If the last drops were not long ago, begin with the drop rate that held the queue down then.
      const delta = this.#count - this.#lastCount;
      this.#count = delta > 1 && now - this.#dropNext < 16 * codel.interval ? delta : 1;
      this.#dropNext = controlLaw(now, this.#count, codel.interval);
      this.#lastCount = this.#count;
    }
    return cell;
  }

  /** RFC 8289, section 5.5: dequeues a packet and decides whether it may be dropped. */
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

/** RFC 8289, section 5.4: the time to the next drop is `interval` divided by the square root of the number of drops. */
function controlLaw(t: number, count: number, interval: number): number {
  return t + interval / Math.sqrt(count);
}

/** What became of each sending of the same octets: which was lost, and which was sent without need. */
import { LOST_AFTER } from "./rules.ts";
import type { Sending, Sent } from "./sent.ts";
import type { CaptureTables } from "./tables.ts";

/** Segments that were sent twice and have arrived: a D-SACK may still tell of them. */
const REMEMBERED_MAX = 512;
/** Of the round trip to the receiver: what is acknowledged sooner is not the answer to this sending. */
const PART = 0.9;
/** A round trip that is shorter than this tells nothing, µs. */
const TRIP_MIN = 200;

interface Remembered {
  readonly left: number;
  readonly right: number;
  readonly sendings: readonly Sending[];
  /** When it was reported as arrived. */
  readonly arrivedAt: number;
  /** Which sending has arrived first. */
  readonly first: number;
}

export class Fates {
  readonly #tables: CaptureTables;
  /** From the capture to the receiver and back. */
  readonly #far: () => number;
  readonly #remembered: Remembered[] = [];
  /** Retransmissions that were not needed, by what showed it. */
  bySack = 0;
  byTimestamp = 0;
  byTime = 0;
  /** D-SACKs without a retransmission: the network made copies. */
  copies = 0;

  constructor(tables: CaptureTables, far: () => number) {
    this.#tables = tables;
    this.#far = far;
  }

  get spurious(): number {
    return this.bySack + this.byTimestamp + this.byTime;
  }

  /** The same octets were sent once more: the sendings before are taken for lost. */
  again(sent: Sent, sending: Sending): void {
    const last = sent.sendings.at(-1);
    sent.sendings.push(sending);
    if (sent.isThere) {
      this.byTime++;
      this.#remember({ ...sent, arrivedAt: sending.time, first: 0 });
    } else if (last !== undefined && this.#tables.packets.isLost(last.row) === false)
      this.#tables.lose(last.row, LOST_AFTER);
  }

  /** It arrived. Returns whether its last sending was not needed. @param tsecr the timestamp that its sending had (RFC 3522, Eifel); -1: not known */
  arrived(sent: Sent, time: number, tsecr: number): boolean {
    const { sendings } = sent;
    if (sendings.length < 2) return false;
    const first = this.#which(sendings, time, tsecr);
    for (let i = first; i < sendings.length - 1; i++) this.#spare(sendings[i]!, sendings[i + 1]!, time, i === first);
    this.#remember({ ...sent, sendings: [...sendings], arrivedAt: time, first });
    return first < sendings.length - 1;
  }

  /** Octets in [left, right) arrived twice. */
  twice(left: number, right: number, time: number): void {
    const i = this.#remembered.findIndex((each) => each.left < right && each.right > left);
    if (i < 0) {
      this.copies++;
      return;
    }
    const [{ sendings, first, arrivedAt }] = this.#remembered.splice(i, 1) as [Remembered];
    const last = sendings.length - 1;
    // If the last one was thought to be the first to arrive, the one before it arrived as well.
    if (first < last || last === 0) return;
    this.bySack++;
    this.#find(sendings[last - 1]!, sendings[last]!, Math.min(arrivedAt, time));
  }

  /** Sent again after it was acknowledged. */
  needless(left: number, right: number, row: number, time: number): void {
    this.byTime++;
    this.#remember({ left, right, sendings: [{ time, row, tsval: -1 }], arrivedAt: time, first: 0 });
  }

  /** The number of the sending that arrived first. */
  #which(sendings: readonly Sending[], time: number, tsecr: number): number {
    const last = sendings.length - 1;
    if (tsecr >= 0 && sendings[last]!.tsval >= 0) {
      for (let i = last; i > 0; i--) {
        const { tsval } = sendings[i]!;
        if (tsval < 0 || ((tsval - tsecr) | 0) <= 0) return i;
        this.byTimestamp++;
      }
      return 0;
    }
    const far = this.#far();
    if (!Number.isFinite(far) || far < TRIP_MIN) return last;
    for (let i = last; i > 0; i--) {
      if (time - sendings[i]!.time >= far * PART) return i;
      this.byTime++;
    }
    return 0;
  }

  #spare(sending: Sending, next: Sending, time: number, isFirst: boolean): void {
    if (isFirst) this.#find(sending, next, time);
    else this.#tables.find(sending.row, 0);
  }

  /** Half a round trip before the ACK came by. */
  #find(sending: Sending, next: Sending, time: number): void {
    const far = this.#far();
    const half = Number.isFinite(far) ? far / 2 : 0;
    const after = Math.max(half, time - half - sending.time);
    // An ACK that was sent before the next sending, but came after it.
    const isLate = sending.time + after > next.time;
    this.#tables.find(sending.row, isLate ? Math.max(after, next.time - sending.time + 1) : after);
  }

  #remember(each: Remembered): void {
    this.#remembered.push(each);
    if (this.#remembered.length > REMEMBERED_MAX) this.#remembered.shift();
  }
}

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
/** A copy that the network made arrives so soon after the packet, µs. */
const COPY_WITHIN = 1_000;

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
  byDuplicate = 0;
  byTimestamp = 0;
  byTime = 0;
  /** D-SACKs of what was sent once: the network made copies. */
  copies = 0;
  /** What an ACK without SACK acknowledged beyond a filled hole, if it was sent again: left and right edges, the first one sent at first. */
  #jumped: (readonly [number, number])[] = [];

  constructor(tables: CaptureTables, far: () => number) {
    this.#tables = tables;
    this.#far = far;
  }

  get spurious(): number {
    return this.bySack + this.byDuplicate + this.byTimestamp + this.byTime;
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
    if (first < sendings.length - 1) this.#find(sendings[first]!, sendings[first + 1]!, time);
    // Of those between it and the last one it is not known whether they or their ACKs were lost: no loss is claimed.
    for (let i = first + 1; i < sendings.length - 1; i++) this.#tables.find(sendings[i]!.row, 0);
    this.#remember({ ...sent, sendings: [...sendings], arrivedAt: time, first });
    return first < sendings.length - 1;
  }

  /**
   * A D-SACK (RFC 2883): octets in [left, right) arrived twice.
   * @param isFast in a fast recovery: other ACKs come all the time, so it is not likely that one before this was lost
   */
  twice(left: number, right: number, time: number, isFast: boolean): void {
    const found = this.#take(left, right);
    if (found === null || this.#isCopy(found, time, isFast)) this.copies++;
    else if (this.#spareLast(found, time)) this.bySack++;
  }

  /**
   * Without SACK: an ACK advanced over `parts`. It filled a hole, so what lies beyond had arrived before; where that was sent again, each
   * retransmission arrives in vain and causes a duplicate ACK.
   */
  jumped(parts: readonly Sent[]): void {
    const [hole] = parts;
    const sentAt = hole?.sendings.at(-1)?.time ?? Number.POSITIVE_INFINITY;
    this.#jumped = parts
      .filter((sent) => sent !== hole && sent.sendings.length > 1 && sent.sendings.at(-1)!.time >= sentAt)
      .map(({ left, right }) => [left, right]);
  }

  /** Without SACK: a duplicate ACK. */
  duplicate(time: number): void {
    const next = this.#jumped.shift();
    if (next === undefined) return;
    const found = this.#take(...next);
    if (found !== null && this.#spareLast(found, time)) this.byDuplicate++;
  }

  #take(left: number, right: number): Remembered | null {
    const i = this.#remembered.findIndex((each) => each.left < right && each.right > left);
    return i < 0 ? null : this.#remembered.splice(i, 1)[0]!;
  }

  /** Whether it was the retransmission that came twice: its copy follows at once, an original that was overtaken seldom does. */
  #isCopy({ sendings, first, arrivedAt }: Remembered, time: number, isFast: boolean): boolean {
    const isLast = first === sendings.length - 1 && first > 0;
    return isLast && time - arrivedAt <= COPY_WITHIN && (this.copies > 0 || (isFast && time === arrivedAt));
  }

  /** The retransmission that was thought to be the first to arrive was not: the one before it arrived as well. */
  #spareLast({ sendings, first, arrivedAt }: Remembered, time: number): boolean {
    const last = sendings.length - 1;
    if (first < last || last === 0) return false;
    this.#find(sendings[last - 1]!, sendings[last]!, Math.min(arrivedAt, time));
    return true;
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

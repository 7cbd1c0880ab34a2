/** Octets that should have come by and did not: lost before the capture, overtaken, or missed by the capturing program. */
import { NEVER } from "#report/model/run";
import type { DataPacket } from "./half.ts";
import { LOST_BEFORE, UNSEEN } from "./rules.ts";
import type { CaptureTables } from "./tables.ts";

export interface Hole {
  left: number;
  right: number;
  /** When something after it came by, and the timestamp of that. */
  readonly seenAt: number;
  readonly tsval: number;
}

const HOLES_MAX = 1024;
/** Without a round trip to compare with: what comes so soon was not sent again, µs (Wireshark has the same). */
const SOON = 3_000;
/** Of the round trip to the sender: before it has passed, nothing can have been sent again. */
const PART = 0.9;

export class Holes {
  readonly #all: Hole[] = [];
  readonly #tables: CaptureTables;
  /** Octets that came out of order, and segments that were lost before they came here. */
  reordered = 0;
  lost = 0;

  constructor(tables: CaptureTables) {
    this.#tables = tables;
  }

  open(left: number, right: number, seenAt: number, tsval: number): void {
    this.#all.push({ left, right, seenAt, tsval });
    if (this.#all.length > HOLES_MAX) this.#all.shift();
  }

  at(left: number, right: number): Hole | null {
    return this.#all.find((hole) => left < hole.right && right > hole.left) ?? null;
  }

  fill(hole: Hole, left: number, right: number): void {
    const { right: end } = hole;
    const i = this.#all.indexOf(hole);
    if (left <= hole.left && right >= end) this.#all.splice(i, 1);
    else if (left <= hole.left) hole.left = right;
    else {
      hole.right = left;
      if (right < end) this.#all.splice(i + 1, 0, { ...hole, left: right, right: end });
    }
  }

  /** Whether it was sent before what came by before it. @param trip µs from here to the sender and back */
  isReordered({ seenAt, tsval }: Hole, p: DataPacket, trip: number): boolean {
    if (tsval >= 0 && p.tsval >= 0 && ((p.tsval - tsval) | 0) < 0) return this.#count();
    const isSoon = p.time - seenAt < (trip > 0 ? trip * PART : SOON);
    return isSoon && this.#count();
  }

  /** The original was lost on the way here: it gets a row. Returns the row. */
  lose({ seenAt }: Hole, { row, left, length }: DataPacket): number {
    this.lost++;
    if (row < 0) return -1;
    const { packets } = this.#tables;
    const unseen = this.#tables.add({
      time: seenAt,
      connection: packets.connection.get(row),
      from: packets.from.get(row),
      seq: left >>> 0,
      ack: packets.ack.get(row),
      length,
      window: packets.window.get(row),
      flags: packets.flags.get(row),
      cause: this.#tables.rule(UNSEEN),
      bits: 0,
    });
    this.#tables.lose(unseen, LOST_BEFORE);
    return unseen < 0 || unseen === NEVER ? -1 : unseen;
  }

  /** Returns how many octets were acknowledged that never came by: the capturing program missed them. */
  acknowledged(ack: number): number {
    let octets = 0;
    for (let i = 0; i < this.#all.length; i++) {
      const hole = this.#all[i]!;
      if (hole.left >= ack) continue;
      octets += Math.min(ack, hole.right) - hole.left;
      if (ack >= hole.right) this.#all.splice(i--, 1);
      else hole.left = ack;
    }
    return octets;
  }

  #count(): true {
    this.reordered++;
    return true;
  }
}

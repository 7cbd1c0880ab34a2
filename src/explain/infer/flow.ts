/** One connection of a capture. */
import { unwrapped } from "#report/model/direction";
import { ACK, FIN, RST, SYN } from "#report/model/run";
import type { Segment } from "../capture/segment.ts";
import { Half } from "./half.ts";
import { type Reset, resetOf } from "./reset.ts";
import * as rules from "./rules.ts";
import { States } from "./states.ts";
import type { CaptureTables } from "./tables.ts";

/** What an end offered in its SYN. */
export interface Offer {
  readonly mss: number;
  readonly windowScale: number;
  readonly sackPermitted: boolean;
  readonly timestamps: boolean;
}

/** What is known of one end. */
export class End {
  /** Its ISN, or a stand-in; -1: nothing was seen of it. */
  base = -1;
  isn = -1;
  offer: Offer | null = null;
  packets = 0;
  ttl = -1;
  syns = 0;
  lastAt = Number.NEGATIVE_INFINITY;
  /** Its windows: how often closed. */
  zeroWindows = 0;
  isClosed = false;
}

/** The same packet comes again within this time if it is captured at two places, µs. */
const TWICE = 3_000;
const RECENT = 8;

export class Flow {
  readonly number: number;
  readonly names: readonly [string, string];
  /** The next connection with the same hash. */
  next: Flow | null = null;
  readonly key: Int32Array;
  readonly ends = [new End(), new End()] as const;
  readonly halves: readonly [Half, Half];
  readonly states: States;
  first = 0;
  last = 0;
  reset: Reset | null = null;
  /** Packets that are in the capture twice. */
  twice = 0;
  isOpened = false;
  hasHandshake = false;
  readonly #tables: CaptureTables;
  readonly #recent: number[][] = [];

  /** @param key addresses and ports, end 0 first */
  constructor(tables: CaptureTables, number: number, key: Int32Array, names: readonly [string, string]) {
    this.number = number;
    this.names = names;
    this.key = key;
    this.#tables = tables;
    this.states = new States(tables, number);
    const halves: Half[] = [];
    for (const end of [0, 1]) halves.push(new Half(tables, 2 * number + end, () => halves[1 - end]!.near.min));
    this.halves = halves as unknown as readonly [Half, Half];
  }

  /** Whether this SYN begins another connection between the same ends. */
  isOver(s: Segment, from: number): boolean {
    if ((s.flags & (SYN | ACK)) !== SYN) return false;
    const { isn, packets } = this.ends[from]!;
    return (isn >= 0 && isn !== s.seq) || (isn < 0 && packets > 0);
  }

  segment(s: Segment, from: number, time: number): void {
    if (this.#isTwice(s, from, time)) {
      this.twice++;
      return;
    }
    const me = this.ends[from]!;
    const half = this.halves[from]!;
    if (this.last === 0 && me.packets === 0 && this.ends[1 - from]!.packets === 0) this.first = time;
    this.last = Math.max(this.last, time);
    if (s.flags & SYN) this.#syn(s, from, time);
    this.#base(s, from);
    const left = unwrapped((s.seq - me.base) >>> 0, half.max);
    const row = this.#row(s, from, time, left);
    if (s.flags & RST) {
      this.#reset(s, from, time, row);
      me.packets++;
      return;
    }
    this.#echo(s, from, time);
    const right = left + s.length + (s.flags & SYN ? 1 : 0) + (s.flags & FIN ? 1 : 0);
    if (s.flags & ACK) this.#acknowledge(s, from, time, row, right > left);
    this.#open(s, from, time);
    this.#send(s, from, { time, row, left, right });
    me.packets++;
    me.ttl = s.ttl;
    me.lastAt = time;
  }

  /** The capture is over. */
  end(): void {
    for (const half of this.halves) if (half.segments > 0) half.end();
  }

  /** Octets of a window; -1: its scale is not known. */
  window(s: Segment, from: number): number {
    if (s.flags & SYN) return s.window;
    const mine = this.ends[from]!.offer;
    const other = this.ends[1 - from]!.offer;
    if ((mine !== null && mine.windowScale < 0) || (other !== null && other.windowScale < 0)) return s.window;
    // An answer that has the option answers one that had it.
    return mine === null ? -1 : s.window * 2 ** mine.windowScale;
  }

  #syn(s: Segment, from: number, time: number): void {
    const me = this.ends[from]!;
    me.syns++;
    if (me.isn < 0) {
      const { mss, windowScale, sackPermitted, timestamps } = s.options;
      me.isn = s.seq;
      me.base = s.seq;
      me.offer = { mss, windowScale, sackPermitted, timestamps };
      this.halves[1 - from]!.mssLimit = Math.max(0, mss) - (timestamps ? 12 : 0);
      if (!sackPermitted) for (const half of this.halves) half.sackPermitted = false;
    }
    this.states.set(from, s.flags & ACK ? "SYN-RECEIVED" : "SYN-SENT", time);
  }

  /** Where numbers begin if the SYN is not in the capture. */
  #base(s: Segment, from: number): void {
    const me = this.ends[from]!;
    const half = this.halves[from]!;
    if (me.base < 0) {
      me.base = (s.seq - 1) >>> 0;
      half.max = 1;
      half.una = 1;
    } else if (me.isn < 0 && half.segments === 0 && s.length > 0) {
      const left = unwrapped((s.seq - me.base) >>> 0, half.max);
      half.max = Math.max(1, left);
      half.una = Math.min(half.una, half.max);
    }
    const other = this.ends[1 - from]!;
    if (other.base >= 0 || (s.flags & ACK) === 0) return;
    other.base = (s.ack - 1) >>> 0;
    this.halves[1 - from]!.max = 1;
    this.halves[1 - from]!.una = 1;
  }

  #row(s: Segment, from: number, time: number, left: number): number {
    const { options } = s;
    const other = this.ends[1 - from]!;
    const window = this.window(s, from);
    const row = this.#tables.add({
      time,
      connection: this.number,
      from,
      seq: left >>> 0,
      ack: s.flags & ACK ? (s.ack - other.base) >>> 0 : 0,
      length: s.length,
      window: window < 0 ? s.window : window,
      flags: s.flags,
      cause: 0,
      bits: 0,
    });
    if (options.sackBlocks > 0) this.#tables.packets.addSack(row, sackOf(s, other.base));
    return row;
  }

  #echo(s: Segment, from: number, time: number): void {
    const { options } = s;
    if (!options.timestamps) return;
    if (s.flags & ACK)
      this.halves[from]!.near.echoed(options.tsecr >>> 0, time, this.halves[from]!.isBusy && s.length > 0);
    this.halves[1 - from]!.near.sent(options.tsval >>> 0, time);
  }

  #acknowledge(s: Segment, from: number, time: number, row: number, hasData: boolean): void {
    const half = this.halves[1 - from]!;
    const { base } = this.ends[1 - from]!;
    const ack = unwrapped((s.ack - base) >>> 0, half.una);
    const window = this.window(s, from);
    if (window === 0 && (s.flags & SYN) === 0) {
      if (!this.ends[from]!.isClosed) this.ends[from]!.zeroWindows++;
      this.ends[from]!.isClosed = true;
    } else this.ends[from]!.isClosed = false;
    const sack =
      s.options.sackBlocks > 0 ? sackOf(s, base).map(([l, r]) => [unwrapped(l, ack), unwrapped(r, ack)] as const) : [];
    const tsecr = s.options.timestamps ? s.options.tsecr >>> 0 : -1;
    const finWas = half.fin >= 0 && half.una >= half.fin;
    half.acknowledge({ time, row, ack, window, tsecr, sack, hasData });
    if (!finWas && half.fin >= 0 && half.una >= half.fin) this.states.finAcknowledged(1 - from, time);
  }

  /** The steps of the handshake, and the round trips that they show. */
  #open(s: Segment, from: number, time: number): void {
    if (this.isOpened || s.flags & SYN) {
      // The SYN,ACK answers the SYN.
      const asked = this.ends[1 - from]!;
      if ((s.flags & (SYN | ACK)) === (SYN | ACK) && asked.syns === 1 && asked.isn >= 0 && this.ends[from]!.syns === 1)
        this.halves[from]!.near.sample(time - asked.lastAt);
      return;
    }
    const other = this.ends[1 - from]!;
    if (other.isn >= 0 && s.flags & ACK && this.states.now[1 - from] === "SYN-RECEIVED") {
      if (other.syns === 1 && this.ends[from]!.packets === 1) this.halves[from]!.near.sample(time - other.lastAt);
      this.hasHandshake = this.ends[from]!.isn >= 0;
    } else if (this.ends[0]!.isn >= 0 && this.ends[1]!.packets === 0) return;
    this.isOpened = true;
    for (const end of [0, 1]) {
      this.states.set(end, "ESTABLISHED", time);
      if (this.hasHandshake) this.halves[end]!.limits.opened(time);
    }
  }

  #send(
    s: Segment,
    from: number,
    at: { readonly time: number; readonly row: number; readonly left: number; readonly right: number },
  ): void {
    const half = this.halves[from]!;
    const { time, row, left, right } = at;
    const isAlive = right === left && (s.flags & (SYN | FIN | RST)) === 0;
    if (isAlive && !(left < half.max && half.segments > 0)) return;
    // An ACK without data that is old: a keep-alive or a probe, if the other end has that octet.
    if (isAlive && left !== half.una - 1) return;
    const tsval = s.options.timestamps ? s.options.tsval >>> 0 : -1;
    const isSyn = (s.flags & SYN) !== 0;
    const isFin = (s.flags & FIN) !== 0;
    const rule = half.send({ time, row, left, right, length: s.length, tsval, isSyn, isFin });
    if (row >= 0)
      this.#tables.packets.cause.set(row, this.#tables.rule(isSyn && rule === rules.DATA ? synRule(s) : rule));
    if (isFin) this.states.finSent(from, time);
  }

  #reset(s: Segment, from: number, time: number, row: number): void {
    this.reset ??= resetOf(this, s, from, time, row);
    this.states.reset(time);
    for (const half of this.halves) if (half.segments > 0) half.limits.done(time);
  }

  /** The same packet at two places of one machine, or a copy that the network made. */
  #isTwice(s: Segment, from: number, time: number): boolean {
    const { tsval, sackBlocks } = s.options;
    const same = (each: number[]) =>
      each[0] === from &&
      each[1] === s.seq &&
      each[2] === s.ack &&
      each[3] === s.length &&
      each[4] === s.flags &&
      each[5] === s.id &&
      each[6] === s.window &&
      each[7] === tsval &&
      each[8] === sackBlocks &&
      time - each[10]! <= TWICE &&
      (s.id !== 0 || each[9] !== s.place);
    if (this.#recent.some(same)) return true;
    this.#recent.push([from, s.seq, s.ack, s.length, s.flags, s.id, s.window, tsval, sackBlocks, s.place, time]);
    if (this.#recent.length > RECENT) this.#recent.shift();
    return false;
  }
}

function synRule(s: Segment): string {
  return s.flags & ACK ? rules.SYN_ANSWER : rules.SYN_SENT;
}

function sackOf({ options }: Segment, base: number): [number, number][] {
  return Array.from({ length: options.sackBlocks }, (_, i) => [
    (options.sackLeft[i]! - base) >>> 0,
    (options.sackRight[i]! - base) >>> 0,
  ]);
}

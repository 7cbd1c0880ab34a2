import { Column } from "./columns.ts";
import { NEVER, NOWHERE, type Packets, type Sacks } from "./run.ts";

/** A packet as it is first heard of. */
export interface NewPacket {
  readonly time: number;
  readonly connection: number;
  readonly from: number;
  readonly seq: number;
  readonly ack: number;
  readonly length: number;
  readonly window: number;
  readonly flags: number;
  readonly cause: number;
  readonly bits: number;
}

/** Packets of a report: more would not fit into a browser's memory with ease. */
export const PACKETS_MAX = 4_000_000;

/** A super-segment is cut into fewer packets than this part of a row. */
const FRACTION = 1 / 65_536;

/** Texts that are kept of packets of other protocols. */
const TEXTS_MAX = 20_000;

/** The table of packets while it grows. */
export class PacketTable {
  readonly time = new Column(Float64Array);
  readonly connection = new Column(Int32Array);
  readonly from = new Column(Uint8Array);
  readonly seq = new Column(Uint32Array);
  readonly ack = new Column(Uint32Array);
  readonly length = new Column(Uint32Array);
  readonly window = new Column(Uint32Array);
  readonly flags = new Column(Uint8Array);
  readonly cause = new Column(Uint16Array);
  readonly received = new Column(Uint16Array);
  readonly dropped = new Column(Uint16Array);
  readonly delivered = new Column(Uint32Array);
  readonly arrived = new Column(Uint32Array);
  readonly queue = new Column(Uint16Array);
  readonly bits = new Column(Uint8Array);
  readonly sackRow = new Column(Uint32Array);
  readonly sackLeft = new Column(Uint32Array);
  readonly sackRight = new Column(Uint32Array);
  readonly texts: Record<number, string> = {};
  #texts = 0;
  /** Rows that come right after another one, though they were added later: where they belong, as a fraction of rows. */
  readonly #orders = new Map<number, number>();
  /** Packets beyond the limit. */
  leftOut = 0;

  /** Adds a packet; returns its row, or -1 if there are too many. */
  add(packet: NewPacket): number {
    if (this.time.length >= PACKETS_MAX) {
      this.leftOut++;
      return -1;
    }
    this.time.push(packet.time);
    this.connection.push(packet.connection);
    this.from.push(packet.from);
    this.seq.push(packet.seq);
    this.ack.push(packet.ack);
    this.length.push(packet.length);
    this.window.push(Math.min(packet.window, NEVER));
    this.flags.push(packet.flags);
    this.cause.push(packet.cause);
    this.received.push(0);
    this.dropped.push(0);
    this.delivered.push(NEVER);
    this.arrived.push(NEVER);
    this.queue.push(0);
    this.bits.push(packet.bits);
    return this.time.length - 1;
  }

  /** A packet that is no TCP segment. */
  addText(time: number, text: string, bits: number): number {
    const none = { seq: 0, ack: 0, length: 0, window: 0, flags: 0, cause: 0, from: 0 };
    const row = this.add({ ...none, time, connection: NOWHERE, bits });
    if (row >= 0 && this.#texts++ < TEXTS_MAX) this.texts[row] = text;
    return row;
  }

  /** `row` was cut from `whole`, and comes right after it. */
  follow(row: number, whole: number): void {
    this.#orders.set(row, this.orderOf(whole) + FRACTION);
  }

  /** Of packets at the same time, the one with the lower order is the first. */
  orderOf(row: number): number {
    return this.#orders.get(row) ?? row;
  }

  mark(row: number, bit: number): void {
    this.bits.set(row, this.bits.get(row) | bit);
  }

  /** The same, if the packet has a row. */
  markIfAny(row: number, bit: number): void {
    if (row >= 0) this.mark(row, bit);
  }

  isLost(row: number): boolean {
    return row >= 0 && this.dropped.get(row) !== 0;
  }

  addSack(row: number, blocks: readonly (readonly [number, number])[]): void {
    if (row < 0) return;
    for (const [left, right] of blocks) {
      this.sackRow.push(row);
      this.sackLeft.push(left);
      this.sackRight.push(right);
    }
  }

  tables(): { readonly packets: Packets; readonly sacks: Sacks } {
    return {
      packets: {
        time: this.time.all(),
        connection: this.connection.all(),
        from: this.from.all(),
        seq: this.seq.all(),
        ack: this.ack.all(),
        length: this.length.all(),
        window: this.window.all(),
        flags: this.flags.all(),
        cause: this.cause.all(),
        received: this.received.all(),
        dropped: this.dropped.all(),
        delivered: this.delivered.all(),
        arrived: this.arrived.all(),
        queue: this.queue.all(),
        bits: this.bits.all(),
      },
      sacks: { row: this.sackRow.all(), left: this.sackLeft.all(), right: this.sackRight.all() },
    };
  }
}

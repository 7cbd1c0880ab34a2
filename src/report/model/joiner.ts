/**
 * Finds which event is about which packet: what the sender's stack told, what the link did, and what the receiver's stack saw are one row.
 * Within a direction packets keep their order but for what the link did, so the oldest packet that fits is the one.
 */
import type { PacketFields } from "#observe/packet-fields";
import type { PacketTable } from "./packet-table.ts";
import { NEVER, ON_LINK, SENT } from "./run.ts";

/** Rows that wait for something: packets with data by their first octet, others by what they acknowledge; of equal ones the oldest first. */
class Waiting {
  readonly #data = new Map<number, number[]>();
  readonly #acks = new Map<number, number[]>();

  add(row: number, { seq, length, ack }: Key): void {
    const rows = length > 0 ? this.#data : this.#acks;
    const number = length > 0 ? seq : ack;
    const there = rows.get(number);
    if (there === undefined) rows.set(number, [row]);
    else there.push(row);
  }

  /** Takes the oldest row that fits; -1: none does. */
  take({ seq, length, ack }: Key, fits: (row: number) => boolean): number {
    const rows = length > 0 ? this.#data : this.#acks;
    const number = length > 0 ? seq : ack;
    const there = rows.get(number);
    if (there === undefined) return -1;
    const i = there.findIndex(fits);
    if (i < 0) return -1;
    const row = there[i]!;
    if (there.length === 1) rows.delete(number);
    else there.splice(i, 1);
    return row;
  }
}

interface Key {
  readonly seq: number;
  readonly length: number;
  readonly ack: number;
}

/** One direction of one connection. */
export class Direction {
  readonly connection: number;
  readonly from: number;
  /** Sent, and not yet seen by the link. */
  readonly sent = new Waiting();
  /** Sent or on their way, and not yet seen by the receiver's stack. */
  readonly coming = new Waiting();

  constructor(connection: number, from: number) {
    this.connection = connection;
    this.from = from;
  }
}

export class Joiner {
  readonly #table: PacketTable;

  constructor(table: PacketTable) {
    this.#table = table;
  }

  /** The sender's stack gave it to its device. */
  sent(way: Direction, time: number, fields: PacketFields, flags: number, cause: number, bits: number): number {
    const row = this.#add(way, time, fields, flags, cause, bits | SENT);
    if (row < 0) return row;
    this.#wait(way, row);
    return row;
  }

  /** The link got it. A super-segment is cut before, so it becomes several rows. */
  offered(way: Direction, time: number, fields: PacketFields, flags: number, queue: number): number {
    const t = this.#table;
    const { seq, length, ack = 0 } = fields;
    const fits = (r: number) =>
      t.seq.get(r) === seq && (t.length.get(r) === length || (length > 0 && t.length.get(r) > length));
    let row = way.sent.take({ seq, length, ack }, fits);
    if (row < 0) {
      row = this.#add(way, time, fields, flags, 0, ON_LINK);
      if (row >= 0) way.coming.add(row, { seq, length, ack });
    } else if (t.length.get(row) > length) this.#cut(way, row, length, flags);
    if (row < 0) return row;
    t.mark(row, ON_LINK);
    t.queue.set(row, Math.min(queue, 0xffff));
    return row;
  }

  /** The receiver's stack processed it; devices may have put several packets together. */
  received(way: Direction, time: number, fields: PacketFields, flags: number, cause: number): void {
    const t = this.#table;
    const { seq, length, ack = 0 } = fields;
    const open = (row: number) => t.dropped.get(row) === 0 && t.time.get(row) <= time;
    const same = (r: number) => t.seq.get(r) === seq && t.length.get(r) === length && t.ack.get(r) === ack && open(r);
    const row = way.coming.take({ seq, length, ack }, same);
    if (row >= 0) {
      this.#arrive(row, time, cause);
      return;
    }
    let at = 0;
    while (at < length) {
      const left = length - at;
      const part = way.coming.take(
        { seq: (seq + at) >>> 0, length: left, ack },
        (r) => t.length.get(r) <= left && open(r),
      );
      if (part < 0) break;
      at += t.length.get(part);
      this.#arrive(part, time, cause);
    }
    if (at > 0) return;
    const alone = this.#add(way, time, fields, flags, 0, 0);
    if (alone >= 0) this.#arrive(alone, time, cause);
  }

  /** The link made a second copy, which its receiver will see as well. */
  duplicated(way: Direction, row: number): void {
    way.coming.add(row, this.#keyOf(row));
  }

  /** The first of two copies counts. */
  #arrive(row: number, time: number, cause: number): void {
    const t = this.#table;
    if (t.arrived.get(row) !== NEVER) return;
    t.arrived.set(row, Math.min(Math.max(0, Math.round(time - t.time.get(row))), NEVER - 1));
    t.received.set(row, cause);
  }

  /** Makes the row's first `length` octets a packet of their own; the rest goes on waiting. */
  #cut(way: Direction, row: number, length: number, flags: number): void {
    const t = this.#table;
    const all = t.length.get(row);
    t.length.set(row, length);
    const last = t.flags.get(row);
    t.flags.set(row, flags);
    const rest = t.add({
      time: t.time.get(row),
      connection: way.connection,
      from: way.from,
      seq: (t.seq.get(row) + length) >>> 0,
      ack: t.ack.get(row),
      length: all - length,
      window: t.window.get(row),
      flags: last,
      cause: t.cause.get(row),
      bits: t.bits.get(row) & ~ON_LINK,
    });
    if (rest < 0) return;
    t.follow(rest, row);
    this.#wait(way, rest);
  }

  #wait(way: Direction, row: number): void {
    const key = this.#keyOf(row);
    way.sent.add(row, key);
    way.coming.add(row, key);
  }

  #keyOf(row: number): Key {
    const t = this.#table;
    return { seq: t.seq.get(row), length: t.length.get(row), ack: t.ack.get(row) };
  }

  #add(way: Direction, time: number, fields: PacketFields, flags: number, cause: number, bits: number): number {
    const { seq, length, ack = 0, window, sack } = fields;
    const { connection, from } = way;
    const row = this.#table.add({ time, connection, from, seq, ack, length, window, flags, cause, bits });
    if (sack !== undefined) this.#table.addSack(row, sack);
    return row;
  }
}

import { HEADROOM, type Packet } from "#base/packet";
import { Slab } from "#base/slab";
import { NEVER } from "#base/time";
import type { Engine } from "#driver/engine";
import * as checksums from "#wire/checksum";

export interface ToyOptions {
  /** The own address and that of the other side, as 32 bits. */
  readonly from: number;
  readonly to: number;
  /** Packets to send of its own accord, of so many bytes (at least 28), one every `interval` µs, the first at `start`. */
  readonly count?: number;
  readonly bytes?: number;
  readonly interval?: number;
  readonly start?: number;
  /** Sends what it receives back. */
  readonly echo?: boolean;
}

/**
 * The smallest stack that a simulation can drive: numbered IPv4 packets, sent by a timer or on demand, echoed or counted.
 * What arrived lies in `received` until an application takes it; with `echo` nothing is kept.
 */
export class ToyEngine implements Engine {
  readonly slab = new Slab(1 << 19);
  /** Numbers of the packets that arrived, and when. */
  readonly received: { id: number; at: number; ttl: number }[] = [];
  packetsIn = 0;
  bytesIn = 0;
  sent = 0;
  #news = false;
  #owed = 0;
  #next: number;
  #demanded = 0;
  readonly #o = this.slab.reserve(65_536) + HEADROOM;
  readonly #options: ToyOptions;

  constructor(options: ToyOptions) {
    this.#options = options;
    this.#next = (options.count ?? 0) > 0 ? (options.start ?? 0) : NEVER;
  }

  /** The application asks for one more packet. */
  send(): void {
    this.#demanded++;
  }

  /** The application has seen what arrived. */
  seen(): void {
    this.#news = false;
  }

  input(packet: Packet, now: number): void {
    const { view } = this.slab;
    this.packetsIn++;
    this.bytesIn += packet.n;
    this.#news = true;
    if (this.#options.echo) this.#owed++;
    else this.received.push({ id: view.getInt32(packet.o + 24), at: now, ttl: view.getUint8(packet.o + 8) });
  }

  advance(now: number): void {
    const { count = 0, interval = 1 } = this.#options;
    while (this.#next <= now) {
      this.#demanded++;
      this.#next = this.sent + this.#demanded < count ? this.#next + interval : NEVER;
    }
  }

  poll(packet: Packet, _now: number): boolean {
    if (this.#owed > 0) this.#owed--;
    else if (this.#demanded > 0) this.#demanded--;
    else return false;
    const { view } = this.slab;
    const { bytes = 100, from, to } = this.#options;
    const o = this.#o;
    view.setUint32(o, 0x45000000 | bytes);
    view.setUint32(o + 4, 0);
    view.setUint32(o + 8, 0x40fd0000);
    view.setInt32(o + 12, from);
    view.setInt32(o + 16, to);
    view.setUint16(o + 10, checksums.finish(checksums.sum(view, o, 20, 0)));
    view.setInt32(o + 24, this.sent++);
    packet.o = o;
    packet.n = bytes;
    return true;
  }

  nextDeadline(): number {
    return this.#next;
  }

  hasEvents(): boolean {
    return this.#news;
  }
}

import { Packet } from "#base/packet";
import { Slab } from "#base/slab";
import { NEVER } from "#base/time";
import type { Link } from "#device/link";
import { LINK_DELIVERED, LINK_DROPS, LINK_DUPLICATED, LINK_OFFERED } from "#device/link-marks";
import * as checksums from "#wire/checksum";

/** What came out of a link. */
export interface Arrival {
  readonly time: number;
  readonly id: number;
  readonly bytes: number;
}

/** One end of a link and the other, with a slab: packets are IPv4 headers with a number in the first data word. */
export class LinkBench {
  readonly slab = new Slab(1 << 20);
  readonly tx = new Packet();
  readonly rx = new Packet();
  readonly txO = this.slab.reserve(65_536 + 64);
  readonly rxO = this.slab.reserve(65_536 + 64);
  readonly link: Link;
  readonly arrivals: Arrival[] = [];

  constructor(link: Link) {
    this.link = link;
  }

  /** Offers packet `id` of `bytes` (at least 24) with this ECN field; answers the verdict. */
  offer(id: number, bytes: number, now: number, ecn = 0): number {
    const { view } = this.slab;
    const o = this.txO;
    this.slab.u8.fill(0, o, o + bytes);
    view.setUint8(o, 0x45);
    view.setUint8(o + 1, ecn);
    view.setUint16(o + 2, bytes);
    view.setUint16(o + 10, checksums.finish(checksums.sum(view, o, 20, 0)));
    view.setInt32(o + 20, id);
    this.tx.clear();
    this.tx.o = o;
    this.tx.n = bytes;
    return this.link.offer(this.slab, this.tx, now);
  }

  /** Takes all that is there at `now`. */
  take(now: number): void {
    for (;;) {
      this.rx.o = this.rxO;
      const bytes = this.link.take(this.slab, this.rx, now);
      if (bytes === 0) return;
      this.arrivals.push({ time: now, id: this.slab.view.getInt32(this.rxO + 20), bytes });
    }
  }

  /** Goes from deadline to deadline up to `until`. */
  run(until: number): void {
    for (let t = this.link.nextDeadline(); t <= until && t !== NEVER; t = this.link.nextDeadline()) this.take(t);
  }

  /** offered + duplicated - delivered - dropped - in flight: 0. */
  imbalance(): number {
    const { counters } = this.link;
    let gone = counters.get(LINK_DELIVERED) + this.link.inFlight;
    for (const drop of LINK_DROPS) gone += counters.get(drop);
    return counters.get(LINK_OFFERED) + counters.get(LINK_DUPLICATED) - gone;
  }
}

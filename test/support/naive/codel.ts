/** RFC 8289, section 5, as it stands there, over arrays of objects: the slow twin of src/device/link-codel.ts. */
export interface NaivePacket {
  readonly id: number;
  readonly bytes: number;
  readonly tstamp: number;
}

export class NaiveCodel {
  readonly queue: NaivePacket[] = [];
  readonly dropped: { id: number; time: number }[] = [];
  first_above_time_ = 0;
  drop_next_ = 0;
  count_ = 0;
  lastcount_ = 0;
  dropping_ = false;

  constructor(
    readonly TARGET: number,
    readonly INTERVAL: number,
    readonly maxpacket_: number,
  ) {}

  bytes(): number {
    return this.queue.reduce((sum, packet) => sum + packet.bytes, 0);
  }

  drop(p: NaivePacket | undefined, now: number): void {
    if (p !== undefined) this.dropped.push({ id: p.id, time: now });
  }

  control_law(t: number, count: number): number {
    return t + this.INTERVAL / Math.sqrt(count);
  }

  dodequeue(now: number): { p: NaivePacket | undefined; ok_to_drop: boolean } {
    const r = { p: this.queue.shift(), ok_to_drop: false };
    if (r.p === undefined) {
      this.first_above_time_ = 0;
      return r;
    }
    const sojourn_time = now - r.p.tstamp;
    if (sojourn_time < this.TARGET || this.bytes() <= this.maxpacket_) {
      this.first_above_time_ = 0;
    } else if (this.first_above_time_ === 0) {
      this.first_above_time_ = now + this.INTERVAL;
    } else if (now >= this.first_above_time_) {
      r.ok_to_drop = true;
    }
    return r;
  }

  dequeue(now: number): NaivePacket | undefined {
    let r = this.dodequeue(now);
    if (this.dropping_) {
      if (!r.ok_to_drop) this.dropping_ = false;
      while (now >= this.drop_next_ && this.dropping_) {
        this.drop(r.p, now);
        ++this.count_;
        r = this.dodequeue(now);
        if (!r.ok_to_drop) this.dropping_ = false;
        else this.drop_next_ = this.control_law(this.drop_next_, this.count_);
      }
    } else if (r.ok_to_drop) {
      this.drop(r.p, now);
      r = this.dodequeue(now);
      this.dropping_ = true;
      const delta = this.count_ - this.lastcount_;
      this.count_ = 1;
      if (delta > 1 && now - this.drop_next_ < 16 * this.INTERVAL) this.count_ = delta;
      this.drop_next_ = this.control_law(now, this.count_);
      this.lastcount_ = this.count_;
    }
    return r.p;
  }
}

import { assert } from "#base/assert";

/** No record. */
export const NONE = -1;

/** Flags of a record. */
export const SACKED = 1;
/** Considered lost, and not retransmitted since. */
export const LOST = 2;
/** Retransmitted, and that copy is considered in flight. */
export const RESENT = 4;
/** Sent more than once: gives no round-trip sample (Karn). */
export const AMBIGUOUS = 8;
export const HAS_SYN = 16;
export const HAS_FIN = 32;
/** The end of a SEND's data: carries PSH whenever it is sent. */
export const HAS_PSH = 64;
/** Sent while the application had too little data to fill the path: its delivery rate is only a lower bound. */
export const APP_LIMITED = 128;

/**
 * What each connection has sent and not had acknowledged: one record per transmission (a super-segment is one record, split where SACK
 * blocks or retransmissions require it), in sequence order, as doubly linked lists in one set of typed arrays for the whole stack. This is
 * the scoreboard of RFC 6675 and the basis of round-trip samples.
 */
export class Records {
  readonly limit: number;
  start: Int32Array;
  end: Int32Array;
  /** When it was last sent, µs. */
  time: Float64Array;
  flags: Uint8Array;
  /** How often it was sent. */
  sends: Uint8Array;
  /** The number of its segments. */
  segments: Uint16Array;
  /** The payload of each of its segments but the last, when it was last sent: the segment size may have changed since. */
  mss: Uint16Array;
  next: Int32Array;
  prev: Int32Array;
  /** Neighbours in the list of records in flight, or of lost records (`loss/sent-order.ts`). */
  later: Int32Array;
  earlier: Int32Array;
  /** For a SACKed record: a later one, with only SACKed records between; NONE: look at the next. */
  skip: Int32Array;
  /**
   * The connection when the record was last sent (draft-ietf-ccwg-bbr §4.1.2.2): C.first_send_time and C.delivered_time in µs, -1 if the
   * record gives no sample any more; C.delivered, C.lost and the segments acknowledged with ECE, modulo 2^32; and the segments in flight.
   */
  firstSentAt: Float64Array;
  deliveredAt: Float64Array;
  delivered: Uint32Array;
  lost: Uint32Array;
  deliveredCe: Uint32Array;
  inFlight: Uint32Array;
  #free = NONE;
  #fresh = 0;
  #used = 0;

  /** @param limit the most records of all connections together */
  constructor(limit: number) {
    const n = Math.min(1024, limit);
    this.limit = limit;
    this.start = new Int32Array(n);
    this.end = new Int32Array(n);
    this.time = new Float64Array(n);
    this.flags = new Uint8Array(n);
    this.sends = new Uint8Array(n);
    this.segments = new Uint16Array(n);
    this.mss = new Uint16Array(n);
    this.next = new Int32Array(n);
    this.prev = new Int32Array(n);
    this.later = new Int32Array(n);
    this.earlier = new Int32Array(n);
    this.skip = new Int32Array(n);
    this.firstSentAt = new Float64Array(n);
    this.deliveredAt = new Float64Array(n);
    this.delivered = new Uint32Array(n);
    this.lost = new Uint32Array(n);
    this.deliveredCe = new Uint32Array(n);
    this.inFlight = new Uint32Array(n);
  }

  /** Records in use, or parked. */
  get used(): number {
    return this.#used;
  }

  /**
   * True if `n` more records are available for data. The last eighth is kept for SYNs, so that data in flight cannot prevent new
   * connections.
   */
  has(n: number): boolean {
    return this.#used + n <= this.limit - (this.limit >> 3);
  }

  /** True if a record is available for a SYN. */
  get hasAny(): boolean {
    return this.#used < this.limit;
  }

  alloc(start: number, end: number, now: number, flags: number): number {
    assert(this.#used < this.limit, "records: ask `has` first");
    let r = this.#free;
    if (r !== NONE) this.#free = this.next[r]!;
    else {
      if (this.#fresh === this.start.length) this.#grow();
      r = this.#fresh++;
    }
    this.#used++;
    this.start[r] = start;
    this.end[r] = end;
    this.time[r] = now;
    this.flags[r] = flags;
    this.sends[r] = 1;
    this.segments[r] = 0;
    this.mss[r] = 0;
    this.next[r] = NONE;
    this.prev[r] = NONE;
    this.skip[r] = NONE;
    this.deliveredAt[r] = -1;
    return r;
  }

  free(r: number): void {
    this.next[r] = this.#free;
    this.#free = r;
    this.#used--;
  }

  /** Frees record r of a half-open connection, but keeps a place for it: `restore` has one in any case. */
  park(r: number): void {
    this.free(r);
    this.#used++;
  }

  /** A record in place of one that was parked. */
  restore(start: number, end: number, time: number, flags: number): number {
    this.#used--;
    return this.alloc(start, end, time, flags);
  }

  /** Splits record r at `seq` (inside it). Returns the second half, a new record after it. */
  split(r: number, seq: number): number {
    const flags = this.flags[r]!;
    const s = this.alloc(seq, this.end[r]!, this.time[r]!, flags & ~HAS_SYN);
    this.flags[r] = flags & ~(HAS_FIN | HAS_PSH);
    this.sends[s] = this.sends[r]!;
    this.mss[s] = this.mss[r]!;
    this.skip[s] = this.skip[r]!;
    this.firstSentAt[s] = this.firstSentAt[r]!;
    this.deliveredAt[s] = this.deliveredAt[r]!;
    this.delivered[s] = this.delivered[r]!;
    this.lost[s] = this.lost[r]!;
    this.deliveredCe[s] = this.deliveredCe[r]!;
    this.inFlight[s] = this.inFlight[r]!;
    this.end[r] = seq;
    const after = this.next[r]!;
    this.next[s] = after;
    this.prev[s] = r;
    this.next[r] = s;
    if (after !== NONE) this.prev[after] = s;
    return s;
  }

  #grow(): void {
    const n = Math.min(this.start.length * 2, this.limit);
    const copy = <T extends Int32Array | Uint32Array | Float64Array | Uint8Array | Uint16Array>(to: T, from: T): T => {
      to.set(from);
      return to;
    };
    this.start = copy(new Int32Array(n), this.start);
    this.end = copy(new Int32Array(n), this.end);
    this.time = copy(new Float64Array(n), this.time);
    this.flags = copy(new Uint8Array(n), this.flags);
    this.sends = copy(new Uint8Array(n), this.sends);
    this.segments = copy(new Uint16Array(n), this.segments);
    this.mss = copy(new Uint16Array(n), this.mss);
    this.next = copy(new Int32Array(n), this.next);
    this.prev = copy(new Int32Array(n), this.prev);
    this.later = copy(new Int32Array(n), this.later);
    this.earlier = copy(new Int32Array(n), this.earlier);
    this.skip = copy(new Int32Array(n), this.skip);
    this.firstSentAt = copy(new Float64Array(n), this.firstSentAt);
    this.deliveredAt = copy(new Float64Array(n), this.deliveredAt);
    this.delivered = copy(new Uint32Array(n), this.delivered);
    this.lost = copy(new Uint32Array(n), this.lost);
    this.deliveredCe = copy(new Uint32Array(n), this.deliveredCe);
    this.inFlight = copy(new Uint32Array(n), this.inFlight);
  }
}

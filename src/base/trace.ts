import type { Mark } from "./mark.ts";

/**
 * Events as fixed-size records in a ring: the source of event files, captures and explanations. The core
 * writes them without allocating and without calling anybody; the driver (or simulator) drains them after each poll.
 * A ring that is not enabled costs one comparison per event.
 */

/** Kinds of events. The letters after each are the meaning of `a b c d`. */
export const EV_STATE = 1; // a: old state, b: new state
export const EV_TX = 2; // a: seq (relative), b: length, c: flags, d: retransmission (0/1)
export const EV_RX = 3; // a: seq (relative), b: length, c: flags, d: ack (relative)
export const EV_DROP = 4; // a: bytes
export const EV_CWND = 5; // a: cwnd, b: ssthresh, c: in flight
export const EV_RTT = 6; // a: sample us, b: srtt us, c: rttvar us, d: rto us
export const EV_TIMER = 7; // a: which timer, b: how often in a row
export const EV_LOST = 8; // a: seq (relative), b: length

export const EVENT_NAMES = ["", "state", "tx", "rx", "drop", "cwnd", "rtt", "timer", "lost"] as const;

export class Trace {
  readonly capacity: number;
  readonly time: Float64Array;
  readonly kind: Uint8Array;
  readonly cause: Uint16Array;
  readonly connection: Int32Array;
  readonly a: Float64Array;
  readonly b: Float64Array;
  readonly c: Float64Array;
  readonly d: Float64Array;
  /** Records in the ring; those beyond the capacity are counted in `lost`. */
  size = 0;
  lost = 0;
  readonly enabled: boolean;

  /** @param capacity records between two drains; 0 turns tracing off. */
  constructor(capacity: number) {
    this.capacity = capacity;
    this.enabled = capacity > 0;
    this.time = new Float64Array(capacity);
    this.kind = new Uint8Array(capacity);
    this.cause = new Uint16Array(capacity);
    this.connection = new Int32Array(capacity);
    this.a = new Float64Array(capacity);
    this.b = new Float64Array(capacity);
    this.c = new Float64Array(capacity);
    this.d = new Float64Array(capacity);
  }

  record(now: number, kind: number, cause: Mark, connection: number, a = 0, b = 0, c = 0, d = 0): void {
    if (!this.enabled) return;
    const i = this.size;
    if (i === this.capacity) {
      this.lost++;
      return;
    }
    this.time[i] = now;
    this.kind[i] = kind;
    this.cause[i] = cause;
    this.connection[i] = connection;
    this.a[i] = a;
    this.b[i] = b;
    this.c[i] = c;
    this.d[i] = d;
    this.size = i + 1;
  }

  /** Drops the records after they were read. */
  drain(): void {
    this.size = 0;
  }
}

import { copyBytes } from "./copy.ts";
import type { Mark } from "./mark.ts";

/**
 * Events as fixed-size records in a ring: the source of event files, captures and explanations. The core
 * writes them without allocating and without calling anybody; the driver (or simulator) drains them after each poll.
 * A ring that is not enabled costs one comparison per event.
 */

/** Kinds of events. The letters after each are the meaning of `a b c d e f g`. */
export const EV_STATE = 1; // a: old state, b: new state
/**
 * a: seq (relative), b: length, c: flags, d: retransmission (0/1), e: ack (relative), f: window in octets, g: payload of each segment of a
 * super-segment, or 0; and the TCP header. For no connection, seq and ack are absolute.
 */
export const EV_TX = 2;
export const EV_RX = 3; // a, b, c, e, f, g and the header as above
export const EV_DROP = 4; // a: bytes
export const EV_CWND = 5; // a: cwnd, b: ssthresh, c: in flight, d: the peer's window, e: pacing rate in octets per second, 0: not paced
export const EV_RTT = 6; // a: sample us, b: srtt us, c: rttvar us, d: rto us
export const EV_TIMER = 7; // a: which timer, b: how often in a row
export const EV_LOST = 8; // a: seq (relative), b: length
export const EV_OPEN = 9; // a: local port, b: remote port; and the eight words of both addresses
export const EV_LIMIT = 10; // a: what limited the sender, b: what limits it now (words/limited-by.ts)

export const EV_TIMER_SET = 11; // a: which timer, b: us until it expires

/** Octets kept of a header: the longest TCP header. */
export const HEADER_ROOM = 60;

/** The four words of an address. */
interface Words {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
}

/** The ends of a connection. */
export interface TracedEnds {
  readonly local: Words;
  readonly localPort: number;
  readonly remote: Words;
  readonly remotePort: number;
}

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
  readonly e: Float64Array;
  readonly f: Float64Array;
  readonly g: Float64Array;
  /** By record: `headerN` octets at `i * HEADER_ROOM`. */
  readonly headers: DataView<ArrayBuffer>;
  readonly headerN: Uint8Array;
  /** Records in the ring; those beyond the capacity are counted in `lost`. */
  size = 0;
  lost = 0;
  /** How often it was drained. */
  drains = 0;
  readonly enabled: boolean;
  /** What the latest segment that arrived was; 0: nothing was said of it. Whoever reads it sets it to 0. */
  verdict: Mark = 0;
  readonly #headers: Uint8Array<ArrayBuffer>;
  /** The record of the segment being processed, or -1. */
  #arriving = -1;

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
    this.e = new Float64Array(capacity);
    this.f = new Float64Array(capacity);
    this.g = new Float64Array(capacity);
    this.#headers = new Uint8Array(capacity * HEADER_ROOM);
    this.headers = new DataView(this.#headers.buffer);
    this.headerN = new Uint8Array(capacity);
  }

  /** Returns the number of the record; -1 if there is none. */
  record(now: number, kind: number, cause: Mark, connection: number, a = 0, b = 0, c = 0, d = 0): number {
    if (!this.enabled) return -1;
    const i = this.size;
    if (i === this.capacity) {
      this.lost++;
      return -1;
    }
    this.time[i] = now;
    this.kind[i] = kind;
    this.cause[i] = cause;
    this.connection[i] = connection;
    this.a[i] = a;
    this.b[i] = b;
    this.c[i] = c;
    this.d[i] = d;
    this.headerN[i] = 0;
    this.size = i + 1;
    return i;
  }

  /** A connection was made. */
  open(now: number, connection: number, { local, localPort, remote, remotePort }: TracedEnds): void {
    const i = this.record(now, EV_OPEN, 0, connection, localPort, remotePort);
    if (i < 0) return;
    const words = [local.a, local.b, local.c, local.d, remote.a, remote.b, remote.c, remote.d];
    for (let k = 0; k < words.length; k++) this.headers.setInt32(i * HEADER_ROOM + k * 4, words[k]!);
    this.headerN[i] = words.length * 4;
  }

  /** Adds the rest of a segment to its record: three numbers, of which `g` may be 0. */
  more(i: number, e: number, f: number, g: number): void {
    if (i < 0) return;
    this.e[i] = e;
    this.f[i] = f;
    this.g[i] = g;
  }

  /** Adds a header of `n` octets at `o` to its record. */
  keep(i: number, u8: Uint8Array, o: number, n: number): void {
    if (i < 0) return;
    const kept = Math.min(n, HEADER_ROOM);
    copyBytes(u8, o, this.#headers, i * HEADER_ROOM, kept);
    this.headerN[i] = kept;
  }

  /** Record `i` is of a segment that is processed now, until `arrive(-1)`: `explain` gives its cause. */
  arrive(i: number): void {
    this.#arriving = i;
  }

  /** What the segment being processed is: the last call counts. */
  explain(cause: Mark): void {
    if (this.#arriving < 0) return;
    this.cause[this.#arriving] = cause;
    this.verdict = cause;
  }

  /** Drops the records after they were read. */
  drain(): void {
    this.size = 0;
    this.drains++;
    this.#arriving = -1;
  }
}

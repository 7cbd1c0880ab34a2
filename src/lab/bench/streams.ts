/** The data connections of a test: what each sends and counts. Nothing is allocated per message. */
import type { Histogram } from "#base/histogram";
import { LENGTH_MAX } from "./parameters.ts";
import type { BenchInfo, BenchSocket, Connection } from "./transport.ts";

/** The data that is sent. Its content does not matter, but it is not all zeros. */
const BLOCK = new Uint8Array(LENGTH_MAX).map((_, i) => 0x20 + (i % 95));

/** After this many octets or writes a sender returns to the event loop. */
const TURN_OCTETS = 8 << 20;
const TURN_WRITES = 4096;

/** Octets that all streams together still have to move; `Infinity` if only the time counts. */
export interface Quota {
  left: number;
  /** Called once, when nothing is left. */
  onReached: (() => void) | null;
}

export function take(quota: Quota, n: number): void {
  quota.left -= n;
  if (quota.left > 0 || quota.onReached === null) return;
  const reached = quota.onReached;
  quota.onReached = null;
  reached();
}

/** One stream. Its counts are those since the start of the test, not of an interval. */
export abstract class Stream implements Connection {
  /** Its number in the protocol. */
  readonly id: number;
  readonly isSender: boolean;
  /** Null if each request has a connection of its own. */
  readonly socket: BenchSocket | null;
  bytes = 0;
  /** Requests that were answered. */
  transactions = 0;
  isRunning = false;
  isOver = false;
  /** Why it ended before the test did. */
  failure: Error | null = null;
  onFailure: (() => void) | null = null;

  constructor(id: number, isSender: boolean, socket: BenchSocket | null) {
    this.id = id;
    this.isSender = isSender;
    this.socket = socket;
    if (socket !== null) socket.data = this;
  }

  start(): void {
    this.isRunning = true;
  }

  stop(): void {
    this.isRunning = false;
  }

  /** With a limited bandwidth: sets how many octets may have been sent by now. Called periodically. */
  pace(_octets: number): void {}

  /** The octets counted so far. @param info of the connection, if there is one */
  counted(_info: BenchInfo | null): number {
    return this.bytes;
  }

  abstract received(bytes: Uint8Array): void;

  drain(): void {}

  /** The other side has closed its direction, which ends a running stream. */
  ended(): void {
    this.#endEarly(null);
    if (!this.isOver) this.socket?.closeWrite();
  }

  closed(error: Error | null): void {
    this.isOver = true;
    this.#endEarly(error);
  }

  #endEarly(error: Error | null): void {
    if (!this.isRunning) return;
    this.isRunning = false;
    this.failure = error ?? new Error("the other side closed a data connection during the test");
    this.onFailure?.();
  }

  /** Ends the connection. Nothing that it transfers counts any more. */
  abort(): void {
    this.isRunning = false;
    if (!this.isOver) this.socket?.abort();
  }
}

/** Sends as much as the connection takes, the quota allows, and the bandwidth. */
export class SendStream extends Stream {
  readonly #length: number;
  readonly #quota: Quota;
  /** Octets that may have been sent by now. */
  #allowed = Number.POSITIVE_INFINITY;
  #at = 0;
  readonly #again = () => this.#send();

  readonly #preface: number;

  /** @param preface octets that were written before the data: a client's cookie */
  constructor(id: number, socket: BenchSocket, length: number, quota: Quota, preface = 0) {
    super(id, true, socket);
    this.#length = length;
    this.#quota = quota;
    this.#preface = preface;
  }

  /** The octets sent, without retransmissions. Data that is still in the send buffer does not count. */
  override counted(info: BenchInfo | null): number {
    if (info === null || info.bytesSent === 0) return this.bytes;
    return Math.max(0, Math.min(this.bytes, info.bytesSent - this.#preface));
  }

  override start(): void {
    super.start();
    this.#send();
  }

  override pace(octets: number): void {
    // Whole writes, as iperf3 does: the first one is allowed at once.
    this.#allowed = octets + this.#length;
    this.#send();
  }

  override drain(): void {
    this.#send();
  }

  override received(): void {}

  #send(): void {
    const socket = this.socket!;
    const end = this.bytes + TURN_OCTETS;
    for (let writes = 0; this.isRunning && this.bytes < this.#allowed; writes++) {
      if (this.bytes >= end || writes >= TURN_WRITES) {
        setImmediate(this.#again);
        return;
      }
      const wanted = Math.min(this.#length - this.#at, this.#quota.left);
      if (wanted <= 0) return;
      const n = socket.write(BLOCK, this.#at, wanted);
      this.bytes += n;
      this.#at = (this.#at + n) % this.#length;
      take(this.#quota, n);
      if (n < wanted) return;
    }
  }
}

/** Counts what arrives. */
export class ReceiveStream extends Stream {
  readonly #quota: Quota;

  constructor(id: number, socket: BenchSocket, quota: Quota) {
    super(id, false, socket);
    this.#quota = quota;
  }

  override received(bytes: Uint8Array): void {
    if (!this.isRunning) return;
    this.bytes += bytes.length;
    take(this.#quota, bytes.length);
  }
}

/** Writes requests or responses, as the send buffer takes them. */
abstract class Exchange extends Stream {
  protected readonly length: number;
  #owed = 0;
  #hasEnded = false;

  constructor(id: number, isSender: boolean, socket: BenchSocket | null, length: number) {
    super(id, isSender, socket);
    this.length = length;
  }

  protected owe(octets: number): void {
    this.#owed += octets;
    this.drain();
  }

  override drain(): void {
    while (this.#owed > 0 && !this.isOver) {
      const wanted = Math.min(this.#owed, BLOCK.length);
      const n = this.socket!.write(BLOCK, 0, wanted);
      this.#owed -= n;
      if (n < wanted) return;
    }
    if (this.#hasEnded) super.ended();
    else this.settled();
  }

  /** Also before our direction is closed, everything due is written. */
  override ended(): void {
    this.#hasEnded = true;
    if (this.#owed === 0) super.ended();
  }

  /** Everything is written. */
  protected settled(): void {}
}

/** Sends a request, waits for the response, sends the next. */
export class RequestStream extends Exchange {
  readonly #times: Histogram;
  #missing = 0;
  #begun = 0;

  constructor(id: number, socket: BenchSocket, length: number, times: Histogram) {
    super(id, true, socket, length);
    this.#times = times;
  }

  override start(): void {
    super.start();
    this.#request();
  }

  override received(bytes: Uint8Array): void {
    this.#missing -= bytes.length;
    if (this.#missing > 0 || !this.isRunning) return;
    this.#times.record((performance.now() - this.#begun) * 1000);
    this.transactions++;
    this.bytes += this.length;
    this.#request();
  }

  #request(): void {
    this.#missing = this.length;
    this.#begun = performance.now();
    this.owe(this.length);
  }
}

/** Answers each request with as many octets. */
export class ResponseStream extends Exchange {
  #pending = 0;

  override received(bytes: Uint8Array): void {
    this.#pending += bytes.length;
    while (this.#pending >= this.length) {
      this.#pending -= this.length;
      this.transactions++;
      this.bytes += this.length;
      this.owe(this.length);
    }
  }
}

/** The server's end of a connection with one request: it answers, then closes. What it transfers counts in the stream `total`. */
export class OneResponse extends Exchange {
  readonly #total: Stream;
  #pending = 0;
  #isAnswered = false;

  constructor(socket: BenchSocket, length: number, total: Stream) {
    super(0, false, socket, length);
    this.#total = total;
  }

  override received(bytes: Uint8Array): void {
    this.#pending += bytes.length;
    if (this.#pending < this.length || this.#isAnswered) return;
    this.#isAnswered = true;
    this.#total.transactions++;
    this.#total.bytes += this.length;
    this.owe(this.length);
  }

  protected override settled(): void {
    if (this.#isAnswered) this.socket!.closeWrite();
  }
}

/** A server's counts over all connections with one request each. */
export class Tally extends Stream {
  override received(): void {}
}

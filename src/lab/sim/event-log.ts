import { type Mark, markName } from "#base/mark";
import { SECOND } from "#base/time";
import type { Trace } from "#base/trace";

/** A packet as a line for people: `n` bytes at `o`. */
export type Describe = (view: DataView, o: number, n: number) => string;

export interface EventLogOptions {
  /** Given each line, without its line end. Without it nothing is formatted: only the digest is kept. */
  readonly line?: ((line: string) => void) | undefined;
  /** Adds words about the packet to its line. */
  readonly describe?: Describe | undefined;
}

/** Bytes of a packet that enter the digest: IPv4 and TCP header, or IPv6 header. */
const DIGEST_BYTES = 40;

/**
 * Everything that happened in a simulation, in the one order in which it happened: as text lines for whoever wants them,
 * and always as a digest, so that two runs can be compared without keeping either.
 */
export class EventLog {
  /** Events recorded: as many as there are lines for whoever wants them. */
  count = 0;
  readonly #line: ((line: string) => void) | undefined;
  readonly #describe: Describe | undefined;
  #a = 0x811c9dc5 | 0;
  #b = 0x9e3779b9 | 0;
  readonly #time = new Float64Array(1);
  readonly #timeWords = new Int32Array(this.#time.buffer);

  constructor(options: EventLogOptions) {
    this.#line = options.line;
    this.#describe = options.describe;
  }

  /** Something happened to a packet. @param who a small number that stands for `name`. */
  packet(at: number, who: number, name: string, mark: Mark, view: DataView, o: number, n: number): void {
    this.#begin(at, who);
    this.#mix(mark);
    this.#mix(n);
    const end = o + Math.min(n, DIGEST_BYTES);
    for (let p = o; p <= end - 4; p += 4) this.#mix(view.getInt32(p));
    if (this.#line === undefined) return;
    const words = this.#describe?.(view, o, n);
    this.line(at, name, `${markName(mark)} ${n}${words === undefined ? "" : ` ${words}`}`);
  }

  /** Record `i` of a stack's trace: something that it decided. Its words are for `line`. */
  decision(trace: Trace, i: number, who: number): void {
    this.#begin(trace.time[i]!, who);
    this.#mix(trace.kind[i]!);
    this.#mix(trace.cause[i]!);
    this.#mix(trace.connection[i]!);
    // What has a fraction (a smoothed RTT) counts as it is printed.
    this.#mix(Math.round(trace.a[i]!));
    this.#mix(Math.round(trace.b[i]!));
    this.#mix(Math.round(trace.c[i]!));
    this.#mix(Math.round(trace.d[i]!));
  }

  /** Whether anybody wants lines. */
  get isRead(): boolean {
    return this.#line !== undefined;
  }

  /** The line of an event that was recorded by now. */
  line(at: number, name: string, text: string): void {
    this.#line?.(`${timeText(at)} ${name} ${text}`);
  }

  /** 16 hexadecimal digits that depend on every event and on their order. */
  digest(): string {
    const hex = (word: number) => (word >>> 0).toString(16).padStart(8, "0");
    return hex(this.#a) + hex(this.#b);
  }

  #begin(at: number, who: number): void {
    this.count++;
    this.#time[0] = at;
    this.#mix(this.#timeWords[0]!);
    this.#mix(this.#timeWords[1]!);
    this.#mix(who);
  }

  /** Two multiplicative mixes of 32 bits that differ in constant and rotation. */
  #mix(word: number): void {
    const a = Math.imul(this.#a ^ word, 0x01000193);
    this.#a = a ^ (a >>> 15);
    const b = Math.imul(this.#b + word, 0x85ebca6b);
    this.#b = (b << 13) | (b >>> 19);
  }
}

/** Seconds with microseconds, right-aligned for runs below a day. */
function timeText(us: number): string {
  return (us / SECOND).toFixed(6).padStart(12);
}

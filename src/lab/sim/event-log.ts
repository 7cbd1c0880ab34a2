import { type Mark, markName } from "#base/mark";
import { SECOND } from "#base/time";
import type { Trace } from "#base/trace";

/** Describes a packet for people: `n` bytes at `o`. */
export type Describe = (view: DataView, o: number, n: number) => string;

export interface EventLogOptions {
  /** Receives each line, without its line end. If absent, nothing is formatted: only the digest is computed. */
  readonly line?: ((line: string) => void) | undefined;
  /** Returns a description of the packet, which is added to its line. */
  readonly describe?: Describe | undefined;
}

/** Bytes of a packet that the digest covers: IPv4 header and TCP header up to its checksum, or most of the IPv6 header. */
const DIGEST_BYTES = 36;

/**
 * All events of a simulation in order: as text lines if requested, and always as a digest, so that two runs can be compared without storing
 * them.
 */
export class EventLog {
  /** Events recorded, whether or not their lines were requested. */
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

  /**
   * Records an event of a packet.
   * @param who a small number that identifies `name`
   */
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

  /** Records entry `i` of a stack's trace: a decision of the stack. `line` adds its text. */
  decision(trace: Trace, i: number, who: number): void {
    this.#begin(trace.time[i]!, who);
    this.#mix(trace.kind[i]!);
    this.#mix(trace.cause[i]!);
    this.#mix(trace.connection[i]!);
    // Fractional values (a smoothed RTT) enter the digest rounded, as they are printed.
    this.#mix(Math.round(trace.a[i]!));
    this.#mix(Math.round(trace.b[i]!));
    this.#mix(Math.round(trace.c[i]!));
    this.#mix(Math.round(trace.d[i]!));
  }

  /** Whether lines are requested. */
  get isRead(): boolean {
    return this.#line !== undefined;
  }

  /** Adds the line of an event that is already recorded. */
  line(at: number, name: string, text: string): void {
    this.#line?.(`${timeText(at)} ${name} ${text}`);
  }

  /** 16 hexadecimal digits that depend on every event and on the order of events. */
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

import type { Prng } from "#base/prng";

/** A segment that the stack sent, in the script's numbers. */
export interface Sent {
  /** Microseconds since the script began. */
  readonly at: number;
  readonly text: string;
  readonly flags: string;
  readonly start: number;
  /** Octets, and one for a FIN. */
  readonly length: number;
  readonly ack: number;
}

type Range = readonly [number, number];

/** A number below `n`. */
export function below(prng: Prng, n: number): number {
  return (prng.int32() >>> 0) % n;
}

export function pick<T>(prng: Prng, ...of: readonly [T, ...T[]]): T {
  return of[below(prng, of.length)]!;
}

/** The script's end of the connection: a receiver that loses and reorders what comes, and a sender of its own text. */
export class Peer {
  /** What it has of the stack's stream, and what it has to tell first. */
  #acked = 1;
  #blocks: Range[] = [];
  /** Its own stream: the next number, and the highest that it ever sent. */
  next = 1;
  #top = 1;
  window: number;
  finished = false;
  readonly #seen = new Set<string>();

  constructor(
    readonly prng: Prng,
    readonly sack: boolean,
    readonly shift: number,
  ) {
    this.window = shift > 0 ? 1000 : 30_000;
  }

  /** Everything from `ack` on, as the end of an injected segment. */
  get #tail(): string {
    return `ack ${this.#acked} win ${this.window}`;
  }

  pureAck(): string {
    return this.#withBlocks(`< . ${this.#top}:${this.#top}(0) ${this.#tail}`, undefined);
  }

  #withBlocks(text: string, duplicate: Range | undefined): string {
    if (!this.sack) return text;
    const blocks = [...(duplicate ? [duplicate] : []), ...this.#blocks].slice(0, 3);
    return blocks.length === 0 ? text : `${text} <nop,nop,sack ${blocks.map(([a, b]) => `${a}:${b}`).join(" ")}>`;
  }

  /** Text of its own, at `from`. */
  send(from: number, n: number, flags: string): string {
    const end = from + n + Number(flags.includes("F"));
    if (!this.finished) {
      if (from <= this.next) this.next = Math.max(this.next, end);
      this.#top = Math.max(this.#top, end);
    }
    if (flags.includes("F")) this.finished = true;
    return `< ${flags} ${from}:${from + n}(${n}) ${this.#tail}`;
  }

  /** Some of what was sent arrives, in some order; the ACKs of it. */
  arrive(sent: readonly Sent[]): string[] {
    const fresh = sent.filter((s) => s.length > 0 && !s.flags.includes("S") && !this.#seen.has(`${s.at} ${s.start}`));
    if (fresh.length === 0) return [this.pureAck()];
    const n = pick(this.prng, 1, 2, 2, 4, 10, fresh.length);
    const loses = below(this.prng, 3) === 0;
    const acks: string[] = [];
    for (const s of fresh.slice(0, n)) {
      this.#seen.add(`${s.at} ${s.start}`);
      if (loses && below(this.prng, 3) === 0) continue;
      const ack = this.#take([s.start, s.start + s.length]);
      // One ACK for several, as often as not.
      if (acks.length > 0 && below(this.prng, 2) === 0) acks[acks.length - 1] = ack;
      else acks.push(ack);
    }
    return acks;
  }

  #take([start, end]: Range): string {
    if (end <= this.#acked || this.#blocks.some(([a, b]) => a <= start && end <= b)) {
      return this.#withBlocks(`< . ${this.#top}:${this.#top}(0) ${this.#tail}`, [start, end]);
    }
    let [a, b] = [start, end];
    const apart = this.#blocks.filter(([c, d]) => d < a || c > b);
    for (const [c, d] of this.#blocks) if (!(d < a || c > b)) [a, b] = [Math.min(a, c), Math.max(b, d)];
    if (a <= this.#acked) {
      this.#acked = b;
      this.#blocks = apart;
    } else this.#blocks = [[a, b], ...apart];
    return this.pureAck();
  }
}

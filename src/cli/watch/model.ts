/** Remembers samples and messages, and makes frames of them. It knows no clock and no terminal. */
import type { EndFrame, Frame, LimitName, LinkFrame } from "./frame.ts";
import { History } from "./history.ts";
import type { EndSample, LinkSample } from "./sample.ts";

/** Samples per second. */
export const RATE = 10;
/** Samples that are kept: a minute and a half, in which each bar of a sparkline is half a second. */
const KEPT = 900;
const PER_BAR = 5;
const BARS = KEPT / PER_BAR;
/** The time over which shares of limits are taken, samples. */
const LIMIT_SPAN = 3 * RATE;
/** Messages that are kept for the log. */
const LINES = 200;

/** What is remembered of one end of a connection. */
class End {
  readonly acked = new History(KEPT);
  readonly received = new History(KEPT);
  readonly sending = new History(KEPT);
  readonly receiving = new History(KEPT);
  readonly cwnd = new History(KEPT);
  readonly rtt = new History(KEPT);
  readonly #limits: LimitName[] = [];
  latest: EndSample;

  constructor(first: EndSample) {
    this.latest = first;
  }

  take(sample: EndSample): void {
    this.latest = sample;
    const { info } = sample;
    this.acked.push(info.bytesAcked);
    this.received.push(sample.received);
    this.sending.push(perSecond(this.acked, 1));
    this.receiving.push(perSecond(this.received, 1));
    this.cwnd.push(info.cwnd);
    this.rtt.push(info.rtt);
    if (info.limitedBy !== "") this.#limits.push(info.limitedBy);
    if (this.#limits.length > LIMIT_SPAN) this.#limits.shift();
  }

  /** Octets that went in either direction during the last second. */
  get activity(): number {
    return this.acked.growth(RATE).by + this.received.growth(RATE).by;
  }

  frame(): EndFrame {
    const shares = new Map<LimitName, number>();
    for (const name of this.#limits) shares.set(name, (shares.get(name) ?? 0) + 1 / this.#limits.length);
    const limits = [...shares].map(([name, share]) => ({ name, share })).sort((a, b) => b.share - a.share);
    const { name, info, received } = this.latest;
    return {
      name,
      info,
      received,
      sending: { now: perSecond(this.acked, RATE), past: this.sending.means(BARS, PER_BAR) },
      receiving: { now: perSecond(this.received, RATE), past: this.receiving.means(BARS, PER_BAR) },
      cwnd: this.cwnd.means(BARS, PER_BAR),
      rtt: this.rtt.means(BARS, PER_BAR),
      limits,
    };
  }
}

/** Bits per second over the last samples. */
function perSecond(octets: History, samples: number): number {
  const { by, intervals } = octets.growth(samples);
  return intervals === 0 ? 0 : (by * 8 * RATE) / intervals;
}

/** What the dashboard is of. */
export interface About {
  /** "tcpnet host" */
  readonly title: string;
  /** Stands at the end of the title: "seed 42" */
  readonly note: string;
  /** Whether there is a stack, and not a link alone. */
  readonly hasStack: boolean;
}

export class WatchModel {
  readonly #about: About;
  #ends = new Map<string, End>();
  /** The name of the end that is shown; "": the one with the most traffic. */
  #chosen = "";
  #link: LinkFrame | null = null;
  readonly #queues = [new History(KEPT), new History(KEPT)] as const;
  readonly #passed = [new History(2 * RATE), new History(2 * RATE)] as const;
  readonly #log: string[] = [];
  /** How many messages the last line of the log stands for. */
  #alike = 1;
  #shape = "";
  #last: End | null = null;
  isFrozen = false;
  showsHelp = false;
  isLast = false;
  whyNoKeys = "";

  constructor(about: About) {
    this.#about = about;
  }

  /** Takes the samples of all ends of one moment. An end that is not among them any more is forgotten, but the last one stays in sight. */
  take(samples: readonly EndSample[], link: LinkSample | null): void {
    const ends = new Map<string, End>();
    for (const sample of samples) {
      const end = this.#ends.get(sample.name) ?? new End(sample);
      end.take(sample);
      ends.set(sample.name, end);
    }
    this.#ends = ends;
    if (link === null) return;
    link.ways.forEach(({ queue, counts }, i) => {
      this.#queues[i]!.push(queue);
      this.#passed[i]!.push(counts["link.delivered"] ?? 0);
    });
    const rates = this.#passed.map((history) => perSecond(history, RATE) / 8);
    this.#link = { ...link, rates, queues: this.#queues.map((history) => history.means(BARS, PER_BAR)) };
  }

  /** A message, which may have colours. */
  say(text: string): void {
    for (const line of Bun.stripANSI(text).split("\n")) if (line.trim() !== "") this.#add(line);
    if (this.#log.length > LINES) this.#log.splice(0, this.#log.length - LINES);
  }

  /** Messages that differ by their numbers only, one after the other, are one line: the last of them. */
  #add(line: string): void {
    const shape = line.replaceAll(/\d[\d.,]*/g, "0");
    this.#alike = shape === this.#shape ? this.#alike + 1 : 1;
    this.#shape = shape;
    if (this.#alike === 1) this.#log.push(line);
    else this.#log[this.#log.length - 1] = `${line} (${this.#alike} like this)`;
  }

  /** Shows the next end. */
  next(): void {
    const names = [...this.#ends.keys()];
    const shown = this.#shown();
    const at = names.findIndex((name) => this.#ends.get(name) === shown);
    this.#chosen = names[(at + 1) % names.length] ?? "";
  }

  /** @param time µs since the beginning */
  frame(time: number): Frame {
    const { title, note, hasStack } = this.#about;
    const shown = this.#shown();
    const names = [...this.#ends.keys()];
    const at = names.findIndex((name) => this.#ends.get(name) === shown);
    const which = names.length > 1 ? `${at + 1} of ${names.length} (Tab)` : "";
    return {
      title,
      hasStack,
      time,
      notes: [which, note].filter((each) => each !== ""),
      end: shown?.frame() ?? null,
      link: this.#link,
      log: this.#log,
      isFrozen: this.isFrozen,
      showsHelp: this.showsHelp,
      isLast: this.isLast,
      whyNoKeys: this.whyNoKeys,
    };
  }

  #shown(): End | null {
    const chosen = this.#ends.get(this.#chosen);
    if (chosen !== undefined) return (this.#last = chosen);
    // Another end is shown only if it has clearly more traffic, so that the picture does not jump.
    const before = this.#last !== null && this.#ends.get(this.#last.latest.name) === this.#last ? this.#last : null;
    let most = before;
    for (const end of this.#ends.values())
      if (most === null || end.activity > Math.max(2 * most.activity, 10_000)) most = end;
    if (most !== null) this.#last = most;
    return this.#last;
  }
}

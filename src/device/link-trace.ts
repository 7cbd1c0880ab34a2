import { MILLISECOND } from "#base/time";
import { LinkSyntaxError } from "./link-error.ts";
import type { DeliveryTrace } from "./link-profile.ts";

/** Mahimahi counts the 4 bytes that its TUN device puts before each packet, so an opportunity is 1,504 bytes. */
export const OPPORTUNITY_BYTES = 1504;
const TUN_HEADER_BYTES = 4;

/**
 * Parses a Mahimahi trace. Each line is a time in milliseconds at which one MTU may pass; times do not decrease.
 * Several equal lines are several MTUs. Blank lines are ignored.
 * @throws LinkSyntaxError with the number of the wrong line.
 */
export function parseTrace(text: string, name: string): DeliveryTrace {
  const lines = text.split("\n");
  const times: number[] = [];
  for (let i = 0; i < lines.length; i++) {
    const word = lines[i]!.trim();
    if (word === "") continue;
    const at = `${name}:${i + 1}: `;
    if (!/^\d{1,12}$/.test(word)) {
      throw new LinkSyntaxError(`${at}"${word.slice(0, 40)}" is not a time in whole milliseconds`, lines[i]!, 1);
    }
    const time = Number(word) * MILLISECOND;
    if (times.length > 0 && time < times[times.length - 1]!) {
      throw new LinkSyntaxError(`${at}the times of a trace must not decrease`, lines[i]!, 1);
    }
    times.push(time);
  }
  const period = times[times.length - 1] ?? 0;
  if (period === 0)
    throw new LinkSyntaxError(`${name}: a trace needs at least one time after 0 ms`, text.slice(0, 40), 1);
  return { times: Float64Array.from(times), period, name };
}

/** Finds which opportunities of a trace a packet uses, as Mahimahi's link_queue does. */
export class TraceCursor {
  readonly #trace: DeliveryTrace;
  /** When the current round of the trace began. */
  #round: number;
  #index = -1;
  /** The current opportunity, and its unused bytes. */
  #at = Number.NEGATIVE_INFINITY;
  #left = 0;

  /** @param start the trace's time 0. */
  constructor(trace: DeliveryTrace, start: number) {
    this.#trace = trace;
    this.#round = start;
  }

  /**
   * When a packet that arrived at `since` may begin to leave: in the rest of the current opportunity, if it arrived before
   * that, else at the next one. An opportunity with no waiting packet is lost.
   */
  begin(since: number): number {
    if (since < this.#at && this.#left > 0) return this.#at;
    this.#skipRounds(since);
    do this.#advance();
    while (this.#at <= since);
    return this.#at;
  }

  /** Sends `n` bytes, beginning with the opportunity that `begin` returned; returns when the last byte leaves. */
  send(n: number): number {
    let rest = n + TUN_HEADER_BYTES;
    while (rest > this.#left) {
      rest -= this.#left;
      this.#advance();
    }
    this.#left -= rest;
    return this.#at;
  }

  #advance(): void {
    if (++this.#index === this.#trace.times.length) {
      this.#index = 0;
      this.#round += this.#trace.period;
    }
    this.#at = this.#round + this.#trace.times[this.#index]!;
    this.#left = OPPORTUNITY_BYTES;
  }

  /** Skips whole rounds at once after a long silence. */
  #skipRounds(since: number): void {
    const rounds = Math.floor((since - this.#round) / this.#trace.period) - 1;
    if (rounds < 1) return;
    this.#round += rounds * this.#trace.period;
    this.#index = -1;
  }
}

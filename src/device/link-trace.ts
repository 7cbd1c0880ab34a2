import { MILLISECOND } from "#base/time";
import { LinkSyntaxError } from "./link-error.ts";
import type { DeliveryTrace } from "./link-profile.ts";

/** Mahimahi counts what its TUN device hands over: a packet with 4 bytes in front of it; an opportunity is 1,504 bytes. */
export const OPPORTUNITY_BYTES = 1504;
const TUN_HEADER_BYTES = 4;

/**
 * Reads a Mahimahi trace: a line is a time in milliseconds, not before the line above it, at which one MTU may pass.
 * Several equal lines are several MTUs. Blank lines are passed over.
 * @throws LinkSyntaxError with the line of what is wrong.
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

/** Walks a trace: which opportunities a packet uses, as Mahimahi's link_queue does. */
export class TraceCursor {
  readonly #trace: DeliveryTrace;
  /** When the trace's present round began. */
  #round: number;
  #index = -1;
  /** The opportunity at hand, and the bytes not yet used of it. */
  #at = Number.NEGATIVE_INFINITY;
  #left = 0;

  /** @param start the trace's time 0. */
  constructor(trace: DeliveryTrace, start: number) {
    this.#trace = trace;
    this.#round = start;
  }

  /**
   * When a packet that has waited since `since` may begin to leave: in what is left of the opportunity at hand, if it was
   * there when that came, else at the next one. An opportunity that finds nobody waiting is lost.
   */
  begin(since: number): number {
    if (since < this.#at && this.#left > 0) return this.#at;
    this.#skipRounds(since);
    do this.#advance();
    while (this.#at <= since);
    return this.#at;
  }

  /** Sends `n` bytes in the opportunity that `begin` answered and those after it; answers when the last byte left. */
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

  /** After a long silence: whole rounds are passed over at once. */
  #skipRounds(since: number): void {
    const rounds = Math.floor((since - this.#round) / this.#trace.period) - 1;
    if (rounds < 1) return;
    this.#round += rounds * this.#trace.period;
    this.#index = -1;
  }
}

/** Rows of what is in flight and of round trips. cwnd is not in a capture: 0 says that it is not known. */

import type { RtoEstimate } from "./rto.ts";
import { RTO } from "./rules.ts";
import type { CaptureTables } from "./tables.ts";

/** RFC 5681 §3.1: arbitrarily high; the page draws none. */
const ENDLESS = 0x7fff0000;
/** In slow start what is in flight doubles in a round trip; less growth than this is none. */
const GROWTH = 1.25;
/** Rounds without growth that end slow start. */
const ROUNDS = 3;

export class Metering {
  readonly #tables: CaptureTables;
  readonly #owner: number;
  #phase = "tcp.cc.slow-start";
  /** The most in flight in this round trip and in the best one before it. */
  #most = 0;
  #best = 0;
  #roundEnd = 0;
  #flat = 0;

  constructor(tables: CaptureTables, owner: number) {
    this.#tables = tables;
    this.#owner = owner;
  }

  row(time: number, inFlight: number, window: number, rtt: number): void {
    if (this.#phase === "tcp.cc.slow-start") this.#grow(time, inFlight, rtt);
    this.#add(time, inFlight, window);
  }

  trip(time: number, sample: number, { srtt, rttvar, rto }: RtoEstimate): void {
    this.#tables.trips.add({ time, owner: this.#owner, sample, srtt, rttvar, rto });
  }

  /** A recovery has begun. */
  lost(time: number, rule: string): void {
    this.#phase = rule === RTO ? "tcp.cc.loss" : "tcp.cc.enter-recovery";
    this.#add(time, this.#most, 0);
  }

  recovered(time: number): void {
    this.#phase = "tcp.cc.exit-recovery";
    this.#add(time, this.#most, 0);
  }

  #grow(time: number, inFlight: number, rtt: number): void {
    this.#most = Math.max(this.#most, inFlight);
    if (time < this.#roundEnd) return;
    this.#flat = this.#most > this.#best * GROWTH ? 0 : this.#flat + 1;
    this.#best = Math.max(this.#best, this.#most);
    this.#most = 0;
    this.#roundEnd = time + rtt;
    if (this.#flat >= ROUNDS) this.#phase = "tcp.cc.avoidance";
  }

  #add(time: number, inFlight: number, window: number): void {
    const cause = this.#tables.rule(this.#phase);
    const unknown = { cwnd: 0, ssthresh: ENDLESS, pacing: 0 };
    this.#tables.metrics.add({ time, owner: this.#owner, ...unknown, inFlight, window, cause });
  }
}

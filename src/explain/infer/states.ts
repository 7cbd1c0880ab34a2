/** The states of both ends (RFC 9293 §3.3.2), from the segments between them. */
import type { STATE_NAMES } from "#tcp/words/names";
import type { CaptureTables } from "./tables.ts";

export type StateName = (typeof STATE_NAMES)[number];

const FIN_SENT: Partial<Record<StateName, StateName>> = {
  ESTABLISHED: "FIN-WAIT-1",
  "CLOSE-WAIT": "LAST-ACK",
  "SYN-RECEIVED": "FIN-WAIT-1",
};
const FIN_GOT: Partial<Record<StateName, StateName>> = {
  ESTABLISHED: "CLOSE-WAIT",
  "FIN-WAIT-1": "CLOSING",
  "FIN-WAIT-2": "TIME-WAIT",
};
const FIN_ACKED: Partial<Record<StateName, StateName>> = {
  "FIN-WAIT-1": "FIN-WAIT-2",
  CLOSING: "TIME-WAIT",
  "LAST-ACK": "CLOSED",
};

export class States {
  readonly now: [StateName, StateName] = ["CLOSED", "CLOSED"];
  readonly #tables: CaptureTables;
  readonly #connection: number;

  constructor(tables: CaptureTables, connection: number) {
    this.#tables = tables;
    this.#connection = connection;
  }

  set(end: number, name: StateName, time: number): void {
    if (this.now[end as 0 | 1] === name) return;
    this.now[end as 0 | 1] = name;
    this.#tables.state(time, 2 * this.#connection + end, name);
  }

  finSent(end: number, time: number): void {
    this.#step(FIN_SENT, end, time);
  }

  /** The FIN of `end` is acknowledged. */
  finAcknowledged(end: number, time: number): void {
    this.#step(FIN_GOT, 1 - end, time);
    this.#step(FIN_ACKED, end, time);
  }

  reset(time: number): void {
    this.set(0, "CLOSED", time);
    this.set(1, "CLOSED", time);
  }

  get isOver(): boolean {
    return this.now.every((name) => name === "CLOSED" || name === "TIME-WAIT");
  }

  #step(steps: Partial<Record<StateName, StateName>>, end: number, time: number): void {
    const next = steps[this.now[end as 0 | 1]];
    if (next !== undefined) this.set(end, next, time);
  }
}

/** The progress of the demo's transfer: one redrawn line on a terminal, otherwise a line from time to time. */
import { SECOND } from "#base/time";
import { clockText, rateText } from "#observe/units";
import type { Role } from "./endpoint.ts";
import { dim, redraws, say, sayProgress } from "./terminal.ts";

/** Without a terminal: the time of the first line; each interval is 1.5 times the one before, within these bounds, µs. */
const FIRST = 5 * SECOND;
const PAUSE_MAX = 60 * SECOND;

/** What host or peer has received so far, from its interval events. */
export interface Received {
  readonly bytes: number;
  readonly bits_per_second: number | null;
}

export class DemoProgress {
  readonly #size: number;
  readonly #received: Record<Role, Received> = {
    host: { bytes: 0, bits_per_second: null },
    peer: { bytes: 0, bits_per_second: null },
  };
  #next = FIRST;

  /** @param size octets in each direction */
  constructor(size: number) {
    this.#size = size;
  }

  /** Handles an interval event. @param time µs since the demo began */
  tell(role: Role, received: Received, time: number): void {
    this.#received[role] = received;
    const line = `  ${this.#text("peer")}   ${this.#text("host")}`;
    if (redraws()) {
      // The line is cut to the terminal's width, which must not count colour codes.
      sayProgress(`${clockText(time)}${line}`);
    } else if (time >= this.#next) {
      this.#next = time + Math.min(Math.max(time / 2, FIRST), PAUSE_MAX);
      say(`${dim(clockText(time))}${line}`);
    }
  }

  #text(to: Role): string {
    const { bytes, bits_per_second } = this.#received[to];
    const from = to === "host" ? "peer" : "host";
    const rate = bits_per_second === null ? "" : ` at ${rateText(bits_per_second)}`;
    return `${from} → ${to} ${Math.floor((100 * bytes) / this.#size)} %${rate}`;
  }
}

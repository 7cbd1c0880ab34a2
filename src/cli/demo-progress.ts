/** How far the demo's transfer is: one line that is redrawn on a terminal, plain lines now and then elsewhere. */
import { SECOND } from "#base/time";
import { clockText, rateText } from "#observe/units";
import type { Role } from "./endpoint.ts";
import { dim, redraws, say, sayProgress } from "./terminal.ts";

/** Without a terminal: the first line, and from then on half as much again each time, within these bounds, µs. */
const FIRST = 5 * SECOND;
const PAUSE_MAX = 60 * SECOND;

/** What an actor received so far, as its interval events have it. */
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

  /** @param size octets each way. */
  constructor(size: number) {
    this.#size = size;
  }

  /** An interval event of one of them. @param time µs since the demo began. */
  tell(role: Role, received: Received, time: number): void {
    this.#received[role] = received;
    const line = `  ${this.#text("peer")}   ${this.#text("host")}`;
    if (redraws()) {
      // It is cut to the terminal's width, which counts no colours.
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

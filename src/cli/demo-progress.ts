/** The progress of the demo's transfer: one redrawn line on a terminal, and for long ones a line per second and direction. */
import { SECOND } from "#base/time";
import { clockText, rateText } from "#observe/units";
import type { TcpInfo } from "#tcp/machine/info";
import type { Role } from "./endpoint.ts";
import { IntervalLines } from "./interval-line.ts";
import { dim, redraws, say, sayProgress } from "./terminal.ts";

/** A demo that takes no longer has its summary. */
const FIRST = 2 * SECOND;

/** What host or peer has received so far, from its interval events. */
interface Received {
  readonly bytes: number;
  readonly bits_per_second: number | null;
}

/** An interval event of one of them. */
export interface Figures {
  readonly received: Received;
  readonly info: Pick<TcpInfo, "bytesAcked" | "retransTotal" | "cwnd" | "rtt">;
}

const OTHER = { host: "peer", peer: "host" } as const;

export class DemoProgress {
  readonly #size: number;
  readonly #received: Record<Role, Received> = {
    host: { bytes: 0, bits_per_second: null },
    peer: { bytes: 0, bits_per_second: null },
  };
  readonly #lines: Partial<Record<Role, IntervalLines>> = {};

  /** @param size octets in each direction */
  constructor(size: number) {
    this.#size = size;
  }

  /** Handles an interval event. @param time µs since the demo began */
  tell(role: Role, { received, info }: Figures, time: number): void {
    this.#received[role] = received;
    const { bytesAcked: acked, retransTotal: retransmissions, cwnd, rtt } = info;
    // The first event comes a second after the connection is open.
    const lines = (this.#lines[role] ??= new IntervalLines(time - SECOND));
    const line = lines.next({ acked, received: 0, retransmissions, cwnd, rtt, isBlocked: false }, time);
    if (line !== null && time >= FIRST) {
      const percent = `${Math.floor((100 * acked) / this.#size)} %`.padStart(5);
      say(`${dim(clockText(time))}  ${role} → ${OTHER[role]} ${percent}  ${line.replace(/^out +/, "")}`);
    }
    // The line is cut to the terminal's width, which must not count colour codes.
    if (redraws()) sayProgress(`${clockText(time)}  ${this.#text("peer")}   ${this.#text("host")}`);
  }

  #text(to: Role): string {
    const { bytes, bits_per_second } = this.#received[to];
    const rate = bits_per_second === null ? "" : ` at ${rateText(bits_per_second)}`;
    return `${OTHER[to]} → ${to} ${Math.floor((100 * bytes) / this.#size)} %${rate}`;
  }
}

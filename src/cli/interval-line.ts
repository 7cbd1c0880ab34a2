/** The line per second of a transfer, with the columns of iperf3: what moved, how fast, retransmissions, cwnd, round trip. */
import { bytesText, rateText, timeText } from "#observe/units";

export interface IntervalFigures {
  readonly acked: number;
  readonly received: number;
  readonly retransmissions: number;
  readonly cwnd: number;
  /** µs; 0: no sample. */
  readonly rtt: number;
  /** The peer's window is closed while data waits. */
  readonly isBlocked: boolean;
}

export class IntervalLines {
  #before: IntervalFigures = { acked: 0, received: 0, retransmissions: 0, cwnd: 0, rtt: 0, isBlocked: false };
  #at: number;

  /** @param at µs of any clock */
  constructor(at: number) {
    this.#at = at;
  }

  /** Null if nothing moved and nothing waits. */
  next(now: IntervalFigures, at: number): string | null {
    const before = this.#before;
    const took = at - this.#at;
    this.#before = now;
    this.#at = at;
    const acked = now.acked - before.acked;
    const received = now.received - before.received;
    const again = now.retransmissions - before.retransmissions;
    const isSender = acked > 0 || again > 0 || now.isBlocked;
    if (!isSender && received === 0) return null;
    const flow = (name: string, n: number) =>
      `${name} ${bytesText(n).padStart(7)} ${rateText((n * 8e6) / took).padStart(11)}`;
    const columns: string[] = [];
    if (isSender) columns.push(flow("out", acked));
    if (received > 0) columns.push(flow("in", received));
    if (now.isBlocked) columns.push("the other side reads nothing");
    else if (isSender) columns.push(`retr ${again}`, `cwnd ${bytesText(now.cwnd)}`);
    if (now.rtt > 0) columns.push(`rtt ${timeText(now.rtt)}`);
    return columns.join("  ");
  }
}

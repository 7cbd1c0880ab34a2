/** The figures of a test: per interval, per stream and in sum. Times are seconds since the omitted part ended, sizes octets. */
import type { Percentiles } from "#base/histogram";
import type { Stream } from "./streams.ts";
import type { BenchInfo } from "./transport.ts";

export interface StreamInterval {
  readonly stream: Stream;
  readonly start: number;
  readonly end: number;
  readonly bytes: number;
  readonly transactions: number;
  /** Null if there are no such figures: at a receiver, or with a new connection per request. */
  readonly tcp: TcpFigures | null;
}

export interface TcpFigures {
  readonly retransmits: number;
  readonly cwnd: number;
  readonly wnd: number;
  /** µs. */
  readonly rtt: number;
  readonly rttvar: number;
  readonly pmtu: number;
}

export interface Interval {
  readonly start: number;
  readonly end: number;
  readonly omitted: boolean;
  readonly streams: readonly StreamInterval[];
  /** Times of the requests that were answered in the interval; null without requests, and at the server. */
  readonly times: Percentiles | null;
}

/** A stream over the whole test. */
export interface StreamTotal {
  readonly stream: Stream;
  readonly seconds: number;
  readonly bytes: number;
  readonly transactions: number;
  readonly retransmits: number;
  readonly maxCwnd: number;
  readonly maxWnd: number;
  readonly minRtt: number;
  readonly maxRtt: number;
  readonly meanRtt: number;
}

/** IP and TCP headers without options, as iperf3 counts the path MTU from the segment size. */
const HEADERS = 40;

/** The counts of one stream when they were last read, and its extremes since the start. */
class Marks {
  bytes = 0;
  transactions = 0;
  retransmits = 0;
  maxCwnd = 0;
  maxWnd = 0;
  minRtt = Number.POSITIVE_INFINITY;
  maxRtt = 0;
  sumRtt = 0;
  looks = 0;
  first = { bytes: 0, transactions: 0, retransmits: 0 };
}

/** Turns the growing counts of streams into intervals and totals. */
export class Meter {
  readonly #streams: readonly Stream[];
  readonly #marks = new Map<Stream, Marks>();
  #begun = 0;
  #last = 0;

  /** Starts counting. Data that has arrived already counts, because the other side may have started a little earlier. @param now ms */
  constructor(streams: readonly Stream[], now: number) {
    this.#streams = streams;
    this.#begun = now;
    this.#last = now;
    for (const stream of streams) this.#marks.set(stream, new Marks());
  }

  /** The omitted part is over: nothing before now counts. @param now ms */
  restart(now: number): void {
    this.#begun = now;
    this.#last = now;
    for (const stream of this.#streams) {
      const fresh = new Marks();
      const { transactions } = stream;
      const info = stream.socket?.info() ?? null;
      const bytes = stream.counted(info);
      const retransmits = info?.retransTotal ?? 0;
      Object.assign(fresh, { bytes, transactions, retransmits, first: { bytes, transactions, retransmits } });
      this.#marks.set(stream, fresh);
    }
  }

  /** Seconds since the start, and since the last interval ended. */
  elapsed(now: number): { readonly total: number; readonly open: number } {
    return { total: (now - this.#begun) / 1000, open: (now - this.#last) / 1000 };
  }

  /** Ends an interval. */
  interval(now: number, omitted: boolean, times: Percentiles | null): Interval {
    const start = (this.#last - this.#begun) / 1000;
    const end = (now - this.#begun) / 1000;
    this.#last = now;
    const streams = this.#streams.map((stream) => this.#look(stream, start, end));
    return { start, end, omitted, streams, times };
  }

  /** Everything up to the end of the last interval. @param now its end, ms */
  totals(now: number): StreamTotal[] {
    const seconds = (now - this.#begun) / 1000;
    return this.#streams.map((stream) => {
      const m = this.#marks.get(stream)!;
      return {
        stream,
        seconds,
        bytes: m.bytes - m.first.bytes,
        transactions: m.transactions - m.first.transactions,
        retransmits: m.retransmits - m.first.retransmits,
        maxCwnd: m.maxCwnd,
        maxWnd: m.maxWnd,
        minRtt: Number.isFinite(m.minRtt) ? m.minRtt : 0,
        maxRtt: m.maxRtt,
        meanRtt: m.looks === 0 ? 0 : Math.round(m.sumRtt / m.looks),
      };
    });
  }

  #look(stream: Stream, start: number, end: number): StreamInterval {
    const m = this.#marks.get(stream)!;
    const info = stream.isSender ? (stream.socket?.info() ?? null) : null;
    const now = stream.counted(info);
    const bytes = now - m.bytes;
    const transactions = stream.transactions - m.transactions;
    m.bytes = now;
    m.transactions = stream.transactions;
    return { stream, start, end, bytes, transactions, tcp: info === null ? null : tcpFigures(m, info) };
  }
}

function tcpFigures(m: Marks, { retransTotal, cwnd, sndWnd, rtt, rttvar, mss }: BenchInfo): TcpFigures {
  const retransmits = retransTotal - m.retransmits;
  m.retransmits = retransTotal;
  m.maxCwnd = Math.max(m.maxCwnd, cwnd);
  m.maxWnd = Math.max(m.maxWnd, sndWnd);
  m.maxRtt = Math.max(m.maxRtt, rtt);
  if (rtt > 0) {
    m.minRtt = Math.min(m.minRtt, rtt);
    m.sumRtt += rtt;
    m.looks++;
  }
  return { retransmits, cwnd, wnd: sndWnd, rtt, rttvar, pmtu: mss + HEADERS };
}

/** What is said of a connection at its end: one set of numbers, for programs and in words. */
import { EV_CWND, EV_RTT, EV_STATE, type Trace } from "#base/trace";
import type { TcpInfo } from "#tcp/info";
import { CLOSED } from "#tcp/state";
import { bytesText, counted, rateText, timeText } from "./units.ts";

export const REPORT_SCHEMA = "tcpnet.connection/1";

/** What only those know who watched all the time. */
export interface Extremes {
  maxCwnd: number;
  rttSum: number;
  rttSamples: number;
}

/** Watches the trace of all connections for what `info` at the end does not tell any more. */
export class Watch {
  readonly #extremes = new Map<number, Extremes>();

  read(trace: Trace): void {
    for (let i = 0; i < trace.size; i++) {
      const id = trace.connection[i]!;
      const kind = trace.kind[i]!;
      if (kind === EV_STATE && trace.a[i] === CLOSED) this.#extremes.delete(id);
      else if (kind === EV_CWND) {
        const one = this.#of(id);
        one.maxCwnd = Math.max(one.maxCwnd, trace.a[i]!);
      } else if (kind === EV_RTT) {
        const one = this.#of(id);
        one.rttSum += trace.a[i]!;
        one.rttSamples++;
      }
    }
  }

  /** Of the latest connection with this `Socket.id`. */
  extremes(id: number): Readonly<Extremes> {
    return this.#of(id);
  }

  #of(id: number): Extremes {
    let one = this.#extremes.get(id);
    if (one === undefined) {
      one = { maxCwnd: 0, rttSum: 0, rttSamples: 0 };
      this.#extremes.set(id, one);
    }
    return one;
  }
}

/** One direction as iperf3 reports it. */
export interface Sum {
  readonly bytes: number;
  readonly seconds: number;
  readonly bits_per_second: number;
}

/** iperf3's names where it has one (rtt in µs, as there), tcp_info's in `tcp`. */
export interface ConnectionReport {
  readonly schema: typeof REPORT_SCHEMA;
  readonly sum_sent: Sum & { readonly retransmits: number };
  readonly sum_received: Sum;
  /** 0: not watched, or not measured. */
  readonly max_snd_cwnd: number;
  readonly min_rtt: number;
  readonly mean_rtt: number;
  readonly tcp: TcpInfo;
}

/** @param took µs from the end of the handshake to the end of the connection. Octets sent are those the peer acknowledged. */
export function reportOf(info: TcpInfo, took: number, extremes?: Readonly<Extremes>): ConnectionReport {
  const { maxCwnd = 0, rttSum = 0, rttSamples = 0 } = extremes ?? {};
  return {
    schema: REPORT_SCHEMA,
    sum_sent: { ...sumOf(info.bytesAcked, took), retransmits: info.retransTotal },
    sum_received: sumOf(info.bytesReceived, took),
    max_snd_cwnd: Math.max(maxCwnd, info.cwnd),
    min_rtt: info.minRtt,
    mean_rtt: rttSamples > 0 ? Math.round(rttSum / rttSamples) : info.rtt,
    tcp: info,
  };
}

/** The same in a few lines for people. */
export function reportLines(report: ConnectionReport): string[] {
  const { sum_sent: sent, sum_received: received, tcp } = report;
  const resent =
    sent.retransmits === 0
      ? "nothing resent"
      : `${counted(sent.retransmits, "segment")} of ${tcp.dataSegsOut} resent, ${counted(tcp.timeouts, "timeout")}`;
  const trip =
    report.mean_rtt > 0
      ? `rtt ${timeText(report.mean_rtt)} on average, ${timeText(report.min_rtt)} at the least`
      : "rtt not measured";
  return [
    `sent      ${sumText(sent)}`,
    `received  ${sumText(received)}`,
    `${trip}; cwnd up to ${bytesText(report.max_snd_cwnd)} (${tcp.congestionControl}); ${resent}`,
  ];
}

function sumOf(bytes: number, took: number): Sum {
  return {
    bytes,
    seconds: took / 1e6,
    bits_per_second: took > 0 ? Math.round((bytes * 8e6) / took) : 0,
  };
}

function sumText({ bytes, seconds, bits_per_second }: Sum): string {
  return `${bytesText(bytes)} in ${timeText(seconds * 1e6)}, ${rateText(bits_per_second)}`;
}

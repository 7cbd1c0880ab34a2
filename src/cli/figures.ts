/** The numbers of a connection, as text for people and as facts for programs. */

import { bytesText, counted, rateText, timeText } from "#observe/units";
import type { SocketInfo } from "#socket/types";
import type { TcpInfo } from "#tcp/machine/info";
import type { Amount } from "./pump.ts";
import type { Facts } from "./voice.ts";

/** The least number of bytes for a meaningful rate. */
const RATED = 100_000;

/** The results of the handshake. */
export function agreedText({ mss, sack, timestamps, wscale, rtt, synData }: SocketInfo): string {
  const scale = wscale === null ? "no wscale" : `wscale ${wscale.send}/${wscale.receive}`;
  const words = [`mss ${mss}`, sack ? "sack" : "no sack", timestamps ? "timestamps" : "no timestamps", scale];
  if (rtt > 0) words.push(`handshake ${timeText(rtt)}`);
  if (synData) words.push("data in the SYN");
  return words.join(", ");
}

/** One line, as `dd` prints on SIGUSR1, within 80 columns. */
export function figuresText(info: TcpInfo, sent: Amount, received: Amount): string {
  const { state, rtt, cwnd, retransTotal } = info;
  return [
    // ESTABLISHED is the expected state and is not shown.
    ...(state === "ESTABLISHED" ? [] : [state]),
    `out ${bytesText(sent.bytes)}`,
    `in ${bytesText(received.bytes)}`,
    `cwnd ${bytesText(cwnd)}`,
    rttText(rtt),
    `${retransTotal} resent`,
  ].join("   ");
}

/** 0: no sample yet. */
export function rttText(rtt: number): string {
  return rtt > 0 ? `rtt ${timeText(rtt)}` : "no rtt yet";
}

/** The summary at the end of a connection. */
export function summaryLines(info: TcpInfo, sent: Amount, received: Amount): string[] {
  const { rtt, minRtt, congestionControl } = info;
  const trip = rtt > 0 ? `${timeText(rtt)} (smallest ${timeText(minRtt)})` : "not measured";
  return [
    `        sent      ${flowText(sent)}`,
    `        received  ${flowText(received)}`,
    `        resent    ${resentText(info)}`,
    `        rtt       ${trip}   ${congestionControl}`,
  ];
}

function resentText({ retransTotal, bytesRetrans, dataSegsOut, timeouts }: TcpInfo): string {
  if (retransTotal === 0) return "nothing";
  const late = timeouts === 0 ? "" : `, ${counted(timeouts, "timeout")}`;
  // With retransmitted SYNs or FINs, which are not data segments, a percentage would be misleading.
  if (bytesRetrans === 0 || retransTotal > dataSegsOut) return `${counted(retransTotal, "segment")}${late}`;
  const share = ((100 * retransTotal) / dataSegsOut).toFixed(2);
  return `${retransTotal} of ${counted(dataSegsOut, "segment")} (${share} %)${late}`;
}

function flowText(flow: Amount): string {
  const rate = rateOf(flow.bytes, rateFact(flow));
  if (rate === "" || flow.took < 1000) return bytesText(flow.bytes);
  return `${bytesText(flow.bytes).padEnd(9)} in ${timeText(flow.took)}   ${rate}`;
}

/** The rate of a transfer; "" if it is meaningless: for typed text, or data in one piece. */
export function rateOf(bytes: number, bitsPerSecond: number | null): string {
  return bytes < RATED || bitsPerSecond === null ? "" : rateText(bitsPerSecond);
}

/** Bits per second; null if no time passed between the first byte and the last. */
function rateFact({ bytes, took }: Amount): number | null {
  return took > 0 ? Math.round((bytes * 8e6) / took) : null;
}

/** The same for programs: bytes, seconds, bits per second with iperf3's names; the rest with those of tcp_info. */
export function summaryFacts(info: TcpInfo, sent: Amount, received: Amount): Facts {
  return { sent: flowFacts(sent), received: flowFacts(received), info };
}

function flowFacts(flow: Amount): Facts {
  return { bytes: flow.bytes, seconds: flow.took / 1e6, bits_per_second: rateFact(flow) };
}

import { BenchError } from "./protocol.ts";

/** What the connections do: bulk data, requests and responses, or connections with one request and response each. */
export type Mode = "bulk" | "rr" | "crr";

/** The parameters of a test. Names are those of iperf3's JSON. */
export interface Parameters {
  readonly mode: Mode;
  /** Length of the test, s; 0: no limit. */
  readonly time: number;
  /** Length of the part at the beginning that does not count, s. */
  readonly omit: number;
  /** Octets over all streams, after which the test ends; 0: none. */
  readonly num: number;
  readonly parallel: number;
  /** The server sends. */
  readonly reverse: boolean;
  readonly bidirectional: boolean;
  /** Octets of a write; of a request and a response with rr and crr. */
  readonly len: number;
  /** Bits per second that each stream sends at most; 0: no limit. */
  readonly bandwidth: number;
  /** Congestion control of both sides; "": each side's default. */
  readonly congestion: string;
}

/** iperf3's limits. */
export const PARALLEL_MAX = 128;
export const LENGTH_MAX = 1 << 20;
export const TIME_MAX = 86_400;
export const OMIT_MAX = 600;
/** iperf3's default for TCP. */
export const LENGTH_DEFAULT = 128 << 10;

/** The parameters as the client sends them. An iperf3 server ignores those that it does not know. */
export function parametersJson(p: Parameters, version: string): Record<string, unknown> {
  return {
    tcp: true,
    omit: p.omit,
    time: p.time,
    num: p.num,
    blockcount: 0,
    parallel: p.parallel,
    ...(p.reverse ? { reverse: true } : {}),
    ...(p.bidirectional ? { bidirectional: true } : {}),
    len: p.len,
    ...(p.bandwidth > 0 ? { bandwidth: p.bandwidth } : {}),
    pacing_timer: 1000,
    // Linux calls NewReno "reno".
    ...(p.congestion === "" ? {} : { congestion: p.congestion === "newreno" ? "reno" : p.congestion }),
    ...(p.mode === "bulk" ? {} : { tcpnet: { mode: p.mode } }),
    client_version: version,
  };
}

/** Reads a client's parameters. @throws BenchError if this server does not support them. */
export function readParameters(given: unknown): Parameters {
  const table = tableOf(given, "the parameters");
  if (table.udp === true || table.sctp === true) {
    throw new BenchError(
      "unsupported",
      `it wants ${table.udp === true ? "UDP" : "SCTP"}, and this server has only TCP`,
    );
  }
  const number = (name: string, least: number, most: number, otherwise: number) => {
    const value = table[name] ?? otherwise;
    if (typeof value === "number" && value >= least && value <= most) return Math.floor(value);
    throw new BenchError("unsupported", `its parameter "${name}" is not a number from ${least} to ${most}`);
  };
  const mode = table.tcpnet === undefined ? "bulk" : tableOf(table.tcpnet, '"tcpnet"').mode;
  if (mode !== "bulk" && mode !== "rr" && mode !== "crr") {
    throw new BenchError("unsupported", "it wants a kind of test that this server does not know");
  }
  return {
    mode,
    time: number("time", 0, TIME_MAX, 0),
    omit: number("omit", 0, OMIT_MAX, 0),
    num: number("num", 0, Number.MAX_SAFE_INTEGER, 0),
    parallel: number("parallel", 1, PARALLEL_MAX, 1),
    reverse: table.reverse === true || table.reverse === 1,
    bidirectional: table.bidirectional === true || table.bidirectional === 1,
    len: number("len", 1, LENGTH_MAX, LENGTH_DEFAULT),
    bandwidth: number("bandwidth", 0, Number.MAX_SAFE_INTEGER, 0),
    congestion: typeof table.congestion === "string" ? table.congestion.slice(0, 32) : "",
  };
}

/** A JSON object. @throws BenchError */
export function tableOf(given: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof given === "object" && given !== null && !Array.isArray(given)) return given as Record<string, unknown>;
  throw new BenchError("protocol", `${what} that it sent are not a JSON object`);
}

import type { Percentiles } from "#base/histogram";
import type { Interval, StreamInterval } from "./figures.ts";
import type { RemoteResults } from "./results.ts";
import type { Report, TestRun } from "./run.ts";
import { type DirectionSum, directionSums, intervalSum, type StreamEnds, type Volume } from "./sums.ts";

export interface JsonOptions {
  /** Prints the whole document, or one line of a stream. */
  readonly print: (value: unknown) => void;
  /** One line per event, as iperf3's --json-stream does. */
  readonly stream: boolean;
  readonly version: string;
  readonly system: string;
}

/** Any value of these JSON reports. */
type Json = Record<string, unknown>;

/** iperf3's JSON. What iperf3 has no names for is in `tcpnet`. */
export class JsonReport implements Report {
  readonly #options: JsonOptions;
  readonly #intervals: Json[] = [];
  #start: Json = {};

  constructor(options: JsonOptions) {
    this.#options = options;
  }

  started(run: TestRun): void {
    this.#start = startJson(run, this.#options);
    if (this.#options.stream) this.#event("start", this.#start);
  }

  interval(run: TestRun, interval: Interval): void {
    const json = intervalJson(run, interval);
    if (this.#options.stream) this.#event("interval", json);
    else this.#intervals.push(json);
  }

  ended(run: TestRun, remote: RemoteResults | null, failure: Error | null): void {
    const end = endJson(run, remote);
    const error = failure === null ? {} : { error: failure.message };
    if (!this.#options.stream) {
      this.#options.print({ start: this.#start, intervals: this.#intervals, end, ...error });
      return;
    }
    this.#event("end", end);
    if (failure !== null) this.#event("error", failure.message);
  }

  #event(event: string, data: unknown): void {
    this.#options.print({ event, data });
  }
}

function startJson(run: TestRun, { version, system }: JsonOptions): Json {
  const { parameters: p, ends, cookie } = run;
  const now = new Date();
  const connected = run.streams.flatMap(({ id, socket }) => {
    if (socket === null) return [];
    const { local, remote } = socket;
    return {
      socket: id,
      local_host: local.hostname,
      local_port: local.port,
      remote_host: remote.hostname,
      remote_port: remote.port,
    };
  });
  const { hostname: host, port } = ends.remote;
  return {
    connected,
    version,
    system_info: system,
    timestamp: { time: now.toUTCString(), timesecs: Math.floor(now.getTime() / 1000) },
    ...(run.role === "client" ? { connecting_to: { host, port } } : { accepted_connection: { host, port } }),
    cookie,
    tcp_mss_default: run.info()?.mss ?? 0,
    target_bitrate: p.bandwidth,
    fq_rate: 0,
    test_start: {
      protocol: "TCP",
      num_streams: p.parallel,
      blksize: p.len,
      omit: p.omit,
      duration: p.num > 0 ? 0 : p.time,
      bytes: p.num,
      blocks: 0,
      reverse: p.reverse ? 1 : 0,
      tos: 0,
      target_bitrate: p.bandwidth,
      bidir: p.bidirectional ? 1 : 0,
      fqrate: 0,
      ...(p.mode === "bulk" ? {} : { tcpnet: p.mode }),
    },
  };
}

function intervalJson(run: TestRun, { start, end, omitted, streams, times }: Interval): Json {
  const isBidirectional = run.parameters.bidirectional;
  const sums: Json = {};
  // The sum of the client's direction comes first; the other direction has a name of its own. A test in one direction has one sum.
  for (const isSender of [true, false]) {
    const same = streams.filter(({ stream }) => stream.isSender === isSender);
    if (same.length === 0) continue;
    const isReverse = isBidirectional && isSender !== (run.role === "client");
    const { volume, retransmits, transactions } = intervalSum(same);
    sums[isReverse ? "sum_bidir_reverse" : "sum"] = {
      start,
      end,
      ...volumeJson(volume),
      ...(isSender && run.parameters.mode !== "crr" ? { retransmits } : {}),
      omitted,
      sender: isSender,
      ...(run.parameters.mode === "bulk" ? {} : exchangeJson(transactions, volume.seconds, times)),
    };
  }
  return { streams: streams.map((each) => streamIntervalJson(each, omitted)), ...sums };
}

function streamIntervalJson({ stream, start, end, bytes, tcp }: StreamInterval, omitted: boolean): Json {
  const seconds = end - start;
  const figures =
    tcp === null
      ? {}
      : {
          retransmits: tcp.retransmits,
          snd_cwnd: tcp.cwnd,
          snd_wnd: tcp.wnd,
          rtt: tcp.rtt,
          rttvar: tcp.rttvar,
          pmtu: tcp.pmtu,
        };
  return {
    socket: stream.id,
    start,
    end,
    ...volumeJson({ bytes, seconds, bitsPerSecond: seconds > 0 ? (bytes * 8) / seconds : 0 }),
    ...figures,
    omitted,
    sender: stream.isSender,
  };
}

function endJson(run: TestRun, remote: RemoteResults | null): Json {
  const directions = directionSums(run, remote);
  const sums: Json = {};
  for (const direction of directions) {
    const isReverse = run.parameters.bidirectional && direction.isSender !== (run.role === "client");
    const suffix = isReverse ? "_bidir_reverse" : "";
    const { sent, received, retransmits, isSender } = direction;
    if (sent !== null) {
      const resent = retransmits === null ? {} : { retransmits };
      sums[`sum_sent${suffix}`] = { start: 0, end: sent.seconds, ...volumeJson(sent), ...resent, sender: isSender };
    }
    if (received !== null) {
      sums[`sum_received${suffix}`] = { start: 0, end: received.seconds, ...volumeJson(received), sender: isSender };
    }
  }
  const { cpu, congestion } = run;
  const sends = run.senders().length > 0;
  return {
    streams: directions.flatMap((direction) => direction.streams.map((ends) => streamEndJson(direction, ends))),
    ...sums,
    cpu_utilization_percent: {
      host_total: cpu.total,
      host_user: cpu.user,
      host_system: cpu.system,
      remote_total: remote?.cpu.total ?? 0,
      remote_user: remote?.cpu.user ?? 0,
      remote_system: remote?.cpu.system ?? 0,
    },
    sender_tcp_congestion: sends ? congestion : (remote?.congestion ?? ""),
    receiver_tcp_congestion: sends ? (remote?.congestion ?? "") : congestion,
    ...(run.parameters.mode === "bulk" ? {} : { tcpnet: exchangeEndJson(run) }),
  };
}

function streamEndJson({ isSender }: DirectionSum, { own, sent, received, retransmits }: StreamEnds): Json {
  const socket = own.stream.id;
  const extremes = isSender
    ? {
        max_snd_cwnd: own.maxCwnd,
        max_snd_wnd: own.maxWnd,
        max_rtt: own.maxRtt,
        min_rtt: own.minRtt,
        mean_rtt: own.meanRtt,
      }
    : {};
  const of = (volume: Volume | null, more: Json) =>
    volume === null
      ? null
      : { socket, start: 0, end: volume.seconds, ...volumeJson(volume), ...more, sender: isSender };
  return {
    sender: of(sent, { ...(retransmits === null ? {} : { retransmits }), ...extremes }),
    receiver: of(received, {}),
  };
}

function exchangeEndJson(run: TestRun): Json {
  const transactions = run.totals.reduce((n, each) => n + each.transactions, 0);
  return { mode: run.parameters.mode, ...exchangeJson(transactions, run.seconds, run.percentiles) };
}

function exchangeJson(transactions: number, seconds: number, times: Percentiles | null): Json {
  return {
    transactions,
    transactions_per_second: seconds > 0 ? transactions / seconds : 0,
    ...(times === null ? {} : { latency_us: latencyJson(times) }),
  };
}

function latencyJson({ min, mean, p50, p90, p99, p99_9, max }: Percentiles): Json {
  return { min, mean, p50, p90, p99, "p99.9": p99_9, max };
}

function volumeJson({ bytes, seconds, bitsPerSecond }: Volume): Json {
  return { seconds, bytes, bits_per_second: bitsPerSecond };
}

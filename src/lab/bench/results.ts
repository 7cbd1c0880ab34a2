/** The results that both sides exchange at the end. */
import type { StreamTotal } from "./figures.ts";
import { tableOf } from "./parameters.ts";
import { BenchError } from "./protocol.ts";
import type { Cpu, TestRun } from "./run.ts";

/** What the other side has counted of one stream. */
export interface RemoteStream {
  readonly id: number;
  readonly bytes: number;
  /** -1: unknown. */
  readonly retransmits: number;
  readonly seconds: number;
}

export interface RemoteResults {
  readonly cpu: Cpu;
  readonly congestion: string;
  readonly streams: ReadonlyMap<number, RemoteStream>;
}

/** The most streams of a test: both directions. */
const STREAMS_MAX = 256;

/** Our results, with iperf3's names. */
export function resultsJson(run: TestRun): Record<string, unknown> {
  const { cpu, totals, congestion } = run;
  return {
    cpu_util_total: cpu.total,
    cpu_util_user: cpu.user,
    cpu_util_system: cpu.system,
    // -1 from a side that only receives.
    sender_has_retransmits: run.senders().length > 0 ? 1 : -1,
    congestion_used: congestion,
    streams: totals.map(streamJson),
  };
}

function streamJson({ stream, bytes, retransmits, seconds }: StreamTotal): Record<string, number> {
  return {
    id: stream.id,
    bytes,
    retransmits: stream.isSender ? retransmits : -1,
    jitter: 0,
    errors: 0,
    packets: 0,
    start_time: 0,
    end_time: seconds,
  };
}

/** Reads the other side's results. @throws BenchError */
export function readResults(given: unknown): RemoteResults {
  const table = tableOf(given, "the results");
  const listed = Array.isArray(table.streams) ? (table.streams as unknown[]) : [];
  if (listed.length > STREAMS_MAX) throw new BenchError("protocol", `it sent results of ${listed.length} streams`);
  const streams = listed.map((each): RemoteStream => {
    const stream = tableOf(each, "the results of a stream");
    const seconds = numberOf(stream.end_time) - numberOf(stream.start_time);
    return {
      id: numberOf(stream.id),
      bytes: numberOf(stream.bytes),
      retransmits: numberOf(stream.retransmits),
      seconds,
    };
  });
  return {
    cpu: {
      total: numberOf(table.cpu_util_total),
      user: numberOf(table.cpu_util_user),
      system: numberOf(table.cpu_util_system),
    },
    congestion: typeof table.congestion_used === "string" ? table.congestion_used.slice(0, 32) : "",
    streams: new Map(streams.map((stream) => [stream.id, stream])),
  };
}

function numberOf(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}

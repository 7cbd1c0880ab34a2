/** Compares the results of two benchmarks: ours or iperf3's, each as one JSON object or as a stream of events. */

/** A figure that two results have in common. */
export interface Difference {
  readonly name: string;
  readonly unit: Unit;
  readonly before: number;
  readonly after: number;
  /** By how much the second result is worse, in percent; negative: it is better. */
  readonly worse: number;
}

export type Unit = "bit/s" | "per second" | "µs" | "ratio";

interface Figure {
  readonly value: number;
  readonly unit: Unit;
}

/** The figures of a result by name. */
export type Figures = ReadonlyMap<string, Figure>;

/** The figures that are compared: path in the JSON, name and unit. Retransmissions are left out, because their number says little. */
const PATHS: readonly (readonly [path: string, name: string, unit: Unit])[] = [
  ["sum_received.bits_per_second", "received", "bit/s"],
  ["sum_received_bidir_reverse.bits_per_second", "received (reverse)", "bit/s"],
  ["tcpnet.transactions_per_second", "transactions", "per second"],
  ["tcpnet.latency_us.p50", "latency p50", "µs"],
  ["tcpnet.latency_us.p99", "latency p99", "µs"],
];

/** The throughput of requests follows from their number, so it is not compared as well. */
const EXCHANGE = /^tcpnet\./;

/** Reads a result. Returns null if the text is not a result. */
export function readFigures(text: string): Figures | null {
  const document = parse(text);
  if (document === null) return null;
  const figures = new Map<string, Figure>();
  const rows = at(document, "versus");
  if (Array.isArray(rows)) {
    for (const row of rows as unknown[]) {
      const value = at(row, "ratio");
      if (typeof value === "number") figures.set(`ratio of ${at(row, "name")}`, { value, unit: "ratio" });
    }
  }
  const end = at(document, "end");
  const isExchange = at(end, "tcpnet") !== undefined;
  for (const [path, name, unit] of PATHS) {
    const value = at(end, path);
    if (typeof value !== "number" || !(value > 0) || EXCHANGE.test(path) !== isExchange) continue;
    figures.set(name, { value, unit });
  }
  return figures.size === 0 ? null : figures;
}

/** The differences between the figures that both results have. */
export function differences(before: Figures, after: Figures): Difference[] {
  return [...before].flatMap(([name, { value, unit }]) => {
    const then = after.get(name);
    if (then === undefined) return [];
    const loss = unit === "µs" ? then.value / value - 1 : 1 - then.value / value;
    return { name, unit, before: value, after: then.value, worse: loss * 100 };
  });
}

/** One object, or the `end` of a stream of events. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Perhaps one object per line.
  }
  for (const line of text.split("\n")) {
    if (line.trim() === "") continue;
    try {
      const { event, data } = JSON.parse(line) as { readonly event?: unknown; readonly data?: unknown };
      if (event === "end") return { end: data };
    } catch {
      return null;
    }
  }
  return null;
}

function at(value: unknown, path: string): unknown {
  let here = value;
  for (const name of path.split(".")) {
    if (typeof here !== "object" || here === null) return undefined;
    here = (here as Record<string, unknown>)[name];
  }
  return here;
}

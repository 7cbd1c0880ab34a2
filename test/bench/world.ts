/** Two stacks in memory, a server on one, and clients on the other. */
import { Client } from "#lab/bench/client";
import type { Interval } from "#lab/bench/figures";
import type { Parameters } from "#lab/bench/parameters";
import type { RemoteResults } from "#lab/bench/results";
import type { Report, TestRun } from "#lab/bench/run";
import { Server, type ServerOptions } from "#lab/bench/server";
import { StackTransport } from "#lab/bench/stack-transport";
import { createStack, type NetStack, pair, type SocketOptions } from "../../src/index.ts";

export const PORT = 5201;

/** Keeps what it is told. */
export class Told implements Report {
  starts = 0;
  readonly intervals: Interval[] = [];
  run: TestRun | null = null;
  remote: RemoteResults | null = null;
  failure: Error | null = null;

  started(run: TestRun): void {
    this.starts++;
    this.run = run;
  }

  interval(_run: TestRun, interval: Interval): void {
    this.intervals.push(interval);
  }

  ended(run: TestRun, remote: RemoteResults | null, failure: Error | null): void {
    this.run = run;
    this.remote = remote;
    this.failure = failure;
  }
}

export interface World {
  readonly client: NetStack;
  readonly server: NetStack;
  /** What the server said. */
  readonly warnings: string[];
  readonly reports: Told[];
  readonly bench: Server;
  /** Resolves when the server has ended. */
  readonly serving: Promise<void>;
  /** Runs a test; rejects as the client does. */
  test(parameters: Partial<Parameters>, more?: { interval?: number; patience?: number }): Promise<Told>;
  close(): Promise<void>;
}

export const BULK: Parameters = {
  mode: "bulk",
  time: 0.3,
  omit: 0,
  num: 0,
  parallel: 1,
  reverse: false,
  bidirectional: false,
  len: 128 << 10,
  bandwidth: 0,
  congestion: "",
};

/** @param socket options of the server's connections @param queueLength packets; a short queue loses some */
export async function world(
  options: Partial<ServerOptions> = {},
  socket: SocketOptions = {},
  queueLength = 4096,
): Promise<World> {
  const [a, b] = pair({ queueLength });
  const server = await createStack({ device: a, address: "10.0.0.7/24" });
  const client = await createStack({ device: b, address: "10.0.0.5/24" });
  const warnings: string[] = [];
  const reports: Told[] = [];
  const common = { port: PORT, socket: {}, timeout: 2_000 };
  const bench = new Server({
    transport: new StackTransport({ stack: server, backlog: 1024, ...common, socket }),
    report: () => {
      const told = new Told();
      reports.push(told);
      return told;
    },
    interval: 0.1,
    max: 100,
    oneOff: false,
    patience: 1_000,
    warn: (kind, words) => warnings.push(`${kind}: ${words}`),
    ...options,
  });
  const serving = bench.run();
  const transport = new StackTransport({ stack: client, hostname: "10.0.0.7", ...common });
  return {
    client,
    server,
    warnings,
    reports,
    bench,
    serving,
    async test(parameters, { interval = 0.1, patience = 1_000 } = {}) {
      const report = new Told();
      const all = { ...BULK, ...parameters };
      await new Client({ transport, parameters: all, report, interval, patience, version: "test" }).run();
      return report;
    },
    async close() {
      bench.stop();
      await Promise.all([client.close(), server.close(), serving]);
    },
  };
}

/** What `bench --vs` measures: each function is one run of one program. */
import { findTool } from "#ffi/environment";
import { Client } from "#lab/bench/client";
import { KernelTransport } from "#lab/bench/kernel-transport";
import type { Parameters } from "#lab/bench/parameters";
import { PumpReader, type PumpShape } from "#lab/bench/pump";
import type { RemoteResults } from "#lab/bench/results";
import type { Report, TestRun } from "#lab/bench/run";
import type { Unit } from "#lab/bench/versus";
import { type FarNetwork, Program, pinned, self, VETH_FAR } from "./bench-network.ts";
import { BENCH_PORT } from "./bench-options.ts";

/** A test, and the flags of `bench -c` that ask for it. */
export interface Measured {
  readonly name: string;
  readonly unit: Unit;
  readonly parameters: Parameters;
  readonly offload: boolean;
}

/** How much longer than its time a run may take, ms. */
const GRACE_MS = 30_000;
const PATIENCE_MS = 10_000;

const limitOf = ({ time, omit }: Parameters) => (time + omit) * 1000 + GRACE_MS;

/** Two tcpnet programs, with the kernel's forwarding between two TUN devices. */
export async function measureTcpnet({ parameters, offload }: Measured): Promise<number> {
  const more = offload ? [] : ["--no-offload"];
  const server = new Program("tcpnet bench -s", pinned(1, self("bench", "-s", "tun0", "10.0.0.1/24", "-1", ...more)));
  try {
    await server.prints("Server listening");
    const words = ["bench", "-c", "tun1", "10.0.1.1/24", "10.0.0.7", "--json", ...clientFlags(parameters), ...more];
    const client = new Program("tcpnet bench -c", pinned(0, self(...words)));
    return figureOf(await client.result(limitOf(parameters)));
  } finally {
    await server.end();
  }
}

/** The kernel's TCP over a veth pair: iperf3 if it is here, else our own program with the kernel's sockets. */
export async function measureKernel(far: FarNetwork, { parameters }: Measured): Promise<number> {
  const iperf3 = iperf3Path();
  if (parameters.mode === "bulk" && iperf3 !== null) return measureIperf3(far, iperf3, parameters);
  const server = new Program("the kernel's server", far.command(pinned(1, self("bench", KERNEL_SERVER))));
  try {
    await server.prints("Server listening");
    const client = new Program(
      "the kernel's client",
      pinned(0, self("bench", KERNEL_CLIENT, ...clientFlags(parameters))),
    );
    return Number(await client.result(limitOf(parameters)));
  } finally {
    await server.end();
  }
}

/** Words behind `bench` for programs that `bench --vs` starts. */
export const KERNEL_SERVER = "kernel-server";
export const KERNEL_CLIENT = "kernel-client";
export const PUMP_WRITER = "pump-writer";

/** Where iperf3 is, or null. */
export function iperf3Path(): string | null {
  return findTool("iperf3");
}

async function measureIperf3(far: FarNetwork, iperf3: string, parameters: Parameters): Promise<number> {
  const server = new Program("iperf3 -s", far.command(pinned(1, [iperf3, "-s", "-1", "--forceflush"])));
  try {
    await server.prints("Server listening");
    const words = [iperf3, "-c", VETH_FAR, "-J", ...clientFlags(parameters)];
    const client = new Program("iperf3 -c", pinned(0, words));
    return figureOf(await client.result(limitOf(parameters)));
  } finally {
    await server.end();
  }
}

/** A test over the kernel's sockets, in this process. Returns its figure. */
export async function runKernelClient(parameters: Parameters): Promise<number> {
  const report = new Figure();
  const transport = new KernelTransport(VETH_FAR, BENCH_PORT);
  const options = { transport, parameters, report, interval: 0, patience: PATIENCE_MS, version: "kernel" };
  await new Client(options).run();
  return report.value;
}

/** Keeps the figure of a test. */
class Figure implements Report {
  value = 0;

  started(): void {}

  interval(): void {}

  ended(run: TestRun, remote: RemoteResults | null): void {
    const sum = (all: Iterable<number>) => [...all].reduce((a, b) => a + b, 0);
    if (run.parameters.mode !== "bulk") {
      this.value = sum(run.totals.map(({ transactions }) => transactions)) / run.seconds;
    } else if (run.parameters.reverse) {
      this.value = (sum(run.totals.map(({ bytes }) => bytes)) * 8) / run.seconds;
    } else {
      this.value = sum([...(remote?.streams.values() ?? [])].map(({ bytes, seconds }) => (bytes * 8) / seconds));
    }
  }
}

/** The pump over the same devices. */
export async function measurePump(shape: PumpShape, seconds: number): Promise<number> {
  const reader = new PumpReader();
  try {
    const numbers = [shape.size, shape.gsoSize, seconds + 0.5].map(String);
    const writer = new Program("the pump", pinned(0, self("bench", PUMP_WRITER, ...numbers)));
    const figure = reader.read(seconds);
    await writer.result(GRACE_MS);
    return figure;
  } finally {
    reader.close();
  }
}

/** The flags that ask for this test; iperf3 has the same ones. */
function clientFlags({ mode, time, omit, parallel, reverse, bidirectional, len, bandwidth }: Parameters): string[] {
  return [
    ...["-t", `${time}`, "-O", `${omit}`, "-P", `${parallel}`, "-l", `${len}`],
    ...(mode === "bulk" ? [] : [`--${mode}`]),
    ...(reverse ? ["-R"] : []),
    ...(bidirectional ? ["--bidir"] : []),
    ...(bandwidth > 0 ? ["-b", `${bandwidth}`] : []),
  ];
}

interface Document {
  readonly end: {
    readonly sum_received?: { readonly bits_per_second: number };
    readonly sum_received_bidir_reverse?: { readonly bits_per_second: number };
    readonly tcpnet?: { readonly transactions_per_second: number };
  };
}

/** What a test with --json has measured; both directions together. */
function figureOf(text: string): number {
  const { end } = JSON.parse(text) as Document;
  if (end.tcpnet !== undefined) return end.tcpnet.transactions_per_second;
  return (end.sum_received?.bits_per_second ?? 0) + (end.sum_received_bidir_reverse?.bits_per_second ?? 0);
}

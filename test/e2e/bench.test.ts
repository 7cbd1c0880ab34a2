/** `tcpnet bench` as people start it: with the kernel's iperf3 on either side, with itself, and beside the kernel. */

import { expect } from "bun:test";
import { sometimes } from "../support/sometimes.ts";
import { type Ended, type Lab, labTest, labTestWith, type Running } from "./lab.ts";

const SERVER = ["bench", "-s", "tun0", "10.0.0.1/24"] as const;
const CLIENT = ["bench", "-c", "tun1", "10.0.1.1/24", "10.0.0.7"] as const;
/** To the kernel's own address on the device. */
const TO_KERNEL = ["bench", "-c", "tun0", "10.0.0.1/24", "10.0.0.1", "--kernel"] as const;

interface Sum {
  readonly bytes: number;
  readonly bits_per_second: number;
  readonly retransmits?: number;
}

interface Document {
  readonly start: { readonly test_start: Readonly<Record<string, unknown>>; readonly version: string };
  readonly intervals: readonly { readonly streams: readonly object[] }[];
  readonly end: {
    readonly streams: readonly object[];
    readonly sum_sent: Sum;
    readonly sum_received: Sum;
    readonly sum_received_bidir_reverse?: Sum;
    readonly tcpnet?: { readonly transactions: number; readonly latency_us: Readonly<Record<string, number>> };
  };
}

const parsed = ({ stdout }: Ended) => JSON.parse(stdout.toString()) as Document;

async function well(running: Running): Promise<Ended> {
  const ended = await running.ended;
  expect([ended.code, ended.stderr]).toEqual([0, expect.any(String)]);
  return ended;
}

async function server(lab: Lab, ...flags: readonly string[]): Promise<Running> {
  const running = lab.tcpnet(...SERVER, ...flags);
  await running.says(/waiting for tests at 10\.0\.0\.7:5201/);
  return running;
}

labTestWith(
  ["iperf3"],
  "a client of ours and the kernel's iperf3 -s agree on what was sent, in every direction",
  async (lab) => {
    const iperf3 = lab.start("iperf3", "-s", "--forceflush");
    await iperf3.gives(10);
    const run = async (...flags: readonly string[]) => parsed(await well(lab.tcpnet(...TO_KERNEL, "--json", ...flags)));
    for (const reverse of [[], ["-R"]]) {
      const { end, start } = await run("-n", "5M", ...reverse);
      expect(end.sum_received.bytes).toBeGreaterThanOrEqual(5_000_000);
      if (reverse.length === 0) expect([end.sum_sent.bytes, end.sum_received.bytes]).toEqual([5_000_000, 5_000_000]);
      expect(end.sum_sent.retransmits).toBeNumber();
      expect(start.test_start).toMatchObject({ bytes: 5_000_000, reverse: reverse.length });
    }
    const both = await run("-t", "1", "--bidir", "-P", "2");
    expect(both.end.streams.length).toBe(4);
    expect(both.end.sum_received.bytes).toBeGreaterThan(0);
    expect(both.end.sum_received_bidir_reverse!.bytes).toBeGreaterThan(0);
    const omitted = await run("-t", "1", "-O", "1", "-i", "0.5", "-b", "8M", "-l", "10k");
    expect(omitted.end.sum_received.bits_per_second).toBeLessThan(16e6);
    // What an iperf3 server cannot do, it is not asked in vain, and it goes on serving.
    const refused = await lab.tcpnet(...TO_KERNEL, "--rr").ended;
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("it is an iperf3 server, which knows no requests and responses");
    // An iperf3 server counts what it has read when the end of the test is told; on a busy machine some octets may still wait then.
    await sometimes(async () => {
      const { end } = await run("-n", "1M");
      expect([end.sum_sent.bytes, end.sum_received.bytes]).toEqual([1_000_000, 1_000_000]);
    });
    iperf3.child.kill("SIGINT");
    await iperf3.ended;
  },
);

labTestWith(
  ["iperf3"],
  "the kernel's iperf3 -c measures against a server of ours, one after another and at the same time",
  async (lab) => {
    const ours = await server(lab);
    const run = async (...flags: readonly string[]) =>
      parsed(await well(lab.start("iperf3", "-c", "10.0.0.7", "-J", ...flags)));
    for (const reverse of [[], ["-R"]]) {
      const { end } = await run("-n", "4M", ...reverse);
      expect(end.sum_received.bytes).toBeGreaterThanOrEqual(4_000_000);
      expect(end.sum_sent.bytes).toBeGreaterThanOrEqual(end.sum_received.bytes);
    }
    const both = await run("-t", "1", "--bidir", "-P", "2", "-O", "1");
    expect(both.end.sum_received.bytes).toBeGreaterThan(0);
    expect(both.end.sum_received_bidir_reverse!.bytes).toBeGreaterThan(0);
    // Iperf3's own server would say that it is busy.
    const all = await Promise.all([1, 2, 3].map(() => run("-t", "2")));
    for (const { end } of all) expect(end.sum_received.bytes).toBeGreaterThan(0);
    const udp = await lab.start("iperf3", "-c", "10.0.0.7", "-u", "-t", "1").ended;
    expect(`${udp.stdout}${udp.stderr}`).toContain("unable to receive parameters");
    ours.child.kill("SIGINT");
    const { code, stdout, stderr } = await ours.ended;
    expect(code).toBe(130);
    expect(stdout.toString()).toMatch(/\[ {2}1\]\[RX-S\] .*sender\n/);
    expect(stderr).toContain("it wants UDP, and this server has only TCP");
  },
);

labTest(
  "both sides ours: throughput, requests and connections; the server tells each test; -1 ends it",
  async (lab) => {
    const ours = await server(lab, "--json-stream");
    const run = async (...flags: readonly string[]) => parsed(await well(lab.tcpnet(...CLIENT, "--json", ...flags)));
    const bulk = await run("-n", "3M");
    expect([bulk.end.sum_sent.bytes, bulk.end.sum_received.bytes]).toEqual([3_000_000, 3_000_000]);
    for (const kind of [["--rr", "-P", "2"], ["--crr"]]) {
      const { transactions, latency_us: latency } = (await run("-t", "1", ...kind)).end.tcpnet!;
      expect(transactions).toBeGreaterThan(1);
      expect(latency.p50!).toBeLessThanOrEqual(latency["p99.9"]!);
      expect(latency["p99.9"]!).toBeLessThanOrEqual(latency.max!);
    }
    ours.child.kill("SIGINT");
    const { stdout, code } = await ours.ended;
    expect(code).toBe(130);
    const events = stdout
      .toString()
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { event: string }).event);
    expect(events.filter((event) => event !== "interval")).toEqual(["start", "end", "start", "end", "start", "end"]);

    const once = await server(lab, "-1");
    await well(lab.tcpnet(...CLIENT, "-n", "100k"));
    const last = await well(once);
    expect(last.stdout.toString()).toContain("receiver");
  },
);

labTest(
  "a client says in words that nobody answers, that the server is busy or was ended, and what it has measured when it is interrupted",
  async (lab) => {
    const nobody = await lab.tcpnet(...CLIENT, "--timeout", "1s").ended;
    expect([nobody.code, nobody.stderr]).toEqual([11, expect.stringContaining("did not answer within")]);
    const ours = await server(lab, "--max", "1");
    const first = lab.tcpnet(...CLIENT, "-t", "60", "-i", "0.2");
    await first.gives(300);
    const second = ["bench", "-c", "tun2", "10.0.2.1/24", "10.0.0.7"];
    await lab.ns.must(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]);
    const busy = await lab.tcpnet(...second, "-t", "1").ended;
    expect([busy.code, busy.stderr]).toEqual([3, expect.stringContaining("the server is busy running a test")]);
    first.child.kill("SIGINT");
    const interrupted = await first.ended;
    expect(interrupted.code).toBe(130);
    expect(interrupted.stdout.toString()).toMatch(/0\.00-.* sender\n/);
    const third = lab.tcpnet(...CLIENT, "-t", "60", "-i", "0.2");
    await third.gives(300);
    ours.child.kill("SIGINT");
    const [ended, end] = [await third.ended, await ours.ended];
    expect([ended.code, ended.stderr]).toEqual([1, expect.stringContaining("the server was ended")]);
    expect(end.code).toBe(130);
    expect(end.stderr).toContain("the client ended the test");
  },
);

/** Client and server of the benchmark over two stacks in memory: what one side has counted, the other has counted, too. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { BenchError } from "#lab/bench/protocol";
import { readResults } from "#lab/bench/results";
import { type Told, type World, world } from "./world.ts";

let w: World;
beforeAll(async () => {
  w = await world();
});
afterAll(() => w.close());

const bytesOf = (told: Told) => told.run!.totals.map(({ bytes }) => bytes);
const remoteBytes = (told: Told) => [...told.remote!.streams.values()].map(({ bytes }) => bytes);

test("--bytes: exactly so many are sent, and all of them arrive, in either direction and over several streams", async () => {
  for (const parameters of [{}, { reverse: true }, { parallel: 3 }, { parallel: 3, reverse: true }]) {
    const told = await w.test({ num: 3_000_001, time: 10, len: 10_000, ...parameters });
    const sum = (all: readonly number[]) => all.reduce((a, b) => a + b, 0);
    expect(sum(bytesOf(told))).toBe(3_000_001);
    expect(sum(remoteBytes(told))).toBe(3_000_001);
    expect(told.failure).toBeNull();
  }
});

test("both directions: each side has as many senders as receivers, numbered as iperf3 numbers them", async () => {
  const told = await w.test({ bidirectional: true, parallel: 2 });
  expect(told.run!.streams.map(({ id, isSender }) => [id, isSender])).toEqual([
    [1, true],
    [3, true],
    [4, false],
    [5, false],
  ]);
  expect(bytesOf(told).every((n) => n > 0)).toBe(true);
  const server = w.reports.at(-1)!;
  expect(server.run!.streams.map(({ isSender }) => isSender)).toEqual([false, false, true, true]);
  // Each side has been told what the other one has counted.
  expect([...server.remote!.streams.values()].map(({ bytes }) => bytes)).toEqual(bytesOf(told));
});

test("--bytes over a link that loses packets: as many are counted as sent, although some were sent twice", async () => {
  const lossy = await world({ patience: 20_000 }, {}, 32);
  const told = await lossy.test({ num: 2_000_000, time: 10, parallel: 4 }, { patience: 20_000 });
  const { totals } = told.run!;
  expect(totals.reduce((n, { retransmits }) => n + retransmits, 0)).toBeGreaterThan(0);
  expect(totals.reduce((n, { bytes }) => n + bytes, 0)).toBe(2_000_000);
  await lossy.close();
});

test("a receiver counts no more than was sent", async () => {
  const told = await w.test({});
  const [sent, received] = [bytesOf(told)[0]!, remoteBytes(told)[0]!];
  expect(received).toBeGreaterThan(0);
  expect(received).toBeLessThanOrEqual(sent);
});

test("intervals follow each other without a gap, and their sum is the total", async () => {
  const told = await w.test({ time: 0.5 });
  const { intervals } = told;
  expect(intervals.length).toBeGreaterThanOrEqual(1);
  intervals.forEach(({ start, omitted }, i) => {
    expect([start, omitted]).toEqual([i === 0 ? 0 : intervals[i - 1]!.end, false]);
  });
  const sum = intervals.reduce((n, { streams }) => n + streams[0]!.bytes, 0);
  const rest = bytesOf(told)[0]! - sum;
  // A rest of less than 50 ms has no line of its own.
  expect(rest).toBeGreaterThanOrEqual(0);
  expect(told.run!.seconds - intervals.at(-1)!.end).toBeLessThan(0.05);
  expect(intervals[0]!.streams[0]!.tcp!.cwnd).toBeGreaterThan(1000);
});

test("what is omitted counts neither in the total nor in the time", async () => {
  const before = performance.now();
  const told = await w.test({ omit: 1, time: 0.4 });
  const seconds = (performance.now() - before) / 1000;
  const omitted = told.intervals.filter((each) => each.omitted);
  const counted = told.intervals.filter((each) => !each.omitted);
  expect(omitted.length).toBeGreaterThan(0);
  expect(counted[0]!.start).toBe(0);
  expect(told.run!.seconds).toBeLessThan(seconds - 0.9);
  const sum = counted.reduce((n, { streams }) => n + streams[0]!.bytes, 0);
  expect(bytesOf(told)[0]!).toBeGreaterThanOrEqual(sum);
  const all = told.run!.streams[0]!.bytes;
  expect(all).toBeGreaterThan(bytesOf(told)[0]!);
});

test("the congestion control that the client asks for is the server's as well; one that does not exist is refused in words", async () => {
  for (const name of ["bbr", "reno"]) {
    const told = await w.test({ num: 100_000, time: 10, reverse: true, congestion: name });
    expect(told.failure).toBeNull();
    expect(w.reports.at(-1)!.run!.congestion).toBe(name === "reno" ? "newreno" : name);
  }
  const refused = w.test({ num: 100_000, time: 10, congestion: "vegas" });
  await expect(refused).rejects.toThrow("it does not know this congestion control (iperf3's error 134)");
  expect((await w.test({ num: 1_000, time: 10 })).failure).toBeNull();
});

test("a limited bandwidth is kept", async () => {
  const told = await w.test({ bandwidth: 8_000_000, time: 1, len: 10_000 });
  const seconds = told.run!.seconds;
  expect(bytesOf(told)[0]!).toBeLessThanOrEqual(1_000_000 * seconds + 2 * 10_000);
  expect(bytesOf(told)[0]!).toBeGreaterThan(500_000 * seconds);
});

test("--rr: both sides count the same requests, and each has a time", async () => {
  for (const parameters of [{ len: 1 }, { len: 5000, parallel: 4 }]) {
    const told = await w.test({ mode: "rr", ...parameters });
    const requests = told.run!.totals.map(({ transactions }) => transactions);
    expect(requests.every((n) => n > 0)).toBe(true);
    const sum = requests.reduce((a, b) => a + b, 0);
    const { count, p50, p99, max } = told.run!.percentiles!;
    expect(count).toBe(sum);
    expect(0 < p50 && p50 <= p99 && p99 <= max).toBe(true);
    const answered = w.reports.at(-1)!.run!.streams.reduce((n, { transactions }) => n + transactions, 0);
    // The last request of each stream may have been answered after the end.
    expect(answered - sum).toBeGreaterThanOrEqual(0);
    expect(answered - sum).toBeLessThanOrEqual(parameters.parallel ?? 1);
  }
});

test("--crr: a connection for each request; both sides count the same, and no connection is left but in TIME-WAIT", async () => {
  const told = await w.test({ mode: "crr", len: 100, parallel: 3 });
  const sum = told.run!.totals.reduce((n, { transactions }) => n + transactions, 0);
  expect(sum).toBeGreaterThan(3);
  expect(told.run!.percentiles!.count).toBe(sum);
  const answered = w.reports.at(-1)!.run!.streams[0]!.transactions;
  expect(answered - sum).toBeGreaterThanOrEqual(0);
  expect(answered - sum).toBeLessThanOrEqual(3);
  for (let i = 0; i < 100 && open().length > 0; i++) await Bun.sleep(10);
  expect(open()).toEqual([]);
});

function open(): string[] {
  const all = [...w.client.connections(), ...w.server.connections()].map(({ state }) => state);
  return all.filter((state) => state !== "TIME-WAIT");
}

test("many clients at once: each gets a test of its own", async () => {
  const before = w.reports.length;
  const told = await Promise.all(
    Array.from({ length: 12 }, () => w.test({ num: 200_000, time: 10 }, { patience: 20_000 })),
  );
  expect(told.map(remoteBytes)).toEqual(told.map(() => [200_000]));
  expect(w.reports.length).toBe(before + 12);
});

test("a server that has as many tests as it may says that it is busy; afterwards it serves again", async () => {
  const small = await world({ max: 1 });
  try {
    const first = small.test({ time: 1 });
    while (small.bench.active === 0) await Bun.sleep(5);
    const refused = await small.test({}).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(BenchError);
    expect((refused as BenchError).kind).toBe("busy");
    expect(small.warnings.join()).toContain("busy: 10.0.0.5 was told that the server is busy");
    await first;
    expect((await small.test({})).failure).toBeNull();
  } finally {
    await small.close();
  }
});

test("a server for one test ends after it", async () => {
  const once = await world({ oneOff: true });
  await once.test({});
  await once.serving;
  expect([once.bench.served, once.bench.failed]).toEqual([1, 0]);
  await once.close();
});

test("a server that is stopped says so to its clients, which tell what they have measured", async () => {
  const one = await world();
  const running = one.test({ time: 10 }).catch((error: unknown) => error);
  while (one.reports[0]?.starts !== 1) await Bun.sleep(5);
  while (one.reports[0]!.run!.streams[0]!.bytes === 0) await Bun.sleep(5);
  one.bench.stop();
  const error = await running;
  expect((error as BenchError).kind).toBe("terminated");
  expect(one.reports[0]!.failure).toBeInstanceOf(BenchError);
  expect(one.reports[0]!.run!.totals[0]!.bytes).toBeGreaterThan(0);
  await one.close();
});

test("results with odd values are read as zeros, and no more streams than there can be", () => {
  const read = readResults({ streams: [{ id: "x", bytes: Number.NaN, end_time: null }], congestion_used: 5 });
  expect([...read.streams.values()]).toEqual([{ id: 0, bytes: 0, retransmits: 0, seconds: 0 }]);
  expect(read.congestion).toBe("");
  expect(() => readResults({ streams: Array.from({ length: 257 }, () => ({})) })).toThrow(BenchError);
  expect(() => readResults([])).toThrow(BenchError);
});

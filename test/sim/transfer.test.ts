import { expect, test } from "bun:test";
import { MILLISECOND, SECOND } from "#base/time";
import { transferTable } from "#lab/sim/transfer-table";
import { jsonLine, type RunEvent } from "#observe/events";
import { simulate } from "../support/transfer.ts";

const BAD = "delay 20ms 3ms overtakes loss 2% duplicate 1% reorder 1% rate 10mbit queue 30";

/** The whole event log as one hash. */
function logged(seed: number): { hash: string; lines: number } {
  const hasher = new Bun.CryptoHasher("sha256");
  let lines = 0;
  const event = (event: RunEvent) => {
    hasher.update(`${jsonLine(event)}\n`);
    lines++;
  };
  simulate({ link: BAD, seed, flows: 2, direction: "both", bytes: 200_000, time: 100, sink: { event } });
  return { hash: hasher.digest("hex"), lines };
}

test("the same seed gives the same event log, byte for byte, and another seed another one", () => {
  const one = logged(1);
  expect(one.lines).toBeGreaterThan(2_000);
  expect(logged(1)).toEqual(one);
  expect(logged(2).hash).not.toBe(one.hash);
});

test("reading the events changes nothing: the digest and the number of events are the same", () => {
  const run = { link: BAD, bytes: 200_000, time: 100 };
  const events: RunEvent[] = [];
  const read = simulate({ ...run, sink: { event: (event) => events.push(event) } });
  expect(simulate(run)).toEqual(read);
  const [first] = events;
  expect(first).toMatchObject({ event: "run:started", about: { command: "sim", seed: 1 } });
  // What the links did is in the log as well, packet by packet.
  const link = events.filter(({ event }) => event.startsWith("link:")).length;
  expect(link).toBeGreaterThan(500);
  expect(read.events).toBeGreaterThan(link);
});

test("the digest covers the stacks' decisions, not only their packets", () => {
  // The same packets, and another opinion of how many more might be under way.
  const run = { link: "delay 20ms", bytes: 10_000, time: 100 };
  const [one, other] = [20, 10].map((initialWindow) => simulate({ ...run, params: { initialWindow } }));
  expect(one!.link).toEqual(other!.link);
  expect(one!.digest).not.toBe(other!.digest);
});

test("all octets arrive, both ways, in every flow", () => {
  const { flows } = simulate({
    link: BAD,
    flows: 3,
    direction: "both",
    bytes: 100_000,
    time: Number.POSITIVE_INFINITY,
  });
  expect(flows).toHaveLength(6);
  for (const flow of flows) expect([flow.bytes, flow.error, flow.completion === null]).toEqual([100_000, "OK", false]);
});

test("a clean link is filled: everything except goodput is headers", () => {
  const { flows } = simulate({ link: "delay 20ms rate 10mbit queue 100000", bytes: 10_000_000 });
  // 1448 of 1500 octets are payload; the first round trips pay for slow start.
  expect(flows[0]!.goodput / 1e6).toBeGreaterThan(9.4);
  expect(flows[0]!.goodput / 1e6).toBeLessThan((10 * 1448) / 1500);
  expect(flows[0]!.retransmissions).toBe(0);
});

test("the sender waits for a stalled receiver, and then sends the rest", () => {
  const stalls = [{ from: 100 * MILLISECOND, to: 30 * SECOND }];
  const params = { receiveBuffer: 50_000, receiveBufferMax: 50_000 };
  const { flows } = simulate({ link: "delay 10ms rate 10mbit", bytes: 1_000_000, stalls, params, time: 200 });
  expect(flows[0]!.bytes).toBe(1_000_000);
  expect(flows[0]!.completion).toBeGreaterThan(30);
  expect(flows[0]!.completion).toBeLessThan(33);
});

test("flows of one kind share a bottleneck fairly", () => {
  for (const congestionControl of ["newreno", "cubic"] as const) {
    const params = { congestionControl };
    const { flows } = simulate({ link: "delay 20ms rate 20mbit queue 60", flows: 4, time: 120, params });
    const rates = flows.map((flow) => flow.goodput);
    const sum = rates.reduce((a, b) => a + b, 0);
    const squares = rates.reduce((a, b) => a + b * b, 0);
    // Jain's index: 1 where all have the same.
    expect((sum * sum) / (rates.length * squares)).toBeGreaterThan(0.9);
    expect(sum / 1e6).toBeGreaterThan(17);
  }
});

test("IPv6, with a smaller MTU on the path", () => {
  const { flows } = simulate({ link: "delay 5ms mtu 1300", family: 6, bytes: 300_000, time: 60 });
  expect([flows[0]!.bytes, flows[0]!.mss, flows[0]!.error]).toEqual([300_000, 1300 - 40 - 20 - 12, "OK"]);
});

test("waiting times are those of the queue in front of the transmitter", () => {
  // A window of 50 segments over a path that holds 10 Mbit/s * 20 ms = 16.7: the others wait, 1.2 ms each.
  const run = { link: "rate 10mbit out delay 10ms in delay 10ms queue 100", time: 20, omit: 5 * SECOND };
  const { waiting, flows } = simulate({ ...run, params: { congestionControl: "fixed", fixedWindow: 50 } });
  const expected = (50 * 1500 * 8) / 10 - 20_000;
  expect(Math.abs(waiting.there.median - expected)).toBeLessThan(2500);
  expect(waiting.there.p95).toBeGreaterThanOrEqual(waiting.there.median);
  expect(waiting.there.max).toBeLessThan(expected + 5000);
  expect(waiting.back.max).toBeLessThan(1200);
  expect(flows[0]!.goodput / 1e6).toBeCloseTo((10 * 1448) / 1500, 1);
});

test("omit leaves out the beginning of goodput and waiting times, and nothing else", () => {
  // STARTUP of BBR fills the queue; later the queue is short.
  const run = { link: "rate 10mbit delay 50ms queue 400", time: 20, params: { congestionControl: "bbr1" } } as const;
  const [whole, rest] = [simulate(run), simulate({ ...run, omit: 5 * SECOND })];
  expect(rest.flows[0]!.goodput).toBeGreaterThan(whole.flows[0]!.goodput);
  expect(rest.flows[0]!.goodput).toBeLessThanOrEqual(10e6);
  expect(rest.waiting.there.max).toBeLessThan(0.7 * whole.waiting.there.max);
  const { goodput: _, ...flow } = rest.flows[0]!;
  expect(whole.flows[0]).toMatchObject(flow);
  expect(rest.digest).toBe(whole.digest);
});

test("a queue may hold more packets than a link has room for by default", () => {
  const { link } = simulate({
    link: "rate 100mbit delay 10ms queue 80000",
    time: 15,
    params: {
      congestionControl: "fixed",
      fixedWindow: 75_000,
      ...Object.fromEntries(["sendBuffer", "receiveBuffer", "receiveBufferMax"].map((name) => [name, 160e6])),
    },
  });
  expect(link.there["link.storage"]).toBeUndefined();
  expect(link.there["link.offered"]! - link.there["link.delivered"]!).toBeGreaterThan(65_536);
});

test("the table is made to be read", () => {
  const result = simulate({ link: "delay 20ms loss 1% rate 10mbit", bytes: 1_000_000, flows: 2, time: 60 });
  expect(transferTable(result).replace(/digest \w+/, "digest …")).toMatchSnapshot();
});

test("on a narrow terminal the table has fewer columns, and the figures that are asked for most", () => {
  const result = simulate({ link: "delay 20ms rate 10mbit queue 50", bytes: 1_000_000, flows: 2, time: 60 });
  const wide = transferTable(result);
  expect(transferTable(result, 200)).toBe(wide);
  const narrow = transferTable(result, 80);
  expect(narrow.split("\n").filter((line) => line.length > 80)).toEqual([]);
  for (const name of ["received", "done", "goodput", "resent", "rtt", "cwnd"]) expect(narrow).toContain(name);
  expect(narrow).not.toContain("max cwnd");
});

test("a quarter of all packets lost, both ways: 200 KB over 40 ms take seconds, since no stale round trip makes the timer wait minutes", () => {
  for (let seed = 1; seed <= 8; seed++) {
    const { flows } = simulate({ link: "delay 20ms loss 25%", seed, bytes: 200_000, time: 3600 });
    expect([seed, flows[0]!.bytes]).toEqual([seed, 200_000]);
    expect([seed, flows[0]!.completion! / SECOND < 60]).toEqual([seed, true]);
  }
});

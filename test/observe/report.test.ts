import { expect, test } from "bun:test";
import { reportLines, reportOf, Watch } from "#observe/report";
import { bytes, connected, readAll, world, writeAll } from "../socket/world.ts";

test("the report of a transfer: what was sent, how fast, what it cost", async () => {
  const w = await world({ link: "delay 20ms rate 10mbit loss 0.5%", peer: { trace: 16_384 } });
  const watch = new Watch();
  w.peer.onTrace = (trace) => watch.read(trace);
  const [active, passive] = await connected(w);
  const begun = w.sim.now;
  void writeAll(active, bytes(1_000_000)).then(() => active.closeWrite());
  void writeAll(passive, bytes(2_000)).then(() => passive.closeWrite());
  await w.until(Promise.all([readAll(passive), readAll(active), active.closed]));
  const took = w.sim.now - begun;
  const info = active.info();
  const report = reportOf(info, took, watch.extremes(active.id));
  expect(report.sum_sent).toEqual({
    bytes: 1_000_000,
    seconds: took / 1e6,
    bits_per_second: Math.round(8e12 / took),
    retransmits: info.retransTotal,
  });
  expect(report.sum_received.bytes).toBe(2_000);
  // What the link's rate leaves; headers take their part of it.
  expect(report.sum_sent.bits_per_second).toBeLessThan(10e6);
  expect(report.max_snd_cwnd).toBeGreaterThan(14_480);
  expect(report.min_rtt).toBeGreaterThanOrEqual(40_000);
  expect(report.mean_rtt).toBeGreaterThanOrEqual(report.min_rtt);
  expect(report.tcp).toBe(info);
  const [sent, received, path] = reportLines(report);
  expect(sent).toMatch(/^sent {6}1\.00 MB in [\d.]+ m?s, [\d.]+ Mbit\/s$/);
  expect(received).toMatch(/^received {2}2\.00 kB in /);
  expect(path).toMatch(
    /^rtt \d+ ms on average, \d+ ms at the least; cwnd up to [\d.]+ kB \(cubic\); \d+ segments? of \d+ resent/,
  );
});

test("a connection that sent nothing has a report without nonsense", async () => {
  const w = await world({ link: "loss 100%" });
  const lone = w.peer.connect({ hostname: "10.0.0.7", port: 1 });
  const report = reportOf(lone.info(), 0);
  expect(report.sum_sent).toEqual({ bytes: 0, seconds: 0, bits_per_second: 0, retransmits: 0 });
  expect(reportLines(report)[2]).toStartWith("rtt not measured");
});

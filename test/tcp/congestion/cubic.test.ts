/** CUBIC (RFC 9438) as a function of time and acknowledgments. */
import { describe, expect, test } from "bun:test";
import { Cubic } from "#tcp/congestion/cubic";
import { TcpBench } from "../../support/tcp-bench.ts";

const SECOND = 1e6;
const M = 1000;

/** cwnd in segments after each of `rounds` round trips of `rtt`, everything acknowledged, from `cwnd` after a loss at `before`. */
function grow(before: number, rounds: number, rtt: number): number[] {
  const b = TcpBench.at("ESTABLISHED", {}, { mss: M });
  const control = new Cubic();
  const { tcb } = b;
  tcb.cc.cwnd = before * M;
  tcb.srtt = rtt;
  control.reset(tcb);
  tcb.cc.cwnd = control.reduce(tcb);
  tcb.cc.ssthresh = tcb.cc.cwnd;
  const out: number[] = [];
  let now = 10 * SECOND;
  for (let i = 0; i < rounds; i++) {
    const window = tcb.cc.cwnd / M;
    for (let k = 0; k < window; k++) control.avoid(tcb, M, now + (k / window) * rtt);
    now += rtt;
    out.push(tcb.cc.cwnd / M);
  }
  return out;
}

describe("CUBIC (RFC 9438), the other congestion control", () => {
  test("RFC 9438 §4.6: a loss takes cwnd to 0.7 of it, never below two segments", () => {
    const b = TcpBench.at("ESTABLISHED", {}, { mss: M });
    for (const [cwnd, expected] of [
      [100, 70],
      [10, 7],
      [3, 2],
      [1, 2],
    ] as const) {
      b.tcb.ccState.fill(0);
      b.tcb.cc.cwnd = cwnd * M;
      expect(new Cubic().reduce(b.tcb)).toBe(expected * M);
    }
  });

  test("RFC 9438 §4.2: after K seconds it is back at W_max, slow around it, and then beyond", () => {
    const rtt = SECOND / 10;
    const before = 1000;
    const k = Math.cbrt((before * 0.3) / 0.4);
    const windows = grow(before, Math.ceil((2 * k * SECOND) / rtt), rtt);
    const at = (seconds: number) => windows[Math.round((seconds * SECOND) / rtt) - 1]!;
    expect(Math.abs(at(k) - before)).toBeLessThan(before * 0.03);
    expect(at(k / 2)).toBeGreaterThan(before * 0.93);
    expect(at(2 * k)).toBeGreaterThan(before * 1.2);
    for (let i = 1; i < windows.length; i++) expect(windows[i]!).toBeGreaterThanOrEqual(windows[i - 1]!);
  });

  /** The curve begins at 70 segments, after a loss at 100. */
  function begun(rtt: number): TcpBench {
    const b = TcpBench.at("ESTABLISHED", {}, { mss: M });
    const control = new Cubic();
    control.reset(b.tcb);
    b.tcb.cc.cwnd = 100 * M;
    b.tcb.cc.cwnd = control.reduce(b.tcb);
    b.tcb.cc.ssthresh = b.tcb.cc.cwnd;
    control.measured(b.tcb, rtt, 10 * SECOND);
    control.avoid(b.tcb, M, 10 * SECOND);
    return b;
  }

  test("RFC 9438 §4.2: the target of a round trip is the curve at its end", () => {
    const b = begun(SECOND);
    // In a second: 100 - 0.4 (K - 1)^3 with K = 4.2 s.
    for (let i = 1; i < 70; i++) new Cubic().avoid(b.tcb, M, 10 * SECOND + i);
    expect(b.tcb.cc.cwnd / M).toBeGreaterThan(80);
    expect(b.tcb.cc.cwnd / M).toBeLessThan(90);
  });

  test("the curve stands still while nothing is sent", () => {
    const b = begun(1000);
    const control = new Cubic();
    const now = 15 * SECOND;
    control.idle(b.tcb, 5 * SECOND, now);
    for (let i = 0; i < 70; i++) control.avoid(b.tcb, M, now + i * 1000);
    expect(b.tcb.cc.cwnd / M).toBeLessThan(75);
  });

  test("RFC 9438 §4.7: after a loss below W_max the next plateau is lower (fast convergence)", () => {
    const b = TcpBench.at("ESTABLISHED", {}, { mss: M });
    const control = new Cubic();
    control.reset(b.tcb);
    b.tcb.cc.cwnd = 100 * M;
    control.reduce(b.tcb);
    b.tcb.cc.cwnd = control.reduce(b.tcb);
    // It lost at 100, and again at 100: no flow has come. Now it loses at 80.
    b.tcb.cc.cwnd = 80 * M;
    b.tcb.cc.cwnd = control.reduce(b.tcb);
    // 80 (1 + 0.7) / 2 = 68 is the plateau: K seconds after the loss cwnd is there, not at 80.
    let now = 10 * SECOND;
    for (const end = now + Math.cbrt((68 - 56) / 0.4) * SECOND; now < end; now += SECOND / 100) {
      control.avoid(b.tcb, 5 * M, now);
    }
    expect(b.tcb.cc.cwnd / M).toBeLessThan(72);
  });

  test("silence that began before the curve does not move its beginning beyond now", () => {
    const b = TcpBench.at("ESTABLISHED", {}, { mss: M });
    const control = new Cubic();
    const { tcb } = b;
    control.reset(tcb);
    tcb.cc.cwnd = 100 * M;
    tcb.cc.cwnd = control.reduce(tcb);
    let now = 10 * SECOND;
    control.avoid(tcb, M, now);
    now += SECOND;
    control.idle(tcb, 5 * SECOND, now);
    // From now on it takes K seconds to be back where the loss was.
    for (const end = now + Math.cbrt((100 * 0.3) / 0.4) * SECOND; now < end; now += SECOND / 100) {
      control.avoid(tcb, 10 * M, now);
    }
    expect(tcb.cc.cwnd / M).toBeGreaterThan(97);
  });

  test("RFC 9438 §4.3: on a short path it is no slower than Reno with the same share", () => {
    const rtt = 40_000;
    const windows = grow(20, 60, rtt);
    // alpha = 9/17 a segment per round trip until W_max.
    expect(windows[20]!).toBeGreaterThanOrEqual(14 + 20 * 0.45);
  });
});

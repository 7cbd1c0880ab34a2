/** BBR v1 beyond DRAIN: what this stack does is what a Linux 6.18 was seen to do over the same link (bbr1-states.json). */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { LINK, ourSamples, RECORDING, type Sample, SECONDS, samplesIn } from "./bbr1-states.ts";

const kernel = (JSON.parse(readFileSync(RECORDING, "utf8")) as number[][]).map(
  ([t, pacingGain, cwndGain, bandwidth, cwnd, pacingRate, minRtt]): Sample =>
    ({ t, pacingGain, cwndGain, bandwidth, cwnd, pacingRate, minRtt }) as Sample,
);
const ours = ourSamples(1);

type Mode = "STARTUP" | "DRAIN" | "PROBE_BW" | "PROBE_RTT";

/** The gains of each mode are its own. */
function modeOf({ pacingGain, cwndGain }: Sample): Mode {
  if (cwndGain > 2) return pacingGain > 1 ? "STARTUP" : "DRAIN";
  return cwndGain === 2 ? "PROBE_BW" : "PROBE_RTT";
}

/** Modes in their order, with the time when each began and ended, ms. */
function modes(samples: readonly Sample[]): { mode: Mode; from: number; to: number }[] {
  const found: { mode: Mode; from: number; to: number }[] = [];
  for (const sample of samples) {
    const [mode, last] = [modeOf(sample), found.at(-1)];
    if (last !== undefined) last.to = sample.t;
    if (last?.mode !== mode) found.push({ mode, from: sample.t, to: sample.t });
  }
  return found;
}

/** The share of the instants of PROBE_BW that have this gain. */
function share(samples: readonly Sample[], gain: number): number {
  const probing = samples.filter((sample) => modeOf(sample) === "PROBE_BW");
  return probing.filter(({ pacingGain }) => pacingGain === gain).length / probing.length;
}

const inMode = (samples: readonly Sample[], mode: Mode) => samples.filter((sample) => modeOf(sample) === mode);

test("modes follow each other as in the kernel, and at the same times", () => {
  const [of, expected] = [modes(ours), modes(kernel)];
  expect(of.map(({ mode }) => mode)).toEqual(expected.map(({ mode }) => mode));
  expect(of.map(({ mode }) => mode)).toEqual([
    ...(["STARTUP", "DRAIN", "PROBE_BW", "PROBE_RTT", "PROBE_BW", "PROBE_RTT", "PROBE_BW"] as const),
  ]);
  // PROBE_RTT comes ten seconds after the last shorter round trip, and a real round trip varies.
  for (const [i, { mode, from }] of of.entries())
    expect(Math.abs(from - expected[i]!.from), mode).toBeLessThan(i < 3 ? 100 : 500);
  // It lasts 200 ms and a round trip, seen each 20 ms.
  for (const each of [...of, ...expected].filter(({ mode }) => mode === "PROBE_RTT")) {
    expect(each.to - each.from).toBeGreaterThan(200 - 30);
    expect(each.to - each.from).toBeLessThan(400);
  }
});

test("the gains of PROBE_BW have the same shares of the time", () => {
  for (const gain of [1.25, 0.75, 1])
    expect(Math.abs(share(ours, gain) - share(kernel, gain)), `${gain}`).toBeLessThan(0.04);
  expect(share(ours, 1) + share(ours, 1.25) + share(ours, 0.75)).toBe(1);
});

describe.each([
  ["ours", ours],
  ["the kernel", kernel],
] as const)("at each instant, %s", (_, samples) => {
  test("the pacing rate is the bandwidth times the gain, less 1 %", () => {
    for (const { mode, factor } of [
      { mode: "DRAIN", factor: 88 / 256 },
      { mode: "PROBE_BW", factor: 1 },
      { mode: "PROBE_RTT", factor: 1 },
    ] as const) {
      for (const { t, pacingGain, bandwidth, pacingRate } of inMode(samples, mode)) {
        const gain = mode === "DRAIN" ? factor : pacingGain;
        expect(Math.abs(pacingRate / (bandwidth * gain * 0.99) - 1), `${t} ms`).toBeLessThan(0.0002);
      }
    }
  });

  test("the bandwidth is the link's", () => {
    for (const { bandwidth } of [...inMode(samples, "PROBE_BW"), ...inMode(samples, "PROBE_RTT")]) {
      expect(bandwidth / 1e6).toBeGreaterThan(9.4);
      expect(bandwidth / 1e6).toBeLessThan(10.6);
    }
  });

  test("cwnd is two BDP and three super-segments, an even number, and more only for aggregation", () => {
    const probing = inMode(samples, "PROBE_BW").filter(({ t, pacingGain }) => t > 1000 && pacingGain === 1);
    const beyond = probing.map(({ bandwidth, minRtt, cwnd }) => {
      const product = (2 * bandwidth * minRtt) / 1000 / 8 / 1448;
      return cwnd - (Math.ceil(product) + 3 * 2);
    });
    beyond.sort((a, b) => a - b);
    expect(beyond[Math.floor(beyond.length * 0.05)]).toBeGreaterThanOrEqual(-2);
    // At most 100 ms of the bandwidth.
    expect(beyond.at(-1)).toBeLessThanOrEqual(88);
    for (const { cwnd } of probing) expect(cwnd % 2).toBe(0);
  });

  test("PROBE_RTT has four segments in flight, and afterwards cwnd is what it was", () => {
    for (const [i, { mode, from, to }] of modes(samples).entries()) {
      if (mode !== "PROBE_RTT") continue;
      const during = samples.filter(({ t }) => t >= from && t < to);
      expect([...new Set(during.map(({ cwnd }) => cwnd))]).toEqual([4]);
      const before = samples.findLast(({ t }) => t < from)!;
      const after = samples.find(({ t }) => t >= to)!;
      // By the sample after it, cwnd may have moved towards another target.
      expect(Math.abs(after.cwnd / before.cwnd - 1), `${i}`).toBeLessThan(0.1);
    }
  });
});

test("reading the lines of ss", () => {
  const line =
    "ESTAB 0 477840 10.0.0.1:44993 10.0.0.2:5201 bbr rtt:1202.39/37.606 cwnd:82 bytes_sent:477877 " +
    "bbr:(bw:3481296bps,mrtt:68.447,pacing_gain:2.88672,cwnd_gain:2) pacing_rate 9949032bps app_limited";
  const control = line.replace("477877", "37");
  const samples = samplesIn(`at 5000000\n${control}\nat 7000000\n${control}\n${line}\nat 27000000\n${line}\n`);
  const same = { pacingGain: 2.88672, cwndGain: 2, bandwidth: 3481296, cwnd: 82, pacingRate: 9949032, minRtt: 68.447 };
  expect(samples).toEqual([
    { t: 0, ...same },
    { t: 20, ...same },
  ]);
  expect(LINK).toContain("10mbit");
  expect(kernel.at(-1)!.t).toBeLessThan(SECONDS * 1000 + 1000);
});

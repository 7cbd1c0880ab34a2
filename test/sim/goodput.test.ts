import { describe, expect, test } from "bun:test";
import { CONGESTION_CONTROLS } from "#tcp/congestion/congestion";
import type { CongestionControlName } from "#tcp/words/params";
import { jain, share, shareUnequal } from "../bench/goodput/fairness.ts";
import { simulate } from "../support/transfer.ts";

/**
 * A change in congestion control or loss recovery is seen here, in the difference of the tables: goodput in Mbit/s of one
 * flow over twenty virtual seconds, slow start included.
 */
describe("goodput over loss, round trip and rate", () => {
  for (const cc of CONGESTION_CONTROLS) {
    for (const rate of [2, 20]) {
      test(`${cc}, ${rate} Mbit/s, a queue of 100 packets`, () => {
        expect(`\n${table(cc, rate)}\n`).toMatchSnapshot();
      });
    }
  }
});

function table(congestionControl: CongestionControlName, rate: number): string {
  const rtts = [10, 50, 200];
  const rows = [0, 0.1, 1, 3, 10].map((loss) => {
    const cells = rtts.map((rtt) => {
      const link = `delay ${rtt / 2}ms rate ${rate}mbit queue 100 ${loss > 0 ? `out loss ${loss}%` : ""}`;
      const { flows } = simulate({ link, time: 20, params: { congestionControl } });
      return (flows[0]!.goodput / 1e6).toFixed(2).padStart(12);
    });
    return `${`${loss} %`.padStart(6)}${cells.join("")}`;
  });
  return [`  loss${rtts.map((rtt) => `${rtt} ms`.padStart(12)).join("")}`, ...rows].join("\n");
}

/** Segments in flight on average, as the models have it, from what was delivered. */
function meanWindow(cc: CongestionControlName, loss: string, rttMs: number, seconds: number): number {
  // A rate that never limits, but spaces the segments, as the models assume: one ACK per two of them.
  const link = `delay ${rttMs / 2}ms rate 2gbit out loss ${loss}`;
  const { flows } = simulate({ link, time: seconds, params: { congestionControl: cc } });
  expect(flows[0]!.timeouts).toBe(0);
  return (flows[0]!.goodput * rttMs) / 1000 / 8 / flows[0]!.mss;
}

/** Each n-th segment is lost. */
function every(n: number): string {
  return `pattern ${"0".repeat(n - 1)}1`;
}

describe("what theory expects, within a tenth", () => {
  // Mathis, Semke, Mahdavi, Ott (1997): W = sqrt(3 / 2p) for one loss every 1/p segments; every octet acknowledged counts.
  const mathis = (p: number) => Math.sqrt(1.5 / p);

  for (const rtt of [20, 100]) {
    test(`NewReno, a loss every thousand segments, ${rtt} ms: Mathis`, () => {
      const ratio = meanWindow("newreno", every(1000), rtt, rtt * 4) / mathis(1 / 1000);
      expect(ratio).toBeGreaterThan(0.9);
      expect(ratio).toBeLessThan(1.1);
    });
  }

  test("NewReno, random loss of 0.1 %: Ott's 1.31 / sqrt(p) for independent losses", () => {
    const ratio = meanWindow("newreno", "0.1%", 50, 400) / (1.31 / Math.sqrt(0.001));
    expect(ratio).toBeGreaterThan(0.9);
    expect(ratio).toBeLessThan(1.1);
  });

  // RFC 9438 §5.1: AVG_W = (C (3 + beta) / (4 (1 - beta)))^(1/4) RTT^(3/4) / p^(3/4).
  const cubic = (p: number, rttMs: number) => ((0.4 * 3.7) / (4 * 0.3)) ** 0.25 * (rttMs / 1000 / p) ** 0.75;

  for (const [segments, rtt] of [
    [4096, 200],
    [4096, 400],
  ] as const) {
    test(`CUBIC, a loss every ${segments} segments, ${rtt} ms: RFC 9438 §5.1`, () => {
      const expected = cubic(1 / segments, rtt);
      // Well outside of the Reno-friendly region, near which the two curves add to more than either, and with epochs of
      // many round trips: the model has no recovery, which takes one of them.
      expect(expected).toBeGreaterThan(2 * mathis(1 / segments));
      const ratio = meanWindow("cubic", every(segments), rtt, 500) / expected;
      expect(ratio).toBeGreaterThan(0.9);
      // The target is the curve one round trip ahead (RFC 9438 §4.2; in Linux delay_min is added to t in bictcp_update), which the model does not
      // have: 17 % at 200 ms, less at 400 ms, where an epoch is longer. Our formulas are those of tcp_cubic.c, one by one.
      expect(ratio).toBeLessThan(1.2);
    });
  }

  test("CUBIC, a loss every 200 segments, 20 ms: not slower than Reno (§4.3)", () => {
    const ratio = meanWindow("cubic", every(200), 20, 100) / meanWindow("newreno", every(200), 20, 100);
    // Linux looks at the estimate of Reno's window only every 31 ms (HZ / 32), here every second round trip, and lets cwnd follow it in whole
    // segments (max_cnt = cwnd / delta in bictcp_update): with some eight round trips between two losses, a segment too few for most of them.
    expect(ratio).toBeGreaterThan(0.85);
    expect(ratio).toBeLessThan(1.2);
  });
});

describe("flows that share 50 Mbit/s and 40 ms", () => {
  const CONTROLS = ["cubic", "newreno", "bbr1", "bbr"] as const;

  for (const cc of CONTROLS) {
    test(`two of ${cc}, with a queue of one BDP: Jain's index is at least 0.95, and the link is full`, () => {
      const rates = share({ controls: [cc], flows: 2, queue: 1 }, 40);
      expect(jain(rates), `${rates}`).toBeGreaterThanOrEqual(0.95);
      expect(rates[0]! + rates[1]!).toBeGreaterThan(45);
    });

    // BBR v1 ignores loss, so many flows of it share a shorter queue badly, here as in the kernel (docs/GOODPUT.md).
    const queue = cc === "bbr1" ? 2 : 1;
    test(`ten of ${cc}, with a queue of ${queue} BDP: Jain's index is at least 0.95`, () => {
      const rates = share({ controls: [cc], flows: 10, queue }, 40);
      expect(jain(rates), `${rates}`).toBeGreaterThanOrEqual(0.95);
    });
  }

  test("of two flows of CUBIC the one with the shorter round trip gets more, of two of BBR v1 the other one", () => {
    const [near, far] = shareUnequal("cubic", [20, 80], 1);
    expect(near! / far!).toBeGreaterThan(1.5);
    const [nearBbr, farBbr] = shareUnequal("bbr1", [20, 80], 1);
    expect(farBbr! / nearBbr!).toBeGreaterThan(1.5);
  });
});

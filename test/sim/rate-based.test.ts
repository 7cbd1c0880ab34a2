import { afterEach, describe, expect, test } from "bun:test";
import { Bbr } from "#tcp/congestion/bbr";
import { Bbr1 } from "#tcp/congestion/bbr1";
import { congestionControl } from "#tcp/congestion/congestion";
import type { CongestionControlName } from "#tcp/words/params";
import type { RateSample } from "#tcp/words/rate-sample";
import type { Tcb } from "#tcp/words/tcb";
import { simulate } from "../support/transfer.ts";

/** 100 Mbit/s, 25 ms each way: a bandwidth-delay product of 416 packets. */
const LINK = "rate 100mbit delay 25ms";
const BDP = 416;

function goodput(cc: CongestionControlName, loss: number, seconds = 20): number {
  const { flows } = simulate({
    link: `${LINK} queue 500 out loss ${loss}%`,
    time: seconds,
    params: { congestionControl: cc },
  });
  return flows[0]!.goodput / 1e6;
}

describe("random loss: 100 Mbit/s, 25 ms each way, a queue of 500 packets, 20 s", () => {
  for (const cc of ["bbr", "bbr1"] as const) {
    test(`${cc} delivers 90 Mbit/s at 1 % and 85 at 3 %`, () => {
      expect(goodput(cc, 1)).toBeGreaterThanOrEqual(90);
      expect(goodput(cc, 3)).toBeGreaterThanOrEqual(85);
    });
  }

  test("CUBIC takes each loss for congestion", () => {
    expect(goodput("cubic", 1)).toBeLessThan(5);
  });

  test("BBR v3 as the draft has it answers each loss, and more than 2 % in flight as a full buffer", () => {
    const { flows } = simulate({
      link: `${LINK} queue 500 out loss 3%`,
      time: 20,
      params: { congestionControl: "bbr", bbrLossWithoutQueue: 0 },
    });
    expect(flows[0]!.goodput / 1e6).toBeLessThan(50);
  });
});

test("over 1 ms with a queue of one BDP, eight packets, the bursts of paced data fit: BBR delivers 90 of 100 Mbit/s", () => {
  for (const congestionControl of ["bbr", "bbr1"] as const) {
    const link = "rate 100mbit delay 500us queue 8";
    const { flows } = simulate({ link, time: 2, omit: 500_000, params: { congestionControl } });
    expect(flows[0]!.goodput / 1e6, congestionControl).toBeGreaterThan(90);
  }
});

/** Round trips of a flow beyond the shortest one, ms; the first five seconds are left out. */
function queueingDelays(cc: CongestionControlName, seconds: number): number[] {
  const delays: number[] = [];
  const began = { at: -1 };
  const note = (rtt: number, now: number) => {
    if (began.at < 0) began.at = now;
    if (rtt >= 0 && now - began.at > 5e6) delays.push((rtt - 50_000) / 1000);
  };
  const control = congestionControl(cc);
  const { measured } = control;
  control.measured = (tcb: Tcb, rtt: number, now: number) => {
    note(rtt, now);
    measured.call(control, tcb, rtt, now);
  };
  restore = () => {
    control.measured = measured;
  };
  simulate({ link: `${LINK} queue ${4 * BDP}`, time: seconds, params: { congestionControl: cc } });
  return delays.sort((a, b) => a - b);
}

let restore = () => {};
afterEach(() => restore());

test("with a queue of four BDP, the queueing delay of BBR is at most 0.3 of CUBIC's in the 95th percentile", () => {
  const p95 = (cc: CongestionControlName) => {
    const delays = queueingDelays(cc, 20);
    restore();
    return delays[Math.floor(delays.length * 0.95)]!;
  };
  const cubic = p95("cubic");
  expect(cubic).toBeGreaterThan(50);
  for (const cc of ["bbr", "bbr1"] as const) expect(p95(cc) / cubic, cc).toBeLessThanOrEqual(0.3);
});

test("on a link without loss whose queue has room nothing is retransmitted", () => {
  for (const congestionControl of ["bbr", "bbr1"] as const) {
    const { flows } = simulate({ link: `rate 20mbit delay 20ms queue 1000`, time: 12, params: { congestionControl } });
    expect(flows[0]!.retransmissions, congestionControl).toBe(0);
    expect(flows[0]!.goodput / 1e6, congestionControl).toBeGreaterThan(17);
  }
});

/** The modes that one flow goes through. */
function modes(cc: "bbr" | "bbr1", seconds: number): Set<string> {
  const seen = new Set<string>();
  const control = congestionControl(cc) as Bbr | Bbr1;
  const type = cc === "bbr" ? Bbr : Bbr1;
  control.control = (tcb: Tcb, sample: RateSample, now: number) => {
    type.prototype.control.call(control, tcb, sample, now);
    seen.add(String(control.details(tcb).mode));
  };
  restore = () => Reflect.deleteProperty(control, "control");
  simulate({ link: "rate 10mbit delay 20ms queue 200", time: seconds, params: { congestionControl: cc } });
  return seen;
}

test("every state of BBR is entered in the first twelve seconds of a flow", () => {
  expect([...modes("bbr1", 12)].sort()).toEqual(["DRAIN", "PROBE_BW", "PROBE_RTT", "STARTUP"]);
  expect([...modes("bbr", 12)].sort()).toEqual([
    "DRAIN",
    "PROBE_BW_CRUISE",
    "PROBE_BW_DOWN",
    "PROBE_BW_REFILL",
    "PROBE_BW_UP",
    "PROBE_RTT",
    "STARTUP",
  ]);
});

test("the bandwidth is not overestimated when every second segment of STARTUP is lost: all of them are reported", () => {
  // With blocks that no ACK reports, many segments count as delivered at once as soon as the cumulative ACK passes them.
  const { flows } = simulate({
    link: "rate 1gbit delay 10ms queue 833",
    time: 1,
    omit: 500_000,
    params: { congestionControl: "bbr1" },
  });
  expect(flows[0]!.goodput / 1e6).toBeGreaterThan(950);
});

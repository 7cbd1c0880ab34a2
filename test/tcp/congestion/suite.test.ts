/** What every congestion control must do, the stack's own and those of users: one suite for all. */
import { describe, expect, test } from "bun:test";
import "../../../examples/delay-control.ts";
import {
  CONGESTION_CONTROLS,
  congestionControl,
  isCongestionControl,
  registerController,
} from "#tcp/congestion/congestion";
import type { AckEvent, Flow } from "#tcp/congestion/user-control";
import type { TcpSettings } from "#tcp/words/params";
import { ack, flight, M, RTT } from "../../support/linux-bench.ts";
import { simulate } from "../../support/transfer.ts";

const LINK = "rate 10mbit delay 20ms";

function run(link: string, congestionControl: string, more: TcpSettings = {}, bytes = 2_000_000) {
  const params = { congestionControl, fixedWindow: 40, ...more };
  return simulate({ link, time: 120, bytes, params }).flows[0]!;
}

for (const cc of [...CONGESTION_CONTROLS, "delay"]) {
  describe(cc, () => {
    test("fills a link without loss, whose queue has room, and resends nothing", () => {
      const flow = run(`${LINK} queue 200`, cc, { receiveBuffer: 120_000, receiveBufferMax: 120_000 });
      expect(flow.completion).not.toBeNull();
      expect(flow.goodput).toBeGreaterThan(6e6);
      expect(flow.retransmissions).toBe(0);
    });

    test("delivers everything over a link that loses a tenth, reorders, duplicates and has a short queue", () => {
      const flow = run(`${LINK} queue 20 loss 10% reorder 2% duplicate 1% jitter 3ms`, cc, {}, 200_000);
      expect(flow).toMatchObject({ bytes: 200_000, error: "OK" });
      expect(flow.completion).not.toBeNull();
    });

    test("delivers everything without SACK and timestamps, paced or not, and with ECN", () => {
      for (const more of [{ sack: false, timestamps: false }, { pacing: true }, { pacingRateMax: 100_000 }] as const) {
        const flow = run(`${LINK} queue 30 out loss 1%`, cc, more, 300_000);
        expect(flow.completion, JSON.stringify(more)).not.toBeNull();
      }
      expect(run(`${LINK} queue 50 ecn 10`, cc, { ecn: "on" }, 300_000).completion).not.toBeNull();
    });

    test("a timeout leaves a window of at least a segment, and the connection goes on", () => {
      const b = flight(10, 30, { congestionControl: cc, fixedWindow: 10 });
      b.run(20 * RTT);
      expect(b.tcb.timeouts).toBeGreaterThan(0);
      expect(b.tcb.cc.cwnd).toBeGreaterThanOrEqual(M);
      b.out();
      ack(b, 10);
      b.run(RTT);
      expect(b.out().length).toBeGreaterThan(0);
    });

    test("another takes its place while data is in flight, and gives it back", () => {
      const b = flight(10, 60, { congestionControl: cc, fixedWindow: 10 });
      b.run(RTT);
      ack(b, 5);
      for (const next of [...CONGESTION_CONTROLS, "delay", cc]) {
        b.stack.setParams(b.tcb, { congestionControl: next }, b.now);
        expect(b.stack.info(b.tcb, b.now).congestionControl).toBe(next);
        b.run(1_000);
        expect(b.tcb.cc.cwnd).toBeGreaterThanOrEqual(M);
      }
    });

    test("equal runs are equal", () => {
      const once = () =>
        simulate({ link: `${LINK} queue 30 loss 1%`, time: 3, params: { congestionControl: cc } }).digest;
      expect(once()).toBe(once());
    });
  });
}

describe("a user's controller", () => {
  const bad: Record<string, (flow: Flow, event: AckEvent) => void> = {
    throws: () => {
      throw new Error("no idea");
    },
    "sets-nan": (flow) => {
      flow.cwnd = Number.NaN;
    },
    "sets-too-much": (flow) => {
      flow.cwnd = 1e12;
    },
    "sets-no-rate": (flow) => {
      flow.pacingRate = -1;
    },
  };
  for (const [name, onAck] of Object.entries(bad)) {
    test(`that fails (${name}) is replaced by NewReno, on that connection alone, and info() says why`, () => {
      registerController({ name, create: () => ({ onAck }) });
      const b = flight(10, 60, { congestionControl: name });
      expect(b.stack.info(b.tcb, b.now)).toMatchObject({ congestionControl: name, controlError: "" });
      b.run(RTT);
      ack(b, 5);
      const { congestionControl: now, controlError } = b.stack.info(b.tcb, b.now);
      expect(now).toBe("newreno");
      expect(controlError).toMatch(/Error: /);
      expect(b.stack.counters.snapshot()["tcp.cc.fallback"]).toBe(1);
      expect(run(`${LINK} queue 30 out loss 1%`, name, {}, 300_000).completion).not.toBeNull();
    });
  }

  test("that cannot even be made is replaced as well", () => {
    registerController({
      name: "never",
      create: () => {
        throw new TypeError("not today");
      },
    });
    const b = flight(10, 20, { congestionControl: "never" });
    expect(b.stack.info(b.tcb, b.now)).toMatchObject({
      congestionControl: "newreno",
      controlError: "TypeError: not today",
    });
  });

  test("hears of each loss episode once, of timeouts, and of false alarms", () => {
    const heard: string[] = [];
    registerController({
      name: "hears",
      create: () => ({
        onAck: () => {},
        onCongestion: (_, why) => void heard.push(why),
        onFalseAlarm: () => void heard.push("false"),
      }),
    });
    const b = flight(10, 30, { congestionControl: "hears" });
    b.run(RTT);
    ack(b, 0, [2, 6]);
    ack(b, 0, [2, 7]);
    expect(heard).toEqual(["loss"]);
    b.run(20 * RTT);
    expect(heard).toContain("timeout");
  });

  test("has a name of its own", () => {
    const create = () => ({ onAck: () => {} });
    for (const name of ["cubic", "", "Not A Name"])
      expect(() => registerController({ name, create })).toThrow(TypeError);
    expect(() => registerController({ name: "mine" } as never)).toThrow("the controller mine needs create(flow)");
    expect(isCongestionControl("cubi")).toBe(false);
    expect(congestionControl("cubic").name).toBe("cubic");
  });
});

/** HyStart++ (RFC 9406): when slow start gives way to Conservative Slow Start (CSS), and what ends that. */
import { describe, expect, test } from "bun:test";
import { congestionControl } from "#tcp/congestion/congestion";
import { SSTHRESH_INFINITE } from "#tcp/congestion/windows";
import type { TcpSettings } from "#tcp/words/params";
import { TcpBench } from "../../support/tcp-bench.ts";
import { simulate } from "../../support/transfer.ts";

const M = 1000;
const MS = 1000;

/** A sender in its first slow start, fed with round trips instead of segments. */
class Rounds {
  readonly b: TcpBench;
  readonly control;
  now = 1e6;

  constructor(cc: string, params: TcpSettings = {}, offer: { win?: number } = {}) {
    this.b = TcpBench.at("ESTABLISHED", { params: { congestionControl: cc, ...params } }, { mss: M, ...offer });
    this.control = congestionControl(cc);
    this.tcb.cc.cwnd = 100 * M;
    this.tcb.snd.nxt = (this.tcb.snd.una + 100 * M) | 0;
  }

  get tcb() {
    return this.b.tcb;
  }

  get phase() {
    return this.control.details!(this.tcb).phase;
  }

  get exited() {
    return this.tcb.cc.ssthresh < SSTHRESH_INFINITE;
  }

  /** One ACK of one segment with a round trip of `ms`. */
  ack(ms: number): void {
    this.tcb.snd.una = (this.tcb.snd.una + M) | 0;
    this.tcb.snd.nxt = (this.tcb.snd.nxt + M) | 0;
    this.now += MS;
    this.control.measured(this.tcb, ms * MS, this.now);
  }

  /** Ends the round: an ACK of everything, with a round trip of `ms`. */
  end(ms: number): void {
    this.tcb.snd.una = this.tcb.snd.nxt;
    this.tcb.snd.nxt = (this.tcb.snd.una + 100 * M) | 0;
    this.now += MS;
    this.control.measured(this.tcb, ms * MS, this.now);
  }

  /** A whole round of `samples` ACKs. */
  round(ms: number, samples = 10): this {
    for (let i = 1; i < samples; i++) this.ack(ms);
    this.end(ms);
    return this;
  }

  grow(acked: number): number {
    return this.control.slowStart!(this.tcb, acked);
  }
}

for (const cc of ["cubic", "newreno"]) {
  describe(`HyStart++ of ${cc} (RFC 9406 §4.2)`, () => {
    test("round trips of equal length: slow start goes on, cwnd grows by what is acknowledged", () => {
      const rounds = new Rounds(cc);
      for (let i = 0; i < 20; i++) rounds.round(100 + (i % 3));
      expect([rounds.phase, rounds.exited, rounds.grow(2)]).toEqual(["slow start", false, 2]);
    });

    test("a round whose shortest trip is an eighth longer than that of the last round begins CSS", () => {
      const rounds = new Rounds(cc).round(80);
      for (let i = 0; i < 9; i++) rounds.ack(89);
      expect(rounds.phase).toBe("slow start");
      rounds.round(89);
      rounds.round(89 + 89 / 8);
      expect([rounds.phase, rounds.exited]).toEqual(["conservative slow start", false]);
    });

    test.each([
      [8, 4, "short trips: at least 4 ms longer (MIN_RTT_THRESH)"],
      [80, 10, "an eighth of the last round's (MIN_RTT_DIVISOR)"],
      [800, 16, "long trips: 16 ms suffice (MAX_RTT_THRESH)"],
    ])("RttThresh of %i ms is %i ms; %s", (last, threshold) => {
      expect(new Rounds(cc).round(last).round(last + threshold - 0.5).phase).toBe("slow start");
      expect(new Rounds(cc).round(last).round(last + threshold).phase).toBe("conservative slow start");
    });

    test("eight samples are needed in a round (N_RTT_SAMPLE)", () => {
      const rounds = new Rounds(cc).round(50);
      for (let i = 0; i < 7; i++) rounds.ack(90);
      expect(rounds.phase).toBe("slow start");
      rounds.ack(90);
      expect(rounds.phase).toBe("conservative slow start");
    });

    test("one short trip in the round shows that there is no queue", () => {
      const rounds = new Rounds(cc).round(50);
      rounds.ack(50);
      for (let i = 0; i < 20; i++) rounds.ack(90);
      expect(rounds.phase).toBe("slow start");
    });

    test("in CSS cwnd grows by a quarter of what is acknowledged, and no fraction is lost (CSS_GROWTH_DIVISOR)", () => {
      const rounds = new Rounds(cc).round(50).round(90);
      const grown = Array.from({ length: 16 }, () => rounds.grow(1));
      expect(grown.reduce((sum, n) => sum + n)).toBe(4);
      expect(rounds.grow(8)).toBe(2);
    });

    test("after five rounds of CSS, the one in which it began included, ssthresh is cwnd (CSS_ROUNDS)", () => {
      const rounds = new Rounds(cc).round(50).round(90);
      for (let i = 0; i < 3; i++) rounds.round(90);
      expect([rounds.phase, rounds.exited]).toEqual(["conservative slow start", false]);
      rounds.round(90);
      expect(rounds.tcb.cc.ssthresh).toBe(rounds.tcb.cc.cwnd);
      expect(rounds.phase).toBe("congestion avoidance");
    });

    test("a round of CSS with a shorter trip than the one that began it resumes slow start, and HyStart++ watches on", () => {
      const rounds = new Rounds(cc).round(50).round(90).round(90).round(89);
      expect([rounds.phase, rounds.grow(4)]).toEqual(["slow start", 4]);
      rounds.round(101);
      expect(rounds.phase).toBe("conservative slow start");
      for (let i = 0; i < 3; i++) rounds.round(101);
      expect(rounds.exited).toBe(false);
      expect(rounds.round(101).exited).toBe(true);
    });

    test("too few samples do not resume slow start", () => {
      const rounds = new Rounds(cc).round(50).round(90).round(60, 7);
      expect(rounds.phase).toBe("conservative slow start");
    });

    test("unpaced, one ACK counts for eight segments at most (L); paced, for all", () => {
      const unpaced = new Rounds(cc);
      unpaced.tcb.rttMin = 100 * MS;
      unpaced.tcb.pacing.rate = 1_000;
      expect(unpaced.grow(30)).toBe(8);
      expect(new Rounds(cc, { pacing: true }).grow(30)).toBe(30);
    });

    test("unpaced, an ACK of two super-segments counts whole: each is one burst", () => {
      const rounds = new Rounds(cc);
      rounds.tcb.rttMin = 100 * MS;
      rounds.tcb.pacing.rate = 20_480_000;
      expect(rounds.grow(60)).toBe(2 * 20);
    });

    test("a later slow start ends at the known ssthresh, without HyStart++ (§4.3)", () => {
      const rounds = new Rounds(cc);
      rounds.tcb.cc.ssthresh = 500 * M;
      rounds.round(50).round(90).round(90);
      expect([rounds.phase, rounds.tcb.cc.ssthresh, rounds.grow(30)]).toEqual(["slow start", 500 * M, 30]);
    });

    test("with slowStartExit: none only a loss ends slow start", () => {
      const rounds = new Rounds(cc, { slowStartExit: "none" });
      for (let i = 0; i < 20; i++) rounds.round(50 + 40 * i);
      expect([rounds.phase, rounds.exited, rounds.grow(30)]).toEqual(["slow start", false, 30]);
    });

    test("over a link with a long queue, slow start loses at most a third of the segments that it would lose without", () => {
      const lost = (slowStartExit: "hystart++" | "none") =>
        simulate({
          link: "rate 20mbit delay 25ms queue 400",
          time: 4,
          bytes: 3_000_000,
          params: { congestionControl: cc, slowStartExit },
        }).flows[0]!.retransmissions;
      expect(lost("none")).toBeGreaterThan(300);
      expect(lost("hystart++")).toBeLessThan(lost("none") / 3);
    });
  });
}

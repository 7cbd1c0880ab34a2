/** The verdict is held against runs whose limit is known because they were made so. */
import { describe, expect, test } from "bun:test";
import { Recorder } from "#observe/recorder";
import { RunBuilder } from "#report/model/builder";
import { wayOf } from "#report/model/direction";
import { ON_LINK, RESENT } from "#report/model/run";
import { lossesOf } from "#report/verdict/losses";
import { verdictsOf } from "#report/verdict/verdict";
import { captured } from "../explain/lab.ts";
import { bytes, connected, readAll, world } from "../socket/world.ts";
import { judged, recorded, told } from "./runs.ts";

describe("what limited the transfer", () => {
  test("random losses: the congestion window, after as many losses as the link counted", () => {
    for (const seed of [1, 2, 3]) {
      const verdict = judged({ link: "delay 20ms loss 1%", bytes: 3e6, seed });
      const { share, words } = told(verdict);
      expect(share("congestion") + share("recovery")).toBeGreaterThan(0.8);
      const lost = verdict.figures.drops.reduce((n, { rows }) => n + rows.length, 0);
      expect(words).toContain(`after ${lost} losses at random on the link`);
      expect(lost).toBeGreaterThan(10);
    }
  });

  test("a full queue: the losses are in the link's queue, and the path is used up", () => {
    const { words } = told(judged({ link: "delay 20ms rate 10mbit queue 50", bytes: 5e6 }));
    expect(words).toMatch(/limited by the congestion window after \d+ losses in the link's queue/);
    expect(words).toMatch(/The link's 10\.0 Mbit\/s were used to (9\d|100) %: the path is the limit\./);
    expect(words).toMatch(/The round trip grew from 40\.\d ms to \d+ ms: packets waited in a queue/);
  });

  test("a small receive window: the receiver's window, with the rate that it allows", () => {
    const small = { receiveBuffer: 65_535, receiveBufferMax: 65_535 };
    const verdict = judged({ link: "delay 40ms", bytes: 4e6, params: small });
    const { share, words } = told(verdict);
    expect(share("receive-window")).toBeGreaterThan(0.85);
    expect(words).toMatch(/6\d\.\d kB of window per round trip of 80\.\d ms are 6\.\d+ Mbit\/s at most/);
    // It is the bound: the transfer came near to it and not beyond.
    const reached = (verdict.figures.octets * 8e6) / (verdict.figures.end - verdict.figures.start);
    expect(reached).toBeLessThan((verdict.figures.maxWindow * 8e6) / verdict.figures.minRtt);
  });

  test("a receiver that does not read: the window was closed for as long as it paused", () => {
    const verdict = judged({
      link: "delay 20ms rate 10mbit queue 100",
      bytes: 2e6,
      stalls: [{ from: 300_000, to: 3_000_000 }],
      params: { receiveBuffer: 100_000, receiveBufferMax: 100_000 },
    });
    const { words, share } = told(verdict);
    expect(share("receive-window")).toBeGreaterThan(0.4);
    expect(verdict.figures.closedTime).toBeGreaterThan(1_200_000);
    expect(words).toMatch(
      /The window was closed \d+ times?, for 2\.\d+ s in all: the receiving application did not read\./,
    );
  });

  test("a small send buffer: the sender's buffer", () => {
    const { share } = told(judged({ link: "delay 40ms", bytes: 4e6, params: { sendBuffer: 65_535 } }));
    expect(share("send-buffer")).toBeGreaterThan(0.85);
  });

  test("little data over a long path: handshake and tail", () => {
    const { share, words } = told(judged({ link: "delay 200ms", bytes: 2_000 }));
    expect(share("handshake") + share("tail")).toBeGreaterThan(0.95);
    expect(words).toContain("100 % handshake and tail");
  });

  test("an application that pauses: the application, for as long as it paused", async () => {
    const w = await world({ link: "delay 10ms", seed: 1, peer: { trace: 16_384 } });
    const builder = new RunBuilder();
    const recorder = new Recorder([builder]);
    recorder.follow(w.peer.engine.trace, "peer", true);
    w.peer.onTrace = () => recorder.read();
    const [active, passive] = await connected(w);
    const writer = active.writable.getWriter();
    const sending = (async () => {
      for (let i = 0; i < 10; i++) {
        await writer.write(bytes(10_000));
        await w.sim.sleep(200_000);
      }
      await writer.close();
    })();
    const reading = readAll(passive).then(() => passive.closeWrite());
    await w.until(Promise.all([sending, reading, active.closed]));
    const [verdict] = verdictsOf(builder.build());
    const { share, words } = told(verdict!);
    expect(share("application")).toBeGreaterThan(0.85);
    expect(words).toContain("the sender's program is the limit");
  });

  test("many losses: the timeouts are waited for, and each is counted", () => {
    const verdict = judged({ link: "delay 20ms loss 25%", bytes: 100_000, seed: 3 });
    const { share, words } = told(verdict);
    expect(verdict.figures.timeouts).toBeGreaterThan(5);
    expect(share("timeout")).toBeGreaterThan(0.4);
    expect(words).toContain(`waiting for ${verdict.figures.timeouts} retransmission timeouts`);
  });

  test("nobody answers", () => {
    const { words } = told(judged({ link: "loss 100%", bytes: 1_000, seed: 3 }));
    expect(words).toContain("Nobody answered the SYN");
  });
});

describe("retransmissions against the truth of the link", () => {
  test("where the link lost nothing, every retransmission was spurious; where it kept order, none was", () => {
    const reordered = judged({ link: "delay 20ms 15ms overtakes rate 20mbit", bytes: 2e6, seed: 3 }).figures;
    expect(reordered.drops).toEqual([]);
    expect(reordered.resent).toBeGreaterThan(0);
    expect(reordered.late + reordered.had).toBe(reordered.resent);
    const lossy = judged({ link: "delay 20ms loss 1%", bytes: 3e6, seed: 2 }).figures;
    const lost = lossy.drops.reduce((n, { rows }) => n + rows.length, 0);
    expect([lossy.late + lossy.had, lossy.resent]).toEqual([0, lost]);
  });

  test("data that had arrived was not needed again, even if a retransmission before was lost", () => {
    const { truth } = captured({ link: "delay 15ms loss 15%", bytes: 150_000, seed: 1 });
    const way = wayOf(truth, 0, 0);
    const isThere = new Set<number>();
    const wasLost = new Set<number>();
    const needs = new Map(lossesOf(truth, way).resent.map(({ row, need }) => [row, need]));
    let both = 0;
    way.sent.forEach((row, k) => {
      const left = way.left[k]!;
      const need = needs.get(row);
      if (need !== undefined) expect([row, need === "needed"]).toEqual([row, !isThere.has(left)]);
      if (need === "had" && wasLost.has(left)) both++;
      if (truth.packets.dropped[row] === 0) isThere.add(left);
      else if (isThere.has(left)) wasLost.add(left);
    });
    expect(both).toBeGreaterThan(0);
  });

  test("every packet has one row: what the stacks told and what the link did are joined", () => {
    const run = recorded({
      link: "delay 20ms 3ms overtakes loss 2% duplicate 1% rate 20mbit queue 100",
      bytes: 2e6,
      seed: 4,
    });
    const { packets } = run;
    const rows = packets.time.length;
    expect(rows).toBeGreaterThan(2_000);
    let resent = 0;
    for (let i = 0; i < rows; i++) {
      // Sent, on the link, and either dropped or processed by the other stack.
      const bits = packets.bits[i]!;
      expect([(bits & 64) !== 0, (bits & ON_LINK) !== 0]).toEqual([true, true]);
      expect([i, (packets.dropped[i] === 0) === (packets.arrived[i] !== 0xffffffff)]).toEqual([i, true]);
      if (bits & RESENT) resent++;
    }
    expect(resent).toBeGreaterThan(20);
  });
});

/** What is inferred from one side's capture, held against what the stacks and the link recorded of the same runs (docs/EXPLAIN.md). */
import { describe, expect, test } from "bun:test";
import { wayOf } from "#report/model/direction";
import { RESENT } from "#report/model/run";
import { tshark, tsharkTest } from "../observe/tshark.ts";
import { captured, explained } from "./lab.ts";
import { PLANS } from "./plans.ts";
import { compare, precision, recall, type Scores } from "./score.ts";

/** The least precision and recall, for captures at the sender. */
const LEAST = 0.95;
const KINDS = [
  "loss",
  "fast retransmission",
  "retransmission by timeout",
  "limit: handshake",
  "limit: congestion window",
  "limit: receiver's window",
  "limit: application",
  "limit: retransmission timeout",
];

test(`losses, kinds of retransmission and limits are right in ${LEAST * 100} % of ${PLANS.length} kinds of runs`, () => {
  const scores: Scores = new Map();
  PLANS.forEach(([, plan], i) => {
    const { truth, pcap } = captured({ ...plan, seed: 100 + i });
    compare(scores, truth, explained(pcap.sender));
  });
  for (const kind of KINDS) {
    const score = scores.get(kind) ?? { right: 0, inferred: 0, true: 0 };
    // A kind that does not occur proves nothing.
    expect([kind, score.true > 0]).toEqual([kind, true]);
    expect([kind, precision(score) >= LEAST, score]).toEqual([kind, true, score]);
    expect([kind, recall(score) >= LEAST, score]).toEqual([kind, true, score]);
  }
});

describe("retransmissions that were not needed", () => {
  const scored = (name: string, seed: number): Scores => {
    const plan = PLANS.find(([each]) => each === name)![1];
    const { truth, pcap } = captured({ ...plan, seed });
    const scores: Scores = new Map();
    compare(scores, truth, explained(pcap.sender));
    return scores;
  };

  // A timeout without SACK sends a whole window again, most of which had arrived.
  const needless = [
    ["without SACK, duplicate ACKs show them", "without SACK", 7, 100],
    ["where packets overtake, no loss in the queue is taken for one", "overtaking", 7, 5],
    ["the ACK of the original was lost", "a program that pauses, and losses", 5, 1],
  ] as const;
  test.each(needless)("%s", (_, name, seed, least) => {
    const scores = scored(name, seed);
    const spurious = scores.get("spurious retransmission")!;
    expect([spurious.true >= least, spurious]).toEqual([true, spurious]);
    expect([precision(spurious) >= LEAST, spurious]).toEqual([true, spurious]);
    expect([recall(spurious) >= LEAST, spurious]).toEqual([true, spurious]);
  });

  test("a copy that the network made of a retransmission does not make it needless", () => {
    const scores = scored("copies", 6);
    expect(scores.get("spurious retransmission")).toBeUndefined();
    expect(scores.get("loss")).toMatchObject({ right: scores.get("loss")!.true });
  });
});

describe("Wireshark's analysis of the same file", () => {
  const AGAIN = ["retransmission", "fast_retransmission", "spurious_retransmission", "out_of_order"];

  tsharkTest("finds the same packets sent again, and no others", async () => {
    for (const name of ["random losses", "a full queue", "without SACK", "NewReno", "overtaking"]) {
      const plan = PLANS.find(([each]) => each === name)![1];
      const { pcap } = captured({ ...plan, seed: 11 });
      const file = `${process.env.TMPDIR ?? "/tmp"}/tcpnet-explain-${process.pid}.pcap`;
      await Bun.write(file, pcap.sender);
      const rows = await tshark(file, ["ip.src", ...AGAIN.map((each) => `tcp.analysis.${each}`)]);
      const theirs = rows.flatMap(([source, ...flags], row) =>
        source === "10.0.0.7" && flags.some((flag) => flag !== "") ? [row] : [],
      );
      const { packets } = explained(pcap.sender);
      const ours = [...packets.bits].flatMap((bits, row) => ((bits & RESENT) !== 0 ? [row] : []));
      expect([name, ours]).toEqual([name, theirs]);
      await Bun.file(file).delete();
    }
  });

  tsharkTest("finds the same closed windows", async () => {
    const plan = PLANS.find(([each]) => each === "a receiver that stops reading")![1];
    const { pcap } = captured({ ...plan, seed: 12 });
    const file = `${process.env.TMPDIR ?? "/tmp"}/tcpnet-explain-window-${process.pid}.pcap`;
    await Bun.write(file, pcap.sender);
    const rows = await tshark(file, ["tcp.analysis.zero_window"]);
    const theirs = rows.filter(([flag]) => flag !== "").length;
    const run = explained(pcap.sender);
    const ours = wayOf(run, 0, 0).back.filter((row) => run.packets.window[row] === 0).length;
    expect([theirs > 0, ours]).toEqual([true, theirs]);
    await Bun.file(file).delete();
  });
});

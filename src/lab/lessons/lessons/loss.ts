/** Lessons about what is lost, and what only seems to be. */
import { count, duration } from "#report/verdict/text";
import type { Evidence } from "../evidence.ts";
import type { Lesson } from "../lesson.ts";

export const FAST_RETRANSMIT: Lesson = {
  name: "fast-retransmit",
  title: "loss and fast retransmit",
  question:
    "One segment in the middle is lost, everything behind it arrives. How does the sender learn of it, how long does that take, and what " +
    "must be sent again?",
  scenes: [
    {
      name: "one segment is lost",
      // SYN, ACK, ten segments: the fourth is lost.
      link: "delay 20ms rate 20mbit out loss nth 6",
      play: (scene) => void scene.transfer(20_000),
    },
  ],
  pictures: [
    {
      kind: "ladder",
      span: ([e]) => [lost(e).time - 1, again(e).time + 45_000],
    },
  ],
  answer:
    "Whatever arrives behind the gap is acknowledged at once, with the same ACK number and with SACK blocks that name what has arrived. From " +
    "the third of these duplicate ACKs on, a loss is more likely than mere reordering, and the sender repeats the missing segment without waiting for the " +
    "timer: about one round trip after it was sent. Only this one is sent again, since the receiver has kept the rest. A loss means congestion, so the " +
    "congestion window shrinks (CUBIC keeps 0.7 of it), but it does not fall to one segment.",
  claims: [
    {
      says: ([e]) => `${count(duplicates(e), "ACK")} with SACK blocks came before the segment was sent again.`,
      holds: ([e]) => duplicates(e) >= 3,
    },
    {
      says: ([e]) =>
        `It was sent again after ${duration(again(e).time - lost(e).time)}; the RTO was ${duration(rto(e))}.`,
      holds: ([e]) => again(e).time - lost(e).time < 100_000 && again(e).time - lost(e).time < rto(e) / 2,
    },
    {
      says: () => "One segment was lost and one was sent again; no timer expired.",
      holds: ([e]) =>
        e.resent("left").length === 1 && e.drops("left>right") === 1 && e.expired("left", "retransmit") === 0,
    },
    {
      says: ([e]) => `ssthresh is ${Math.round(reduction(e) * 100)} % of the window before.`,
      holds: ([e]) => Math.abs(reduction(e) - 0.7) < 0.05,
    },
  ],
  sections: [
    "RFC 5681 §3.2 (fast retransmit)",
    "RFC 2018 (SACK)",
    "RFC 8985 §6 (RACK)",
    "RFC 9438 §4.6 (CUBIC's decrease)",
  ],
};

const again = (e: Evidence) => e.first(e.resent("left"));
const lost = (e: Evidence) => e.first(e.sent("left").filter(({ seq }) => seq === again(e).seq));
const duplicates = (e: Evidence) =>
  e.received("left", "tcp.rx.ack-sack").filter(({ time }) => time <= again(e).time).length;
const rto = (e: Evidence) => e.asOf("recovery:rtt_updated", "left", again(e).time)!.rto;
const reduction = (e: Evidence) => {
  const [entered] = e.all("recovery:metrics_updated", "left", "tcp.cc.enter-recovery");
  const before = e.all("recovery:metrics_updated", "left").findLast(({ time }) => time < entered!.time)!;
  return entered!.ssthresh / before.cwnd;
};

const tail = (name: string, tailLossProbe: boolean): Lesson["scenes"][0] => ({
  name,
  // SYN, ACK, ten segments: the last two are lost, with the FIN.
  link: "delay 20ms out loss nth 11,12",
  params: { tailLossProbe },
  play: (scene) => void scene.transfer(10 * 1448),
});

export const TAIL_LOSS: Lesson = {
  name: "tail-loss",
  title: "tail loss",
  question:
    "The last two segments of a message are lost. Nothing follows them, so no duplicate ACK can tell. What does the sender wait for, and can " +
    "it be done sooner?",
  scenes: [tail("with a tail loss probe", true), tail("with the timer alone", false)],
  pictures: [
    { kind: "ladder", scene: 0, span: ([e]) => [lost(e).time - 1, done(e) + 1] },
    { kind: "ladder", scene: 1, span: ([, e]) => [lost(e!).time - 1, done(e!) + 1] },
  ],
  answer:
    "Without duplicate ACKs only a timer can help. The retransmission timer waits for SRTT + 4 RTTVAR, at least 200 ms here, and treats " +
    "everything in flight as lost: the window falls to one segment. A tail loss probe is sooner and milder: after two round trips without an ACK the " +
    "last segment is sent again. If it arrives, its SACK shows the gap before it, and fast retransmit does the rest; if nothing had been lost, a " +
    "D-SACK says so, and nothing is reduced.",
  claims: [
    {
      says: ([e]) =>
        `The probe sends the last segment again after ${duration(again(e).time - lost(e).time)}; the one before it follows by fast retransmit.`,
      holds: ([e]) =>
        e
          .resent("left")
          .map(({ cause }) => cause)
          .join() === "tcp.tx.tail-loss-probe,tcp.tx.fast-retransmit" &&
        e.expired("left", "loss-probe") === 1 &&
        e.expired("left", "retransmit") === 0,
    },
    {
      says: ([, e]) => `With the timer alone, after ${duration(again(e!).time - lost(e!).time)}.`,
      holds: ([, e]) => again(e!).cause === "tcp.tx.rto" && e!.expired("left", "retransmit") === 1,
    },
    {
      says: ([probe, timer]) =>
        `Everything is there after ${duration(done(probe))} instead of ${duration(done(timer!))}.`,
      holds: ([probe, timer]) => done(timer!) - done(probe) > 80_000,
    },
  ],
  sections: ["RFC 8985 §7 (tail loss probe)", "RFC 6298 §5 (retransmission timer)"],
};

/** When everything is acknowledged. */
const done = (e: Evidence) => e.figures.end;

export const REORDERING: Lesson = {
  name: "reordering",
  title: "reordering is not loss",
  question:
    "A path delays some packets a little more than others, so that they overtake each other; none is lost. Three duplicate ACKs mean a loss. " +
    "Do they, here? What does a sender do that has learnt from its mistake?",
  scenes: [
    {
      name: "reordering",
      link: "rate 20mbit delay 30ms out delay 30ms 3ms overtakes",
      play: (scene) => void scene.transfer(2_000_000),
    },
  ],
  pictures: [{ kind: "ladder", span: ([e]) => [again(e).time - 6_000, again(e).time + 3_000] }],
  answer:
    "Counting duplicate ACKs takes reordering for loss: data that was only late is sent again. The receiver then reports what it has received " +
    "twice (D-SACK), and the sender takes its reduction back. RACK measures time instead of counting: once it has seen reordering it waits for " +
    "another fraction of the round trip before it considers a segment lost, and widens this window when D-SACKs show that it was too short.",
  claims: [
    {
      says: () => "The link lost nothing.",
      holds: ([e]) => e.drops("left>right") + e.drops("right>left") === 0,
    },
    {
      says: ([e]) =>
        `${count(overtaken(e), "segment")} arrived behind a later one; of these only ${e.resent("left").length} went again, all needlessly.`,
      holds: ([e]) =>
        overtaken(e) > 200 &&
        e.resent("left").length > 0 &&
        e.resent("left").length < overtaken(e) / 10 &&
        e.figures.late + e.figures.had === e.resent("left").length,
    },
    {
      says: ([e]) =>
        `${count(e.received("left", "tcp.rx.ack-dsack").length, "D-SACK")} told of it, and cwnd was restored.`,
      holds: ([e]) => e.received("left", "tcp.rx.ack-dsack").length > 0 && undone(e).length > 0,
    },
    {
      says: ([e]) =>
        `The last needless one was after ${duration(e.resent("left").at(-1)!.time)} of ${duration(done(e))}: from then on RACK waited long enough.`,
      holds: ([e]) => e.resent("left").at(-1)!.time < done(e) / 2,
    },
  ],
  sections: ["RFC 8985 §6.2 (the reordering window)", "RFC 2883 (D-SACK)", "RFC 3708 (undoing by D-SACK)"],
};

/** Data segments that arrived behind one with later data. */
function overtaken(e: Evidence): number {
  let highest = 0;
  let n = 0;
  for (const { seq, length } of e.received("right")) {
    if (length === 0) continue;
    if (seq < highest) n++;
    else highest = seq;
  }
  return n;
}
const undone = (e: Evidence) => e.all("recovery:metrics_updated", "left", "tcp.cc.undo");

/** When the path becomes slow, ms. */
const SLOW = 300;

export const SPURIOUS: Lesson = {
  name: "spurious-timeout",
  title: "a spurious retransmission, undone",
  question:
    "All at once the path takes half a second longer, as when a phone changes its cell. The retransmission timer expires although nothing is " +
    "lost. Must the sender believe its timer, and begin again with one segment?",
  scenes: [
    {
      name: "the path becomes slow",
      link: "rate 10mbit delay 20ms",
      // What limits is the window, so that no queue makes round trips long before.
      right: { receiveBuffer: 40_000, receiveBufferMax: 40_000 },
      play: (scene) => {
        scene.transfer(500_000);
        scene.at(SLOW, () => scene.change("rate 10mbit delay 500ms"));
      },
    },
  ],
  pictures: [{ kind: "plot", of: "cwnd", who: "left", span: ([e]) => [0, done(e)] }],
  answer:
    "After the timeout the first segment is sent again, and the sender looks at what comes back. ACKs that can only be of the originals (their " +
    "timestamps are older than the retransmission, or they acknowledge more than was sent again) prove that nothing was lost. Then the sender takes " +
    "back what it did: cwnd and ssthresh are as before, and it goes on with new data instead of repeating a whole window.",
  claims: [
    {
      says: ([e]) =>
        `The timer expired ${count(e.expired("left", "retransmit"), "time")}, and the link had lost nothing.`,
      holds: ([e]) => e.expired("left", "retransmit") >= 1 && e.drops("left>right") + e.drops("right>left") === 0,
    },
    {
      says: ([e]) =>
        `At the timeout cwnd fell to ${e.all("recovery:metrics_updated", "left", "tcp.cc.loss")[0]!.cwnd} bytes.`,
      holds: ([e]) => e.first(e.all("recovery:metrics_updated", "left", "tcp.cc.loss")).cwnd <= 2 * 1448,
    },
    {
      says: ([e]) =>
        `${duration(e.first(undone(e)).time - e.all("recovery:metrics_updated", "left", "tcp.cc.loss")[0]!.time)} later it was restored.`,
      holds: ([e]) => {
        const [loss] = e.all("recovery:metrics_updated", "left", "tcp.cc.loss");
        const before = e.all("recovery:metrics_updated", "left").findLast(({ time }) => time < loss!.time)!;
        return e.first(undone(e)).cwnd >= before.cwnd * 0.95;
      },
    },
    {
      says: ([e]) =>
        `${count(e.resent("left").length, "segment")} of ${e.sent("left").length} went again, none of them needed.`,
      holds: ([e]) => e.resent("left").length < 20 && e.figures.late + e.figures.had === e.resent("left").length,
    },
  ],
  sections: ["RFC 5682 (F-RTO)", "RFC 3522 (Eifel detection)", "RFC 4015 (Eifel response)"],
};

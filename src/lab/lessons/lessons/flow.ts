/** Lessons about how fast a sender may go. */
import { count, duration, percent, rate, size } from "#report/verdict/text";
import type { End } from "../end.ts";
import { type Evidence, quantile } from "../evidence.ts";
import type { Lesson } from "../lesson.ts";

const MSS = 1448;
const metrics = (e: Evidence) => e.all("recovery:metrics_updated", "left");

export const SLOW_START: Lesson = {
  name: "slow-start",
  title: "slow start and congestion avoidance",
  question:
    "A sender knows nothing of the path. How does it find out how much it may have in flight, why does the curve look like a saw, and what is " +
    "slow about slow start?",
  scenes: [
    {
      name: "NewReno",
      link: "delay 40ms rate 10mbit queue 20",
      params: { congestionControl: "newreno" },
      seconds: 15,
      play: (scene) => void scene.transfer(20_000_000),
    },
  ],
  pictures: [{ kind: "plot", of: "cwnd", who: "left" }],
  answer:
    "Slow start begins with ten segments and adds one for each that is acknowledged: the window doubles with every round trip. It is slow only compared " +
    "to sending a whole window at once. When the queue overflows, something is lost: the window is halved (ssthresh), and from there on " +
    "congestion avoidance adds about one segment per round trip, until the queue overflows again. That is the saw.",
  claims: [
    {
      says: ([e]) =>
        `The window begins with ${metrics(e)[0]!.cwnd / MSS - 1} segments and doubles in each of the first three round trips.`,
      holds: ([e]) => doublings(e).every((factor) => factor > 1.7 && factor < 2.1),
    },
    {
      says: ([e]) => `The first loss halves it: ssthresh is ${percent(firstCut(e))} of what was in flight.`,
      holds: ([e]) => Math.abs(firstCut(e) - 0.5) < 0.06,
    },
    {
      says: ([e]) => `In congestion avoidance it grows by ${slope(e).toFixed(2)} segments per round trip.`,
      holds: ([e]) => slope(e) > 0.7 && slope(e) < 1.2,
    },
    {
      says: ([e]) =>
        `${count(cuts(e).length, "tooth", "teeth")} in 15 s, all by losses in the link's full queue; no timeout.`,
      holds: ([e]) =>
        cuts(e).length >= 3 &&
        e.figures.timeouts === 0 &&
        e.all("link:packet_dropped", "left>right").every(({ cause }) => cause === "link.queue-full"),
    },
  ],
  sections: ["RFC 5681 §3.1 (slow start and congestion avoidance)", "RFC 6928 (initial window)", "RFC 6582 (NewReno)"],
};

/** By what the window grew in each of the first round trips, while there was no queue. */
function doublings(e: Evidence): number[] {
  const open = e.entered("left", "ESTABLISHED");
  const at = (trip: number) =>
    trip === 0 ? 10 * MSS : e.asOf("recovery:metrics_updated", "left", open + trip * 92_000)!.cwnd;
  return [1, 2, 3].map((trip) => at(trip) / at(trip - 1));
}
const cuts = (e: Evidence) => e.all("recovery:metrics_updated", "left", "tcp.cc.enter-recovery");
const firstCut = (e: Evidence) => {
  const cut = e.first(cuts(e));
  const before = metrics(e).findLast(({ time }) => time < cut.time)!;
  return cut.ssthresh / Math.max(before.inFlight, before.cwnd);
};
/** Segments per round trip between the first two losses. */
function slope(e: Evidence): number {
  const [, second] = cuts(e);
  const from = e.first(e.all("recovery:metrics_updated", "left", "tcp.cc.exit-recovery"));
  const growth = metrics(e).filter(
    ({ time, cause }) => time > from.time && time < second!.time && cause === "tcp.cc.avoidance",
  );
  const [a, b] = [growth[0]!, growth.at(-1)!];
  const trips = e.all("recovery:rtt_updated", "left").filter(({ time }) => time >= a.time && time <= b.time);
  const trip = trips.reduce((sum, { sample }) => sum + sample, 0) / trips.length;
  return (b.cwnd - a.cwnd) / MSS / ((b.time - a.time) / trip);
}

/** When the receiver stops reading and goes on, ms. */
const STOP = 100;
const GO_ON = 3_000;

export const ZERO_WINDOW: Lesson = {
  name: "zero-window",
  title: "zero window",
  question:
    "The receiving program stops reading for three seconds. Where does the data go, how does the sender learn that it must stop, and how does it " +
    "learn that it may go on, if the segment that says so is lost?",
  scenes: [
    {
      name: "a reader that pauses",
      link: "delay 10ms rate 10mbit",
      right: { receiveBuffer: 60_000, receiveBufferMax: 60_000 },
      play: (scene) => {
        const { to } = scene.transfer(400_000);
        scene.at(STOP, () => to.reads(false));
        scene.at(GO_ON, () => to.reads(true));
      },
    },
  ],
  pictures: [
    { kind: "ladder", span: ([e]) => [closed(e) - 3_000, closed(e) + 3_000_000] },
    { kind: "plot", of: "window", who: "left" },
  ],
  answer:
    "Each ACK says how much room is left. Data fills the receive buffer, the window shrinks to 0, and the sender stops. The ACK that opens the window " +
    "again could be lost, and both would wait for ever: so the sender probes the closed window, at intervals that double, and each probe is answered with " +
    "the window of now. Nothing was lost, and it is no congestion: cwnd stays as it is.",
  claims: [
    {
      says: ([e]) => `The window was closed for ${duration(opened(e) - closed(e))}.`,
      holds: ([e]) => opened(e) - closed(e) > 2_500_000,
    },
    {
      says: ([e]) =>
        `${count(probes(e).length, "probe")}, at intervals of ${gaps(e).map(duration).join(", ")}: each about twice the one before.`,
      holds: ([e]) =>
        probes(e).length >= 3 &&
        gaps(e)
          .slice(1)
          .every((gap, i) => gap / gaps(e)[i]! > 1.7 && gap / gaps(e)[i]! < 2.3),
    },
    {
      says: ([e]) =>
        `Of the time, ${percent(share(e))} was limited by the receiver's window; nothing was lost or retransmitted.`,
      holds: ([e]) => share(e) > 0.7 && e.resent("left").length === 0 && e.drops("left>right") === 0,
    },
    {
      says: () => "When the program reads again, a window update says so at once.",
      holds: ([e]) => e.sent("right", "tcp.tx.window-update").some(({ time }) => Math.abs(time - GO_ON * 1000) < 1_000),
    },
  ],
  sections: ["RFC 9293 §3.8.6.1 (zero-window probing)", "RFC 9293 §3.8.6.2 (silly window syndrome)"],
};

const closed = (e: Evidence) =>
  e.first(e.sent("right").filter(({ window, flags }) => window === 0 && flags === "ACK")).time;
const opened = (e: Evidence) =>
  e.first(e.sent("right").filter(({ window, time }) => window > 0 && time > closed(e))).time;
const probes = (e: Evidence) => e.sent("left", "tcp.tx.window-probe");
const gaps = (e: Evidence) =>
  probes(e)
    .slice(1)
    .map(({ time }, i) => time - probes(e)[i]!.time);
const share = (e: Evidence) => e.figures.shares!["receive-window"] / (e.figures.end - e.figures.start);

/** Requests, each written in two pieces, and answered when both are there. */
const REQUESTS = 5;
const PIECE = 50;

const keys = (name: string, nagle: "rfc896" | "off"): Lesson["scenes"][0] => ({
  name,
  link: "delay 1ms",
  left: { nagle },
  seconds: 2,
  play: (scene) => {
    const ask = (end: End) => {
      end.send(PIECE);
      scene.soon(() => end.send(PIECE));
    };
    scene.listen(scene.right, {
      onData: (end) => {
        if (end.received % (2 * PIECE) === 0) end.send(PIECE);
      },
    });
    scene.connect(scene.left, {
      onOpen: ask,
      onData: (end) => {
        if (end.received < REQUESTS * PIECE) ask(end);
      },
    });
  },
});

export const NAGLE: Lesson = {
  name: "nagle",
  title: "Nagle and delayed ACK",
  question:
    "A program writes each request in two small pieces and waits for the answer; the round trip is 2 ms. Nagle's rule holds small segments back, the " +
    "receiver delays its ACKs to save packets. Both are reasonable. What happens when they meet?",
  scenes: [keys("with Nagle's rule", "rfc896"), keys("without (TCP_NODELAY)", "off")],
  pictures: [
    { kind: "ladder", scene: 0, span: () => [0, 100_000] },
    { kind: "ladder", scene: 1, span: () => [0, 20_000] },
  ],
  answer:
    "Nagle: while anything is unacknowledged, a small segment waits. Delayed ACK: a program that answers gets 40 ms for its answer, with which the ACK " +
    "could go. But it cannot answer half a request: the sender waits for the ACK, the receiver for the rest, and both for the ACK timer, at each request. " +
    "The remedy: write a request in one piece; or TCP_NODELAY, where small messages must not wait.",
  claims: [
    {
      says: ([e]) =>
        `In ${count(waits(e).length, "request")} of ${REQUESTS} Nagle's rule makes the second half wait for the delayed ACK: ${duration(waits(e)[0]!)}.`,
      holds: ([e]) => waits(e).length >= REQUESTS - 1 && waits(e).every((wait) => wait > 38_000 && wait < 45_000),
    },
    {
      says: ([e]) =>
        `${count(e.sent("right", "tcp.tx.ack-delayed").length, "ACK")} went because the delayed-ACK timer expired.`,
      holds: ([e]) => e.sent("right", "tcp.tx.ack-delayed").length >= REQUESTS - 1,
    },
    {
      says: ([a, b]) =>
        `All ${REQUESTS} requests take ${duration(asked(a))} with it, and ${duration(asked(b!))} without.`,
      holds: ([a, b]) => asked(b!) < (REQUESTS + 1) * 2_500 && asked(a) > 10 * asked(b!),
    },
  ],
  sections: ["RFC 9293 §3.7.4 (Nagle)", "RFC 9293 §3.8.6.3 (delayed ACK)", "RFC 1122 §4.2.3.4"],
};

const data = (e: Evidence) => e.sent("left").filter(({ length }) => length > 0);
/** How long the second piece of each request waited behind the first, where it did. */
const waits = (e: Evidence) =>
  data(e)
    .slice(1)
    .map(({ time, seq }, i) => ({ wait: time - data(e)[i]!.time, isSecond: ((seq - 1) / PIECE) % 2 === 1 }))
    .filter(({ wait, isSecond }) => isSecond && wait > 3_000)
    .map(({ wait }) => wait);
/** When the last answer was there. */
const asked = (e: Evidence) => e.received("left").findLast(({ length }) => length > 0)!.time;

const bloat = (name: string, queue: string, congestionControl: "cubic" | "bbr"): Lesson["scenes"][0] => ({
  name,
  link: `delay 20ms rate 5mbit ${queue}`,
  params: { congestionControl },
  seconds: 10,
  play: (scene) => void scene.transfer(100_000_000),
});

export const BUFFERBLOAT: Lesson = {
  name: "bufferbloat",
  title: "bufferbloat against CoDel and BBR",
  question:
    "A link of 5 Mbit/s has a queue for 200 packets, so that nothing is lost. One download runs: what becomes of the round trip of everybody " +
    "else, and who can do something about it, the queue or the sender?",
  scenes: [
    bloat("CUBIC, long queue", "queue 200", "cubic"),
    bloat("CUBIC, CoDel", "queue 200 codel", "cubic"),
    bloat("BBR, long queue", "queue 200", "bbr"),
  ],
  pictures: [{ kind: "plot", of: "rtt", who: "left" }],
  answer:
    "A sender that slows down only at a loss fills whatever queue there is. A long queue makes no download faster: the link was full already. It only " +
    "makes every packet wait. CoDel, in the queue, drops a packet when the wait has been too long for a while, and the sender's window fits the path. " +
    "BBR, in the sender, measures the rate and the smallest round trip, and keeps no more in flight than these two need.",
  claims: [
    {
      says: ([e]) =>
        `CUBIC and a long queue: ${rate(e.goodput)}, and a round trip of ${duration(quantile(e.trips("left")))} instead of ${duration(e.figures.minRtt)}.`,
      holds: ([e]) => e.goodput > 4.5e6 && quantile(e.trips("left")) > 5 * e.figures.minRtt,
    },
    {
      says: ([, e]) => `CoDel: ${rate(e!.goodput)} with ${duration(quantile(e!.trips("left")))}.`,
      holds: ([long, e]) => e!.goodput > 4.2e6 && quantile(e!.trips("left")) < quantile(long.trips("left")) / 3,
    },
    {
      says: ([, , e]) => `BBR: ${rate(e!.goodput)} with ${duration(quantile(e!.trips("left")))}.`,
      holds: ([long, , e]) => e!.goodput > 4.2e6 && quantile(e!.trips("left")) < quantile(long.trips("left")) / 3,
    },
  ],
  sections: ["RFC 8289 (CoDel)", "RFC 7567 (active queue management)", "draft-ietf-ccwg-bbr (BBR)"],
};

const hole = (name: string, mtu: string, mss: number): Lesson["scenes"][0] => ({
  name,
  link: `delay 10ms out mtu ${mtu}`,
  left: { mss },
  seconds: 30,
  play: (scene) => void scene.transfer(20_000),
});

export const BLACK_HOLE: Lesson = {
  name: "black-hole",
  title: "a path MTU black hole",
  question:
    "A connection opens, short messages pass, but every download hangs. Somewhere on the path is a link that carries only 1,300 bytes. What should happen, " +
    "what happens if a firewall drops all ICMP, and how does one live with that?",
  scenes: [
    hole("with ICMP", "1300", 0),
    hole("without ICMP", "1300 silent", 0),
    hole("smaller MSS", "1300 silent", 1260),
  ],
  pictures: [
    { kind: "ladder", scene: 0, span: () => [0, 70_000] },
    { kind: "ladder", scene: 1, span: () => [0, 3_000_000] },
  ],
  answer:
    "Packets are sent with Don't Fragment. A router that cannot carry one drops it and says so by ICMP, with the MTU that fits: the sender cuts its segments " +
    "smaller and goes on after one round trip. Without that message the sender sees only silence and repeats packets that can never pass. SYN, ACK and " +
    "short data are small, so the connection seems to work. The remedy is to let ICMP through; a smaller MSS helps as well, because no packet is too big.",
  claims: [
    {
      says: ([e]) =>
        `With ICMP: ${size(delivered(e))} arrive in ${duration(e.figures.end)}; segments are cut to ${smaller(e)} bytes.`,
      holds: ([e]) => delivered(e) === 20_000 && smaller(e) === 1300 - 52,
    },
    {
      says: ([, e]) =>
        `Without ICMP: the handshake succeeds, ${count(e!.resent("left").length, "retransmission")} follow in 30 s, and ${size(delivered(e!))} arrive.`,
      holds: ([, e]) =>
        e!.states("left").includes("ESTABLISHED") &&
        delivered(e!) < 20_000 &&
        e!.resent("left").length >= 4 &&
        e!.all("link:packet_dropped", "left>right").every(({ cause }) => cause === "link.too-big"),
    },
    {
      says: ([, , e]) =>
        `With a smaller MSS: ${size(delivered(e!))} in ${duration(e!.figures.end)}, and nothing is dropped.`,
      holds: ([, , e]) => delivered(e!) === 20_000 && e!.drops("left>right") === 0,
    },
  ],
  sections: ["RFC 1191 §3 (path MTU discovery)", "RFC 2923 §2.1 (black holes)", "RFC 4821 (probing instead of ICMP)"],
};

/** In-order data that the receiver acknowledged. */
const delivered = (e: Evidence) =>
  Math.min(20_000, Math.max(0, ...e.sent("right").map(({ ack }) => (ack === undefined ? 0 : ack - 1))));
/** The largest segment after the first drop. */
const smaller = (e: Evidence) =>
  Math.max(
    ...e
      .sent("left")
      .filter(({ resent }) => resent)
      .map(({ length }) => length),
  );

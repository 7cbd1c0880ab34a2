/** The sentences of a verdict. */
import { STATE_NAMES } from "#tcp/words/names";
import type { Way } from "../model/direction.ts";
import { rowsBy } from "../model/rows-by.ts";
import { type Note, type Run, STATE } from "../model/run.ts";
import type { Interval, Kind } from "./limits.ts";
import { count, duration, percent, rate, size } from "./text.ts";
import type { Evidence, Figures, Sentence } from "./verdict.ts";

/** Shares below this are told together. */
const SMALL = 0.05;
/** A link is used up from here on. */
const FULL = 0.85;
/** So many packets are a queue. */
const QUEUE = 5;
/** Pieces of evidence of one sentence. */
const EVIDENCE_MAX = 6;

export function sentences(run: Run, way: Way, figures: Figures): Sentence[] {
  const { inferred: { [way.connection]: known } = [] } = run;
  return [
    summary(figures),
    ...failure(run, way, figures),
    ...limits(run, figures, known?.unscaled ?? []),
    ...retransmissions(figures),
    ...queueing(figures),
    ...(known?.notes ?? []).filter(({ from }) => from < 0 || from === way.from).map(noted),
  ];
}

/** What the capture told beside the figures. */
function noted({ text, tone, at }: Note): Sentence {
  return { text, tone, evidence: at < 0 ? [] : [{ label: `at ${(at / 1e6).toFixed(3)} s`, start: at, end: at }] };
}

function summary(f: Figures): Sentence {
  const took = f.end - f.start;
  const speed = took > 0 ? `, ${rate((f.octets * 8e6) / took)}` : "";
  if (f.octets === 0) return plain(`No data in this direction; the connection lasted ${duration(took)}.`);
  const end = f.isComplete ? "" : " The record ends before everything was acknowledged.";
  return plain(`${size(f.octets)} in ${duration(took)}${speed}.${end}`, [all(f)]);
}

function failure(run: Run, { connection }: Way, f: Figures): Sentence[] {
  if (f.isUnanswered)
    return [
      bad("Nobody answered the SYN: the address is wrong, nothing listens there, or packets are dropped on the way.", [
        all(f),
      ]),
    ];
  // A capture's notes give the probable reason.
  if (f.resetBy < 0 || run.inferred !== undefined) return [];
  const who = f.resetBy === 0 ? "The sender" : "The receiver";
  const { owner, what, a } = run.happenings;
  const opened = [0, 1].some((end) =>
    rowsBy(owner, 2 * connection + end).some((i) => what[i] === STATE && STATE_NAMES[a[i]!] === "ESTABLISHED"),
  );
  const words = opened ? `${who} ended the connection with a reset.` : `${who} refused the connection with a reset.`;
  return [bad(words, [{ label: "the end", start: f.end, end: f.end }])];
}

/** How each kind of limit is told, without its share. */
function reason(kind: Kind, run: Run, f: Figures): string {
  switch (kind) {
    case "slow-start":
      return "by the congestion window, still growing in slow start";
    case "congestion":
      return `by the congestion window${afterLosses(run, f)}`;
    case "recovery":
      // The losses are told with the congestion window if that is told.
      return `by loss recovery${(f.shares?.congestion ?? 0) / (f.end - f.start) >= SMALL ? "" : afterLosses(run, f)}`;
    case "timeout":
      return `by waiting for ${count(f.timeouts, "retransmission timeout")}`;
    case "receive-window":
      return "by the receiver's window";
    case "send-buffer":
      return "by the sender's buffer";
    case "application":
      return "by the sending application, which had nothing to send";
    case "small-segment":
      return "by small segments that waited for an ACK (Nagle) or for more data";
    case "pacing":
      return "by pacing, which spreads the data over the round trip";
    case "handshake":
      return "handshake";
    case "tail":
      return "waiting for the last ACKs";
  }
}

/** " after 9 losses in the link's queue" */
function afterLosses(run: Run, f: Figures): string {
  const total = f.drops.reduce((n, { rows }) => n + rows.length, 0);
  if (total === 0) return "";
  const [worst] = f.drops;
  const where = PLACES[run.rules[worst!.rule]?.name ?? ""];
  const only = worst!.rows.length === total ? "" : "mostly ";
  return ` after ${count(total, "loss", "losses")}${where === undefined ? "" : ` ${only}${where}`}`;
}

const PLACES: Readonly<Record<string, string>> = {
  "link.loss": "at random on the link",
  "link.loss-nth": "on the link",
  "link.queue-full": "in the link's queue",
  "link.codel": "by CoDel in the link's queue",
  "link.down": "while the link was down",
  "link.too-big": "because they exceeded the link's MTU",
  "path.lost-after-capture": "after the place of the capture (inferred)",
  "path.lost-before-capture": "before the place of the capture (inferred)",
};

function limits(run: Run, f: Figures, unscaled: readonly string[]): Sentence[] {
  const took = f.end - f.start;
  if (f.shares === null) {
    return f.octets > 0 ? [plain("What limited the sender is not known: its stack was not recorded.")] : [];
  }
  if (took <= 0 || f.octets === 0) return [];
  const shares = (Object.entries(f.shares) as [Kind, number][])
    .map(([kind, time]) => ({ kind, share: time / took }))
    .filter(({ share }) => share > 0)
    .sort((a, b) => b.share - a.share);
  const large = shares.filter(({ share, kind }) => share >= SMALL && kind !== "handshake" && kind !== "tail");
  const rest = shares.filter((each) => !large.includes(each));
  const parts = large.map(({ kind, share }) => `${percent(share)} ${limitedBy(reason(kind, run, f))}`);
  const others = rest.reduce((sum, { share }) => sum + share, 0);
  if (others > 0) parts.push(`${percent(others)} ${restOf(rest.map(({ kind }) => kind))}`);
  const [main] = large;
  const said = `Of the time: ${parts.join(", ")}.`;
  const evidence = main === undefined ? [] : longest(f.intervals, main.kind);
  return [plain(said, evidence), ...why(f, main, unscaled)];
}

const limitedBy = (words: string) => (words.startsWith("by ") ? `limited ${words}` : words);

function restOf(kinds: readonly Kind[]): string {
  const plain = kinds.filter((kind) => kind === "handshake" || kind === "tail");
  if (plain.length === kinds.length) return kinds.length > 1 ? "handshake and tail" : reasonShort(kinds[0]!);
  return kinds.length > 2 ? "handshake, tail and other" : kinds.map(reasonShort).join(" and ");
}

const SHORT: Partial<Record<Kind, string>> = {
  "slow-start": "slow start",
  "receive-window": "receiver's window",
  "send-buffer": "send buffer",
  "small-segment": "small segments",
  pacing: "pacing",
  congestion: "congestion window",
  recovery: "loss recovery",
};
const reasonShort = (kind: Kind) => SHORT[kind] ?? kind;

interface Most {
  readonly kind: Kind;
  readonly share: number;
}

/** The bound behind the main limit, and what to do about it. */
function why(f: Figures, most: Most | undefined, unscaled: readonly string[]): Sentence[] {
  const { kind: main, share = 0 } = most ?? {};
  const took = f.end - f.start;
  const used = f.linkRate > 0 ? (f.wireOctets * 8e6) / took / f.linkRate : 0;
  if (used >= FULL)
    return [plain(`The link's ${rate(f.linkRate)} were used to ${percent(Math.min(1, used))}: the path is the limit.`)];
  if (main === undefined || share < 0.2) return [];
  if (main === "receive-window" && f.minRtt > 0 && f.maxWindow > 0) {
    const bound = (f.maxWindow * 8e6) / f.minRtt;
    const evidence = longest(f.intervals, "receive-window");
    if (f.closedTime > took * 0.1)
      return [
        warn(
          `The window was closed ${count(f.zeroWindows, "time")}, for ${duration(f.closedTime)} in all: the receiving application did not read.`,
          evidence,
        ),
      ];
    const advice =
      unscaled.length > 0 ? notOffered(unscaled) : f.isScaled ? LARGER : `Window scaling or ${lower(LARGER)}`;
    return [
      warn(
        `${size(f.maxWindow)} of window per round trip of ${duration(f.minRtt)} are ${rate(bound)} at most. ${advice}`,
        evidence,
      ),
    ];
  }
  if (main === "application") return [plain("The network could have carried more: the sender's program is the limit.")];
  if (main === "send-buffer") return [warn("A larger send buffer helps.", longest(f.intervals, "send-buffer"))];
  if (main === "timeout")
    return [
      bad("Each timeout is a silence: too little came back to show the loss sooner.", longest(f.intervals, "timeout")),
    ];
  return [];
}

function retransmissions(f: Figures): Sentence[] {
  const total = f.drops.reduce((n, { rows }) => n + rows.length, 0);
  if (f.resent === 0) return total > 0 ? [warn(`${count(total, "packet")} lost, and nothing was sent again.`)] : [];
  const again = `${count(f.resent, "retransmission")}`;
  if (!f.isFateKnown) return [plain(`${again}; whether they were needed is not known.`)];
  const spurious = f.late + f.had;
  if (spurious === 0) return [plain(`${again}, all needed.`)];
  const both = `${count(f.late, "original")} only late, ${f.had} arrived, with the ACK lost or late`;
  const reason = f.late === 0 ? HAD : f.had === 0 ? LATE : both;
  if (f.resent === 1) return [warn(`The one retransmission was spurious: ${reason}.`)];
  const many =
    spurious === f.resent ? `All ${again} were` : `${spurious} of ${again} ${spurious === 1 ? "was" : "were"}`;
  return [warn(`${many} spurious: ${reason}.`)];
}

const LARGER = "A larger receive buffer helps.";
const lower = (words: string) => words.charAt(0).toLowerCase() + words.slice(1);

/** RFC 7323 §2.2: the scale is used only if both SYNs have it. */
function notOffered(ends: readonly string[]): string {
  return `Window scaling was not offered by ${ends.join(" and ")}, so no window is larger than 64 KiB: turn it on there.`;
}

const LATE = "nothing was lost, the original was only late";
const HAD = "the original had arrived, and its ACK was lost or late";

/** A queue that doubles the round trip. */
function queueing(f: Figures): Sentence[] {
  if (f.minRtt === 0 || f.maxRtt < 2 * f.minRtt || f.maxRtt - f.minRtt < 20_000) return [];
  // The link tells: if nothing waited, something else delayed the packets.
  if (f.maxQueue >= 0 && f.maxQueue < QUEUE) return [];
  const most = f.maxQueue < 0 ? "" : `, up to ${f.maxQueue} of them in the link's`;
  const words = `The round trip grew from ${duration(f.minRtt)} to ${duration(f.maxRtt)}: packets waited in a queue on the path${most}.`;
  return [warn(words, [all(f)])];
}

/** The longest intervals of a kind. */
function longest(intervals: readonly Interval[], kind: Kind): Evidence[] {
  return intervals
    .filter((each) => each.kind === kind)
    .sort((a, b) => b.end - b.start - (a.end - a.start))
    .slice(0, EVIDENCE_MAX)
    .map(({ start, end }) => ({ label: `${duration(end - start)} at ${(start / 1e6).toFixed(3)} s`, start, end }));
}

const all = ({ start, end }: Figures): Evidence => ({ label: "all of it", start, end });
const plain = (text: string, evidence: readonly Evidence[] = []): Sentence => ({ text, evidence, tone: "" });
const warn = (text: string, evidence: readonly Evidence[] = []): Sentence => ({ text, evidence, tone: "warn" });
const bad = (text: string, evidence: readonly Evidence[] = []): Sentence => ({ text, evidence, tone: "bad" });

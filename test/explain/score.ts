/** Inference held against the truth of the same run: precision and recall per kind of event. */
import { type Way, wayOf } from "#report/model/direction";
import { NEVER, RESENT, type Run } from "#report/model/run";
import { type Kind, limitsOf } from "#report/verdict/limits";

/** How much of what was inferred is true, and how much of the truth was inferred. Events, or µs for limits. */
export interface Score {
  right: number;
  inferred: number;
  true: number;
}

export type Scores = Map<string, Score>;

export function add(scores: Scores, kind: string, score: Score): void {
  const sum = scores.get(kind) ?? { right: 0, inferred: 0, true: 0 };
  scores.set(kind, {
    right: sum.right + score.right,
    inferred: sum.inferred + score.inferred,
    true: sum.true + score.true,
  });
}

export const precision = ({ right, inferred }: Score) => (inferred === 0 ? 1 : right / inferred);
export const recall = (score: Score) => (score.true === 0 ? 1 : score.right / score.true);

/** Adds the scores of one run. */
export function compare(scores: Scores, truth: Run, inferred: Run): void {
  const a = eventsOf(truth);
  const b = eventsOf(inferred);
  for (const kind of new Set([...a.keys(), ...b.keys()])) {
    const [there, here] = [a.get(kind) ?? new Set(), b.get(kind) ?? new Set()];
    const right = [...here].filter((event) => there.has(event)).length;
    add(scores, kind, { right, inferred: here.size, true: there.size });
  }
  compareLimits(scores, truth, inferred);
}

const KINDS: Readonly<Record<string, string>> = {
  "tcp.tx.fast-retransmit": "fast retransmission",
  "tcp.tx.rto": "retransmission by timeout",
  "tcp.tx.loss-recovery": "retransmission by timeout",
  "tcp.tx.tail-loss-probe": "tail loss probe",
};

/**
 * When the receiver had the octets of this sending; Infinity: it was lost. What PAWS refuses, because a retransmission has overtaken what was sent
 * before it, is as good as lost, unless these octets had arrived before: `had` is when.
 */
function takenAt({ packets, rules }: Run, row: number, had: number): number {
  if (packets.arrived[row] === NEVER) return Number.POSITIVE_INFINITY;
  const at = packets.time[row]! + packets.arrived[row]!;
  const isRefused = rules[packets.received[row]!]!.name === "tcp.rx.paws";
  return isRefused && at < had ? Number.POSITIVE_INFINITY : at;
}

/** By first octet: when the receiver had it first. */
function firstTaken(run: Run, way: Way): Map<number, number> {
  const had = new Map<number, number>();
  way.sent.forEach((row, k) => {
    const left = way.left[k]!;
    const isRefused = run.rules[run.packets.received[row]!]!.name === "tcp.rx.paws";
    if (!isRefused) had.set(left, Math.min(had.get(left) ?? Number.POSITIVE_INFINITY, takenAt(run, row, 0)));
  });
  return had;
}

/** By kind: which sending ("seq#nth") it happened to. */
function eventsOf(run: Run): Map<string, Set<string>> {
  const { packets, rules } = run;
  const found = new Map<string, Set<string>>();
  const note = (kind: string, id: string) => {
    const set = found.get(kind);
    if (set === undefined) found.set(kind, new Set([id]));
    else set.add(id);
  };
  const way = wayOf(run, 0, 0);
  const had = firstTaken(run, way);
  const times = new Map<number, number>();
  /** First octets of which a sending was not lost. */
  const there = new Set<number>();
  for (let k = 0; k < way.sent.length; k++) {
    const row = way.sent[k]!;
    const left = way.left[k]!;
    if (packets.length[row] === 0) continue;
    const nth = times.get(left) ?? 0;
    times.set(left, nth + 1);
    const id = `${left}#${nth}`;
    // Spurious: an earlier sending has arrived, or was about to (RFC 3522).
    if (there.has(left)) note("spurious retransmission", id);
    if (Number.isFinite(takenAt(run, row, had.get(left) ?? Number.POSITIVE_INFINITY))) there.add(left);
    else note("loss", id);
    const kind = KINDS[rules[packets.cause[row]!]!.name];
    if ((packets.bits[row]! & RESENT) !== 0 && kind !== undefined) note(kind, id);
  }
  return found;
}

/** What the page shows, in the words that a capture can tell apart. */
const CLASS: Readonly<Record<Kind, string>> = {
  handshake: "limit: handshake",
  "slow-start": "limit: congestion window",
  congestion: "limit: congestion window",
  recovery: "limit: congestion window",
  timeout: "limit: retransmission timeout",
  "receive-window": "limit: receiver's window",
  "send-buffer": "limit: application",
  application: "limit: application",
  "small-segment": "limit: small segments",
  // Paced data waits for its time within the congestion window.
  pacing: "limit: congestion window",
  tail: "limit: last ACKs",
};

function compareLimits(scores: Scores, truth: Run, inferred: Run): void {
  const [a, b] = [truth, inferred].map((run) =>
    (limitsOf(run, wayOf(run, 0, 0)) ?? []).map(({ start, end, kind }) => ({ start, end, kind: CLASS[kind] })),
  );
  const sum = (of: { start: number; end: number; kind: string }[], kind: string) =>
    of.filter((each) => each.kind === kind).reduce((time, { start, end }) => time + end - start, 0);
  for (const kind of new Set(Object.values(CLASS))) {
    let right = 0;
    let i = 0;
    for (const here of b!.filter((each) => each.kind === kind)) {
      while (i < a!.length && a![i]!.end <= here.start) i++;
      for (let j = i; j < a!.length && a![j]!.start < here.end; j++)
        if (a![j]!.kind === kind) right += Math.min(a![j]!.end, here.end) - Math.max(a![j]!.start, here.start);
    }
    add(scores, kind, { right, inferred: sum(b!, kind), true: sum(a!, kind) });
  }
}

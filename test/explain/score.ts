/** Inference held against the truth of the same run: precision and recall per kind of event. */
import { wayOf } from "#report/model/direction";
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

function isTaken({ packets, rules }: Run, row: number): boolean {
  return packets.arrived[row] !== NEVER && rules[packets.received[row]!]!.name !== "tcp.rx.paws";
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
  const times = new Map<number, number>();
  const latest = new Map<number, number>();
  for (let k = 0; k < way.sent.length; k++) {
    const row = way.sent[k]!;
    const left = way.left[k]!;
    if (packets.length[row] === 0) continue;
    const nth = times.get(left) ?? 0;
    times.set(left, nth + 1);
    const id = `${left}#${nth}`;
    // What the receiver's stack refused, as PAWS refuses what a retransmission has overtaken, is as good as lost: only the receiver knows.
    if (!isTaken(run, row)) note("loss", id);
    const before = latest.get(left);
    latest.set(left, row);
    if (before !== undefined && isTaken(run, before)) note("spurious retransmission", id);
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

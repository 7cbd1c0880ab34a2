/** What limited a sender over time. */
import { LIMIT_NAMES, STATE_NAMES, TIMER_NAMES } from "#tcp/words/names";
import { arrivalOf, type Way } from "../model/direction.ts";
import { rowsBy } from "../model/rows-by.ts";
import { ACK, LIMIT, type Run, STATE, TIMER } from "../model/run.ts";

/** In the order of the legend. */
export const KINDS = [
  "handshake",
  "slow-start",
  "congestion",
  "recovery",
  "timeout",
  "receive-window",
  "send-buffer",
  "application",
  "small-segment",
  "pacing",
  "tail",
] as const;
export type Kind = (typeof KINDS)[number];

export interface Interval {
  readonly start: number;
  readonly end: number;
  readonly kind: Kind;
}

/** From the first SYN to the ACK of the last octet; null if the sender was not recorded. */
export function limitsOf(run: Run, way: Way): Interval[] | null {
  const owner = 2 * way.connection + way.from;
  const span = spanOf(run, way);
  const changes = changesOf(run, owner);
  if (changes.length === 0 || span === null) return null;
  const phases = phasesOf(run, owner);
  return overlaid(byPhase(cut(changes, span.start, span.end), phases), timeoutsOf(run, way, owner));
}

/** When the first packet was sent, and when everything was acknowledged (or the last packet was sent). */
export function spanOf(
  run: Run,
  way: Way,
): { readonly start: number; readonly end: number; readonly isComplete: boolean } | null {
  const { time } = run.packets;
  const first = Math.min(time[way.sent[0] ?? -1] ?? Infinity, time[way.back[0] ?? -1] ?? Infinity);
  if (!Number.isFinite(first)) return null;
  let last = 0;
  for (const right of way.right) last = Math.max(last, right);
  const k = way.acked.findIndex((ack) => ack >= last);
  const row = k < 0 ? -1 : way.back[k]!;
  const end = row < 0 ? Number.POSITIVE_INFINITY : arrivalOf(run, row);
  if (Number.isFinite(end)) return { start: first, end, isComplete: true };
  const newest = Math.max(time[way.sent.at(-1) ?? -1] ?? first, time[way.back.at(-1) ?? -1] ?? first);
  return { start: first, end: newest, isComplete: false };
}

interface Change {
  readonly time: number;
  readonly kind: Kind | null;
}

/** What the stack said: null: nothing limits it, because it is done. */
function changesOf({ happenings }: Run, owner: number): Change[] {
  const { time, what, a } = happenings;
  const changes: Change[] = [];
  for (const i of rowsBy(happenings.owner, owner)) {
    if (what[i] === LIMIT) changes.push({ time: time[i]!, kind: KIND_OF[LIMIT_NAMES[a[i]!] ?? "done"] ?? null });
    // The first limit that is told is the one after the handshake.
    else if (what[i] === STATE && OPENING.has(STATE_NAMES[a[i]!] ?? ""))
      changes.push({ time: time[i]!, kind: "handshake" });
  }
  return changes;
}

const OPENING = new Set<string>(["SYN-SENT", "SYN-RECEIVED"]);

const KIND_OF: Readonly<Record<(typeof LIMIT_NAMES)[number], Kind | null>> = {
  handshake: "handshake",
  application: "application",
  "congestion-window": "congestion",
  "receive-window": "receive-window",
  "send-buffer": "send-buffer",
  "small-segment": "small-segment",
  pacing: "pacing",
  "last-acks": "tail",
  done: null,
};

function cut(changes: readonly Change[], from: number, to: number): Interval[] {
  const out: Interval[] = [];
  const add = (start: number, end: number, kind: Kind | null) => {
    if (kind !== null && end > start) out.push({ start, end, kind });
  };
  let at = from;
  let kind: Kind | null = "handshake";
  for (const change of changes) {
    const time = Math.min(Math.max(change.time, at), to);
    add(at, time, kind);
    at = time;
    kind = change.kind;
  }
  add(at, to, kind);
  return out;
}

interface Phase {
  readonly time: number;
  readonly kind: Kind;
}

/** By cwnd's changes: slow start until the first loss, recovery, and the rest. */
function phasesOf({ metrics, rules }: Run, owner: number): Phase[] {
  const phases: Phase[] = [{ time: Number.NEGATIVE_INFINITY, kind: "slow-start" }];
  for (const i of rowsBy(metrics.owner, owner)) {
    const kind = PHASE_OF[rules[metrics.cause[i]!]?.name ?? ""];
    if (kind !== undefined && phases.at(-1)!.kind !== kind) phases.push({ time: metrics.time[i]!, kind });
  }
  return phases;
}

const PHASE_OF: Readonly<Record<string, Kind>> = {
  "tcp.cc.slow-start": "slow-start",
  "tcp.cc.avoidance": "congestion",
  "tcp.cc.exit-recovery": "congestion",
  "tcp.cc.enter-recovery": "recovery",
  "tcp.cc.recovery": "recovery",
  "tcp.cc.loss": "recovery",
  "tcp.cc.ecn": "congestion",
  "tcp.cc.undo": "congestion",
};

/** Both in the order of time: a run may have hundreds of thousands of either. */
function byPhase(intervals: readonly Interval[], phases: readonly Phase[]): Interval[] {
  const out: Interval[] = [];
  let i = 0;
  for (const each of intervals) {
    while (i + 1 < phases.length && phases[i + 1]!.time <= each.start) i++;
    if (each.kind !== "congestion") out.push(each);
    else
      for (let k = i, start = each.start; start < each.end; k++) {
        const end = Math.min(each.end, phases[k + 1]?.time ?? Number.POSITIVE_INFINITY);
        if (start < end) out.push({ start, end, kind: phases[k]!.kind });
        start = end;
      }
  }
  return out;
}

/** The silence before each retransmission timeout: nothing was sent or heard until the timer expired. */
function timeoutsOf(run: Run, way: Way, owner: number): Interval[] {
  const { happenings } = run;
  const out: Interval[] = [];
  for (const i of rowsBy(happenings.owner, owner)) {
    if (happenings.what[i] !== TIMER) continue;
    if (TIMER_NAMES[happenings.a[i]!] !== "retransmit") continue;
    const end = happenings.time[i]!;
    const start = Math.max(lastBefore(run, way.sent, end, false), lastBefore(run, way.back, end, true));
    if (Number.isFinite(start) && start < end) out.push({ start, end, kind: "timeout" });
  }
  return out;
}

/** When the last packet before `time` was sent, or arrived. */
function lastBefore(run: Run, rows: Uint32Array, time: number, arrivals: boolean): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (run.packets.time[rows[middle]!]! < time) low = middle + 1;
    else high = middle;
  }
  for (let k = low - 1; k >= 0; k--) {
    const row = rows[k]!;
    if (!arrivals) return run.packets.time[row]!;
    const at = arrivalOf(run, row);
    if (at < time && (run.packets.flags[row]! & ACK) !== 0) return at;
  }
  return Number.NEGATIVE_INFINITY;
}

/** The intervals with others, in the order of time, in place of what those cover. The handshake has its own timeouts. */
function overlaid(intervals: readonly Interval[], others: readonly Interval[]): Interval[] {
  const out: Interval[] = [];
  const add = (start: number, end: number, kind: Kind) => {
    if (start < end) out.push({ start, end, kind });
  };
  let i = 0;
  for (const { start, end, kind } of intervals) {
    while (i < others.length && others[i]!.end <= start) i++;
    let at = start;
    for (let k = i; kind !== "handshake" && k < others.length && others[k]!.start < end; k++) {
      const other = others[k]!;
      add(at, Math.max(at, other.start), kind);
      add(Math.max(at, other.start), Math.min(end, other.end), other.kind);
      at = Math.max(at, Math.min(end, other.end));
    }
    add(at, end, kind);
  }
  return out;
}

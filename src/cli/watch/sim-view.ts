/** `sim --watch`: virtual time goes with the clock, and the dashboard shows it; without a terminal there is a line per virtual second. */
import { SECOND } from "#base/time";
import { linksText } from "#device/link-text";
import type { LinkProfiles } from "#device/link-words";
import { type Controlled, control } from "#lab/chaos/control";
import type { FlowEnd } from "#lab/sim/flow";
import type { TransferResult, TransferRun } from "#lab/sim/transfer";
import { clockText } from "#observe/units";
import { bracketed } from "../address-map.ts";
import { EXIT_SIGHUP, EXIT_SIGINT, EXIT_SIGTERM } from "../exit-codes.ts";
import { type IntervalFigures, IntervalLines } from "../interval-line.ts";
import { traceFile } from "../link-control.ts";
import { dim, say, screenOutlet } from "../terminal.ts";
import { type EndSample, wayOf } from "./sample.ts";
import { canWatch, Watch, type Watched } from "./watch.ts";

/** How often virtual time is brought up to the clock, ms, and for how long at most it is run in one piece. */
const TURN = 20;
const WORK = 50;
/** Virtual time of one piece, µs: between pieces the clock is looked at. */
const PIECE = 2_000;
/** So far may virtual time be behind the clock, µs. */
const BEHIND_MAX = 100_000;
/** Ends that a person can look through. */
const ENDS_MAX = 64;

const SIGNALS = { SIGINT: EXIT_SIGINT, SIGTERM: EXIT_SIGTERM, SIGHUP: EXIT_SIGHUP } as const;

export interface Played {
  readonly result: TransferResult;
  /** The exit code of the signal, or of `q`, that ended it early; 0: none did. */
  readonly code: number;
  /** Keys have changed the link: the seed alone does not repeat the run. */
  readonly isChanged: boolean;
}

export interface Play {
  readonly seed: number;
  /** Virtual seconds per second; undefined: 1 if there is a dashboard, and otherwise as fast as it goes. */
  readonly speed: number | undefined;
  /** Why keys must not change the link; "": they may. */
  readonly whyFixed: string;
}

/** Runs the transfer before somebody's eyes. What comes after its data, TIME-WAIT, takes no time. */
export async function play(run: TransferRun, wish: Play): Promise<Played> {
  let at = 0;
  const watch = canWatch() ? new Watch(dashboard(run, wish, () => at)) : null;
  const lines = watch === null ? new SecondLines(run) : null;
  const speed = wish.speed ?? (watch === null ? Number.POSITIVE_INFINITY : 1);
  const signals = new Signals();
  const before = linkWords(run);
  let goesOn = true;
  for (let last = performance.now(), due = 0; goesOn && signals.code === 0; ) {
    const now = performance.now();
    // A machine that is too slow does not make up for it.
    due =
      speed === Number.POSITIVE_INFINITY ? speed : Math.min(due, at + BEHIND_MAX * speed) + (now - last) * 1000 * speed;
    last = now;
    while (goesOn && at < due && performance.now() - now < WORK) {
      at = Math.min(due, at + PIECE);
      goesOn = run.runUntil(at) && !run.isDone;
      lines?.upTo(at);
    }
    if (goesOn) await Bun.sleep(speed === Number.POSITIVE_INFINITY ? 0 : TURN);
  }
  const { code } = signals;
  if (code === 0) run.runUntil(Number.POSITIVE_INFINITY);
  watch?.end();
  await screenOutlet.drained();
  signals.end();
  return { result: code === 0 ? run.end() : run.end(at), code, isChanged: before !== linkWords(run) };
}

const profilesOf = ({ wires: { there, back } }: TransferRun): LinkProfiles => ({
  out: there.link.profile,
  in: back.link.profile,
});

const linkWords = (run: TransferRun): string => linksText(profilesOf(run));

/** Ctrl-C and the like end the run where it is. */
class Signals {
  code = 0;
  readonly #handlers = Object.entries(SIGNALS).map(
    ([signal, code]) => [signal as keyof typeof SIGNALS, () => void (this.code ||= code)] as const,
  );

  constructor() {
    for (const [signal, handler] of this.#handlers) process.on(signal, handler);
  }

  end(): void {
    for (const [signal, handler] of this.#handlers) process.off(signal, handler);
  }
}

/** What the dashboard shows of a run. @param now virtual time */
export function dashboard(run: TransferRun, { seed, speed = 1, whyFixed }: Play, now: () => number): Watched {
  const { there, back } = run.wires;
  const link: Controlled = {
    profiles: () => profilesOf(run),
    set: (wanted) => {
      there.set(wanted.out);
      back.set(wanted.in);
      say(`${dim(clockText(now()))}  · the link is now: ${linksText(wanted)}`);
    },
    counts: () => ({ out: there.link.counters.snapshot(), in: back.link.counters.snapshot() }),
  };
  return {
    title: "tcpnet sim",
    note: `seed ${seed}${speed === 1 ? "" : speed === Number.POSITIVE_INFINITY ? ", as fast as it goes" : `, ${speed}× speed`}`,
    hasStack: true,
    now,
    ends: () => samplesOf(run),
    link: () => ({
      words: linkWords(run),
      names: ["there", "back"],
      ways: [wayOf(there.link), wayOf(back.link)],
    }),
    change: whyFixed === "" ? (line) => control(link, line, traceFile) : null,
    whyNoKeys: whyFixed,
  };
}

/** The sending ends that a person can look through. */
function samplesOf({ ends }: TransferRun): EndSample[] {
  const samples: EndSample[] = [];
  for (const [i, { info, received, plan }] of ends.entries()) {
    if (info === undefined || plan.bytes === 0) continue;
    const name = `${i % 2 === 0 ? "left" : "right"} ${bracketed(info.localAddress, info.localPort)} → ${bracketed(info.remoteAddress, info.remotePort)}`;
    samples.push({ name, info, received });
    if (samples.length === ENDS_MAX) break;
  }
  return samples;
}

/** A line per virtual second and sending end. */
class SecondLines {
  readonly #senders: readonly { readonly name: string; readonly end: FlowEnd; readonly lines: IntervalLines }[];
  #next = SECOND;

  constructor({ ends }: TransferRun) {
    const senders = ends.map((end, i) => ({ end, i })).filter(({ end }) => end.plan.bytes > 0);
    this.#senders = senders.map(({ end, i }) => {
      const name = senders.length === 1 ? "" : `#${i >> 1} ${i % 2 === 0 ? "there" : "back "} `;
      return { name, end, lines: new IntervalLines(0) };
    });
  }

  upTo(time: number): void {
    while (this.#next <= time) {
      for (const { name, end, lines } of this.#senders) {
        const text = figuresOf(end) === null ? null : lines.next(figuresOf(end)!, this.#next);
        if (text !== null) say(`${dim(clockText(this.#next))}  ${name}${text}`);
      }
      this.#next += SECOND;
    }
  }
}

function figuresOf({ info }: FlowEnd): IntervalFigures | null {
  if (info === undefined) return null;
  const { bytesAcked, retransTotal, cwnd, rtt, sndWnd, sendQueue } = info;
  const isBlocked = sndWnd === 0 && sendQueue > 0;
  return { acked: bytesAcked, received: 0, retransmissions: retransTotal, cwnd, rtt, isBlocked };
}

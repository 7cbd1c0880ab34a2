import { type Mark, markMeaning, markName } from "#base/mark";
import { EV_RX, EV_STATE, EV_TX, type Trace } from "#base/trace";
import { counted } from "#observe/units";
import { TX_ACK_FIN, TX_ACK_HANDSHAKE, TX_DATA } from "#tcp/words/marks";
import { stateName } from "#tcp/words/state";
import { ACK, FIN, RST, SYN } from "#wire/tcp";
import { flagNames } from "#wire/tcp-flags";
import { bold } from "./terminal.ts";
import type { Voice } from "./voice.ts";

/** How many resent segments are printed one by one before they are only counted. */
const RESENT_TOLD = 5;

/** The flags that matter to handshake and close. */
const STEP_FLAGS = SYN | FIN | RST | ACK;

type Arrow = "→" | "←" | "·";
const DIRECTION: Readonly<Record<Arrow, string>> = { "→": "out", "←": "in", "·": "" };

/** A line that waits for the state change that may follow. */
interface Line {
  readonly arrow: Arrow;
  readonly flags: string;
  readonly detail: string;
  /** µs since the command began. */
  readonly time: number;
  /** A step of handshake or close: printed even without a state change. */
  readonly step: boolean;
  state: string;
}

/**
 * Prints the course of connections from the stack's events: every segment of the handshake and of the close, the state it
 * leads to, and retransmissions with their reason. Segments of data in between are not printed.
 */
export class Narrator {
  readonly #voice: Voice;
  /** By how much the trace's clock is ahead of the voice's. */
  readonly #ahead: number;
  readonly #pending = new Map<number, Line>();
  readonly #resent = new Map<number, number>();
  /** The record of the last ordinary segment: printed only if a state change follows. -1: none. */
  #heard = -1;

  /** @param now the trace's time */
  constructor(voice: Voice, now: number) {
    this.#voice = voice;
    this.#ahead = now - voice.now();
  }

  /** Reads the records since the last call. */
  read(trace: Trace): void {
    this.#heard = -1;
    for (let i = 0; i < trace.size; i++) {
      const id = trace.connection[i]!;
      const kind = trace.kind[i]!;
      if (id < 0) continue;
      if (kind === EV_TX) this.#transmitted(trace, i, id);
      else if (kind === EV_RX) this.#received(trace, i, id);
      else if (kind === EV_STATE) this.#changed(trace, i, id);
    }
    if (this.#pending.size > 0) for (const id of [...this.#pending.keys()]) this.#flush(id);
  }

  #transmitted(trace: Trace, i: number, id: number): void {
    const flags = trace.c[i]!;
    const cause = trace.cause[i]!;
    const called = this.#pending.get(id);
    // A call (OPEN, CLOSE) changed the state: print it with the first segment that it causes.
    const state = called?.arrow === "·" ? called.state : "";
    const step = (flags & (SYN | FIN | RST)) !== 0 || cause === TX_ACK_HANDSHAKE || cause === TX_ACK_FIN;
    if (step) {
      this.#heard = -1;
      if (state !== "") this.#pending.delete(id);
      else this.#flush(id);
      this.#put(
        id,
        "→",
        flagNames(flags & STEP_FLAGS, " "),
        textOf(trace, i, trace.d[i] === 1 ? "resent" : cause === TX_DATA ? "" : markMeaning(cause)),
        this.#time(trace, i),
        true,
        state,
      );
      return;
    }
    if (trace.d[i] === 1) this.#tellResent(trace, i, id, cause);
  }

  #received(trace: Trace, i: number, id: number): void {
    if (this.#pending.size > 0) this.#flush(id);
    // Segments that are not printed must cost nothing: there are a hundred thousand per second.
    const step = (trace.c[i]! & (SYN | FIN | RST)) !== 0;
    this.#heard = step ? -1 : i;
    if (step) this.#hear(trace, i, id, true, "");
  }

  #hear(trace: Trace, i: number, id: number, step: boolean, state: string): void {
    this.#put(
      id,
      "←",
      flagNames(trace.c[i]! & STEP_FLAGS, " "),
      textOf(trace, i, ""),
      this.#time(trace, i),
      step,
      state,
    );
  }

  #changed(trace: Trace, i: number, id: number): void {
    const state = stateName(trace.b[i]!);
    const pending = this.#pending.get(id);
    if (pending?.arrow === "←") {
      // A segment may cause two state changes (an ACK with a FIN): print the last state.
      pending.state = state;
      return;
    }
    if (this.#heard >= 0 && trace.connection[this.#heard] === id) {
      this.#hear(trace, this.#heard, id, false, state);
      this.#heard = -1;
      return;
    }
    this.#flush(id);
    this.#put(id, "·", "", markMeaning(trace.cause[i]!), this.#time(trace, i), false, state);
  }

  #tellResent(trace: Trace, i: number, id: number, cause: Mark): void {
    const before = this.#resent.get(id) ?? 0;
    this.#resent.set(id, before + 1);
    if (before > RESENT_TOLD) return;
    const seq = trace.a[i]! >>> 0;
    const length = trace.b[i]!;
    const text =
      before === RESENT_TOLD
        ? "→ …          more retransmissions; the summary counts them"
        : `→ ${length} B at ${seq} ${markMeaning(cause)}`;
    this.#voice.event("resent", { connection: id, seq, length, cause: markName(cause) }, text, this.#time(trace, i));
  }

  #put(id: number, arrow: Arrow, flags: string, detail: string, time: number, step: boolean, state: string): void {
    this.#pending.set(id, { arrow, flags, detail, time, step, state });
  }

  #flush(id: number): void {
    const line = this.#pending.get(id);
    if (line === undefined) return;
    this.#pending.delete(id);
    const { arrow, flags, detail, state, time, step } = line;
    if (!step && state === "") return;
    const shown = state === "" ? "" : bold(state);
    const text = `${arrow} ${flags.padEnd(10)} ${shown}${"".padEnd(12 - state.length)} ${detail}`.trimEnd();
    const facts = { connection: id, direction: DIRECTION[arrow], flags, state, detail };
    this.#voice.event(arrow === "·" ? "change" : "segment", facts, text, time);
    if (state === "CLOSED") this.#resent.delete(id);
  }

  #time(trace: Trace, i: number): number {
    return trace.time[i]! - this.#ahead;
  }
}

/** The segment's position in the stream, and why it was sent. */
function textOf(trace: Trace, i: number, why: string): string {
  const n = trace.b[i]!;
  // Counted from the ISN; beyond 2^31 the difference looks negative.
  return `seq ${trace.a[i]! >>> 0}${n > 0 ? ` + ${counted(n, "byte")}` : ""}${why === "" ? "" : `   ${why}`}`;
}

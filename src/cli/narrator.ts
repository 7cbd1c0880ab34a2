import { markMeaning, markName } from "#base/mark";
import { EV_RX, EV_STATE, EV_TX, type Trace } from "#base/trace";
import { packetFields } from "#observe/packet-fields";
import { placeText } from "#observe/segment-words";
import { TX_ACK_FIN, TX_ACK_HANDSHAKE, TX_DATA } from "#tcp/words/marks";
import { stateName } from "#tcp/words/state";
import { ACK, FIN, RST, SYN } from "#wire/tcp";
import { flagNames } from "#wire/tcp-flags";
import { bold } from "./terminal.ts";
import type { Facts, Voice } from "./voice.ts";

/** The flags that matter to handshake and close. */
const STEP_FLAGS = SYN | FIN | RST | ACK;

type Arrow = "→" | "←" | "·";
/** Names of the lines as JSON: those of the record of a run. */
const EVENTS: Readonly<Record<Arrow, string>> = {
  "→": "transport:packet_sent",
  "←": "transport:packet_received",
  "·": "connectivity:state_updated",
};

/** A line that waits for the state change that may follow. */
interface Line {
  readonly arrow: Arrow;
  readonly flags: string;
  readonly detail: string;
  /** The fields of the segment, and the cause. */
  readonly facts: Facts;
  /** µs since the command began. */
  readonly time: number;
  /** A step of handshake or close: printed even without a state change. */
  readonly step: boolean;
  state: string;
}

/**
 * Prints the course of connections from the stack's events: every segment of the handshake and of the close, the state it
 * leads to, and retransmissions with their reason. Segments of data in between are not printed: that does --packets.
 */
export class Narrator {
  readonly #voice: Voice;
  readonly #pending = new Map<number, Line>();
  /** The record of the last ordinary segment: printed only if a state change follows. -1: none. */
  #heard = -1;

  constructor(voice: Voice) {
    this.#voice = voice;
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
      const detail = textOf(trace, i, trace.d[i] === 1 ? "resent" : cause === TX_DATA ? "" : markMeaning(cause));
      this.#put(id, { arrow: "→", detail, step: true, state, ...this.#segment(trace, i) });
      return;
    }
    if (trace.d[i] === 1) this.#tellResent(trace, i, id);
  }

  #received(trace: Trace, i: number, id: number): void {
    if (this.#pending.size > 0) this.#flush(id);
    // Segments that are not printed must cost nothing: there are a hundred thousand per second.
    const step = (trace.c[i]! & (SYN | FIN | RST)) !== 0;
    this.#heard = step ? -1 : i;
    if (step) this.#hear(trace, i, id, true, "");
  }

  #hear(trace: Trace, i: number, id: number, step: boolean, state: string): void {
    this.#put(id, { arrow: "←", detail: textOf(trace, i, ""), step, state, ...this.#segment(trace, i) });
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
    const cause = trace.cause[i]!;
    const facts = { connection: id, old: stateName(trace.a[i]!), cause: markName(cause) };
    const time = this.#time(trace, i);
    this.#put(id, { arrow: "·", flags: "", detail: markMeaning(cause), facts, time, step: false, state });
  }

  #tellResent(trace: Trace, i: number, id: number): void {
    if (!this.#voice.admits("resent")) return;
    const fields = packetFields(trace, i);
    const cause = trace.cause[i]!;
    const facts = { connection: id, resent: true, ...fields, cause: markName(cause) };
    // Not all of the segment, as --packets has it: beside the names of the demo's programs that would be wider than a terminal.
    const text = `→ ${placeText(fields.seq, fields.length)} ${markMeaning(cause)}`;
    this.#voice.tell(EVENTS["→"], facts, text, this.#time(trace, i));
  }

  #segment(trace: Trace, i: number): Pick<Line, "flags" | "facts" | "time"> {
    const sent = trace.kind[i] === EV_TX ? { resent: trace.d[i] === 1 } : {};
    const cause = trace.cause[i]! === 0 ? {} : { cause: markName(trace.cause[i]!) };
    const facts = { connection: trace.connection[i]!, ...sent, ...packetFields(trace, i), ...cause };
    return { flags: flagNames(trace.c[i]! & STEP_FLAGS, " "), facts, time: this.#time(trace, i) };
  }

  #put(id: number, line: Line): void {
    this.#pending.set(id, line);
  }

  #flush(id: number): void {
    const line = this.#pending.get(id);
    if (line === undefined) return;
    this.#pending.delete(id);
    const { arrow, flags, detail, facts, state, time, step } = line;
    if (!step && state === "") return;
    const shown = state === "" ? "" : bold(state);
    const text = `${arrow} ${flags.padEnd(10)} ${shown}${"".padEnd(12 - state.length)} ${detail}`.trimEnd();
    const reached = arrow === "·" ? { new: state } : state === "" ? {} : { state };
    this.#voice.event(EVENTS[arrow], { ...facts, ...reached }, text, time, "step");
  }

  #time(trace: Trace, i: number): number {
    return trace.time[i]! - this.#voice.zero;
  }
}

/** The segment's position in the stream, and why it was sent. */
function textOf(trace: Trace, i: number, why: string): string {
  // Counted from the ISN; beyond 2^31 the difference looks negative.
  return `${placeText(trace.a[i]! >>> 0, trace.b[i]!)}${why === "" ? "" : `   ${why}`}`;
}

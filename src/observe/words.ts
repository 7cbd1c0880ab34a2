import { markByName, markMeaning } from "#base/mark";
import type { RunEvent, TraceEvent } from "./events.ts";
import { LinkWords } from "./link-wording.ts";
import type { PacketFields } from "./packet-fields.ts";
import { segmentLine } from "./segment-words.ts";
// The rules of TCP have their meanings there.
import "#tcp/words/marks";
import { bytesText, counted, timeText } from "./units.ts";

/** Facts kept about a connection between events. */
class Memory {
  cwnd = 0;
  /** The way in which cwnd grows: a mark of PHASES. */
  phase = "";
  /** When the current recovery began, µs. */
  recovery = 0;
  /** The RTO of the last sample, before any back-off. */
  rto = 0;
  /** Since when the window that this end offers, and the one that the peer offers, are closed, µs; -1: they are open. */
  ownClosed = -1;
  peerClosed = -1;
  /** Probes of the closed window so far, and when the last one was sent, µs. */
  probes = 0;
  probedAt = -1;
  /** The peer's window was the limit, which has been told. */
  windowTold = false;
}

/** Ordinary growth: told when it begins. */
const PHASES: Readonly<Record<string, (cwnd: string, ssthresh: string) => string>> = {
  "tcp.cc.slow-start": (cwnd, ssthresh) =>
    `slow start: cwnd ${cwnd} grows by what is acknowledged${ssthresh === "" ? "" : `, up to ssthresh ${ssthresh}`}`,
  "tcp.cc.avoidance": (cwnd) => `congestion avoidance: from cwnd ${cwnd} on, growth is slow`,
  "tcp.cc.rate": (cwnd) => `cwnd and pace follow what the path delivers: cwnd ${cwnd}`,
  "tcp.cc.recovery": () => "",
};
const STEPS = /SYN|FIN|RST/;
/** RFC 5681 §3.1: no limit yet. */
const ENDLESS = 0x7fff0000;

export interface WordsOptions {
  /** Tell every segment, and whatever a link does to one. Else: the steps of handshake and close, and what is sent again. */
  readonly packets?: boolean;
  /** Tell decisions. Default true. */
  readonly decisions?: boolean;
  /** The link's view is all there is. */
  readonly isWire?: boolean;
}

type Sent = TraceEvent & { readonly event: "transport:packet_sent" };
type Received = TraceEvent & { readonly event: "transport:packet_received" };

/**
 * Explains events, each with its cause: `duplicate ACKs show a loss → fast retransmit, cwnd 84 → 42 kB`. Ordinary events (RTT samples, a
 * growing window) are not explained. Flow control is told when it acts: a closed window, its probes, Nagle.
 */
export class Words {
  readonly #memories = new Map<string, Memory>();
  readonly #packets: boolean;
  readonly #decisions: boolean;
  readonly #link: LinkWords;

  constructor({ packets = false, decisions = true, isWire = false }: WordsOptions = {}) {
    this.#packets = packets;
    this.#decisions = decisions;
    this.#link = new LinkWords(isWire);
  }

  /** A sentence without its time, or null for ordinary events. */
  tell(event: RunEvent): string | null {
    if ("packet" in event) return this.#packets ? this.#link.tell(event) : null;
    if (!("connection" in event))
      return event.event === "run:gap" ? `… ${counted(event.missing, "event")} missing` : null;
    switch (event.event) {
      case "connectivity:state_updated":
        if (event.old === "CLOSED" || event.new === "CLOSED") this.#memories.delete(keyOf(event));
        return `${event.old} → ${event.new}: ${meaningOf(event.cause)}`;
      case "transport:packet_sent":
        return this.#sent(event);
      case "transport:packet_received":
        return this.#received(event);
      case "connectivity:connection_started":
        return null;
      default:
        return this.#decisions ? this.#decision(event) : this.#follow(event);
    }
  }

  #decision(event: TraceEvent): string | null {
    switch (event.event) {
      case "transport:packet_dropped":
        // The segment's own line has said why.
        if (this.#packets && event.length === 0) return null;
        return `dropped${event.length > 0 ? ` ${counted(event.length, "byte")}` : ""}: ${meaningOf(event.cause)}`;
      case "recovery:packet_lost":
        return `${counted(event.length, "byte")} at ${event.seq} considered lost`;
      case "recovery:metrics_updated":
        return this.#cwnd(event);
      case "recovery:timer_expired":
        return this.#timer(event);
      case "recovery:timer_set":
        return this.#set(event);
      case "recovery:limit_updated":
        return this.#limit(event);
      default:
        return this.#follow(event);
    }
  }

  /** Keeps what later sentences need. */
  #follow(event: TraceEvent): null {
    if (event.event === "recovery:rtt_updated") this.#memory(event).rto = event.rto;
    return null;
  }

  #sent(event: Sent): string | null {
    const memory = this.#memory(event);
    const note = windowNote(event, memory.ownClosed, "our receive buffer is full, the peer has to wait");
    memory.ownClosed = closedSince(event, memory.ownClosed);
    const why = meaningOf(event.cause);
    if (this.#packets) return segmentLine("→", event, together(again(event), note));
    if (note !== "") return `→ ${note}`;
    if (event.resent) return `→ ${counted(event.length, "byte")} at ${event.seq} ${why}`;
    return STEPS.test(event.flags) ? `→ ${event.flags}: ${why}` : null;
  }

  #received(event: Received): string | null {
    const memory = this.#memory(event);
    const note = windowNote(event, memory.peerClosed, "the receiver's buffer is full");
    const closed = closedSince(event, memory.peerClosed);
    if (memory.peerClosed < 0 || closed < 0) {
      memory.probes = 0;
      memory.probedAt = -1;
    }
    memory.peerClosed = closed;
    if (this.#packets)
      return segmentLine("←", event, together(event.cause === "none" ? "" : meaningOf(event.cause), note));
    if (note !== "") return `← ${note}`;
    return STEPS.test(event.flags) ? `← ${event.flags}` : null;
  }

  #cwnd(event: TraceEvent & { event: "recovery:metrics_updated" }): string | null {
    const memory = this.#memory(event);
    const before = memory.cwnd === 0 ? event.cwnd : memory.cwnd;
    memory.cwnd = event.cwnd;
    const phase = PHASES[event.cause];
    if (phase !== undefined) {
      if (memory.phase === event.cause) return null;
      memory.phase = event.cause;
      return phase(bytesText(event.cwnd), event.ssthresh >= ENDLESS ? "" : bytesText(event.ssthresh)) || null;
    }
    const change = (to: number) =>
      before === to ? `cwnd stays ${bytesText(to)}` : `cwnd ${bytesText(before)} → ${bytesText(to)}`;
    switch (event.cause) {
      case "tcp.cc.enter-recovery":
        memory.recovery = event.time;
        return `duplicate ACKs show a loss → fast retransmit, ${change(event.ssthresh)}`;
      case "tcp.cc.exit-recovery":
        return `recovery complete after ${timeText(event.time - memory.recovery)}, cwnd ${bytesText(event.cwnd)}`;
      case "tcp.cc.loss":
        return `everything in flight considered lost → slow start, ${change(event.cwnd)}, ssthresh ${bytesText(event.ssthresh)}`;
      case "tcp.cc.idle":
        return before === event.cwnd ? null : `${meaningOf(event.cause)}: ${change(event.cwnd)}`;
      default:
        return `${meaningOf(event.cause)}: ${change(event.cwnd)}`;
    }
  }

  #timer(event: TraceEvent & { event: "recovery:timer_expired" }): string | null {
    const repeated = event.times > 1 ? `, ${event.times} times in a row` : "";
    const memory = this.#memory(event);
    switch (event.timer) {
      case "retransmit": {
        const { rto } = memory;
        const waited = rto > 0 ? ` for ${timeText(rto * 2 ** (event.times - 1))}` : "";
        return `nothing acknowledged${waited} → the retransmission timer expired${repeated}`;
      }
      case "persist":
        // The same timer sends a small segment that has waited too long (RFC 9293 §3.8.6.2.1).
        if (memory.peerClosed < 0) return null;
        memory.probes++;
        memory.probedAt = event.time;
        return `the peer's window is closed → probe ${memory.probes}`;
      case "keep-alive":
        return `the peer is silent → keep-alive probe ${event.times}`;
      case "loss-probe":
        return "no ACK for two round trips → retransmit the last segment as a probe";
      default:
        return null;
    }
  }

  /** The persist timer: when the next probe of a closed window will be sent. */
  #set(event: TraceEvent & { event: "recovery:timer_set" }): string | null {
    const memory = this.#memory(event);
    // As a probe is sent the timer is set for the case that no answer comes; the answer sets it again.
    if (event.timer !== "persist" || memory.peerClosed < 0 || memory.probedAt === event.time) return null;
    return `probe ${memory.probes + 1} in ${timeText(event.delay)}, unless the window opens`;
  }

  #limit(event: TraceEvent & { event: "recovery:limit_updated" }): string | null {
    const memory = this.#memory(event);
    if (event.new === "small-segment") return "less than a full segment: it waits for more data or for an ACK (Nagle)";
    if (event.new !== "receive-window" || memory.windowTold) return null;
    memory.windowTold = true;
    return "flow control: the peer's window is full, sending waits for its ACKs";
  }

  #memory(event: TraceEvent): Memory {
    const key = keyOf(event);
    let memory = this.#memories.get(key);
    if (memory === undefined) this.#memories.set(key, (memory = new Memory()));
    return memory;
  }
}

function keyOf({ who, connection }: TraceEvent): string {
  return `${who} ${connection}`;
}

/** Why it was sent; that it was sent before is said in any case. */
function again({ resent, cause }: Sent): string {
  const why = cause === "none" ? "" : meaningOf(cause);
  return resent && !why.includes("retransmitted") ? together("sent again", why) : why;
}

function together(why: string, note: string): string {
  return why === "" || note === "" ? why + note : `${why}; ${note}`;
}

/** What is to be said of the window that a segment offers. @param since when it closed, -1: it is open */
function windowNote(event: Sent | Received, since: number, full: string): string {
  if (STEPS.test(event.flags) && event.window === 0) return "";
  if (event.window === 0) return since < 0 ? `window 0: ${full}` : "";
  return since < 0 ? "" : `window open again after ${timeText(event.time - since)}`;
}

function closedSince({ flags, window, time }: PacketFields & { readonly time: number }, since: number): number {
  if (window > 0) return -1;
  if (STEPS.test(flags)) return since;
  return since < 0 ? time : since;
}

function meaningOf(cause: string): string {
  return markMeaning(markByName(cause) ?? 0);
}

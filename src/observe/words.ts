import { markByName, markMeaning } from "#base/mark";
import type { TraceEvent } from "./events.ts";
import { bytesText, counted, timeText } from "./units.ts";

/** Facts kept about a connection between events. */
interface Memory {
  cwnd: number;
  /** When the current recovery began, µs. */
  recovery: number;
  /** The RTO of the last sample, before any back-off. */
  rto: number;
}

/** Marks of ordinary growth, which is not explained. */
const QUIET = new Set(["tcp.cc.slow-start", "tcp.cc.avoidance", "tcp.cc.recovery"]);
const STEPS = /SYN|FIN|RST/;

/**
 * Explains events, each with its cause: `duplicate ACKs show a loss → fast retransmit, cwnd 84 → 42 kB`. Ordinary events (data,
 * ACKs, RTT samples, a growing window) are not explained.
 */
export class Words {
  readonly #memories = new Map<number, Memory>();

  /** A sentence without its time, or null for ordinary events. */
  tell(event: TraceEvent): string | null {
    const why = meaningOf(event.cause);
    switch (event.event) {
      case "connectivity:connection_started":
        return null;
      case "connectivity:state_updated":
        if (event.old === "CLOSED" || event.new === "CLOSED") this.#memories.delete(event.connection);
        return `${event.old} → ${event.new}: ${why}`;
      case "transport:packet_sent":
        if (event.resent) return `→ ${counted(event.length, "byte")} at ${event.seq} ${why}`;
        return STEPS.test(event.flags) ? `→ ${event.flags}: ${why}` : null;
      case "transport:packet_received":
        return STEPS.test(event.flags) ? `← ${event.flags}` : null;
      case "transport:packet_dropped":
        return `dropped${event.length > 0 ? ` ${counted(event.length, "byte")}` : ""}: ${why}`;
      case "recovery:packet_lost":
        return `${counted(event.length, "byte")} at ${event.seq} considered lost`;
      case "recovery:metrics_updated":
        return this.#cwnd(event);
      case "recovery:timer_expired":
        return this.#timer(event);
      case "recovery:rtt_updated":
        this.#memory(event.connection).rto = event.rto;
        return null;
      case "recovery:limit_updated":
        return null;
    }
  }

  #cwnd(event: TraceEvent & { event: "recovery:metrics_updated" }): string | null {
    const memory = this.#memory(event.connection);
    const before = memory.cwnd === 0 ? event.cwnd : memory.cwnd;
    memory.cwnd = event.cwnd;
    if (QUIET.has(event.cause)) return null;
    const change = (to: number) => `cwnd ${bytesText(before)} → ${bytesText(to)}`;
    switch (event.cause) {
      case "tcp.cc.enter-recovery":
        memory.recovery = event.time;
        return `duplicate ACKs show a loss → fast retransmit, ${change(event.ssthresh)}`;
      case "tcp.cc.exit-recovery":
        return `recovery complete after ${timeText(event.time - memory.recovery)}, cwnd ${bytesText(event.cwnd)}`;
      case "tcp.cc.loss":
        return `everything in flight considered lost → slow start, ${change(event.cwnd)}, ssthresh ${bytesText(event.ssthresh)}`;
      default:
        return `${meaningOf(event.cause)}: ${change(event.cwnd)}`;
    }
  }

  #timer(event: TraceEvent & { event: "recovery:timer_expired" }): string | null {
    const again = event.times > 1 ? `, ${event.times} times in a row` : "";
    switch (event.timer) {
      case "retransmit": {
        const { rto } = this.#memory(event.connection);
        const waited = rto > 0 ? ` for ${timeText(rto * 2 ** (event.times - 1))}` : "";
        return `nothing acknowledged${waited} → the retransmission timer expired${again}`;
      }
      case "persist":
        return `the peer's window is closed → probe ${event.times}`;
      case "keep-alive":
        return `the peer is silent → keep-alive probe ${event.times}`;
      case "loss-probe":
        return "no ACK for two round trips → retransmit the last segment as a probe";
      default:
        return null;
    }
  }

  #memory(connection: number): Memory {
    let memory = this.#memories.get(connection);
    if (memory === undefined) {
      memory = { cwnd: 0, recovery: 0, rto: 0 };
      this.#memories.set(connection, memory);
    }
    return memory;
  }
}

function meaningOf(cause: string): string {
  return markMeaning(markByName(cause) ?? 0);
}

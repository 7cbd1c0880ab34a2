/**
 * The stack's trace as events: one object per record, with names instead of numbers. Event files and explanations are made
 * from these.
 */
import { markName } from "#base/mark";
import { EV_CWND, EV_DROP, EV_LOST, EV_RTT, EV_RX, EV_STATE, EV_TIMER, EV_TX, type Trace } from "#base/trace";
import { type StateName, stateName } from "#tcp/words/state";
import { TIMER_NAMES } from "#tcp/words/tcb";
import { flagNames } from "#wire/tcp-flags";

/** Fields of every event. Sequence numbers are relative to the ISN; octets, µs and counts. */
interface Common {
  /** µs of the stack's clock. */
  readonly time: number;
  /** `Socket.id`; -1: no connection. Numbers are reused after a connection's end. */
  readonly connection: number;
  /** The mark of the rule that caused it ("tcp.tx.rto"), or "none". `markMeaning` explains it. */
  readonly cause: string;
}

export type TraceEvent = Common &
  (
    | { readonly event: "state"; readonly from: StateName; readonly to: StateName }
    | {
        readonly event: "tx";
        readonly seq: number;
        readonly length: number;
        readonly flags: string;
        readonly resent: boolean;
      }
    | {
        readonly event: "rx";
        readonly seq: number;
        readonly length: number;
        readonly flags: string;
        readonly ack: number;
      }
    | { readonly event: "drop"; readonly length: number }
    | { readonly event: "cwnd"; readonly cwnd: number; readonly ssthresh: number; readonly inFlight: number }
    | {
        readonly event: "rtt";
        readonly sample: number;
        readonly rtt: number;
        readonly rttvar: number;
        readonly rto: number;
      }
    | { readonly event: "timer"; readonly timer: string; readonly times: number }
    | { readonly event: "lost"; readonly seq: number; readonly length: number }
  );

/** Record `i` of the ring. */
export function eventOf(trace: Trace, i: number): TraceEvent {
  const [a, b, c, d] = [trace.a[i]!, trace.b[i]!, trace.c[i]!, trace.d[i]!];
  const common = { time: trace.time[i]!, connection: trace.connection[i]!, cause: markName(trace.cause[i]!) };
  switch (trace.kind[i]) {
    case EV_STATE:
      return { ...common, event: "state", from: stateName(a), to: stateName(b) };
    case EV_TX:
      return { ...common, event: "tx", seq: a, length: b, flags: flagNames(c), resent: d !== 0 };
    case EV_RX:
      return { ...common, event: "rx", seq: a, length: b, flags: flagNames(c), ack: d };
    case EV_DROP:
      return { ...common, event: "drop", length: a };
    case EV_CWND:
      return { ...common, event: "cwnd", cwnd: a, ssthresh: b, inFlight: c };
    case EV_RTT:
      return { ...common, event: "rtt", sample: a, rtt: Math.round(b), rttvar: Math.round(c), rto: d };
    case EV_TIMER:
      return { ...common, event: "timer", timer: TIMER_NAMES[a] ?? `timer-${a}`, times: b };
    case EV_LOST:
      return { ...common, event: "lost", seq: a, length: b };
    default:
      throw new RangeError(`the trace has no events of kind ${trace.kind[i]}`);
  }
}

/** All records since the last drain, oldest first. */
export function* eventsOf(trace: Trace): Generator<TraceEvent, void, void> {
  for (let i = 0; i < trace.size; i++) yield eventOf(trace, i);
}

/** The schema of all streams of events as NDJSON: event files, and the output of commands with --json. */
export const EVENT_SCHEMA = "tcpnet.event/1";

/**
 * One line of NDJSON, without its end: `t` in seconds, the event's name, its fields. The same run gives the same lines.
 * @param start the stack's time at `t` 0, µs
 */
export function jsonLine({ time, event, ...fields }: TraceEvent, start = 0): string {
  return JSON.stringify({ t: Math.round(time - start) / 1e6, event, ...fields });
}

/** The event without its time and connection: `tx seq=1 length=1448 flags=ACK,PSH resent=false (tcp.tx.data)`. */
export function eventText({ time: _, connection: __, cause, event, ...fields }: TraceEvent): string {
  const told = Object.entries(fields).map(([key, value]) => `${key}=${value}`);
  return [event, ...told, ...(cause === "none" ? [] : [`(${cause})`])].join(" ");
}

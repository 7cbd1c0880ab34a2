/**
 * The record of a run: events with names in qlog's style ("recovery:metrics_updated") and the RFCs' words as fields. Event files,
 * explanations, the screen and the report are all made from these. docs/EVENTS.md describes them.
 */
import { markName } from "#base/mark";
import {
  EV_CWND,
  EV_DROP,
  EV_LIMIT,
  EV_LOST,
  EV_OPEN,
  EV_RTT,
  EV_RX,
  EV_STATE,
  EV_TIMER,
  EV_TIMER_SET,
  EV_TX,
  HEADER_ROOM,
  type Trace,
} from "#base/trace";
import { Address } from "#ip/address";
import { LIMIT_NAMES, TIMER_NAMES } from "#tcp/words/names";
import { type StateName, stateName } from "#tcp/words/state";
import type { LinkEvent } from "./link-events.ts";
import { cut, type PacketFields, packetFields } from "./packet-fields.ts";

/** Fields of every event of a stack. Sequence numbers are relative to the ISN; octets, µs and counts. */
interface Common {
  /** µs of the stack's clock. */
  readonly time: number;
  /** Whose event it is: "host", "peer". */
  readonly who: string;
  /** `Socket.id`; -1: no connection. Numbers are reused after a connection's end. */
  readonly connection: number;
  /** The mark of the rule that caused it ("tcp.tx.rto"), or "none". `markMeaning` explains it. */
  readonly cause: string;
}

/** What limits a sender: "cwnd", "receiver", "application" … */
export type LimitName = (typeof LIMIT_NAMES)[number];

/** Something that happened in a stack, named as in qlog where qlog has a name. docs/REPORT.md describes the fields. */
export type TraceEvent = Common &
  (
    | { readonly event: "connectivity:connection_started"; readonly local: string; readonly remote: string }
    | { readonly event: "connectivity:state_updated"; readonly old: StateName; readonly new: StateName }
    | ({ readonly event: "transport:packet_sent"; readonly resent: boolean } & PacketFields)
    | ({ readonly event: "transport:packet_received" } & PacketFields)
    | { readonly event: "transport:packet_dropped"; readonly length: number }
    | {
        readonly event: "recovery:metrics_updated";
        readonly cwnd: number;
        readonly ssthresh: number;
        readonly inFlight: number;
        /** SND.WND: the peer's window. */
        readonly window: number;
        /** Octets per second, if sending is paced. */
        readonly pacingRate?: number;
      }
    | {
        readonly event: "recovery:rtt_updated";
        readonly sample: number;
        readonly srtt: number;
        readonly rttvar: number;
        readonly rto: number;
      }
    | { readonly event: "recovery:timer_expired"; readonly timer: string; readonly times: number }
    | {
        /** The persist or the pace timer was started. */
        readonly event: "recovery:timer_set";
        readonly timer: string;
        /** µs until it expires. */
        readonly delay: number;
      }
    | { readonly event: "recovery:packet_lost"; readonly seq: number; readonly length: number }
    | { readonly event: "recovery:limit_updated"; readonly old: LimitName; readonly new: LimitName }
  );

/** Who and what the events are of: the first line of a file, and what begins another run in the same file. */
export interface RunStarted {
  readonly event: "run:started";
  readonly time: number;
  readonly who: string;
  /** µs since 1970 at time 0, as in captures; null: virtual time. */
  readonly epoch: number | null;
  /** Further fields of its line: the command, the addresses, the link, the seed. */
  readonly about: Readonly<Record<string, unknown>>;
}

/** Events that a slow reader or a full ring left no room for. */
export interface Gap {
  readonly event: "run:gap";
  readonly time: number;
  readonly who: string;
  readonly missing: number;
}

export type RunEvent = TraceEvent | LinkEvent | RunStarted | Gap;

/** Something that takes the events of a run, in order. */
export interface EventSink {
  event(event: RunEvent): void;
}

/** Record `i` of the ring. */
export function eventOf(trace: Trace, i: number, who: string): TraceEvent {
  const [a, b, c, d] = [trace.a[i]!, trace.b[i]!, trace.c[i]!, trace.d[i]!];
  const common = { time: trace.time[i]!, who, connection: trace.connection[i]!, cause: markName(trace.cause[i]!) };
  switch (trace.kind[i]) {
    case EV_OPEN:
      return { ...common, event: "connectivity:connection_started", ...ends(trace, i) };
    case EV_STATE:
      return { ...common, event: "connectivity:state_updated", old: stateName(a), new: stateName(b) };
    case EV_TX:
      return { ...common, event: "transport:packet_sent", resent: d !== 0, ...packetFields(trace, i) };
    case EV_RX:
      return { ...common, event: "transport:packet_received", ...packetFields(trace, i) };
    case EV_DROP:
      return { ...common, event: "transport:packet_dropped", length: a };
    case EV_CWND:
      return {
        ...common,
        event: "recovery:metrics_updated",
        cwnd: a,
        ssthresh: b,
        inFlight: c,
        window: d,
        ...(trace.e[i]! > 0 ? { pacingRate: Math.round(trace.e[i]!) } : {}),
      };
    case EV_RTT:
      return {
        ...common,
        event: "recovery:rtt_updated",
        sample: Math.round(a),
        srtt: Math.round(b),
        rttvar: Math.round(c),
        rto: Math.round(d),
      };
    case EV_TIMER:
      return { ...common, event: "recovery:timer_expired", timer: timerName(a), times: b };
    case EV_TIMER_SET:
      return { ...common, event: "recovery:timer_set", timer: timerName(a), delay: b };
    case EV_LOST:
      return { ...common, event: "recovery:packet_lost", seq: a >>> 0, length: b };
    case EV_LIMIT:
      return { ...common, event: "recovery:limit_updated", old: LIMIT_NAMES[a]!, new: LIMIT_NAMES[b]! };
    default:
      throw new RangeError(`the trace has no events of kind ${trace.kind[i]}`);
  }
}

function timerName(timer: number): string {
  return TIMER_NAMES[timer] ?? `timer-${timer}`;
}

/**
 * The records from `from` on, oldest first.
 * @param perPacket one event per packet of the wire: a super-segment that is cut below the stack becomes several
 */
export function* eventsOf(trace: Trace, who: string, perPacket = false, from = 0): Generator<TraceEvent, void, void> {
  for (let i = from; i < trace.size; i++) {
    const event = eventOf(trace, i, who);
    if (perPacket && event.event === "transport:packet_sent" && event.segmentSize !== undefined) yield* cut(event);
    else yield event;
  }
}

function ends(trace: Trace, i: number): { readonly local: string; readonly remote: string } {
  const word = (k: number) => trace.headers.getInt32(i * HEADER_ROOM + k * 4);
  const end = (k: number, port: number) => {
    const address = new Address(word(k), word(k + 1), word(k + 2), word(k + 3));
    return address.family === 6 ? `[${address}]:${port}` : `${address}:${port}`;
  };
  return { local: end(0, trace.a[i]!), remote: end(4, trace.b[i]!) };
}

/** The schema of all streams of events as NDJSON: event files, and the output of commands with --json. */
export const EVENT_SCHEMA = "tcpnet.event/2";

/**
 * One line of NDJSON, without its end: `t` in seconds, the event's name, its fields. The same run gives the same lines.
 * @param start the stack's time at `t` 0, µs
 */
export function jsonLine({ time, event, ...fields }: RunEvent, start = 0): string {
  const t = Math.round(time - start) / 1e6;
  if ("about" in fields) {
    const { about, ...rest } = fields;
    return JSON.stringify({ schema: EVENT_SCHEMA, t, event, ...rest, ...about });
  }
  if ("cause" in fields && fields.cause === "none") return JSON.stringify({ t, event, ...fields, cause: undefined });
  return JSON.stringify({ t, event, ...fields });
}

/** The event without its time and connection: `packet_sent seq=1 length=1448 flags=ACK,PSH resent=false (tcp.tx.data)`. */
export function eventText({ time: _, connection: __, who: ___, cause, event, ...fields }: TraceEvent): string {
  const words = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${value}`);
  return [event.slice(event.indexOf(":") + 1), ...words, ...(cause === "none" ? [] : [`(${cause})`])].join(" ");
}

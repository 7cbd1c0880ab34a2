import type { RunEvent, TraceEvent } from "#observe/events";
import type { LinkEvent } from "#observe/link-events";
import { unwrapped } from "../model/direction.ts";

/** Goodput is measured over spans of this length, µs. */
const GOODPUT_SPAN = 100_000;

/** The numbers of one end of a connection, as of its latest event; undefined: not known yet. Octets, µs, bits per second. */
export class EndSeries {
  readonly kind = "end";
  /** The order in which the ends were first heard of, from 1 on. */
  readonly number: number;
  readonly who: string;
  readonly connection: number;
  local = "";
  remote = "";
  cwnd: number | undefined;
  ssthresh: number | undefined;
  inFlight: number | undefined;
  /** The peer's window, SND.WND. */
  window: number | undefined;
  /** Octets per second; undefined: not paced. */
  pacingRate: number | undefined;
  rtt: number | undefined;
  srtt: number | undefined;
  rttvar: number | undefined;
  rto: number | undefined;
  minRtt: number | undefined;
  /** Payload that was sent for the first time, and that was acknowledged. */
  sent = 0;
  acked = 0;
  retransmissions = 0;
  timeouts = 0;
  /** Acknowledged payload per time, over the last whole span. */
  goodput = 0;
  #spanEnd = GOODPUT_SPAN;
  #ackedBefore = 0;
  #ackNear = 0;
  #sentNear = 0;

  constructor(number: number, who: string, connection: number) {
    this.number = number;
    this.who = who;
    this.connection = connection;
  }

  /** "left 10.0.0.7:60237 → 10.0.1.5:7000" */
  get title(): string {
    return this.local === ""
      ? `${this.who} connection ${this.connection}`
      : `${this.who} ${this.local} → ${this.remote}`;
  }

  /** Closes the spans of goodput that are over. Must be called before the event of that time. */
  pass(time: number): void {
    if (time < this.#spanEnd) return;
    const spans = Math.floor((time - this.#spanEnd) / GOODPUT_SPAN) + 1;
    this.goodput = spans > 1 ? 0 : ((this.acked - this.#ackedBefore) * 8e6) / GOODPUT_SPAN;
    this.#ackedBefore = this.acked;
    this.#spanEnd += spans * GOODPUT_SPAN;
  }

  take(event: TraceEvent): void {
    switch (event.event) {
      case "connectivity:connection_started":
        this.local = event.local;
        this.remote = event.remote;
        break;
      case "transport:packet_sent":
        this.#send(event);
        break;
      case "transport:packet_received":
        if (event.ack !== undefined) this.#acknowledge(event.ack);
        break;
      case "recovery:metrics_updated":
        this.cwnd = event.cwnd;
        this.ssthresh = finite(event.ssthresh);
        this.inFlight = event.inFlight;
        this.window = event.window;
        this.pacingRate = event.pacingRate;
        break;
      case "recovery:rtt_updated":
        this.rtt = event.sample;
        this.srtt = event.srtt;
        this.rttvar = event.rttvar;
        this.rto = event.rto;
        this.minRtt = Math.min(this.minRtt ?? event.sample, event.sample);
        break;
      case "recovery:timer_expired":
        if (event.timer === "retransmit") this.timeouts++;
        break;
    }
  }

  #send({ seq, length, flags, resent }: TraceEvent & { readonly event: "transport:packet_sent" }): void {
    if (resent) this.retransmissions++;
    if (length === 0) return;
    // Octet 0 is the SYN, so payload up to the right edge is one less.
    const right = unwrapped(seq, this.#sentNear) + length - (flags.includes("SYN") ? 0 : 1);
    if (right > this.sent) this.sent = this.#sentNear = right;
  }

  #acknowledge(ack: number): void {
    const at = unwrapped(ack, this.#ackNear);
    if (at <= this.#ackNear) return;
    this.#ackNear = at;
    // The SYN and a FIN are no payload.
    this.acked = Math.max(this.acked, Math.min(at - 1, this.sent));
  }
}

/** The numbers of one direction of a link. */
export class LinkSeries {
  readonly kind = "link";
  readonly number: number;
  readonly who: string;
  readonly connection = undefined;
  /** Packets that waited when the latest one was offered. */
  queue = 0;
  offered = 0;
  drops = 0;

  constructor(number: number, who: string) {
    this.number = number;
    this.who = who;
  }

  get title(): string {
    return `link ${this.who}`;
  }

  take(event: LinkEvent): void {
    if (event.event === "link:packet_dropped") this.drops++;
    if (event.event !== "link:packet_offered") return;
    this.offered++;
    this.queue = event.queue;
  }
}

export type Series = EndSeries | LinkSeries;

/** Keeps the numbers of every end of a connection and of every direction of a link while events pass. */
export class SeriesTable {
  readonly #ends = new Map<string, EndSeries>();
  readonly #links = new Map<string, LinkSeries>();
  /** In the order in which they were first heard of. */
  readonly all: Series[] = [];

  /** Takes an event at that time; returns the series that it belongs to, or null. */
  take(event: RunEvent, time: number): Series | null {
    if (event.event === "run:started" || event.event === "run:gap") return null;
    if ("packet" in event) {
      const link = this.#link(event.who);
      link.take(event);
      return link;
    }
    if (event.connection < 0) return null;
    const end = this.#end(event);
    end.pass(time);
    end.take(event);
    return end;
  }

  #link(who: string): LinkSeries {
    let link = this.#links.get(who);
    if (link === undefined) {
      link = new LinkSeries(this.all.length + 1, who);
      this.#links.set(who, link);
      this.all.push(link);
    }
    return link;
  }

  /** The number of a connection is used again after its end: then another one begins. */
  #end({ who, connection, event }: TraceEvent): EndSeries {
    const key = `${connection} ${who}`;
    let end = this.#ends.get(key);
    if (end === undefined || (event === "connectivity:connection_started" && end.local !== "")) {
      end = new EndSeries(this.all.length + 1, who, connection);
      this.#ends.set(key, end);
      this.all.push(end);
    }
    return end;
  }
}

/** Before the first loss ssthresh is as large as can be, which is no number of a series. */
const UNLIMITED = 0x7fff_ffff;

function finite(ssthresh: number): number | undefined {
  return ssthresh < UNLIMITED ? ssthresh : undefined;
}

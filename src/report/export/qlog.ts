/**
 * qlog 0.3 as JSON text sequence (RFC 7464), the form that qvis opens as *.sqlog. No TCP schema is standardised: events and fields have
 * QUIC's names where these mean the same, so that qvis draws them, and TCP's own in the other cases. Times are ms.
 */
import type { RunEvent, RunStarted, TraceEvent } from "#observe/events";
import type { LinkEvent } from "#observe/link-events";
import { RunClock } from "../model/clock.ts";
import type { Exporter, Put } from "./exporter.ts";
import { PacketNumbers } from "./packet-numbers.ts";
import { type EndSeries, type Series, SeriesTable } from "./series.ts";

const RECORD_SEPARATOR = "\x1e";
/** Octets of IPv4 and TCP headers with timestamps: what `raw.length` counts beyond the payload. */
const HEADERS = 52;
/** qvis draws only packets of a type that it knows. */
const PACKET_TYPE = "1RTT";

export class QlogExporter implements Exporter {
  readonly #put: Put;
  readonly #title: string;
  readonly #clock = new RunClock();
  readonly #table = new SeriesTable();
  readonly #numbers = new Map<number, PacketNumbers>();

  constructor(put: Put, title: string) {
    this.#put = put;
    this.#title = title;
  }

  event(event: RunEvent): void {
    if (event.event === "run:started") {
      if (this.#clock.started === null) this.#head(event);
      this.#clock.begin(event);
      return;
    }
    this.#clock.at(event);
    const { last } = this.#clock;
    const series = this.#table.take(event, last);
    const [name, data] = this.#named(event, series);
    const group = series === null ? event.who : `${series.number} ${series.title}`;
    this.#record({ time: last / 1e3, name, data, group_id: group });
  }

  end(): void {}

  #head({ epoch, about }: RunStarted): void {
    this.#record({
      qlog_version: "0.3",
      qlog_format: "JSON-SEQ",
      title: this.#title,
      description: "TCP, recorded by tcpnet",
      trace: {
        vantage_point: { name: "tcpnet", type: "unknown" },
        common_fields: { protocol_type: ["TCP"], time_format: "relative", reference_time: (epoch ?? 0) / 1e3 },
        configuration: about,
      },
    });
  }

  #named(event: Exclude<RunEvent, RunStarted>, series: Series | null): [string, object] {
    if (event.event === "run:gap") return ["tcpnet:events_missing", { missing: event.missing }];
    if ("packet" in event) return [event.event, linkData(event)];
    if (series?.kind !== "end") {
      const { event: name, time: _, who: __, connection: ___, ...data } = event;
      return [name, data];
    }
    return this.#stack(event, series);
  }

  #stack(event: TraceEvent, end: EndSeries): [string, object] {
    const numbers = this.#numbersOf(end);
    switch (event.event) {
      case "connectivity:connection_started":
        return [event.event, started(event)];
      case "connectivity:state_updated":
        return ["connectivity:connection_state_updated", { old: event.old, new: event.new, trigger: event.cause }];
      case "transport:packet_sent": {
        const data = { ...segment(event, numbers.send(event)), is_retransmission: event.resent, trigger: event.cause };
        return [event.event, data];
      }
      case "transport:packet_received":
        return [
          event.event,
          { ...segment(event, numbers.receive(), numbers.acknowledged(event)), trigger: event.cause },
        ];
      case "recovery:metrics_updated":
        return [event.event, { ...metrics(end), trigger: event.cause }];
      case "recovery:rtt_updated":
        return ["recovery:metrics_updated", roundTrip(event, end)];
      case "recovery:packet_lost": {
        const header = { packet_type: PACKET_TYPE, packet_number: numbers.numberAt(event.seq), seq: event.seq };
        return [event.event, { header, raw: raw(event.length), trigger: event.cause }];
      }
      default: {
        const { event: name, time: _, who: __, connection: ___, cause, ...data } = event;
        return [name, { ...data, trigger: cause }];
      }
    }
  }

  #numbersOf({ number }: EndSeries): PacketNumbers {
    let numbers = this.#numbers.get(number);
    if (numbers === undefined) this.#numbers.set(number, (numbers = new PacketNumbers()));
    return numbers;
  }

  #record(record: object): void {
    this.#put(`${RECORD_SEPARATOR}${JSON.stringify(record)}\n`);
  }
}

type Segment = TraceEvent & { readonly event: "transport:packet_sent" | "transport:packet_received" };
type Ranges = readonly (readonly [number, number])[];

function segment(event: Segment, packet_number: number, acked_ranges: Ranges = []): object {
  const { seq, length, flags, ack, window, sack, mss, windowScale } = event;
  const header = {
    packet_type: PACKET_TYPE,
    packet_number,
    seq,
    flags,
    ack,
    window,
    sack,
    mss,
    window_scale: windowScale,
  };
  const data = length > 0 ? [{ frame_type: "stream", stream_id: 0, offset: Math.max(0, seq - 1), length }] : [];
  const acks = acked_ranges.length > 0 ? [{ frame_type: "ack", acked_ranges }] : [];
  return { header, raw: raw(length), frames: [...data, ...acks] };
}

const raw = (length: number) => ({ length: length + HEADERS, payload_length: length });

function started({ local, remote }: TraceEvent & { readonly event: "connectivity:connection_started" }): object {
  const [src_ip, src_port] = split(local);
  const [dst_ip, dst_port] = split(remote);
  return { ip_version: local.startsWith("[") ? "v6" : "v4", protocol: "TCP", src_ip, dst_ip, src_port, dst_port };
}

/** "[fd00::1]:7000" */
function split(end: string): [string, number] {
  const colon = end.lastIndexOf(":");
  return [end.slice(0, colon).replace(/^\[|\]$/g, ""), Number(end.slice(colon + 1))];
}

function metrics({ cwnd, ssthresh, inFlight, window, pacingRate }: EndSeries): object {
  const pacing_rate = pacingRate === undefined ? undefined : pacingRate * 8;
  return { congestion_window: cwnd, ssthresh, bytes_in_flight: inFlight, peer_window: window, pacing_rate };
}

function roundTrip(event: TraceEvent & { readonly event: "recovery:rtt_updated" }, { minRtt }: EndSeries): object {
  return {
    min_rtt: minRtt! / 1e3,
    smoothed_rtt: event.srtt / 1e3,
    latest_rtt: event.sample / 1e3,
    rtt_variance: event.rttvar / 1e3,
    retransmission_timeout: event.rto / 1e3,
  };
}

function linkData({ event: _, time: __, who: ___, ...data }: LinkEvent): object {
  return data;
}

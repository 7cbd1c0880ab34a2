// The marks of the stack and of links get their meanings when these are loaded.
import "#device/link-marks";
import "#tcp/words/marks";
import { markByName, markMeaning } from "#base/mark";
import type { EventSink, RunEvent, TraceEvent } from "#observe/events";
import type { LinkEvent } from "#observe/link-events";
import { ruleSection } from "#observe/rules";
import { LIMIT_NAMES, STATE_NAMES, TIMER_NAMES } from "#tcp/words/names";
import { RunClock } from "./clock.ts";
import { Connections, type Place } from "./connections.ts";
import { HappeningTable, MetricTable, RoundTripTable } from "./event-tables.ts";
import { Joiner } from "./joiner.ts";
import { PacketTable } from "./packet-table.ts";
import {
  CORRUPTED,
  DUPLICATED,
  FLAGS,
  LIMIT,
  LOST,
  MARKED,
  NEVER,
  ON_LINK,
  REORDERED,
  RESENT,
  type Rule,
  type Run,
  STATE,
  TIMER,
} from "./run.ts";
import { inOrder } from "./sorting.ts";

/** The direction of a link: which rows its packets are. */
interface LinkRows {
  /** By number of the packet, less `first`. */
  readonly rows: number[];
  first: number;
}

const HAPPENED: Readonly<Record<string, number>> = {
  "link:packet_duplicated": DUPLICATED,
  "link:packet_reordered": REORDERED,
  "link:packet_corrupted": CORRUPTED,
  "link:packet_marked": MARKED,
};

/** Makes the tables of a report from the events of a run, in their order. */
export class RunBuilder implements EventSink {
  readonly #packets = new PacketTable();
  readonly #joiner = new Joiner(this.#packets);
  readonly #metrics = new MetricTable();
  readonly #trips = new RoundTripTable();
  readonly #happenings = new HappeningTable();
  readonly #connections = new Connections();
  readonly #links = new Map<string, LinkRows>();
  readonly #rules = new Map<string, number>([["none", 0]]);
  readonly #flags = new Map<string, number>();
  readonly #clock = new RunClock();
  #missing = 0;
  #events = 0;

  /** Events so far, without the first one. */
  get events(): number {
    return this.#events;
  }

  event(event: RunEvent): void {
    if (event.event === "run:started") this.#clock.begin(event);
    else if (event.event === "run:gap") this.#missing += event.missing;
    else {
      this.#events++;
      const time = this.#clock.at(event);
      if ("packet" in event) this.#link(event, time);
      else if (event.connection >= 0) this.#stack(event, time);
    }
  }

  /** The tables so far. They share memory with the builder: whoever adds more afterwards must be done with them. */
  build(): Run {
    const { tables, row } = inOrder(this.#packets.tables(), (row) => this.#packets.orderOf(row));
    const texts = Object.fromEntries(
      Object.entries(this.#packets.texts).map(([key, text]) => [row(Number(key)), text]),
    );
    return {
      ...tables,
      metrics: this.#metrics.table(),
      trips: this.#trips.table(),
      happenings: this.#happenings.table(),
      about: this.#clock.started?.about ?? {},
      epoch: this.#clock.started?.epoch ?? null,
      rules: [...this.#rules.keys()].map(describe),
      connections: this.#connections.finish(tables.packets),
      texts,
      missing: this.#missing,
      leftOut: this.#packets.leftOut,
    };
  }

  #stack(event: TraceEvent, time: number): void {
    if (event.event === "connectivity:connection_started") {
      this.#connections.started(event.who, event.connection, event.local, event.remote);
      return;
    }
    const place = this.#connections.placeOf(event.who, event.connection);
    const cause = this.#rule(event.cause);
    if (event.event === "transport:packet_sent") {
      const bits = event.resent ? RESENT : 0;
      this.#joiner.sent(place.out, time, event, this.#flagBits(event.flags), cause, bits);
    } else if (event.event === "transport:packet_received") {
      this.#joiner.received(place.in, time, event, this.#flagBits(event.flags), cause);
    } else this.#change(event, place, time, cause);
  }

  #change(event: TraceEvent, { owner }: Place, time: number, cause: number): void {
    const happened = (what: number, a: number, b = 0) => this.#happenings.add({ time, owner, what, a, b, cause });
    switch (event.event) {
      case "recovery:metrics_updated":
        this.#metrics.add({ ...event, pacing: event.pacingRate ?? 0, time, owner, cause });
        break;
      case "recovery:rtt_updated":
        this.#trips.add({ ...event, time, owner });
        break;
      case "connectivity:state_updated":
        happened(STATE, STATE_NAMES.indexOf(event.new));
        break;
      case "recovery:limit_updated":
        happened(LIMIT, LIMIT_NAMES.indexOf(event.new));
        break;
      case "recovery:timer_expired":
        happened(TIMER, (TIMER_NAMES as readonly string[]).indexOf(event.timer), event.times);
        break;
      case "recovery:packet_lost":
        happened(LOST, event.seq, event.length);
        break;
    }
  }

  #link(event: LinkEvent, time: number): void {
    let link = this.#links.get(event.who);
    if (link === undefined) this.#links.set(event.who, (link = { rows: [], first: event.packet }));
    const number = event.packet - link.first;
    if (event.event === "link:packet_offered") {
      link.rows[number] = this.#offered(event, time);
      return;
    }
    const row = link.rows[number] ?? -1;
    if (row < 0) return;
    const t = this.#packets;
    const since = Math.min(Math.max(0, Math.round(time - t.time.get(row))), NEVER - 1);
    if (event.event === "link:packet_dropped") {
      t.dropped.set(row, this.#rule(event.cause));
      t.delivered.set(row, since);
    } else if (event.event === "link:packet_delivered") {
      if (t.delivered.get(row) === NEVER) t.delivered.set(row, since);
    } else {
      t.mark(row, HAPPENED[event.event]!);
      const connection = t.connection.get(row);
      if (event.event !== "link:packet_duplicated" || connection < 0) return;
      this.#joiner.duplicated(this.#connections.way(connection, t.from.get(row)), row);
    }
  }

  #offered(event: LinkEvent & { readonly event: "link:packet_offered" }, time: number): number {
    if ("text" in event) return this.#packets.addText(time, event.text, ON_LINK);
    const way = this.#connections.wayOf(event.source, event.destination, event.flags, event.isn);
    return this.#joiner.offered(way, time, event, this.#flagBits(event.flags), event.queue);
  }

  #rule(name: string): number {
    let number = this.#rules.get(name);
    if (number === undefined) this.#rules.set(name, (number = this.#rules.size));
    return number;
  }

  #flagBits(names: string): number {
    let bits = this.#flags.get(names);
    if (bits === undefined) {
      bits = names.split(",").reduce((sum, name) => {
        const bit = (FLAGS as readonly string[]).indexOf(name);
        return bit < 0 ? sum : sum | (1 << bit);
      }, 0);
      this.#flags.set(names, bits);
    }
    return bits;
  }
}

function describe(name: string): Rule {
  const mark = markByName(name);
  const meaning = mark === undefined || name === "none" ? "" : markMeaning(mark);
  return { name, meaning, section: ruleSection(name, meaning) };
}

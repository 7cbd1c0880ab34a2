/** From the packets of a capture to the tables of a report. */
import type { Run } from "#report/model/run";
import type { CapturedPackets } from "./capture/capture-reader.ts";
import { CUT, IpLayer, IS_SEGMENT, PART } from "./capture/ip-layer.ts";
import { ipOffset, NO_IP, UNKNOWN_LINK } from "./capture/link-layer.ts";
import { Segment } from "./capture/segment.ts";
import { FlowTable } from "./infer/flow-table.ts";
import { notesOn } from "./infer/notes.ts";
import { CaptureTables } from "./infer/tables.ts";

/** Packets of a capture, by what became of them. */
export interface Counts {
  packets: number;
  segments: number;
  /** Other protocols. */
  other: number;
  /** TCP, cut before the end of its header; fragments without their first or last one. */
  cut: number;
  fragments: number;
  /** Of a link type that is not known. */
  unknownLink: number;
  /** Of connections beyond the limit, and not of the connections that were asked for. */
  beyond: number;
  unwanted: number;
  /** Packets of which not every byte is in the file. */
  truncated: number;
}

/** Which segments are wanted. */
export type Wanted = (segment: Segment) => boolean;

export class Explainer implements CapturedPackets {
  readonly counts: Counts = {
    packets: 0,
    segments: 0,
    other: 0,
    cut: 0,
    fragments: 0,
    unknownLink: 0,
    beyond: 0,
    unwanted: 0,
    truncated: 0,
  };
  readonly linkTypes = new Set<number>();
  readonly #tables = new CaptureTables();
  readonly #flows = new FlowTable(this.#tables);
  readonly #ip = new IpLayer();
  readonly #segment = new Segment();
  readonly #wanted: Wanted;
  #epoch = Number.NaN;

  constructor(wanted: Wanted = () => true) {
    this.#wanted = wanted;
  }

  packet(time: number, linkType: number, v: DataView, o: number, kept: number, n: number, place: number): void {
    const { counts } = this;
    counts.packets++;
    if (kept < n) counts.truncated++;
    this.linkTypes.add(linkType);
    const at = ipOffset(linkType, v, o, kept);
    if (at === UNKNOWN_LINK) counts.unknownLink++;
    else if (at === NO_IP) counts.other++;
    else {
      const s = this.#segment;
      s.place = place;
      const result = this.#ip.read(v, at, kept - (at - o), n - (at - o), s);
      if (result === IS_SEGMENT) this.#take(s, time);
      else if (result === CUT) counts.cut++;
      else if (result === PART) counts.fragments++;
      else counts.other++;
    }
  }

  /** The run. Nothing may be added afterwards. */
  build(about: Readonly<Record<string, unknown>>, missing: number): Run {
    const flows = this.#flows.all;
    for (const flow of flows) flow.end();
    const connections = flows.map(({ names, first, last }) => ({
      ends: names,
      who: ["", ""] as const,
      start: first,
      end: last,
    }));
    const epoch = Number.isNaN(this.#epoch) ? null : this.#epoch;
    return this.#tables.build(connections, { about, epoch, missing, inferred: flows.map(notesOn) });
  }

  #take(s: Segment, stamp: number): void {
    const { counts } = this;
    counts.segments++;
    if (Number.isNaN(this.#epoch)) this.#epoch = stamp;
    if (!this.#wanted(s)) {
      counts.unwanted++;
      return;
    }
    const found = this.#flows.find(s);
    if (found === null) {
      counts.beyond++;
      return;
    }
    const { flow, from } = found;
    // Captures of several interfaces are not quite in order: time does not go back in a connection.
    flow.segment(s, from, Math.max(stamp - this.#epoch, flow.last, 0));
  }
}

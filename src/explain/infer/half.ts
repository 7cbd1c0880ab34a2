/** One direction of a connection: what its sender sent, and what the other end told of it. */
import { RESENT } from "#report/model/run";
import { Heard, split } from "./acks.ts";
import { Recovery } from "./again.ts";
import { Echoes } from "./echoes.ts";
import { Fates } from "./fates.ts";
import { Holes } from "./holes.ts";
import { Limits } from "./limits.ts";
import { Metering } from "./metering.ts";
import { RtoEstimate } from "./rto.ts";
import * as rules from "./rules.ts";
import { type Sent, SentList } from "./sent.ts";
import type { CaptureTables } from "./tables.ts";

/** Smaller segments than this do not tell the sender's MSS. */
const MSS_MIN = 500;
const MSS_DEFAULT = 1460;

/** Keep-alives come after silence: at least this, µs. */
const IDLE = 900_000;

/** A packet that takes sequence space, with relative numbers. */
export interface DataPacket {
  readonly time: number;
  readonly row: number;
  readonly left: number;
  readonly right: number;
  /** Octets of payload. */
  readonly length: number;
  readonly tsval: number;
  readonly isSyn: boolean;
  readonly isFin: boolean;
}

/** An ACK of the other end. */
export interface AckPacket {
  readonly time: number;
  readonly row: number;
  readonly ack: number;
  /** Octets, scaled; -1: the scale is not known. */
  readonly window: number;
  readonly tsecr: number;
  readonly sack: readonly (readonly [number, number])[];
  readonly hasData: boolean;
}

export class Half {
  readonly owner: number;
  readonly list = new SentList();
  readonly heard = new Heard();
  readonly recovery = new Recovery();
  readonly rto = new RtoEstimate();
  readonly limits: Limits;
  readonly holes: Holes;
  readonly fates: Fates;
  /** From the capture to this sender and back. */
  readonly near = new Echoes();
  /** SND.MAX, and the highest ACK that the capture saw. */
  max = 0;
  una = 0;
  /** When data was sent last. */
  sentAt = Number.NEGATIVE_INFINITY;
  /** The largest payload, and the largest that the other end accepts (its MSS option; 0: not seen). */
  largest = 0;
  mssLimit = 0;
  sackPermitted = true;
  fin = -1;
  /** Segments with data, octets of first sendings, and octets that were acknowledged though the capture has not seen them. */
  segments = 0;
  octets = 0;
  unseenAcknowledged = 0;
  /** ACKs that came after later ones. */
  overtakenAcks = 0;
  keepAlives = 0;
  windowProbes = 0;
  #blocks: readonly (readonly [number, number])[] = [];
  readonly #metering: Metering;
  readonly #tables: CaptureTables;
  /** To the other end and back. */
  readonly #far: () => number;

  constructor(tables: CaptureTables, owner: number, far: () => number) {
    this.owner = owner;
    this.#tables = tables;
    this.#far = far;
    this.limits = new Limits(tables, owner);
    this.holes = new Holes(tables);
    this.fates = new Fates(tables, far);
    this.#metering = new Metering(tables, owner);
  }

  /** What a full segment has: the largest that was seen, within what the other end accepts. */
  get mss(): number {
    const limit = this.mssLimit > 0 ? this.mssLimit : MSS_DEFAULT;
    return this.largest >= MSS_MIN ? Math.min(this.largest, limit) : limit;
  }

  /** µs from the capture to this sender and back; 0: not known, or next to it. */
  get trip(): number {
    return Number.isFinite(this.near.min) ? this.near.min : 0;
  }

  /** Whether data of this sender is on its way. */
  get isBusy(): boolean {
    return this.max > this.una;
  }

  /** The whole round trip; 0: not known. */
  get rtt(): number {
    const far = this.#far();
    return Number.isFinite(far) ? far + this.trip : this.rto.srtt;
  }

  /** Data, SYN or FIN. Returns the rule that explains it. */
  send(p: DataPacket): string {
    this.#hear(p.time);
    this.segments++;
    this.largest = Math.max(this.largest, p.length);
    const rule = this.#explain(p);
    const flight = Math.max(0, this.max - this.heard.una);
    this.max = Math.max(this.max, p.right);
    if (p.length > 0 && rule === rules.DATA) {
      const { time, hasData, edge } = this.heard;
      const view = {
        length: p.length,
        mss: this.mss,
        room: edge - this.max,
        flight,
        rtt: this.rtt,
        srtt: this.rto.srtt,
      };
      this.limits.sent(p.time, { ...view, heard: time, heardData: hasData });
    }
    if (p.isFin) {
      this.fin = p.right;
      this.limits.closed(p.time);
    }
    this.sentAt = p.time;
    return rule;
  }

  /** An ACK for this direction came by. */
  acknowledge(p: AckPacket): void {
    const advances = p.ack > this.una;
    this.unseenAcknowledged += this.holes.acknowledged(p.ack) + Math.max(0, p.ack - Math.max(this.max, this.una));
    const [dsack, blocks] = split(p.sack, p.ack);
    this.#reported(blocks, p);
    let newest: Sent | null = null;
    const before = this.una;
    if (p.ack < before) this.overtakenAcks++;
    // Not a delayed ACK: a hole was filled, and what comes after it had arrived before; in which order is not known if packets overtake.
    const isJump = p.ack - before > 2 * this.largest;
    const isOrdered = isJump && this.overtakenAcks === 0;
    if (advances) {
      const parts: Sent[] = [];
      this.list.acknowledge(p.ack, (sent) => {
        if (isMeasured(sent, p.tsecr)) newest = sent;
        this.#arrived(sent, p, sent.left <= before || isOrdered);
        if (isJump && !this.sackPermitted) parts.push(sent);
      });
      this.fates.jumped(parts);
      this.una = p.ack;
      if (p.ack > this.max) this.max = p.ack;
      if (newest !== null) this.#measure(newest, p.time);
    }
    if (dsack !== null) this.fates.twice(dsack[0], dsack[1], p.time, this.recovery.isFast);
    let sacked = 0;
    for (const [, right] of blocks) sacked = Math.max(sacked, right);
    const edge = p.window < 0 ? Number.POSITIVE_INFINITY : p.ack + p.window;
    const isDuplicate = !advances && !p.hasData && this.list.size > 0;
    if (!advances && !p.hasData && p.ack === this.una) this.fates.duplicate(p.time);
    this.heard.add({ time: p.time, ack: p.ack, edge, sacked, hasData: p.hasData, isDuplicate });
    if (advances && this.#tables.hasRoom())
      this.#metering.row(p.time, Math.max(0, this.max - this.una), Math.max(0, p.window), this.rtt);
    if (this.fin >= 0 && this.una >= this.fin) this.limits.done(p.time);
  }

  /** The capture is over. */
  end(): void {
    this.#hear(Number.POSITIVE_INFINITY);
    this.limits.end(this.una >= this.max);
  }

  #hear(time: number): void {
    // The smallest trip is a little less than the usual one.
    this.heard.until(time, this.near.now * 0.98);
    if (this.recovery.acknowledged(this.heard.una)) this.#metering.recovered(Math.min(time, this.heard.time));
  }

  #explain(p: DataPacket): string {
    const { left, right, time, row, tsval } = p;
    if (left < this.max && right <= this.max) {
      const probe = this.#probe(p);
      if (probe !== "") return probe;
      return this.#old(p);
    }
    if (left > this.max && this.max > 0) this.holes.open(this.max, left, time, tsval);
    const overlapped = left < this.max ? this.#resend(p, left, this.max) : "";
    this.octets += p.length - Math.max(0, Math.min(p.length, this.max - left));
    this.list.add({
      left: Math.max(left, overlapped === "" ? left : this.max),
      right,
      sendings: [{ time, row, tsval }],
      isThere: false,
    });
    if (overlapped !== "") return overlapped;
    return p.isFin && p.length === 0 ? rules.FIN_SENT : rules.DATA;
  }

  /** Probes carry at most an octet, and the other end has it, or has no room for it. */
  #probe({ time, left, right, length }: DataPacket): string {
    if (length > 1 || right - left > length) return "";
    if (this.heard.edge - this.heard.una <= 0) {
      this.windowProbes++;
      return rules.WINDOW_PROBE;
    }
    if (right > this.una || this.una < this.max) return "";
    // Other old ACKs were overtaken, or answer what is not acceptable.
    if (time - Math.max(this.sentAt, this.heard.time) < IDLE) return rules.OLD_ACK;
    this.keepAlives++;
    return rules.KEEP_ALIVE;
  }

  /** Octets that were sent before, or that fill a hole. */
  #old(p: DataPacket): string {
    const { left, right, time, row, tsval } = p;
    const hole = this.holes.at(left, right);
    if (hole === null) return this.#resend(p, left, right);
    this.octets += p.length;
    this.holes.fill(hole, left, right);
    if (this.holes.isReordered(hole, p, this.trip)) {
      this.list.add({ left, right, sendings: [{ time, row, tsval }], isThere: false });
      return rules.REORDERED_BEFORE;
    }
    const unseen = this.holes.lose(hole, p);
    const sendings = [{ time: hole.seenAt, row: unseen, tsval: -1 }];
    const sent = { left, right, sendings, isThere: false };
    this.list.add(sent);
    return this.#again(p, [sent], hole.seenAt);
  }

  #resend(p: DataPacket, left: number, right: number): string {
    const parts = [...this.list.between(left, right)];
    const last = parts[0]?.sendings.at(-1)?.time ?? this.sentAt;
    // What the other end has acknowledged before was not needed any more.
    if (parts.length === 0) this.fates.needless(left, right, p.row, p.time);
    return this.#again(p, parts, last);
  }

  #again(p: DataPacket, parts: readonly Sent[], before: number): string {
    const { time, left, right, row, tsval, isSyn } = p;
    this.#tables.packets.markIfAny(row, RESENT);
    const { heard, max, sentAt } = this;
    const { rto } = this.rto;
    // ACKs that were lost make the samples long.
    const srtt = this.rtt > 0 ? Math.min(this.rto.srtt, 2 * this.rtt) : this.rto.srtt;
    const mayProbe = this.sackPermitted && srtt > 0 && !isSyn;
    const wasOn = this.recovery.isOn;
    const again = { time, left, right, before, max, heard, sentAt, rto, srtt, mayProbe };
    const rule = isSyn ? rules.RTO : this.recovery.classify(again);
    if (rule === rules.RTO) this.#tables.timer(time, this.owner, "retransmit", isSyn ? 1 : this.recovery.times);
    if (rule === rules.TAIL_PROBE) this.#tables.timer(time, this.owner, "loss-probe", 1);
    if (!isSyn && (!wasOn || rule === rules.RTO)) this.#metering.lost(time, rule);
    for (const sent of parts) this.fates.again(sent, { time, row, tsval });
    return rule;
  }

  /** Most blocks are those of the ACK before, and a little longer. */
  #reported(blocks: readonly (readonly [number, number])[], p: AckPacket): void {
    for (const [left, right] of blocks) {
      const known = this.#blocks.find((block) => block[0] === left && block[1] <= right);
      for (const sent of this.list.between(known?.[1] ?? left, right))
        if (sent.left >= left && sent.right <= right) this.#arrived(sent, p, false);
    }
    this.#blocks = blocks;
  }

  #arrived(sent: Sent, p: AckPacket, isFirst: boolean): void {
    if (sent.isThere) return;
    sent.isThere = true;
    // A timeout without need is undone (RFC 5682, 4015).
    if (this.fates.arrived(sent, p.time, isFirst ? p.tsecr : -1)) this.recovery.undo();
  }

  /** RFC 6298 §3 (Karn): not of what was sent twice. */
  #measure({ sendings: [only] }: Sent, time: number): void {
    const trip = time - only!.time + this.trip;
    this.rto.sample(trip);
    if (this.#tables.hasRoom()) this.#metering.trip(time, trip, this.rto);
  }
}

/** Whether its ACK measures the round trip: with timestamps, if it echoes that of the only sending; otherwise unless it had arrived before. */
function isMeasured({ sendings: [only, ...more], isThere }: Sent, tsecr: number): boolean {
  if (only === undefined || more.length > 0) return false;
  return tsecr >= 0 && only.tsval >= 0 ? only.tsval === tsecr : !isThere;
}

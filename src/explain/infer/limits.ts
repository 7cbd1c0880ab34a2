/**
 * What limits a sender, from when it sends: who waits for an ACK sends when it comes, who waits for its program sends at any time.
 * All times are those of the sender: an ACK that the capture saw earlier counts from when it can have been answered.
 */
import type { CaptureTables, LimitName } from "./tables.ts";

/** Data that comes so soon after an ACK was released by it, µs. Bounds of a quarter of the round trip. */
const SOON_MIN = 20;
const SOON_MAX = 1_000;

/** Timers are late by so much, µs. */
const PROBE_SLACK = 3_000;

/** What the sender knew when it sent. */
export interface SenderView {
  /** The segment that it sends: octets, and a full one. */
  readonly length: number;
  readonly mss: number;
  /** Octets of the window that are left after it; Infinity: not known. */
  readonly room: number;
  /** Octets in flight before it. */
  readonly flight: number;
  /** µs; 0: not known. */
  readonly rtt: number;
  readonly srtt: number;
  /** When the sender got its last packet, and whether that had data. */
  readonly heard: number;
  readonly heardData: boolean;
}

export class Limits {
  readonly #tables: CaptureTables;
  readonly #owner: number;
  #now: LimitName | null = null;
  /** When the last data was sent; -1: none. What was left of the window then, and how long the segment was. */
  #sentAt = -1;
  #room = Number.POSITIVE_INFINITY;
  #mss = 0;
  #wasSmall = false;
  #isClosed = false;

  constructor(tables: CaptureTables, owner: number) {
    this.#tables = tables;
    this.#owner = owner;
  }

  /** The connection is open. */
  opened(time: number): void {
    if (this.#sentAt >= 0) return;
    this.#change("application", time);
    this.#sentAt = time;
  }

  /**
   * New data. What is sent again tells nothing: it may be all that the program has given, or not; the next new data shows it.
   */
  sent(time: number, view: SenderView): void {
    if (this.#sentAt >= 0 && !this.#isClosed && time > this.#sentAt) this.#change(this.#kind(time, view), this.#sentAt);
    this.#sentAt = time;
    this.#room = view.room;
    this.#mss = view.mss;
    this.#wasSmall = view.length < view.mss;
  }

  /** The FIN is sent: only ACKs are missing. */
  closed(time: number): void {
    if (!this.#isClosed) this.#change("last-acks", time);
    this.#isClosed = true;
  }

  /** The FIN is acknowledged, or the connection was reset. */
  done(time: number): void {
    this.#change("done", time);
    this.#isClosed = true;
  }

  /** The capture is over. */
  end(isAllAcknowledged: boolean): void {
    if (this.#isClosed || this.#sentAt < 0) return;
    this.#change(isAllAcknowledged ? "application" : this.#window(), this.#sentAt);
  }

  #kind(time: number, view: SenderView): LimitName {
    if (this.#room < this.#mss) return "receive-window";
    const soon = Math.min(SOON_MAX, Math.max(SOON_MIN, view.rtt / 4));
    const released = view.heard > this.#sentAt - soon && time - view.heard <= soon;
    if (released) {
      if (view.flight === 0 && view.heardData) return "application";
      return this.#wasSmall && view.flight < view.mss ? "small-segment" : "congestion-window";
    }
    // A tail loss probe of new data (RFC 8985 §7.3): nothing came for two round trips.
    const silence = time - Math.max(this.#sentAt, view.heard);
    if (view.flight > 0 && Math.abs(silence - 2 * view.srtt) <= PROBE_SLACK + view.srtt / 8) return "congestion-window";
    // Paced data comes between the ACKs; a program's pause is longer.
    if (time - this.#sentAt <= Math.max(soon, view.rtt / 4)) return this.#now ?? "congestion-window";
    return "application";
  }

  #window(): LimitName {
    return this.#room < this.#mss ? "receive-window" : "congestion-window";
  }

  #change(kind: LimitName, time: number): void {
    if (kind === this.#now) return;
    this.#now = kind;
    this.#tables.limit(time, this.#owner, kind);
  }
}

/**
 * Datagrams to addresses and ports without a socket, by flow: one for each pair of ends. A flow begins with its first datagram, and ends when
 * it was idle for long enough (RFC 4787 REQ-5) or when its place is needed; so their number is bounded.
 */
import { Fifo } from "#base/fifo";
import type { Slab } from "#base/slab";
import { NEVER } from "#base/time";
import { Address } from "#ip/address";
import type { IpHeader } from "#ip/header";
import { UdpEndpoint } from "./udp-endpoint.ts";

/** A socket that is bound to a foreign address and connected to whoever sends to that. */
export class Flow extends UdpEndpoint {
  /** When the last datagram was received or sent, µs. */
  lastUsed: number;
  /** Its ends, hashed. */
  readonly hash: number;
  /** The next flow of the same hash. */
  chained: Flow | null = null;
  /** Its neighbours in the order of use. */
  older: Flow | null = null;
  newer: Flow | null = null;

  constructor(slab: Slab, ends: { readonly local: Address; readonly port: number }, hash: number, now: number) {
    super(slab, ends.local, ends.port);
    this.hash = hash;
    this.lastUsed = now;
  }

  /** Whether a datagram between these ends belongs to it. */
  matches({ s0, s1, s2, s3, d0, d1, d2, d3 }: IpHeader, localPort: number, remotePort: number): boolean {
    if (localPort !== this.port || !this.hears(s0, s1, s2, s3, remotePort)) return false;
    return this.local!.equalsWords(d0, d1, d2, d3);
  }
}

export class Flows {
  /** The most flows; 0: none are made. At the limit, the flow that was not used for longest ends. */
  #limit = 0;
  /** A flow ends after so long without a datagram, µs. */
  #idle = NEVER;
  /** Flows that begin, and flows that have ended by themselves. */
  readonly begun = new Fifo<Flow>();
  readonly ended = new Fifo<Flow>();
  readonly #slab: Slab;
  /** Outsiders cannot know which flows share a place. */
  #key = 1;
  readonly #byHash = new Map<number, Flow>();
  #oldest: Flow | null = null;
  #newest: Flow | null = null;
  #deadline = NEVER;
  size = 0;

  constructor(slab: Slab) {
    this.#slab = slab;
  }

  /** Flows are made from now on. @param key secret @param idle µs */
  begin(limit: number, idle: number, key: number): void {
    this.#limit = limit;
    this.#idle = idle;
    this.#key = key | 1;
  }

  /** The flow of a received datagram, which is made if there is none; null if none may be made. */
  take(header: IpHeader, localPort: number, remotePort: number, now: number): Flow | null {
    const hash = this.#hash(header, localPort, remotePort);
    let flow = this.#byHash.get(hash) ?? null;
    while (flow !== null && !flow.matches(header, localPort, remotePort)) flow = flow.chained;
    if (flow !== null) this.use(flow, now);
    else if (this.#limit > 0 && remotePort !== 0 && localPort !== 0) {
      flow = this.#begin(header, localPort, remotePort, hash, now);
    }
    return flow;
  }

  /** A datagram was received or sent. */
  use(flow: Flow, now: number): void {
    flow.lastUsed = now;
    if (flow === this.#newest || flow.isClosed) return;
    this.#unlink(flow);
    this.#append(flow);
  }

  /** Ends a flow: unread datagrams are dropped. False if it had ended before. */
  end(flow: Flow): boolean {
    if (flow.isClosed) return false;
    flow.isClosed = true;
    flow.queue.clear();
    this.size--;
    this.#unlink(flow);
    let before = this.#byHash.get(flow.hash)!;
    if (before === flow) {
      if (flow.chained === null) this.#byHash.delete(flow.hash);
      else this.#byHash.set(flow.hash, flow.chained);
      return true;
    }
    while (before.chained !== flow) before = before.chained!;
    before.chained = flow.chained;
    return true;
  }

  /** Ends the flows that were idle for too long. */
  advance(now: number): void {
    if (now < this.#deadline) return;
    while (this.#oldest !== null && this.#oldest.lastUsed + this.#idle <= now) this.#expire(this.#oldest);
    this.#deadline = this.#oldest === null ? NEVER : this.#oldest.lastUsed + this.#idle;
  }

  /** When `advance` must be called: perhaps too early, because the oldest flow was used meanwhile. */
  nextDeadline(): number {
    return this.#deadline;
  }

  /** Ends all of them; no more are made. */
  stop(): void {
    this.#limit = 0;
    while (this.#oldest !== null) this.#expire(this.#oldest);
  }

  #begin(header: IpHeader, localPort: number, remotePort: number, hash: number, now: number): Flow {
    if (this.size >= this.#limit) this.#expire(this.#oldest!);
    const { s0, s1, s2, s3, d0, d1, d2, d3 } = header;
    const flow = new Flow(this.#slab, { local: new Address(d0, d1, d2, d3), port: localPort }, hash, now);
    flow.remote = new Address(s0, s1, s2, s3);
    flow.remotePort = remotePort;
    flow.chained = this.#byHash.get(hash) ?? null;
    this.#byHash.set(hash, flow);
    this.size++;
    this.#append(flow);
    this.#deadline = Math.min(this.#deadline, now + this.#idle);
    this.begun.push(flow);
    return flow;
  }

  #expire(flow: Flow): void {
    this.end(flow);
    this.ended.push(flow);
  }

  #append(flow: Flow): void {
    flow.older = this.#newest;
    flow.newer = null;
    if (this.#newest === null) this.#oldest = flow;
    else this.#newest.newer = flow;
    this.#newest = flow;
  }

  #unlink(flow: Flow): void {
    if (flow.older === null) this.#oldest = flow.newer;
    else flow.older.newer = flow.newer;
    if (flow.newer === null) this.#newest = flow.older;
    else flow.newer.older = flow.older;
  }

  #hash({ s0, s1, s2, s3, d0, d1, d2, d3 }: IpHeader, localPort: number, remotePort: number): number {
    let h = this.#key ^ ((localPort << 16) | remotePort);
    h = Math.imul(h ^ (h >>> 15) ^ s3, 0x2c1b3c6d);
    h = Math.imul(h ^ (h >>> 13) ^ d3, 0x297a2d39);
    h = Math.imul(h ^ (h >>> 15) ^ s2 ^ Math.imul(s1, 5) ^ Math.imul(s0, 9), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13) ^ d2 ^ Math.imul(d1, 5) ^ Math.imul(d0, 9), 0xc2b2ae35);
    return h ^ (h >>> 16);
  }
}

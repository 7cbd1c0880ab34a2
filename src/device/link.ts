import { assert } from "#base/assert";
import { Counters } from "#base/counters";
import type { Mark } from "#base/mark";
import { CSUM_PARTIAL, CSUM_VALID, GSO_NONE, type Packet } from "#base/packet";
import type { PacketMemory } from "#base/packet-memory";
import type { Prng } from "#base/prng";
import { NEVER, SECOND } from "#base/time";
import { DueQueue } from "./due-queue.ts";
import { CodelState, NOTHING } from "./link-codel.ts";
import { markCongestion } from "./link-ecn.ts";
import { LossModel } from "./link-loss.ts";
import * as marks from "./link-marks.ts";
import { type Chance, CLEAR_LINK, type DownSchedule, type LinkProfile } from "./link-profile.ts";
import { LinkQueue } from "./link-queue.ts";
import { CorrelatedDraws } from "./link-random.ts";
import { LinkStorage, NO_CELL } from "./link-storage.ts";
import { TraceCursor } from "./link-trace.ts";

const { NO_DROP } = marks;

/** Default limits of what one direction may hold: 64 Ki packets, 256 MiB. */
export const PACKETS_MAX = 65_536;
const STORAGE_MAX = 256 << 20;

/** Observes everything that happens on a link. It must not call the link. */
export interface LinkObserver {
  /**
   * @param at when it happened: not always a whole microsecond. @param mark one of link-marks.ts.
   * @param o the packet's headers in `view`. @param n bytes of the whole packet. @param id the packet's number on this link, from 1 on;
   * both deliveries of a duplicate have the same.
   */
  onLink(at: number, mark: Mark, view: DataView, o: number, n: number, id: number): void;
  /** The transmitter takes a packet that has waited so many µs in the queue. */
  onTransmit?(waited: number): void;
}

export interface LinkOptions {
  /** The largest packet that any profile of this link may carry. */
  readonly mtu: number;
  readonly prng: Prng;
  readonly profile?: LinkProfile;
  readonly now?: number;
  readonly packetsMax?: number;
  readonly observer?: LinkObserver | undefined;
  /**
   * Checksums need not be final: nothing on this link changes a packet, so what arrives counts as verified. Such a link takes no profile that
   * corrupts, and its observers see sums of pseudo-headers in place of checksums.
   */
  readonly isTrusted?: boolean | undefined;
}

/**
 * One direction of a link. A packet passes, in this order, a queue in front of the transmitter (tail drop or CoDel, ECN
 * marks), the transmitter (rate, or a trace of opportunities), and the wire (loss, corruption, reordering, propagation
 * delay and jitter, duplication). So a lost packet has used the transmitter, as on a real link and unlike netem.
 *
 * It has no clock: every call passes `now`, which never decreases. A late call handles everything that was due in between
 * with its due time, so the result does not depend on how often it is called.
 *
 * **Invariant**: offered + duplicated = delivered + dropped (by cause) + `inFlight`.
 */
export class Link {
  readonly counters = new Counters();
  readonly mtuMax: number;
  observer: LinkObserver | undefined;
  readonly #isTrusted: boolean;
  #profile: LinkProfile = CLEAR_LINK;
  #profileSince = 0;
  #mtu = 0;
  readonly #storage: LinkStorage;
  readonly #queue = new LinkQueue();
  readonly #codel: CodelState;
  #trace: TraceCursor | undefined;
  /** The packet in the transmitter, or NO_CELL; and when its transmission ends or ended. */
  #sending = NO_CELL;
  #freeAt = 0;
  /** Packets on the wire by arrival time; and those sent before the current profile was set. */
  readonly #wire = new DueQueue();
  readonly #wireBefore = new DueQueue();
  /** The latest arrival time of the packets that keep their order. */
  #lastArrival = 0;
  readonly #loss: LossModel;
  readonly #jitter: CorrelatedDraws;
  readonly #duplicate: CorrelatedDraws;
  readonly #reorder: CorrelatedDraws;
  readonly #corrupt: CorrelatedDraws;
  readonly #bits: Prng;
  /** Packets offered so far: the number of the latest one. */
  #serial = 0;
  /** By cell: the packet's number. */
  readonly #ids: number[] = [];
  /** Packets since the last one that overtook others. */
  #sinceReordered = 0;

  constructor(options: LinkOptions) {
    const { mtu, prng } = options;
    this.mtuMax = mtu;
    this.#storage = new LinkStorage(mtu, options.packetsMax ?? Math.min(PACKETS_MAX, Math.floor(STORAGE_MAX / mtu)));
    const fate = {
      drop: (cell: number, at: number) => this.#drop(cell, marks.LINK_CODEL, at),
      mark: (cell: number, at: number) => this.#markCongestion(cell, at),
    };
    this.#codel = new CodelState(this.#queue, fate, mtu);
    this.observer = options.observer;
    this.#isTrusted = options.isTrusted ?? false;
    // Each impairment has its own generator, so that switching one on does not change the draws of the others.
    this.#loss = new LossModel(prng.fork());
    this.#jitter = new CorrelatedDraws(prng.fork());
    this.#duplicate = new CorrelatedDraws(prng.fork());
    this.#reorder = new CorrelatedDraws(prng.fork());
    this.#corrupt = new CorrelatedDraws(prng.fork());
    this.#bits = prng.fork();
    this.set(options.profile ?? CLEAR_LINK, options.now ?? 0);
  }

  get profile(): LinkProfile {
    return this.#profile;
  }

  /** The current MTU of the link. */
  get mtu(): number {
    return this.#mtu;
  }

  /** Packets and bytes in front of the transmitter. */
  get waiting(): number {
    return this.#queue.packets;
  }

  get waitingBytes(): number {
    return this.#queue.bytes;
  }

  /** Packets waiting, in the transmitter and on the wire; duplicates count. */
  get inFlight(): number {
    return this.#queue.packets + (this.#sending === NO_CELL ? 0 : 1) + this.#wire.size + this.#wireBefore.size;
  }

  /**
   * Sets another profile from `now` on. The queue and the rest of the packet in the transmitter follow the new profile. Packets
   * on the wire keep their arrival times. New packets keep their order among themselves and may overtake those, so that a mistaken
   * delay does not hold up packets sent after it was corrected. Packet numbers (`lossNth`), schedules and traces restart.
   */
  set(profile: LinkProfile, now: number): void {
    checkProfile(profile);
    assert(!this.#isTrusted || profile.corrupt.probability === 0, "a trusted link does not corrupt");
    this.#advance(now);
    this.#wire.moveTo(this.#wireBefore);
    this.#lastArrival = 0;
    const { rate } = this.#profile;
    const isTraced = this.#trace !== undefined;
    this.#profile = profile;
    this.#profileSince = now;
    this.#mtu = Math.min(profile.mtu ?? this.mtuMax, this.mtuMax);
    this.#loss.restart();
    this.#codel.restart();
    this.#sinceReordered = 0;
    this.#trace = profile.trace === undefined ? undefined : new TraceCursor(profile.trace, now);
    if (this.#sending === NO_CELL) this.#freeAt = now;
    else if (isTraced || this.#trace !== undefined)
      this.#freeAt = this.#sentAt(this.#storage.length(this.#sending), now);
    else this.#freeAt = now + ((this.#freeAt - now) * rate) / profile.rate;
  }

  /**
   * A packet arrives at this end; it is copied. Its checksums must be final and it must not be a super-segment.
   * @param isBarred it is dropped as if the link was down
   * @returns NO_DROP, or the mark of why it was dropped at once. (It may still be lost later.)
   */
  offer(slab: PacketMemory, packet: Packet, now: number, isBarred = false): Mark {
    const isFinal = packet.csum !== CSUM_PARTIAL || this.#isTrusted;
    assert(packet.gso === GSO_NONE && isFinal, "a link carries packets as a wire sees them");
    this.#advance(now);
    const n = packet.total();
    const id = ++this.#serial;
    this.#note(marks.LINK_OFFERED, now, slab.view, packet.o, n, id);
    let verdict = isBarred ? marks.LINK_DOWN : this.#refuse(n, now);
    if (verdict === NO_DROP) {
      const cell = this.#store(slab, packet, now);
      if (cell === NO_CELL) verdict = marks.LINK_STORAGE;
      else this.#enqueue(cell, n, now);
    }
    if (verdict !== NO_DROP) this.#note(verdict, now, slab.view, packet.o, n, id);
    return verdict;
  }

  /** When `take` next returns a packet or the link has something to do by itself; a whole microsecond, or NEVER. */
  nextDeadline(): number {
    let transmitter = Number.POSITIVE_INFINITY;
    if (this.#sending !== NO_CELL) transmitter = this.#freeAt;
    else if (this.#queue.packets > 0) transmitter = this.#startAt();
    return Math.min(Math.ceil(transmitter), this.#wire.next(), this.#wireBefore.next());
  }

  /**
   * Puts the next packet that has arrived at `packet.o` of the slab (PACKET_MAX bytes of room) and clears the rest of
   * `packet`. Returns its length, or 0 if none has arrived.
   */
  take(slab: PacketMemory, packet: Packet, now: number): number {
    this.#advance(now);
    const first = this.#wireBefore.next() <= this.#wire.next() ? this.#wireBefore : this.#wire;
    const cell = first.take(now);
    if (cell < 0) return 0;
    const o = packet.o;
    const n = this.#storage.get(cell, slab, o);
    this.#storage.release(cell);
    packet.clear();
    packet.o = o;
    packet.n = n;
    if (this.#isTrusted) packet.csum = CSUM_VALID;
    this.#note(marks.LINK_DELIVERED, now, slab.view, o, n, this.#ids[cell]!);
    return n;
  }

  /** Why a packet of `n` bytes is dropped on arrival, or NO_DROP. */
  #refuse(n: number, now: number): Mark {
    if (n > this.#mtu) return marks.LINK_TOO_BIG;
    if (this.#isDown(now)) return marks.LINK_DOWN;
    // An idle transmitter takes a packet even if the queue's limit is 0.
    if (this.#sending === NO_CELL && this.#queue.packets === 0) return NO_DROP;
    const { packets, bytes } = this.#profile.queue;
    const fits = this.#queue.packets < packets && this.#queue.bytes + n <= bytes;
    return fits ? NO_DROP : marks.LINK_QUEUE_FULL;
  }

  /** Copies the packet. If the storage is full, a packet of an earlier profile is dropped for it: that would arrive late anyway. */
  #store(slab: PacketMemory, packet: Packet, now: number): number {
    for (;;) {
      const cell = this.#storage.put(slab, packet);
      if (cell !== NO_CELL) {
        this.#ids[cell] = this.#serial;
        return cell;
      }
      const old = this.#wireBefore.take(NEVER);
      if (old < 0) return NO_CELL;
      this.#drop(old, marks.LINK_STORAGE, now);
    }
  }

  #enqueue(cell: number, n: number, now: number): void {
    const { ecnPackets, ecnBytes } = this.#profile.queue;
    if (this.#queue.packets >= ecnPackets || this.#queue.bytes >= ecnBytes) this.#markCongestion(cell, now);
    this.#queue.push(cell, n, now);
    this.#advance(now);
  }

  /** Brings the transmitter up to `now`. */
  #advance(now: number): void {
    for (;;) {
      if (this.#sending === NO_CELL) {
        if (this.#queue.packets === 0) return;
        const start = this.#startAt();
        if (start > now) return;
        if (!this.#start(start)) continue;
      }
      if (this.#freeAt > now) return;
      const cell = this.#sending;
      this.#sending = NO_CELL;
      this.#leave(cell, this.#freeAt);
    }
  }

  /** When the idle transmitter takes the first packet of the queue. */
  #startAt(): number {
    const since = this.#queue.headSince;
    return Math.max(this.#freeAt, this.#trace === undefined ? since : this.#trace.begin(since));
  }

  /** Takes a packet into the transmitter; false if CoDel dropped all queued packets. */
  #start(at: number): boolean {
    const codel = this.#profile.queue.codel;
    const cell = codel === undefined ? this.#queue.pop() : this.#codel.dequeue(at, codel);
    if (cell === NOTHING) return false;
    const n = this.#storage.length(cell);
    this.#sending = cell;
    this.observer?.onTransmit?.(at - this.#queue.poppedSince);
    this.#freeAt = this.#trace === undefined ? at + (n * 8 * SECOND) / this.#profile.rate : this.#trace.send(n);
    return true;
  }

  /** When the transmission of `n` bytes that begins now ends. */
  #sentAt(n: number, now: number): number {
    if (this.#trace === undefined) return now + (n * 8 * SECOND) / this.#profile.rate;
    this.#trace.begin(now);
    return this.#trace.send(n);
  }

  /** Applies the wire's impairments to a packet whose last bit left the transmitter at `at`. */
  #leave(cell: number, at: number): void {
    const profile = this.#profile;
    const lost = this.#isDown(at) ? marks.LINK_DOWN : this.#loss.next(profile);
    if (lost !== NO_DROP) {
      this.#drop(cell, lost, at);
      return;
    }
    if (this.#corrupt.happens(profile.corrupt)) this.#flip(cell, at);
    if (this.#duplicate.happens(profile.duplicate)) {
      this.#storage.hold(cell);
      this.#noteCell(marks.LINK_DUPLICATED, at, cell);
      this.#propagate(cell, at);
    }
    if (this.#overtakes(profile.reorder)) {
      this.#noteCell(marks.LINK_REORDERED, at, cell);
      this.#wire.add(Math.ceil(at), cell);
    } else this.#propagate(cell, at);
  }

  #propagate(cell: number, at: number): void {
    const { delay, jitter } = this.#profile;
    let arrival = Math.ceil(at + Math.max(0, delay + this.#jitter.jitter(jitter)));
    if (!jitter.overtakes) arrival = this.#lastArrival = Math.max(arrival, this.#lastArrival);
    this.#wire.add(arrival, cell);
  }

  /** netem's rule: of every `gap` packets at most one skips the delay, with the given probability. */
  #overtakes(reorder: Chance & { readonly gap: number }): boolean {
    if (reorder.probability === 0) return false;
    if (this.#sinceReordered < reorder.gap - 1 || !this.#reorder.happens(reorder)) {
      this.#sinceReordered++;
      return false;
    }
    this.#sinceReordered = 0;
    return true;
  }

  /** Marks the packet if it is ECN-capable; returns whether it is. */
  #markCongestion(cell: number, at: number): boolean {
    const o = this.#storage.offset(cell);
    if (!markCongestion(this.#storage.view, o, this.#storage.length(cell))) return false;
    this.#noteCell(marks.LINK_MARKED, at, cell);
    return true;
  }

  #flip(cell: number, at: number): void {
    const bit = this.#bits.below(this.#storage.length(cell) * 8);
    this.#storage.u8[this.#storage.offset(cell) + (bit >> 3)]! ^= 1 << (bit & 7);
    this.#noteCell(marks.LINK_CORRUPTED, at, cell);
  }

  #isDown(now: number): boolean {
    const { down } = this.#profile;
    return down !== undefined && isDownAt(down, now - this.#profileSince);
  }

  #drop(cell: number, why: Mark, at: number): void {
    this.#noteCell(why, at, cell);
    this.#storage.release(cell);
  }

  #noteCell(what: Mark, at: number, cell: number): void {
    this.#note(what, at, this.#storage.view, this.#storage.offset(cell), this.#storage.length(cell), this.#ids[cell]!);
  }

  #note(what: Mark, at: number, view: DataView, o: number, n: number, id: number): void {
    this.counters.count(what);
    this.observer?.onLink(at, what, view, o, n, id);
  }
}

function isDownAt(down: DownSchedule, since: number): boolean {
  const t = down.period === Number.POSITIVE_INFINITY ? since : since % down.period;
  for (const span of down.spans) if (t >= span.from && t < span.to) return true;
  return false;
}

/** Profiles from link-words.ts are valid. These asserts are for profiles made in code. */
function checkProfile(profile: LinkProfile): void {
  assert(profile.rate > 0, "a link's rate is more than 0 (a dead link is `down`)");
  assert(profile.delay >= 0 && profile.jitter.spread >= 0, "delay and jitter are not negative");
  const chances = [profile.duplicate, profile.reorder, profile.corrupt];
  if (profile.loss.kind === "independent") chances.push(profile.loss.chance);
  for (const { probability, correlation } of chances) {
    assert(probability >= 0 && probability <= 1 && correlation >= 0 && correlation <= 1, "a chance is 0 to 1");
  }
  assert(profile.reorder.gap >= 1, "the gap of reordering is at least 1");
}

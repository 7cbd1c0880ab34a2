import { assert } from "#base/assert";
import type { Mark } from "#base/mark";
import { HEADROOM, PACKET_MAX, Packet } from "#base/packet";
import { Prng } from "#base/prng";
import type { Slab } from "#base/slab";
import { type Device, NO_OFFLOAD, RX_GONE, RX_NONE, TX_AGAIN, TX_GONE, TX_OK, type Wakeable } from "./device.ts";
import { Link, type LinkObserver } from "./link.ts";
import { LINK_TOO_BIG } from "./link-marks.ts";
import type { LinkProfiles } from "./link-words.ts";

/** Packets read from the device below in one call of `receive`: the driver's turn stays short. */
const BUDGET = 64;

/**
 * Makes the ICMP error that says a packet is larger than `mtu` (RFC 792 fragmentation needed, RFC 4443 packet too big) at
 * `reply.o` of the slab and sets `reply.n`; false if none is due (no DF, a fragment, an error itself).
 */
export type TooBig = (slab: Slab, packet: Packet, mtu: number, reply: Packet) => boolean;

export interface ImpairOptions {
  readonly profiles: LinkProfiles;
  readonly seed: number;
  readonly now: number;
  /** Without it a packet that is too big vanishes. */
  readonly tooBig?: TooBig | undefined;
  readonly observers?: { readonly out?: LinkObserver; readonly in?: LinkObserver };
}

/** The bell of the device below, which a change of the link rings too. */
class Bell implements Wakeable {
  readonly #inner: Wakeable;
  #notify: (() => void) | undefined;

  constructor(inner: Wakeable) {
    this.#inner = inner;
  }

  arm(notify: () => void): void {
    this.#notify = notify;
    this.#inner.arm(notify);
  }

  disarm(): void {
    this.#notify = undefined;
    this.#inner.disarm();
  }

  ring(): void {
    this.#notify?.();
  }
}

/**
 * A device behind an impaired link, in real time: `out` at its egress, `in` at its ingress. It offers no offload, so that
 * every packet is one that a wire would see; SegmentationDevice above it cuts super-segments (docs/adr/0010).
 */
export class ImpairDevice implements Device {
  readonly name: string;
  readonly mtu: number;
  readonly queueLength: number;
  readonly offload = NO_OFFLOAD;
  readonly wakeable: Wakeable | undefined;
  readonly out: Link;
  readonly in: Link;
  readonly #inner: Device;
  readonly #bell: Bell | undefined;
  readonly #tooBig: TooBig | undefined;
  #slab: Slab | undefined;
  /** A packet on its way to the device below: kept while that is full. */
  readonly #leaving = new Packet();
  #leavingO = 0;
  #held = false;
  /** An ICMP error to our own stack, and whether there is one. */
  readonly #reply = new Packet();
  #replyO = 0;
  #replied = false;

  constructor(inner: Device, options: ImpairOptions) {
    const { checksum, tso4, tso6 } = inner.offload;
    assert(!checksum && !tso4 && !tso6, "a device is opened without offload to be impaired");
    this.#inner = inner;
    this.name = inner.name;
    this.mtu = inner.mtu;
    this.queueLength = inner.queueLength;
    this.#bell = inner.wakeable === undefined ? undefined : new Bell(inner.wakeable);
    this.wakeable = this.#bell;
    this.#tooBig = options.tooBig;
    const { now, profiles } = options;
    const prng = new Prng(options.seed);
    this.out = new Link({ mtu: inner.mtu, prng: prng.fork(), now, profile: profiles.out });
    this.in = new Link({ mtu: inner.mtu, prng: prng.fork(), now, profile: profiles.in });
    this.out.observer = options.observers?.out;
    this.in.observer = options.observers?.in;
  }

  get profiles(): LinkProfiles {
    return { out: this.out.profile, in: this.in.profile };
  }

  /** Other profiles from `now` on, while it runs. Whoever sleeps until the old ones had something to do is woken. */
  set(profiles: LinkProfiles, now: number): void {
    this.out.set(profiles.out, now);
    this.in.set(profiles.in, now);
    this.#bell?.ring();
  }

  attach(slab: Slab): void {
    this.#inner.attach(slab);
    this.#slab = slab;
    this.#leavingO = slab.reserve(HEADROOM + PACKET_MAX) + HEADROOM;
    this.#replyO = slab.reserve(HEADROOM + PACKET_MAX) + HEADROOM;
  }

  receive(packet: Packet, now: number): number {
    const slab = this.#slab;
    if (slab === undefined || !this.#fill(slab, packet, now)) return RX_GONE;
    if (!this.#drain(slab, now)) return RX_GONE;
    if (this.#replied) return this.#takeReply(slab, packet);
    const n = this.in.take(slab, packet, now);
    return n === 0 ? RX_NONE : n;
  }

  transmit(packet: Packet, now: number): number {
    const slab = this.#slab;
    if (slab === undefined) return TX_GONE;
    const verdict = this.out.offer(slab, packet, now);
    if (this.#isTold(this.out, verdict) && !this.#replied) {
      this.#reply.clear();
      this.#reply.o = this.#replyO;
      this.#replied = this.#tooBig?.(slab, packet, this.out.mtu, this.#reply) ?? false;
    }
    return this.#drain(slab, now) ? TX_OK : TX_GONE;
  }

  nextDeadline(): number {
    // Nothing tells when a device that was full has room again: it is asked again at once.
    if (this.#held || this.#replied) return 0;
    return Math.min(this.out.nextDeadline(), this.in.nextDeadline(), this.#inner.nextDeadline());
  }

  close(): void {
    this.#inner.close();
    this.#slab = undefined;
  }

  /** Hands what the device below has to the ingress link; false if it is gone. `packet.o` is where it may be read to. */
  #fill(slab: Slab, packet: Packet, now: number): boolean {
    const o = packet.o;
    for (let i = 0; i < BUDGET; i++) {
      const n = this.#inner.receive(packet, now);
      if (n === RX_GONE) return false;
      if (n === RX_NONE) break;
      const verdict = this.in.offer(slab, packet, now);
      if (this.#isTold(this.in, verdict)) this.#answer(slab, packet, now);
      packet.o = o;
    }
    return true;
  }

  /** Sends what has come through the egress link; false if the device below is gone. */
  #drain(slab: Slab, now: number): boolean {
    for (;;) {
      if (!this.#held) {
        this.#leaving.o = this.#leavingO;
        if (this.out.take(slab, this.#leaving, now) === 0) return true;
      }
      const result = this.#inner.transmit(this.#leaving, now);
      this.#held = result === TX_AGAIN;
      if (result !== TX_OK) return result !== TX_GONE;
    }
  }

  #isTold(link: Link, verdict: Mark): boolean {
    return verdict === LINK_TOO_BIG && link.profile.mtuIcmp;
  }

  /** A packet from outside was too big for the ingress link: its sender is told, if the device has room for that now. */
  #answer(slab: Slab, packet: Packet, now: number): void {
    if (this.#held) return;
    this.#leaving.clear();
    this.#leaving.o = this.#leavingO;
    if (this.#tooBig?.(slab, packet, this.in.mtu, this.#leaving)) this.#inner.transmit(this.#leaving, now);
  }

  #takeReply(slab: Slab, packet: Packet): number {
    const { o, n } = this.#reply;
    this.#replied = false;
    const to = packet.o;
    slab.u8.copyWithin(to, o, o + n);
    packet.clear();
    packet.o = to;
    packet.n = n;
    return n;
  }
}

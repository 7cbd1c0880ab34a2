import { assert } from "#base/assert";
import type { Mark } from "#base/mark";
import { HEADROOM, PACKET_MAX, Packet } from "#base/packet";
import type { PacketMemory } from "#base/packet-memory";
import { Prng } from "#base/prng";
import {
  type Device,
  NO_OFFLOAD,
  RX_GONE,
  RX_NONE,
  TX_AGAIN,
  TX_GONE,
  TX_OK,
  TX_REFUSED,
  type Wakeable,
} from "./device.ts";
import { Link, type LinkObserver } from "./link.ts";
import { LINK_TOO_BIG } from "./link-marks.ts";
import type { LinkProfiles } from "./link-words.ts";

/** Limit of packets read from the device below in one call of `receive`, to keep the driver's turn short. */
const BUDGET = 64;

/**
 * Writes the ICMP error for a packet larger than `mtu` (RFC 792 fragmentation needed, RFC 4443 packet too big) at
 * `reply.o` of the slab and sets `reply.n`; false if none is due (no DF, a fragment, an error itself).
 */
export type TooBig = (slab: PacketMemory, packet: Packet, mtu: number, reply: Packet) => boolean;

export interface ImpairOptions {
  readonly profiles: LinkProfiles;
  readonly seed: number;
  readonly now: number;
  /** Makes the ICMP errors. Without it, a packet that is too big is dropped silently. */
  readonly tooBig?: TooBig | undefined;
  readonly observers?: { readonly out?: LinkObserver; readonly in?: LinkObserver };
}

/** The bell of the device below. A change of the link rings it, too. */
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
 * Puts an impaired link, in real time, in front of a device: `out` for what is sent, `in` for what is received. It offers no
 * offload, so that every packet is one that a wire would carry. SegmentationDevice above it cuts super-segments (ADR 10).
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
  #slab: PacketMemory | undefined;
  /** The packet for the device below; kept while that device is full. */
  readonly #leaving = new Packet();
  #leavingO = 0;
  #held = false;
  /** An ICMP error to our own stack, and whether one is pending. */
  readonly #reply = new Packet();
  #replyO = 0;
  #replied = false;

  constructor(inner: Device, options: ImpairOptions) {
    const { checksum, tso4, tso6 } = inner.offload;
    assert(!checksum && !tso4 && !tso6, "an impaired device must be opened without offload");
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

  /** Changes the profiles from `now` on. Rings the bell, since an idle driver may sleep until a deadline of the old ones. */
  set(profiles: LinkProfiles, now: number): void {
    this.out.set(profiles.out, now);
    this.in.set(profiles.in, now);
    this.#bell?.ring();
  }

  attach(slab: PacketMemory): void {
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
    if (this.#refuses(this.out, verdict) && !this.#replied) {
      this.#reply.clear();
      this.#reply.o = this.#replyO;
      this.#replied = this.#tooBig?.(slab, packet, this.out.mtu, this.#reply) ?? false;
    }
    return this.#drain(slab, now) ? TX_OK : TX_GONE;
  }

  nextDeadline(): number {
    // A full device does not report when it has room again, so it is asked again at once.
    if (this.#held || this.#replied) return 0;
    return Math.min(this.out.nextDeadline(), this.in.nextDeadline(), this.#inner.nextDeadline());
  }

  close(): void {
    this.#inner.close();
    this.#slab = undefined;
  }

  /** Reads packets from the device below to `packet.o` and puts them on the ingress link; false if the device is gone. */
  #fill(slab: PacketMemory, packet: Packet, now: number): boolean {
    const o = packet.o;
    for (let i = 0; i < BUDGET; i++) {
      const n = this.#inner.receive(packet, now);
      if (n === RX_GONE) return false;
      if (n === RX_NONE) break;
      const verdict = this.in.offer(slab, packet, now);
      if (this.#refuses(this.in, verdict)) this.#answer(slab, packet, now);
      packet.o = o;
    }
    return true;
  }

  /** Sends the packets that came through the egress link; false if the device below is gone. */
  #drain(slab: PacketMemory, now: number): boolean {
    for (;;) {
      if (!this.#held) {
        this.#leaving.o = this.#leavingO;
        if (this.out.take(slab, this.#leaving, now) === 0) return true;
      }
      const result = this.#inner.transmit(this.#leaving, now);
      this.#held = result === TX_AGAIN;
      // What was refused below is lost: its sender was told long ago that it went.
      if (result !== TX_OK && result !== TX_REFUSED) return result !== TX_GONE;
    }
  }

  #refuses(link: Link, verdict: Mark): boolean {
    return verdict === LINK_TOO_BIG && link.profile.mtuIcmp;
  }

  /** A received packet was too big for the ingress link: sends its sender an ICMP error, if the device has room for it. */
  #answer(slab: PacketMemory, packet: Packet, now: number): void {
    if (this.#held) return;
    this.#leaving.clear();
    this.#leaving.o = this.#leavingO;
    if (this.#tooBig?.(slab, packet, this.in.mtu, this.#leaving)) this.#inner.transmit(this.#leaving, now);
  }

  #takeReply(slab: PacketMemory, packet: Packet): number {
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

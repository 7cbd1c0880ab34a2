import { Counters } from "#base/counters";
import { mark } from "#base/mark";
import { HEADROOM, PACKET_MAX, Packet } from "#base/packet";
import { Prng } from "#base/prng";
import { Slab } from "#base/slab";
import type { Device } from "#device/device";
import { Link } from "#device/link";
import type { LinkProfiles } from "#device/link-words";
import { monotonic } from "#driver/clock";
import { Driver } from "#driver/driver";
import type { Engine } from "#driver/engine";
import { tooBig } from "#icmp/path-error";
import { isLinkLocal, isMulticast, V4_MAPPED } from "#ip/address";
import * as ipv4 from "#wire/ipv4";
import * as ipv6 from "#wire/ipv6";
import type { LinkCounts } from "./control.ts";
import type { Mirror } from "./mirror.ts";

export const CHAOS_CROSSED = mark("chaos.crossed", "sent over the link to the other device");
export const CHAOS_LOCAL = mark(
  "chaos.local",
  "not sent to the other side: multicast, broadcast, link-local, or not IP",
);

export interface ChaosSide {
  readonly device: Device;
  /** How addresses are changed on the way to the other side. */
  readonly mirror: Mirror;
}

export interface ChaosOptions {
  readonly a: ChaosSide;
  readonly b: ChaosSide;
  /** `out` is from a to b. */
  readonly profiles: LinkProfiles;
  readonly seed: number;
}

/** One end: packets from its kernel go onto the link to the other end, packets from the other link go to its kernel. */
class End implements Engine {
  readonly slab = new Slab(1 << 20);
  readonly counters = new Counters();
  /** The link that carries the other end's packets. */
  readonly incoming: Link;
  readonly outgoing: Link;
  /** Wakes the other end. */
  onCrossed: () => void = () => {};
  readonly #mirror: Mirror;
  readonly #o = this.slab.reserve(HEADROOM + PACKET_MAX) + HEADROOM;
  readonly #reply = new Packet();
  readonly #replyO = this.slab.reserve(HEADROOM + PACKET_MAX) + HEADROOM;
  #replied = false;

  constructor(mirror: Mirror, outgoing: Link, incoming: Link) {
    this.#mirror = mirror;
    this.outgoing = outgoing;
    this.incoming = incoming;
  }

  input(packet: Packet, now: number): void {
    const { slab, outgoing } = this;
    const v = slab.view;
    const { o, n } = packet;
    if (!crosses(v, o, n)) {
      this.counters.count(CHAOS_LOCAL);
      return;
    }
    if (n > outgoing.mtu && outgoing.profile.mtuIcmp && !this.#replied) {
      // Before the mirror changes its addresses: an ICMP error must quote the packet as its sender sent it.
      this.#reply.clear();
      this.#reply.o = this.#replyO;
      this.#replied = tooBig(slab, packet, outgoing.mtu, this.#reply);
    }
    this.counters.count(CHAOS_CROSSED);
    this.#mirror.apply(v, o, n);
    outgoing.offer(slab, packet, now);
    this.onCrossed();
  }

  advance(): void {}

  poll(packet: Packet, now: number): boolean {
    if (this.#replied) {
      this.#replied = false;
      packet.o = this.#replyO;
      packet.n = this.#reply.n;
      return true;
    }
    packet.o = this.#o;
    return this.incoming.take(this.slab, packet, now) > 0;
  }

  nextDeadline(): number {
    return this.#replied ? 0 : this.incoming.nextDeadline();
  }

  hasEvents(): boolean {
    return false;
  }
}

/** Whether a packet is for one host behind the device. */
function crosses(v: DataView, o: number, n: number): boolean {
  const version = n > 0 ? v.getUint8(o) >> 4 : 0;
  if (version === 4) {
    const to = n < ipv4.HEADER_MIN ? -1 : ipv4.destination(v, o);
    return to !== -1 && !isMulticast(0, 0, V4_MAPPED, to) && !isLinkLocal(0, 0, V4_MAPPED, to);
  }
  if (version !== 6 || n < ipv6.HEADER) return false;
  const word = (i: number) => ipv6.destination(v, o, i);
  return !isMulticast(word(0), word(1), word(2), word(3)) && !isLinkLocal(word(0), word(1), word(2), word(3));
}

/**
 * A fault proxy on layer 3: packets that the kernel sends out of one TUN device come back from the other, through the link
 * model, in real time. Traffic routed to a device, or sent to its mirror address, gets a bad link without netem.
 */
export class Chaos {
  readonly a: End;
  readonly b: End;
  /** Called once when a device has vanished. */
  onGone: (() => void) | null = null;
  readonly #drivers: readonly [Driver, Driver];
  readonly #devices: readonly [Device, Device];

  constructor({ a, b, profiles, seed }: ChaosOptions) {
    const prng = new Prng(seed);
    const now = monotonic();
    const mtu = Math.max(a.device.mtu, b.device.mtu);
    const there = new Link({ mtu, prng: prng.fork(), profile: profiles.out, now });
    const back = new Link({ mtu, prng: prng.fork(), profile: profiles.in, now });
    this.a = new End(a.mirror, there, back);
    this.b = new End(b.mirror, back, there);
    this.#devices = [a.device, b.device];
    this.#drivers = [new Driver(this.a, a.device), new Driver(this.b, b.device)];
    const [left, right] = this.#drivers;
    this.a.onCrossed = () => right.wake();
    this.b.onCrossed = () => left.wake();
    for (const driver of this.#drivers) driver.onGone = () => this.#vanish();
  }

  get profiles(): LinkProfiles {
    return { out: this.a.outgoing.profile, in: this.b.outgoing.profile };
  }

  get counts(): LinkCounts {
    const of = (end: End) => ({ ...end.counters.snapshot(), ...end.outgoing.counters.snapshot() });
    return { out: of(this.a), in: of(this.b) };
  }

  start(): void {
    for (const driver of this.#drivers) driver.start();
  }

  /** Changes the profiles of both links. */
  set(profiles: LinkProfiles): void {
    const now = monotonic();
    this.a.outgoing.set(profiles.out, now);
    this.b.outgoing.set(profiles.in, now);
    for (const driver of this.#drivers) driver.wake();
  }

  /** Closes both devices; packets on the links are lost. */
  close(): void {
    for (const driver of this.#drivers) driver.stop();
    for (const device of this.#devices) device.close();
  }

  #vanish(): void {
    const { onGone } = this;
    this.onGone = null;
    onGone?.();
  }
}

import { Counters } from "#base/counters";
import { type Mark, mark } from "#base/mark";
import { HEADROOM, PACKET_MAX, Packet } from "#base/packet";
import type { PacketMemory } from "#base/packet-memory";
import type { TooBig } from "#device/impair";
import { LINK_TOO_BIG } from "#device/link-marks";
import { update } from "#wire/checksum";
import * as ipv4 from "#wire/ipv4";
import * as ipv6 from "#wire/ipv6";
import type { Receiver } from "./actor.ts";
import { SIM_NO_ROUTE } from "./node.ts";
import { Routes } from "./routes.ts";
import type { Wire } from "./wire.ts";

export const ROUTER_FORWARDED = mark("router.forwarded", "passed on to the next wire");
export const ROUTER_BAD_HEADER = mark(
  "router.bad-header",
  "not an IP packet, or its header checksum is wrong (RFC 1812 §5.2.2)",
);
export const ROUTER_TTL = mark("router.ttl", "TTL or hop limit exceeded (RFC 1812 §5.3.1)");

const VALID: Mark = 0;

/** Makes the ICMP errors of a router, each at `reply.o`; returns whether one must be sent. */
export interface RouterErrors {
  readonly tooBig?: TooBig | undefined;
  readonly timeExceeded?: ((slab: PacketMemory, packet: Packet, reply: Packet) => boolean) | undefined;
}

/** Forwards packets between the wires of a simulation by longest prefix, in zero time: queues and delays belong to the wires. */
export class Router implements Receiver {
  readonly name: string;
  readonly counters = new Counters();
  readonly routes = new Routes<Wire>();
  readonly rx = new Packet();
  readonly slab: PacketMemory;
  readonly rxO: number;
  readonly #reply = new Packet();
  readonly #replyO: number;
  readonly #errors: RouterErrors;

  /** @param slab shared by all routers of a simulation, because a packet is in it only while it is forwarded */
  constructor(name: string, slab: PacketMemory, o: number, errors: RouterErrors) {
    this.name = name;
    this.slab = slab;
    this.rxO = o + HEADROOM;
    this.#replyO = this.rxO + PACKET_MAX + HEADROOM;
    this.#errors = errors;
  }

  /** Bytes of the slab that the routers need. */
  static readonly ROOM = 2 * (HEADROOM + PACKET_MAX);

  arrive(now: number): void {
    const { rx, slab } = this;
    if (!headerGood(slab.view, rx.o, rx.n)) {
      this.counters.count(ROUTER_BAD_HEADER);
      return;
    }
    if (!takeHop(slab.view, rx.o)) {
      this.counters.count(ROUTER_TTL);
      const reply = this.#clearReply();
      if (this.#errors.timeExceeded?.(slab, rx, reply)) this.#forward(reply, now);
      return;
    }
    const wire = this.#forward(rx, now);
    if (wire !== undefined) {
      const reply = this.#clearReply();
      if (this.#errors.tooBig?.(slab, rx, wire.link.mtu, reply)) this.#forward(reply, now);
    }
  }

  settle(_now: number): void {}

  /** Returns the wire whose MTU the packet exceeds, if the sender must be informed. */
  #forward(packet: Packet, now: number): Wire | undefined {
    const wire = this.routes.lookup(this.slab.view, packet.o, packet.n);
    if (wire === undefined) {
      this.counters.count(SIM_NO_ROUTE);
      return undefined;
    }
    this.counters.count(ROUTER_FORWARDED);
    const verdict = wire.offer(this.slab, packet, now);
    return verdict === LINK_TOO_BIG && wire.link.profile.mtuIcmp ? wire : undefined;
  }

  #clearReply(): Packet {
    this.#reply.clear();
    this.#reply.o = this.#replyO;
    return this.#reply;
  }
}

function headerGood(v: DataView, o: number, n: number): boolean {
  if (n >= 1 && v.getUint8(o) >> 4 === 6) return ipv6.valid(v, o, n) === VALID;
  return ipv4.valid(v, o, n) === VALID && ipv4.checksumGood(v, o);
}

/** Decrements TTL or hop limit and updates IPv4's checksum (RFC 1624); false if it reached zero. */
function takeHop(v: DataView, o: number): boolean {
  if (v.getUint8(o) >> 4 === 6) {
    const hops = ipv6.hopLimit(v, o);
    if (hops <= 1) return false;
    ipv6.setHopLimit(v, o, hops - 1);
    return true;
  }
  const before = v.getUint16(o + ipv4.TTL);
  if (before >> 8 <= 1) return false;
  const after = before - 0x100;
  v.setUint16(o + ipv4.TTL, after);
  v.setUint16(o + ipv4.CHECKSUM, update(ipv4.checksum(v, o), before, after));
  return true;
}

import type { Counters } from "#base/counters";
import { mark } from "#base/mark";
import { CSUM_NONE, CSUM_VALID, GSO_NONE, PACKET_MAX, type Packet } from "#base/packet";
import type { Slab } from "#base/slab";
import type { HandOverRing } from "#device/hand-over-ring";
import { wakeQueue } from "#device/queue-device";
import type { IpHeader } from "#ip/header";
import type { Siblings } from "#stack/siblings";
import * as ipv4 from "#wire/ipv4";
import * as ipv6 from "#wire/ipv6";
import * as tcphdr from "#wire/tcp";
import type { QueueMemory } from "./queue-memory.ts";

const HANDED_OVER = mark("queue.handed-over", "for no connection of this queue: handed over to the next one");
const NO_ROOM = mark("queue.no-room", "lost: the next queue has not taken what was handed over before");

/**
 * Hands packets that are for no connection of this queue's stack over to the next queue. What no stack knows comes back to the queue where
 * it arrived, which answers it.
 */
export class QueueSiblings implements Siblings {
  readonly sources: Int32Array;
  readonly #memory: QueueMemory;
  readonly #queue: number;
  readonly #next: HandOverRing;
  readonly #nextState: Int32Array;
  #bytes: Uint8Array = new Uint8Array();
  #counters: Counters | null = null;
  /** IP headers for packets that came in fragments or with options: what follows needs only the addresses. */
  readonly #head4 = new Uint8Array(ipv4.HEADER_MIN);
  readonly #head6 = new Uint8Array(ipv6.HEADER);
  readonly #view4 = new DataView(this.#head4.buffer);
  readonly #view6 = new DataView(this.#head6.buffer);

  constructor(memory: QueueMemory, queue: number) {
    this.#memory = memory;
    this.#queue = queue;
    const next = (queue + 1) % memory.queues;
    this.#next = memory.ring(next);
    this.#nextState = memory.state(next);
    this.sources = memory.sources;
  }

  /** Called once, before the first packet. @param slab which holds the packets */
  attach(slab: Slab, counters: Counters): void {
    this.#bytes = slab.u8;
    this.#counters = counters;
  }

  get connections(): number {
    return this.#memory.connectionsBeside(this.#queue);
  }

  mayChoose(port: number): boolean {
    return port % this.#memory.queues === this.#queue;
  }

  publish(connections: number): void {
    this.#memory.setConnections(this.#queue, connections);
  }

  handOver(packet: Packet, header: IpHeader): boolean {
    if (packet.hops >= this.#memory.queues) return false;
    const bytes = this.#bytes;
    const head = header.family === 4 ? this.#header4(header) : this.#header6(header);
    packet.hops++;
    packet.csum = header.csumTrusted ? CSUM_VALID : CSUM_NONE;
    if (packet.gso !== GSO_NONE) packet.headerLength = head.length + (bytes[header.o + tcphdr.OFFSET_FLAGS]! >> 4) * 4;
    const isTaken = head.length + header.n <= PACKET_MAX && this.#next.push(head, bytes, header.o, header.n, packet);
    this.#counters?.count(isTaken ? HANDED_OVER : NO_ROOM);
    if (isTaken) wakeQueue(this.#nextState);
    return true;
  }

  #header4({ tos, ttl, protocol, n, s3, d3 }: IpHeader): Uint8Array {
    ipv4.write(this.#view4, 0, tos, ipv4.HEADER_MIN + n, 0, 0, ttl, protocol, s3, d3);
    ipv4.setChecksum(this.#view4, 0);
    return this.#head4;
  }

  #header6(header: IpHeader): Uint8Array {
    const v = this.#view6;
    ipv6.write(v, 0, header.tos, 0, header.n, header.protocol, header.ttl);
    ipv6.setSource(v, 0, header.s0, header.s1, header.s2, header.s3);
    ipv6.setDestination(v, 0, header.d0, header.d1, header.d2, header.d3);
    return this.#head6;
  }
}

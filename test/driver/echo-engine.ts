import { HEADROOM, PACKET_MAX, type Packet } from "#base/packet";
import { Slab } from "#base/slab";
import { NEVER } from "#base/time";
import type { Engine } from "#driver/engine";
import { finish, sum } from "#wire/checksum";
import * as ipv4 from "#wire/ipv4";

const ECHO_REPLY = 0;

/** The least stack there is: it sends back what it gets, ICMP echoes as replies, and remembers what it was told. */
export class EchoEngine implements Engine {
  readonly slab = new Slab(1 << 20);
  /** Whether packets are answered at all. */
  answer = true;
  deadline = NEVER;
  /** When `advance` found the deadline due. */
  readonly fired: number[] = [];
  events = false;
  received = 0;
  /** Packets of these sizes, to be sent without being asked. */
  readonly toSend: number[] = [];
  #pending = 0;
  #o = 0;

  input(packet: Packet, _now: number): void {
    this.received++;
    this.events = true;
    if (!this.answer) return;
    this.#at();
    this.slab.u8.copyWithin(this.#o, packet.o, packet.o + packet.n);
    this.#pending = packet.n;
    this.#reply();
  }

  advance(now: number): void {
    if (now < this.deadline) return;
    this.fired.push(now);
    this.deadline = NEVER;
  }

  poll(packet: Packet, _now: number): boolean {
    this.#at();
    packet.o = this.#o;
    packet.n = this.#pending || (this.toSend.shift() ?? 0);
    this.#pending = 0;
    return packet.n > 0;
  }

  nextDeadline(): number {
    return this.deadline;
  }

  hasEvents(): boolean {
    return this.events;
  }

  /** Writes over the bytes that packets to be sent are made of. */
  scribble(byte: number): void {
    this.#at();
    this.slab.u8.fill(byte, this.#o, this.#o + PACKET_MAX);
  }

  /** Where packets to be sent lie; reserved at first use, after the driver took its own room. */
  #at(): void {
    if (this.#o === 0) this.#o = this.slab.reserve(HEADROOM + PACKET_MAX) + HEADROOM;
  }

  #reply(): void {
    const { view, u8 } = this.slab;
    const source = ipv4.source(view, this.#o);
    view.setInt32(this.#o + ipv4.SOURCE, ipv4.destination(view, this.#o));
    view.setInt32(this.#o + ipv4.DESTINATION, source);
    ipv4.setTtl(view, this.#o, 64);
    ipv4.setChecksum(view, this.#o);
    const icmp = this.#o + ipv4.HEADER_MIN;
    u8[icmp] = ECHO_REPLY;
    view.setUint16(icmp + 2, 0);
    view.setUint16(icmp + 2, finish(sum(view, icmp, this.#pending - ipv4.HEADER_MIN, 0)));
  }
}

import { assert } from "#base/assert";
import { copyBytes } from "#base/copy";
import { Counters } from "#base/counters";
import { Fifo } from "#base/fifo";
import { mark } from "#base/mark";
import { CSUM_NONE, GSO_NONE, type Packet } from "#base/packet";
import type { PacketMemory } from "#base/packet-memory";
import { NEVER } from "#base/time";
import { type Device, NO_OFFLOAD, RX_GONE, RX_NONE, TX_GONE, TX_OK, type Wakeable } from "./device.ts";

export const MESSAGES_FULL = mark("messages.full", "dropped: the queue was full");
export const MESSAGES_BUSY = mark("messages.busy", "not sent: the transport has no room");
export const MESSAGES_SIZE = mark("messages.size", "dropped: empty, or larger than the MTU");

export interface MessageOptions {
  readonly name: string;
  /** Octets of the largest packet. */
  readonly mtu: number;
  /** Packets that wait to be read by the stack. */
  readonly queueLength: number;
  /** Sends a packet, which is the transport's from then on. False: it has no room, and the packet is lost. */
  readonly send: (packet: Uint8Array<ArrayBuffer>) => boolean;
  /** The stack has closed the device. */
  readonly closed: () => void;
}

/** A device over anything that carries whole messages: one IP packet in each. */
export class MessageDevice implements Device {
  readonly name: string;
  readonly mtu: number;
  readonly queueLength: number;
  readonly offload = NO_OFFLOAD;
  readonly counters = new Counters();
  readonly wakeable: Wakeable;
  readonly #options: MessageOptions;
  readonly #in = new Fifo<Uint8Array>();
  #notify: (() => void) | undefined;
  #slab: PacketMemory | undefined;
  #isOver = false;

  constructor(options: MessageOptions) {
    this.#options = options;
    this.name = options.name;
    this.mtu = options.mtu;
    this.queueLength = options.queueLength;
    this.wakeable = {
      arm: (notify) => {
        this.#notify = notify;
      },
      disarm: () => {
        this.#notify = undefined;
      },
    };
  }

  /** A packet has arrived. It must not be changed afterwards. */
  deliver(packet: Uint8Array): void {
    if (this.#isOver) return;
    if (packet.length === 0 || packet.length > this.mtu) this.counters.count(MESSAGES_SIZE);
    else if (this.#in.size >= this.queueLength) this.counters.count(MESSAGES_FULL);
    else {
      this.#in.push(packet);
      this.#notify?.();
    }
  }

  /** The transport has ended: the stack reads what is left, and then the device is gone. */
  end(): void {
    this.#isOver = true;
    this.#notify?.();
  }

  attach(slab: PacketMemory): void {
    assert(this.#slab === undefined, "a device must be attached only once");
    this.#slab = slab;
  }

  receive(packet: Packet, _now: number): number {
    if (this.#slab === undefined) return RX_GONE;
    const next = this.#in.shift();
    if (next === undefined) return this.#isOver ? RX_GONE : RX_NONE;
    copyBytes(next, 0, this.#slab.u8, packet.o, next.length);
    packet.n = next.length;
    packet.slices = 0;
    packet.csum = CSUM_NONE;
    packet.gso = GSO_NONE;
    return packet.n;
  }

  transmit(packet: Packet, _now: number): number {
    const slab = this.#slab;
    if (slab === undefined || this.#isOver) return TX_GONE;
    const bytes = new Uint8Array(packet.total());
    copyBytes(slab.u8, packet.o, bytes, 0, packet.n);
    for (let i = 0, o = packet.n; i < packet.slices; i++) {
      const n = packet.sliceN[i]!;
      copyBytes(slab.u8, packet.sliceO[i]!, bytes, o, n);
      o += n;
    }
    if (bytes.length > this.mtu) this.counters.count(MESSAGES_SIZE);
    else if (!this.#options.send(bytes)) this.counters.count(MESSAGES_BUSY);
    return TX_OK;
  }

  nextDeadline(): number {
    return NEVER;
  }

  close(): void {
    if (this.#slab === undefined && this.#isOver) return;
    this.#slab = undefined;
    this.#isOver = true;
    this.#options.closed();
  }
}

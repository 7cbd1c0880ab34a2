import { assert } from "#base/assert";
import { Counters } from "#base/counters";
import { mark } from "#base/mark";
import { GSO_NONE, PACKET_MAX, type Packet } from "#base/packet";
import type { PacketMemory } from "#base/packet-memory";
import { NEVER } from "#base/time";
import { type Device, NO_OFFLOAD, type Offload, RX_GONE, RX_NONE, TX_GONE, TX_OK, type Wakeable } from "./device.ts";
import { LinkStorage, NO_CELL } from "./link-storage.ts";

export const PAIR_FULL = mark("pair.full", "dropped: the other end reads too slowly");
export const PAIR_TOO_BIG = mark("pair.too-big", "dropped: larger than the MTU");

/** Options of `pair`. */
export interface PairOptions {
  /** The names of both ends. Default "pair0" and "pair1". */
  readonly names?: readonly [string, string];
  /** Bytes of the largest packet. Default 1500. */
  readonly mtu?: number;
  /** Queue length in packets in each direction; further packets are dropped. Default 500, as a TUN's. */
  readonly queueLength?: number;
  /** The offloads of both ends; with TSO, super-segments pass whole, as between two TUNs. Default none. */
  readonly offload?: Offload;
}

/** Two devices joined in memory: packets that one transmits are copied to the other, in order. */
export function pair(options: PairOptions = {}): [PairDevice, PairDevice] {
  const { names = ["pair0", "pair1"], mtu = 1_500, queueLength = 500, offload = NO_OFFLOAD } = options;
  const room = offload.tso4 || offload.tso6 ? PACKET_MAX : mtu;
  const there = new PacketQueue(queueLength, room);
  const back = new PacketQueue(queueLength, room);
  const a = new PairDevice(names[0], mtu, offload, back, there);
  const b = new PairDevice(names[1], mtu, offload, there, back);
  return [a, b];
}

/** One end of a pair. */
export class PairDevice implements Device {
  readonly name: string;
  readonly mtu: number;
  readonly queueLength: number;
  readonly offload: Offload;
  readonly wakeable: Wakeable;
  /** Packets that were dropped, by mark. */
  readonly counters = new Counters();
  readonly #in: PacketQueue;
  readonly #out: PacketQueue;
  #slab: PacketMemory | undefined;

  constructor(name: string, mtu: number, offload: Offload, incoming: PacketQueue, outgoing: PacketQueue) {
    this.name = name;
    this.mtu = mtu;
    this.offload = offload;
    this.queueLength = outgoing.capacity;
    this.wakeable = incoming;
    this.#in = incoming;
    this.#out = outgoing;
  }

  attach(slab: PacketMemory): void {
    assert(this.#slab === undefined, "a device must be attached only once");
    this.#slab = slab;
  }

  receive(packet: Packet, _now: number): number {
    if (this.#slab === undefined) return RX_GONE;
    if (this.#in.size > 0) return this.#in.take(packet, this.#slab);
    return this.#in.closed ? RX_GONE : RX_NONE;
  }

  transmit(packet: Packet, _now: number): number {
    if (this.#slab === undefined || this.#out.closed) return TX_GONE;
    const segment = packet.gso === GSO_NONE ? packet.total() : packet.headerLength + packet.gsoSize;
    if (segment > this.mtu) this.counters.count(PAIR_TOO_BIG);
    else if (!this.#out.put(packet, this.#slab)) this.counters.count(PAIR_FULL);
    return TX_OK;
  }

  nextDeadline(): number {
    return NEVER;
  }

  /** Closes both ends. The other end can still read the packets that were on their way. */
  close(): void {
    this.#slab = undefined;
    this.#in.close();
    this.#out.close();
  }
}

/** The fields of a packet that travel with its bytes. */
const FIELDS = 6;

/** One direction: a bounded queue of packets, copied in and out. */
class PacketQueue implements Wakeable {
  readonly capacity: number;
  size = 0;
  closed = false;
  readonly #storage: LinkStorage;
  /** By cell of the storage. */
  readonly #fields: Int32Array;
  /** A ring of the cells in use, the oldest at `#first`. */
  readonly #order: Int32Array;
  #first = 0;
  #notify: (() => void) | undefined;

  constructor(capacity: number, packetMax: number) {
    this.capacity = capacity;
    this.#storage = new LinkStorage(packetMax, capacity);
    this.#fields = new Int32Array(capacity * FIELDS);
    this.#order = new Int32Array(capacity);
  }

  arm(notify: () => void): void {
    this.#notify = notify;
  }

  disarm(): void {
    this.#notify = undefined;
  }

  close(): void {
    this.closed = true;
    this.#notify?.();
  }

  /** Adds a packet; false if the queue is full. */
  put(packet: Packet, slab: PacketMemory): boolean {
    const cell = this.#storage.put(slab, packet);
    if (cell === NO_CELL) return false;
    const f = cell * FIELDS;
    this.#fields[f] = packet.csum;
    this.#fields[f + 1] = packet.csumStart;
    this.#fields[f + 2] = packet.csumOffset;
    this.#fields[f + 3] = packet.gso;
    this.#fields[f + 4] = packet.gsoSize;
    this.#fields[f + 5] = packet.headerLength;
    this.#order[(this.#first + this.size) % this.capacity] = cell;
    this.size++;
    this.#notify?.();
    return true;
  }

  take(packet: Packet, slab: PacketMemory): number {
    const cell = this.#order[this.#first]!;
    this.#first = (this.#first + 1) % this.capacity;
    this.size--;
    const f = cell * FIELDS;
    packet.csum = this.#fields[f]!;
    packet.csumStart = this.#fields[f + 1]!;
    packet.csumOffset = this.#fields[f + 2]!;
    packet.gso = this.#fields[f + 3]!;
    packet.gsoSize = this.#fields[f + 4]!;
    packet.headerLength = this.#fields[f + 5]!;
    packet.slices = 0;
    packet.n = this.#storage.get(cell, slab, packet.o);
    this.#storage.release(cell);
    return packet.n;
  }
}

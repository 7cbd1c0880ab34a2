import type { Packet } from "#base/packet";
import type { PacketMemory } from "#base/packet-memory";
import { ownSignals, ringProcess, setAsync, statusFlags } from "#ffi/async";
import { Readiness } from "#ffi/readiness";
import type { FloodFilter } from "#ip/flood-filter";
import { type Device, type Offload, RX_NONE, type Wakeable } from "./device.ts";
import type { HandOverRing } from "./hand-over-ring.ts";
import type { TunDevice } from "./tun.ts";

/** Values of a queue's state, which its thread and the one that wakes it share. */
export const AWAKE = 0;
export const ASLEEP = 1;
/** It was woken, and does not know it yet. */
export const WOKEN = 2;

/**
 * One queue of a TUN device, in a thread of its own: its packets, and those that the thread of another queue hands over.
 *
 * SIGIO reaches only the first thread of a program (Bun's signal handlers run there). A queue that sleeps says so in shared memory, and the
 * first thread wakes it (`QueueBells`).
 */
export class QueueDevice implements Device {
  readonly name: string;
  readonly mtu: number;
  readonly queueLength: number;
  readonly offload: Offload;
  readonly wakeable: QueueBell;
  readonly filter: FloodFilter | undefined;
  readonly #tun: TunDevice;
  readonly #ring: HandOverRing;
  #slab: PacketMemory | undefined;
  /** The ring's turn: neither of the two starves the other. */
  #isRingsTurn = false;

  /** @param ring from the queue before this one. @param state one word of shared memory */
  constructor(tun: TunDevice, ring: HandOverRing, state: Int32Array) {
    this.#tun = tun;
    this.#ring = ring;
    this.name = tun.name;
    this.mtu = tun.mtu;
    this.queueLength = tun.queueLength;
    this.filter = tun.filter;
    this.offload = tun.offload;
    this.wakeable = new QueueBell(tun.descriptor, ring, state);
  }

  attach(slab: PacketMemory): void {
    this.#slab = slab;
    this.#tun.attach(slab);
  }

  receive(packet: Packet, now: number): number {
    this.#isRingsTurn = !this.#isRingsTurn;
    if (this.#isRingsTurn) {
      const n = this.#handedOver(packet);
      return n > 0 ? n : this.#tun.receive(packet, now);
    }
    const n = this.#tun.receive(packet, now);
    return n === RX_NONE ? this.#handedOver(packet) : n;
  }

  #handedOver(packet: Packet): number {
    return this.#slab === undefined ? 0 : this.#ring.shift(this.#slab.u8, packet);
  }

  transmit(packet: Packet, now: number): number {
    return this.#tun.transmit(packet, now);
  }

  nextDeadline(): number {
    return this.#tun.nextDeadline();
  }

  close(): void {
    this.wakeable.close();
    this.#tun.close();
    this.#slab = undefined;
  }
}

export class QueueBell implements Wakeable {
  readonly #fd: number;
  readonly #ring: HandOverRing;
  readonly #state: Int32Array;
  readonly #readiness: Readiness;
  readonly #flags: number;
  #notify: (() => void) | null = null;

  constructor(fd: number, ring: HandOverRing, state: Int32Array) {
    this.#fd = fd;
    this.#ring = ring;
    this.#state = state;
    this.#readiness = new Readiness(fd);
    this.#flags = statusFlags(fd);
  }

  wait(usecs: number): boolean {
    return !this.#ring.isEmpty || this.#readiness.wait(usecs);
  }

  arm(notify: () => void): void {
    this.#notify = notify;
    Atomics.store(this.#state, 0, ASLEEP);
    setAsync(this.#fd, this.#flags, true);
  }

  disarm(): void {
    if (this.#notify === null) return;
    this.#notify = null;
    setAsync(this.#fd, this.#flags, false);
    Atomics.store(this.#state, 0, AWAKE);
  }

  /** The first thread has woken this one. */
  ring(): void {
    this.#notify?.();
  }

  close(): void {
    this.disarm();
    this.#readiness.close();
  }
}

/** The first thread's part: wakes the queues that sleep and have something to do. */
export class QueueBells {
  readonly #bells: { readonly state: Int32Array; readonly ring: HandOverRing; readonly readiness: Readiness }[] = [];
  readonly #wake: (queue: number) => void;
  readonly #onSigio = () => this.#look();

  constructor(wake: (queue: number) => void) {
    this.#wake = wake;
    process.on("SIGIO", this.#onSigio);
  }

  /** The next queue. This thread becomes the receiver of the descriptor's signals. */
  add(fd: number, ring: HandOverRing, state: Int32Array): void {
    // A thread that turns the signals on would become their receiver, if there were none yet.
    ownSignals(fd, "a queue");
    this.#bells.push({ state, ring, readiness: new Readiness(fd) });
  }

  #look(): void {
    this.#bells.forEach(({ state, ring, readiness }, queue) => {
      if (Atomics.load(state, 0) !== ASLEEP || (ring.isEmpty && !readiness.wait(0))) return;
      if (Atomics.compareExchange(state, 0, ASLEEP, WOKEN) === ASLEEP) this.#wake(queue);
    });
  }

  close(): void {
    process.off("SIGIO", this.#onSigio);
    for (const { readiness } of this.#bells) readiness.close();
    this.#bells.length = 0;
  }
}

/** After a push into another queue's ring: wakes its thread, if it sleeps. */
export function wakeQueue(state: Int32Array): void {
  if (Atomics.load(state, 0) === ASLEEP) ringProcess();
}

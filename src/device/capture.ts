import { copyBytes } from "#base/copy";
import type { Mark } from "#base/mark";
import { CSUM_PARTIAL, type Packet } from "#base/packet";
import type { PacketMemory } from "#base/packet-memory";
import { sum } from "#wire/checksum";
import { type Device, type Offload, TX_GONE, TX_OK, type Wakeable } from "./device.ts";
import { finalChecksum } from "./segmentation.ts";

/** Takes a copy of every packet. Packets are written into its buffer, so that nothing is allocated per packet. */
export interface CaptureSink {
  /** The buffer, as octets. */
  readonly u8: Uint8Array;
  /** The buffer, as a DataView. */
  readonly view: DataView;
  /**
   * Makes room for a packet of `n` bytes. The buffer may be replaced, so read `u8` and `view` afterwards.
   * @param now µs of the driver's clock.
   * @returns the offset in `u8` for the packet's bytes, or -1 if the packet is not wanted.
   */
  begin(n: number, now: number, outbound: boolean): number;
  /** The packet's bytes have been written. @param cause why it was sent, or what it was for the stack; 0: unknown */
  end(cause: Mark): void;
  /** No packet follows: writes what it has kept back. */
  finish?(): void;
}

/**
 * Copies every packet, in both directions, to a sink. Super-segments are copied whole, as the device gets them. A checksum
 * that is left to the device is completed in the copy, so that readers of the capture do not report it as wrong.
 */
export class CaptureDevice implements Device {
  readonly name: string;
  readonly mtu: number;
  readonly queueLength: number;
  readonly offload: Offload;
  readonly wakeable: Wakeable | undefined;
  readonly #inner: Device;
  readonly #sink: CaptureSink;
  #slab: PacketMemory | undefined;
  /** A received packet is in the sink, and the stack has yet to say what it was. */
  #waits = false;
  /** Tells what the stack made of the packet that it got last, once; null: nobody does. */
  verdict: (() => Mark) | null = null;

  constructor(inner: Device, sink: CaptureSink) {
    this.#inner = inner;
    this.#sink = sink;
    this.name = inner.name;
    this.mtu = inner.mtu;
    this.queueLength = inner.queueLength;
    this.offload = inner.offload;
    this.wakeable = inner.wakeable;
  }

  attach(slab: PacketMemory): void {
    this.#inner.attach(slab);
    this.#slab = slab;
  }

  receive(packet: Packet, now: number): number {
    this.#finish();
    const n = this.#inner.receive(packet, now);
    if (n > 0) this.#copy(packet, now, false);
    return n;
  }

  transmit(packet: Packet, now: number): number {
    if (this.#slab === undefined) return TX_GONE;
    this.#finish();
    const result = this.#inner.transmit(packet, now);
    if (result === TX_OK) this.#copy(packet, now, true);
    return result;
  }

  nextDeadline(): number {
    this.#finish();
    return this.#inner.nextDeadline();
  }

  close(): void {
    this.#finish();
    this.#sink.finish?.();
    this.#inner.close();
    this.#slab = undefined;
  }

  #copy(packet: Packet, now: number, outbound: boolean): void {
    if (!copyPacket(this.#slab!.u8, packet, this.#sink, now, outbound)) return;
    if (outbound || this.verdict === null) this.#sink.end(packet.cause);
    else this.#waits = true;
  }

  /** By now the stack has processed the packet that was received last. */
  #finish(): void {
    if (!this.#waits) return;
    this.#waits = false;
    this.#sink.end(this.verdict?.() ?? 0);
  }
}

/** Copies a packet into the sink, which then waits for its `end`. False if it is not wanted. */
export function copyPacket(
  from: Uint8Array,
  packet: Packet,
  sink: CaptureSink,
  now: number,
  outbound: boolean,
): boolean {
  const n = packet.total();
  const o = sink.begin(n, now, outbound);
  if (o < 0) return false;
  const { u8, view } = sink;
  copyBytes(from, packet.o, u8, o, packet.n);
  let at = o + packet.n;
  for (let i = 0; i < packet.slices; i++) {
    const length = packet.sliceN[i]!;
    copyBytes(from, packet.sliceO[i]!, u8, at, length);
    at += length;
  }
  const field = packet.csumStart + packet.csumOffset;
  if (packet.csum === CSUM_PARTIAL && field + 2 <= n) {
    // The field holds the pseudo-header's sum and is part of the checksum.
    const total = sum(view, o + packet.csumStart, n - packet.csumStart, 0);
    view.setUint16(o + field, finalChecksum(total, packet.csumOffset));
  }
  return true;
}

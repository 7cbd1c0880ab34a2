import { Fifo } from "#base/fifo";
import type { Mark } from "#base/mark";
import { PACKET_MAX } from "#base/packet";
import type { CaptureSink } from "#device/capture";
import type { LinkObserver } from "#device/link";
import { LINK_DELIVERED, LINK_DROPS, LINK_OFFERED } from "#device/link-marks";

/** A capture that can say what the link did to a packet. */
export interface FateSink extends CaptureSink {
  /** The packet's bytes have been written. @param fate the mark of what the link did; 0: it delivered the packet, or is not known */
  end(cause: Mark, fate?: Mark): void;
}

export interface MarkedOptions {
  /** Whether the packets that go onto the link are those sent (by a stack), or those received (from a device). */
  readonly outbound: boolean;
  /** The link is at the other end: packets come to it in this order, later, and are known by their octets. */
  readonly isFar?: boolean;
  /** How long a packet may wait for its fate, µs. Default: 1 s. */
  readonly patience?: number;
}

/** Octets of packets that may wait for their fate. */
const ROOM = 32 << 20;
const PATIENCE = 1_000_000;
/** Octets by which a packet is known: the headers of IPv4 and TCP, or those of IPv6 and half of TCP's. */
const HEADERS = 52;

/** A packet that waits for its fate, or for one before it. */
interface Held {
  readonly bytes: Uint8Array;
  readonly time: number;
  readonly outbound: boolean;
  readonly cause: Mark;
  fate: Mark;
  isKnown: boolean;
}

/** What the link has told of a packet before its copy was made. */
interface Early {
  readonly id: number;
  fate: Mark;
  isKnown: boolean;
}

/**
 * Puts packets into a capture when it is known whether the link has lost them, in the order of their times. It observes the link that
 * carries them. Those whose fate takes too long are written without it.
 */
export class MarkedCapture implements CaptureSink, LinkObserver {
  readonly u8: Uint8Array = new Uint8Array(PACKET_MAX);
  readonly view: DataView = new DataView(this.u8.buffer);
  readonly #sink: FateSink;
  readonly #outbound: boolean;
  readonly #isFar: boolean;
  readonly #patience: number;
  readonly #held = new Fifo<Held>();
  /** By the packet's number on the link. */
  readonly #underWay = new Map<number, Held>();
  #octets = 0;
  #n = 0;
  #time = 0;
  #isOutbound = false;
  /** The latest packet that was offered and not copied yet; or that was copied and not offered yet. */
  #offered: Early | null = null;
  #copied: Held | null = null;
  /** Copied, and not yet offered to a far link. */
  #sent: Held[] = [];

  constructor(sink: FateSink, { outbound, isFar = false, patience = PATIENCE }: MarkedOptions) {
    this.#isFar = isFar;
    this.#sink = sink;
    this.#outbound = outbound;
    this.#patience = patience;
  }

  begin(n: number, now: number, outbound: boolean): number {
    this.#n = n;
    this.#time = now;
    this.#isOutbound = outbound;
    return 0;
  }

  end(cause: Mark): void {
    const outbound = this.#isOutbound;
    const onLink = outbound === this.#outbound;
    const bytes = this.u8.slice(0, this.#n);
    const held: Held = { bytes, time: this.#time, outbound, cause, fate: 0, isKnown: !onLink };
    this.#held.push(held);
    this.#octets += bytes.length;
    if (onLink) this.#copy(held);
    this.#write();
  }

  /** Writes the rest: no packet follows. */
  finish(): void {
    for (let held = this.#held.shift(); held !== undefined; held = this.#held.shift()) this.#put(held);
    this.#underWay.clear();
    this.#sent = [];
    this.#octets = 0;
  }

  onLink(_at: number, mark: Mark, view: DataView, o: number, n: number, id: number): void {
    if (mark === LINK_OFFERED) {
      if (this.#isFar) this.#arrive(new Uint8Array(view.buffer, view.byteOffset + o, Math.min(n, HEADERS)), n, id);
      else this.#offer(id);
      return;
    }
    const packet = this.#offered?.id === id ? this.#offered : this.#underWay.get(id);
    if (packet === undefined) return;
    const isDrop = LINK_DROPS.includes(mark);
    if (mark !== LINK_DELIVERED) packet.fate = mark;
    if (!isDrop && mark !== LINK_DELIVERED) return;
    packet.isKnown = true;
    this.#underWay.delete(id);
    this.#write();
  }

  /** A device copies a packet after it went onto the link; a simulated stack, before. */
  #copy(held: Held): void {
    if (this.#isFar) {
      this.#sent.push(held);
      return;
    }
    const early = this.#offered;
    this.#offered = null;
    if (early === null) {
      // The one before it was never offered.
      if (this.#copied !== null) this.#copied.isKnown = true;
      this.#copied = held;
      return;
    }
    held.fate = early.fate;
    held.isKnown = early.isKnown;
    if (!early.isKnown) this.#underWay.set(early.id, held);
  }

  #offer(id: number): void {
    const copied = this.#copied;
    this.#copied = null;
    if (copied === null) this.#offered = { id, fate: 0, isKnown: false };
    else this.#underWay.set(id, copied);
  }

  /** A packet has come to the far link: those sent before it have not, and will not. */
  #arrive(headers: Uint8Array, n: number, id: number): void {
    const i = this.#sent.findIndex(({ bytes }) => bytes.length === n && headers.every((byte, k) => bytes[k] === byte));
    if (i < 0) return;
    for (const held of this.#sent.slice(0, i)) held.isKnown = true;
    this.#underWay.set(id, this.#sent[i]!);
    this.#sent = this.#sent.slice(i + 1);
  }

  #write(): void {
    for (let head = this.#held.peek(); head !== undefined; head = this.#held.peek()) {
      const isLate = head.time + this.#patience < this.#time || this.#octets > ROOM;
      if (!head.isKnown && !isLate) return;
      this.#held.shift();
      this.#octets -= head.bytes.length;
      this.#put(head);
      if (this.#sent[0] === head) this.#sent.shift();
    }
  }

  #put({ bytes, time, outbound, cause, fate }: Held): void {
    const o = this.#sink.begin(bytes.length, time, outbound);
    if (o < 0) return;
    this.#sink.u8.set(bytes, o);
    this.#sink.end(cause, fate);
  }
}

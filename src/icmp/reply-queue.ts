import { HEADROOM, type Packet } from "#base/packet";
import type { Slab } from "#base/slab";
import type { IpSend } from "#ip/send";
import * as ipv6 from "#wire/ipv6";

/** Limit of queued replies. */
const ENTRIES = 64;
/** Limit of their bytes: three echo replies of maximum length. */
const BYTES = 256 * 1024;
/** Room before each message for the IP header and the device's header. */
const LEAD = HEADROOM + ipv6.HEADER;

/**
 * A FIFO queue of ICMP messages to send: a ring of bytes and a ring of parameters for IP. Bounded; a message that does not
 * fit is dropped.
 */
export class ReplyQueue {
  readonly #region: number;
  readonly #o = new Int32Array(ENTRIES);
  readonly #n = new Int32Array(ENTRIES);
  readonly #cause = new Int32Array(ENTRIES);
  readonly #tos = new Int32Array(ENTRIES);
  readonly #protocol = new Int32Array(ENTRIES);
  /** Source and destination, four words each. */
  readonly #addresses = new Int32Array(ENTRIES * 8);
  #first = 0;
  #count = 0;
  /** The offset of the ring's free bytes. */
  #tail = 0;
  /** The first entry was returned by `poll` and stays valid until the next one. */
  #held = false;

  /** Reserves a region of the slab, so make it before the first page is allocated. */
  constructor(slab: Slab) {
    this.#region = slab.reserve(BYTES);
  }

  /** Number of queued replies. */
  get size(): number {
    return this.#count - (this.#held ? 1 : 0);
  }

  /** The offset at which to write a message of `n` bytes, or -1 if there is no room. `push` then adds it to the queue. */
  room(n: number): number {
    if (this.#count === ENTRIES) return -1;
    const need = LEAD + n;
    if (this.#count === 0) this.#tail = 0;
    const head = this.#count === 0 ? BYTES : this.#o[this.#first]! - LEAD - this.#region;
    const wrapped = this.#count > 0 && this.#tail <= head;
    if (wrapped ? need >= head - this.#tail : need > BYTES - this.#tail) {
      if (wrapped || need >= head || this.#count === 0) return -1;
      this.#tail = 0;
    }
    return this.#region + this.#tail + LEAD;
  }

  /** Queues the message that was written at `room(n)`, with the parameters in `send`. */
  push(o: number, n: number, send: IpSend, cause: number): void {
    const i = (this.#first + this.#count++) % ENTRIES;
    this.#o[i] = o;
    this.#n[i] = n;
    this.#cause[i] = cause;
    this.#tos[i] = send.tos;
    this.#protocol[i] = send.protocol;
    const words = this.#addresses;
    words[i * 8] = send.s0;
    words[i * 8 + 1] = send.s1;
    words[i * 8 + 2] = send.s2;
    words[i * 8 + 3] = send.s3;
    words[i * 8 + 4] = send.d0;
    words[i * 8 + 5] = send.d1;
    words[i * 8 + 6] = send.d2;
    words[i * 8 + 7] = send.d3;
    this.#tail = o + n - this.#region;
  }

  /**
   * Takes the oldest message: `packet` begins with its ICMP header, `send` has its parameters. Its bytes are valid until the next
   * `poll`. False if there is none.
   */
  poll(packet: Packet, send: IpSend): boolean {
    if (this.#held) {
      this.#first = (this.#first + 1) % ENTRIES;
      this.#count--;
      this.#held = false;
    }
    if (this.#count === 0) return false;
    this.#held = true;
    const i = this.#first;
    packet.clear();
    packet.o = this.#o[i]!;
    packet.n = this.#n[i]!;
    packet.cause = this.#cause[i]!;
    const w = this.#addresses;
    send.setSource(w[i * 8]!, w[i * 8 + 1]!, w[i * 8 + 2]!, w[i * 8 + 3]!);
    send.setDestination(w[i * 8 + 4]!, w[i * 8 + 5]!, w[i * 8 + 6]!, w[i * 8 + 7]!);
    send.protocol = this.#protocol[i]!;
    send.tos = this.#tos[i]!;
    // Replies and errors do no path MTU discovery: routers may fragment them.
    send.dontFragment = false;
    send.flowLabel = 0;
    return true;
  }
}

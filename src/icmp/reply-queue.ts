import { HEADROOM, type Packet } from "#base/packet";
import type { Slab } from "#base/slab";
import type { IpSend } from "#ip/send";
import * as ipv6 from "#wire/ipv6";

/** Replies that wait at once. */
const ENTRIES = 64;
/** Bytes of all of them: three echo replies of the greatest length. */
const BYTES = 256 * 1024;
/** Room before each for the IP header and the device's own. */
const LEAD = HEADROOM + ipv6.HEADER;

/**
 * ICMP messages that wait to be sent, in order: a ring of bytes and a ring of what IP must know. Bounded; what does not
 * fit is not sent, as RFC 1122 lets a host do with any ICMP message.
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
  /** Where the ring's free bytes begin. */
  #tail = 0;
  /** The first entry was handed out, and stays until the next poll. */
  #held = false;

  /** Reserves its region of the slab: before the first page is taken. */
  constructor(slab: Slab) {
    this.#region = slab.reserve(BYTES);
  }

  /** Replies that wait. */
  get size(): number {
    return this.#count - (this.#held ? 1 : 0);
  }

  /** Where a message of `n` bytes may be written, or -1 where there is no room. `push` makes it part of the queue. */
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

  /** Queues the message that was written at `room(n)`, to go as `send` says. */
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
   * Takes the oldest message: `packet` begins with its ICMP header, `send` says how it goes. Its bytes stay until the next
   * `poll`. False where none waits.
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
    // Neither replies nor errors are worth a path MTU discovery: routers may cut them.
    send.dontFragment = false;
    send.flowLabel = 0;
    return true;
  }
}

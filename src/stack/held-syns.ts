/**
 * SYNs to addresses and ports that nobody listens on, held until the user decides (`Interception`). A held SYN is no connection yet: there
 * is no TCB, and nothing was answered, so the user can find out first whether the real destination accepts one.
 */
import { Fifo } from "#base/fifo";
import type { Slab } from "#base/slab";
import { NEVER, SECOND } from "#base/time";
import { Address } from "#ip/address";
import type { IpHeader } from "#ip/header";
import type { Segment } from "#tcp/words/segment";
import type { Ends } from "#tcp/words/tcb";

/** How long a SYN is held, µs: longer than its sender repeats it (Linux: 127 s; RFC 9293 R2 of a SYN: at least 3 minutes). */
const HELD_MAX = 190 * SECOND;

/** A SYN that waits for a decision. */
export class HeldSyn {
  readonly ends: Ends;
  readonly seq: number;
  /** Of the IP header. */
  readonly tos: number;
  /** The TCP header with its options, without text: the sender repeats that. */
  readonly header: Uint8Array;
  readonly since: number;
  /** Nothing was decided, and the sender has not given up. */
  isOpen = true;

  constructor(ends: Ends, { seq }: Segment, tos: number, header: Uint8Array, now: number) {
    this.ends = ends;
    this.seq = seq;
    this.tos = tos;
    this.header = header;
    this.since = now;
  }
}

export class HeldSyns {
  /** The most SYNs that may be held. */
  limit = 0;
  /** Held SYNs that were not reported yet. */
  readonly events = new Fifo<HeldSyn>();
  /** By `keyOf` of their ends, oldest first. */
  readonly #held = new Map<string, HeldSyn>();
  readonly #slab: Slab;

  constructor(slab: Slab) {
    this.#slab = slab;
  }

  get size(): number {
    return this.#held.size;
  }

  /**
   * Whether the SYN repeats one that is held. A SYN of another sequence number shows that its sender has given up the held one and begun
   * anew.
   */
  isRepeated(ends: Ends, { seq }: Segment): boolean {
    const held = this.#held.get(keyOf(ends));
    if (held === undefined) return false;
    if (held.seq === seq) return true;
    this.release(held);
    return false;
  }

  /** Holds a SYN, and reports it; false if there is no room. */
  hold(ends: Ends, seg: Segment, { o, tos }: IpHeader, now: number): boolean {
    if (this.#held.size >= this.limit) return false;
    const held = new HeldSyn(ends, seg, tos, this.#slab.u8.slice(o, o + seg.header), now);
    this.#held.set(keyOf(ends), held);
    this.events.push(held);
    return true;
  }

  /** It is decided, or its sender has given up. False if it was over before. */
  release(held: HeldSyn): boolean {
    if (!held.isOpen) return false;
    held.isOpen = false;
    this.#held.delete(keyOf(held.ends));
    return true;
  }

  /** Gives up those that nobody decided in time. */
  advance(now: number): void {
    for (const held of this.#held.values()) {
      if (held.since + HELD_MAX > now) return;
      this.release(held);
    }
  }

  nextDeadline(): number {
    for (const held of this.#held.values()) return held.since + HELD_MAX;
    return NEVER;
  }

  releaseAll(): void {
    for (const held of [...this.#held.values()]) this.release(held);
  }
}

/** The ends of a received segment. */
export function endsOf(header: IpHeader, localPort: number, remotePort: number): Ends {
  const { s0, s1, s2, s3, d0, d1, d2, d3 } = header;
  return { local: new Address(d0, d1, d2, d3), localPort, remote: new Address(s0, s1, s2, s3), remotePort };
}

function keyOf({ local: l, localPort, remote: r, remotePort }: Ends): string {
  return `${l.a},${l.b},${l.c},${l.d},${localPort},${r.a},${r.b},${r.c},${r.d},${remotePort}`;
}

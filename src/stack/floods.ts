/**
 * The stack's side of a filter before the device's queue (`FloodFilter`): tells it what exists here, and which kinds of packets come faster than
 * they are answered. The filter then drops what would get no answer anyway: reading a packet costs more than everything done with it.
 */
import type { Counters } from "#base/counters";
import { mark } from "#base/mark";
import type { SipHash } from "#base/siphash";
import { MILLISECOND, SECOND } from "#base/time";
import { ECHO, ECHO_LIMITED, QUEUE_FULL } from "#icmp/icmp";
import { TokenBucket } from "#icmp/token-bucket";
import * as F from "#ip/flood-filter";
import { EXPECTED, type FlowKey, flowHash, portHash, sourceHash } from "#ip/flow-hash";
import * as R from "#ip/reassembly";
import type { Ends } from "#tcp/words/tcb";
import { RX_NO_PORT } from "#udp/marks";
import { TCP } from "#wire/protocol";
import { ExpectedAcks } from "./expected-acks.ts";
import type { Limits } from "./limits.ts";

const inFlood = (what: string) => `${what} in a flood: the kernel dropped it before the device's queue`;
export const DROPPED_SEGMENT = mark("flood.segment", inFlood("a segment for no connection"));
export const DROPPED_DATAGRAM = mark("flood.datagram", inFlood("a datagram for no socket"));
export const DROPPED_ECHO = mark("flood.echo", inFlood("an echo request"));
export const DROPPED_FRAGMENT = mark("flood.fragment", inFlood("a fragment"));
export const DROPPED_SYN = mark("flood.syn", inFlood("a SYN"));

/** By kind; SYNs last. */
export const DROPPED_BY_FILTER = [
  DROPPED_SEGMENT,
  DROPPED_DATAGRAM,
  DROPPED_ECHO,
  DROPPED_FRAGMENT,
  DROPPED_SYN,
] as const;

/** What is counted for an echo request, answered or not. */
const ECHOES = [ECHO, ECHO_LIMITED, QUEUE_FULL];

/** What is counted for a fragment that was in vain, or that made another one so. */
const VAIN_FRAGMENTS = [R.EVICTED, R.ABANDONED, R.OVERLAP, R.DUPLICATE, R.INCONSISTENT, R.TOO_MANY, R.NO_MEMORY];

/** For how long a kind is limited after the filter last dropped one, µs: longer than this program may wait for a processor. */
const HOLD = SECOND;
/** After this time packets of a kind pass again in any case, µs: also in a flood, and under load, some strangers get in. */
const READ_AFTER = 100 * MILLISECOND;
/** How often the counters are looked at, µs. */
const REVIEW = 10 * MILLISECOND;

/** Separates these keys from other uses of the stack's secret. */
const [LABEL0, LABEL1] = [0x666c7730, 0x666c7731];

/**
 * A flood is noticed at a tenth of the rate of answers, so that a machine that is too busy to read more than that notices it as well. Below the
 * rate the filter drops nothing.
 */
const NOTICED = 0.1;
const NOTICED_BURST = 256;

/** Packets of a kind that belong to nothing, and how many of them may come. */
class Vain {
  readonly kind: number;
  readonly #count: () => number;
  readonly #tokens: TokenBucket;
  #last = 0;

  constructor(kind: number, { answerRate, answerBurst }: Readonly<Limits>, count: () => number) {
    this.kind = kind;
    this.#count = count;
    this.#tokens = new TokenBucket(answerRate * NOTICED, Math.min(answerBurst, NOTICED_BURST));
  }

  /** Whether more have come than may. */
  isFlood(now: number): boolean {
    const count = this.#count();
    const more = count - this.#last;
    this.#last = count;
    return more > 0 && !this.#tokens.takeSeveral(more, now);
  }
}

export class Floods {
  /** Segments so far that belonged to no connection and no listener wanted. */
  strays = 0;
  readonly #filter: F.FloodFilter;
  readonly #counters: Counters;
  readonly #key: FlowKey;
  readonly #vain: readonly Vain[];
  /** Until when each kind is limited, µs; and the kinds that are. */
  readonly #until = new Float64Array(F.KINDS + F.SYN_KINDS).fill(Number.NEGATIVE_INFINITY);
  readonly #limited: number[] = [];
  #reviewAt = Number.NEGATIVE_INFINITY;
  #readAt = Number.NEGATIVE_INFINITY;
  readonly #expected: ExpectedAcks;

  /** @param sourceKey of `SynFlood` */
  constructor(filter: F.FloodFilter, hash: SipHash, sourceKey: number, counters: Counters, limits: Readonly<Limits>) {
    this.#filter = filter;
    this.#counters = counters;
    this.#key = { k0: hash.begin().word(LABEL0).end(), k1: hash.begin().word(LABEL1).end() | 1 };
    this.#vain = [
      new Vain(F.STRAY_SEGMENT, limits, () => this.strays),
      new Vain(F.STRAY_DATAGRAM, limits, () => counters.get(RX_NO_PORT)),
      new Vain(F.ECHO_REQUEST, limits, () => ECHOES.reduce((sum, each) => sum + counters.get(each), 0)),
      new Vain(F.FRAGMENT, limits, () => VAIN_FRAGMENTS.reduce((sum, each) => sum + counters.get(each), 0)),
    ];
    this.#expected = new ExpectedAcks(
      (each) => filter.add(each),
      (each) => filter.remove(each),
    );
    filter.begin(this.#key, sourceKey, limits.answerRate);
  }

  /** There is a connection with these ends. */
  connected(ends: Ends): void {
    this.#filter.add(this.#hashOf(ends));
    this.#filter.add(sourceHash(this.#key, ends.remote));
  }

  /** The connection has ended. */
  disconnected(ends: Ends): void {
    this.#filter.remove(this.#hashOf(ends));
    this.#filter.remove(sourceHash(this.#key, ends.remote));
  }

  /** A cookie was sent, which an ACK may return. */
  cookieSent(ends: Ends): void {
    this.#expected.expect(this.#hashOf(ends) ^ EXPECTED);
  }

  /** Somebody listens on a port: a listener, or a UDP socket. */
  bound(protocol: number, port: number): void {
    this.#filter.add(portHash(this.#key, protocol, port));
  }

  unbound(protocol: number, port: number): void {
    this.#filter.remove(portHash(this.#key, protocol, port));
  }

  /** SYNs of this source come through. */
  know(place: number, source: number): void {
    this.#filter.know(place, source);
  }

  /** A SYN for this port found the queue of its listener full. */
  synQueueFull(port: number, now: number): void {
    this.#limit(F.synKind(portHash(this.#key, TCP, port)), now);
  }

  /**
   * Looks whether floods have begun or ended, and counts what the filter has dropped. Call it for each batch of packets.
   * @param isDrained the batch before took all that the device had
   * @param isOn whether packets may be dropped that nobody here has asked for
   */
  review(now: number, isDrained: boolean, isOn: boolean): void {
    if (this.#limited.length > 0 && (isDrained || now > this.#readAt + READ_AFTER)) {
      this.#readAt = now;
      for (const kind of this.#limited) this.#filter.wasRead(kind);
    }
    if (now < this.#reviewAt) return;
    this.#reviewAt = now + REVIEW;
    this.#expected.advance(now);
    this.#countDropped(now, isOn);
    if (!isOn) return;
    for (const vain of this.#vain) if (vain.isFlood(now)) this.#limit(vain.kind, now);
  }

  #limit(kind: number, now: number): void {
    if (this.#until[kind]! - now > HOLD / 2) return;
    this.#until[kind] = now + HOLD;
    this.#filter.limit(kind, HOLD);
    if (!this.#limited.includes(kind)) this.#limited.push(kind);
  }

  /** A flood lasts as long as the filter drops its packets. */
  #countDropped(now: number, isOn: boolean): void {
    for (let i = this.#limited.length - 1; i >= 0; i--) {
      const kind = this.#limited[i]!;
      const dropped = this.#filter.takeDropped(kind);
      if (dropped > 0) this.#counters.add(DROPPED_BY_FILTER[kind] ?? DROPPED_SYN, dropped);
      if (dropped > 0 && isOn) this.#limit(kind, now);
      else if (now > this.#until[kind]!) this.#limited.splice(i, 1);
    }
  }

  #hashOf({ local, localPort, remote, remotePort }: Ends): number {
    const mixed = local.a ^ local.b ^ local.c ^ local.d;
    return flowHash(this.#key, mixed, remote, (localPort << 16) | remotePort);
  }
}

/** The calls of echo requests (ping), and what the stack passes to them. */
import type { Counters } from "#base/counters";
import type { Packet } from "#base/packet";
import type { Prng } from "#base/prng";
import type { Slab } from "#base/slab";
import { type EchoOptions, EchoRequests, type EchoResult, type EchoRun } from "#icmp/echo-requests";
import { type IcmpError, TOO_BIG } from "#icmp/read-error";
import type { Address } from "#ip/address";
import type { IpHeader } from "#ip/header";
import { claimedMtu, type PathMtu } from "#ip/path-mtu";
import type { IpSend } from "#ip/send";
import { EMSGSIZE, errorName, type TcpErrorName } from "#tcp/words/error";
import { CallError } from "./call-error.ts";
import { errorOf } from "./icmp-errors.ts";
import type { Routing } from "./routing.ts";

export { ECHO_COUNT_MAX, ECHO_SIZE_MAX } from "#icmp/echo-requests";
export type { EchoOptions, EchoResult, EchoRun };

export class Echo {
  readonly #requests: EchoRequests;
  readonly #routing: Routing;
  readonly #pathMtu: PathMtu;

  /** Reserves a region of the slab, so make it before the first page is allocated. */
  constructor(slab: Slab, counters: Counters, prng: Prng, routing: Routing, pathMtu: PathMtu) {
    this.#requests = new EchoRequests(slab, counters, prng);
    this.#routing = routing;
    this.#pathMtu = pathMtu;
  }

  /**
   * Begins to send echo requests to a host. Throws CallError: EINVAL (not the address of one host), EADDRNOTAVAIL, ENOBUFS (too many runs).
   * @param local the source address; null: chosen by IP
   * @param user the owner, which `nextEvent` returns
   */
  start(remote: Address, options: EchoOptions, local: Address | null, user: object): EchoRun {
    this.#routing.checkHost(remote);
    const run = this.#requests.start(this.#routing.source(remote, local), remote, options);
    if (run === null) throw new CallError("ENOBUFS", "too many echo requests at one time");
    run.user = user;
    return run;
  }

  /** Ends it: nothing more is reported. */
  cancel(run: EchoRun): void {
    this.#requests.cancel(run);
  }

  /** The results that came since the last call, in order of their coming. */
  take(run: EchoRun): EchoResult[] {
    return run.results.splice(0);
  }

  /** Whether each request has its result. */
  isOver(run: EchoRun): boolean {
    return run.isOver;
  }

  /** The source address of the requests. */
  local(run: EchoRun): Address {
    return run.local;
  }

  errorName(result: EchoResult): TcpErrorName {
    return errorName(result.error);
  }

  hasEvents(): boolean {
    return this.#requests.events.size > 0;
  }

  /** The owner of the next run with results, or undefined. */
  nextEvent(): object | undefined {
    const { events } = this.#requests;
    for (let next = events.shift(); next !== undefined; next = events.shift()) {
      next.inEvents = false;
      if (next.user !== null) return next.user;
    }
    return undefined;
  }

  // --- For the stack -----------------------------------------------------------------------------------------------

  /** Takes an echo reply. False if it answers nothing that was asked here. */
  input(header: IpHeader, now: number): boolean {
    return this.#requests.input(header, now);
  }

  /**
   * Takes an ICMP error about an ICMP message of ours: a request, or a reply that was too big. No state can tell whether we sent a reply, and
   * only over IPv6 does it matter: IPv4's replies may be fragmented by routers. @param header the error's own
   * @returns false if it is about none of ours
   */
  icmpError(e: IcmpError, header: IpHeader, now: number): boolean {
    const isTooBig = e.kind === TOO_BIG;
    const isOurs = this.#requests.error(e, header, isTooBig ? EMSGSIZE : errorOf(e)) || this.#requests.quotesReply6(e);
    if (!isOurs || !isTooBig) return isOurs;
    const mtu = claimedMtu(e.family, e.mtu, e.packetLength);
    if (mtu > 0) this.#pathMtu.lower(e.d0, e.d1, e.d2, e.d3, mtu, now);
    return true;
  }

  poll(packet: Packet, send: IpSend, now: number): boolean {
    return this.#requests.poll(packet, send, now);
  }

  advance(now: number): void {
    this.#requests.advance(now);
  }

  nextDeadline(): number {
    return this.#requests.nextDeadline();
  }
}

/**
 * Reassembly of IPv4 and IPv6 fragments (RFC 791 §3.2, RFC 1122 §3.3.2, RFC 8200 §4.5), bounded in datagrams, pages and
 * fragments. The fragments' payload is kept in pages of the slab until the datagram is complete; then it is copied
 * into one region, after the first fragment's header.
 *
 * A fragment that overlaps another discards the datagram, and its further fragments are dropped until its timeout (RFC 5722;
 * also for IPv4, where only attackers send such fragments). An exact duplicate changes nothing.
 */
import type { Counters } from "#base/counters";
import { type Mark, mark } from "#base/mark";
import { HEADROOM, PACKET_MAX } from "#base/packet";
import { NO_PAGE, PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, type Slab } from "#base/slab";
import { NEVER, SECOND } from "#base/time";
import * as ipv4 from "#wire/ipv4";
import * as ipv6 from "#wire/ipv6";
import { FRAGMENT_HEADER } from "#wire/ipv6-extensions";
import { DatagramOrder } from "./datagram-order.ts";
import type { IpHeader } from "./header.ts";

/** RFC 8200 §4.5: 60 s after the first-arriving fragment. RFC 1122 §3.3.2 wants a fixed value of 60 to 120 s. */
export const REASSEMBLY_TIMEOUT = 60 * SECOND;
/** Bytes of header kept per datagram: enough for any IPv4 header and for all usual extension headers. */
export const HEADER_ROOM = 512;
/** Limit of the quote in the ICMP error about a timeout: it must fit into 1280 bytes. */
const QUOTE_MAX = 1280;
const PAGES_EACH = (PACKET_MAX + PAGE_MASK) >> PAGE_SHIFT;
/** Words of a key: source, destination, identification, protocol (IPv6: -1, RFC 8200 does not use it). */
const KEY = 10;

export interface ReassemblyLimits {
  /** Limit of incomplete datagrams; a new one replaces the oldest of the source that has most. */
  readonly datagrams: number;
  /** Limit of slab pages for all of them. */
  readonly pages: number;
  /** Limit of fragments per datagram; 65,535 bytes at an MTU of 576 need 119. */
  readonly fragments: number;
}

export const REASSEMBLY_LIMITS: ReassemblyLimits = { datagrams: 64, pages: 64, fragments: 128 };

export const OVERLAP = mark("ip.fragment-overlap", "a fragment overlaps another: the datagram is dropped (RFC 5722)");
export const DUPLICATE = mark("ip.fragment-duplicate", "duplicate fragment");
export const INCONSISTENT = mark("ip.fragment-inconsistent", "fragments disagree about where the datagram ends");
export const TOO_MANY = mark("ip.fragment-too-many", "more fragments than the limit");
export const HEADER_TOO_LONG = mark("ip.fragment-header-too-long", "too many headers before the fragment");
export const TOO_LONG = mark("ip.fragment-too-long", "fragments exceed 65,535 bytes");
export const ABANDONED = mark("ip.fragment-abandoned", "fragment of a discarded datagram");
export const NO_MEMORY = mark("ip.fragment-no-memory", "no memory left for a fragment");
export const EVICTED = mark("ip.fragment-evicted", "incomplete datagram discarded to make room");
export const EXPIRED = mark("ip.fragment-expired", "datagram still incomplete after 60 s");
export const ECN_MIXED = mark("ip.fragment-ecn", "fragments mix CE and not-ECT (RFC 3168 §5.3)");

/** Results of `add`. */
/** Kept, or a duplicate (see `mark`). More fragments are missing. */
export const KEPT = 0;
/** The datagram is complete: `n` bytes at `o`, header first. */
export const WHOLE = 1;
/** Dropped for the reason in `mark`. */
export const REFUSED = 2;

export class Reassembly {
  /** The packet that `add` completed, or the one that `advance` gave up. Valid until the next call. */
  o = 0;
  n = 0;
  /** Why the last fragment was dropped. */
  mark: Mark = 0;

  readonly #slab: Slab;
  readonly #counters: Counters;
  readonly #limits: ReassemblyLimits;
  /** Region for the headers of incomplete datagrams, HEADER_ROOM each. */
  readonly #headers: number;
  /** The offset of a complete datagram's payload; its header ends here. */
  readonly #payload: number;
  readonly #order: DatagramOrder;
  #pages = 0;

  readonly #key: Int32Array;
  /** NEVER: the entry is free. */
  readonly #deadline: Float64Array;
  /** Payload bytes of the whole datagram; -1: not known yet; -2: discarded. */
  readonly #total: Int32Array;
  readonly #received: Int32Array;
  /** Header bytes of the first fragment; 0: it has not arrived. */
  readonly #headerN: Int32Array;
  readonly #nextHeaderAt: Int32Array;
  readonly #firstN: Int32Array;
  /** One bit per ECN codepoint seen. */
  readonly #ecn: Uint8Array;
  readonly #page: Int32Array;
  /** Ranges received, sorted, not merged. */
  readonly #fragments: Int32Array;
  readonly #from: Int32Array;
  readonly #to: Int32Array;

  constructor(slab: Slab, counters: Counters, limits: ReassemblyLimits = REASSEMBLY_LIMITS) {
    const count = limits.datagrams;
    this.#slab = slab;
    this.#counters = counters;
    this.#limits = limits;
    this.#headers = slab.reserve(count * HEADER_ROOM);
    this.#payload = slab.reserve(HEADROOM + HEADER_ROOM + PACKET_MAX) + HEADROOM + HEADER_ROOM;
    this.#order = new DatagramOrder(count);
    this.#key = new Int32Array(count * KEY);
    this.#deadline = new Float64Array(count).fill(NEVER);
    this.#total = new Int32Array(count);
    this.#received = new Int32Array(count);
    this.#headerN = new Int32Array(count);
    this.#nextHeaderAt = new Int32Array(count);
    this.#firstN = new Int32Array(count);
    this.#ecn = new Uint8Array(count);
    this.#page = new Int32Array(count * PAGES_EACH).fill(NO_PAGE);
    this.#fragments = new Int32Array(count);
    this.#from = new Int32Array(count * limits.fragments);
    this.#to = new Int32Array(count * limits.fragments);
  }

  /** Number of incomplete datagrams, including discarded ones. */
  get datagrams(): number {
    return this.#order.count;
  }

  /** Number of pages held. */
  get pages(): number {
    return this.#pages;
  }

  /**
   * Takes the fragment in `header` (payload `o`, `n`; its id, offset and `moreFragments`). The caller has checked that `n`
   * is not 0, is a multiple of 8 unless it is the last fragment, and ends at or below 65,535.
   */
  add(header: IpHeader, now: number): number {
    this.mark = 0;
    if (header.headerN > HEADER_ROOM) return this.#refuse(HEADER_TOO_LONG);
    let i = this.#find(header);
    if (i < 0) i = this.#create(header, now);
    if (this.#total[i] === -2) return this.#refuse(ABANDONED);
    const from = header.fragmentOffset;
    const to = from + header.n;
    const at = this.#place(i, from, to);
    if (at < 0) return this.mark === DUPLICATE ? KEPT : this.#abandon(i, this.mark);
    const wrong = this.#checkEnd(i, to, header.moreFragments);
    if (wrong !== 0) return this.#abandon(i, wrong);
    if (!this.#store(i, header.o, from, to)) {
      if (this.#fragments[i] === 0) this.#release(i);
      return this.#refuse(NO_MEMORY);
    }
    this.#insert(i, at, from, to);
    this.#ecn[i]! |= 1 << (header.tos & 3);
    if (from === 0) this.#keepHeader(i, header);
    return this.#received[i] === this.#total[i] ? this.#finish(i, header.family) : KEPT;
  }

  /** When the oldest datagram times out, or NEVER. */
  nextDeadline(): number {
    return this.#order.count === 0 ? NEVER : this.#deadline[this.#order.at(0)]!;
  }

  /**
   * Gives up one datagram that has timed out. True if its first fragment had arrived: its beginning is at `o`, `n`, as it
   * arrived, for the ICMP time exceeded error. Call again until `nextDeadline()` is in the future.
   */
  advance(now: number): boolean {
    if (this.nextDeadline() > now) return false;
    const i = this.#order.at(0);
    const due = this.#headerN[i]! > 0 && this.#total[i] !== -2;
    this.#counters.count(EXPIRED);
    if (due) this.#layOut(i, this.#headerN[i]!, Math.min(this.#firstN[i]!, QUOTE_MAX));
    this.#release(i);
    return due;
  }

  #refuse(mark: Mark): number {
    this.mark = mark;
    return REFUSED;
  }

  #find(header: IpHeader): number {
    const protocol = header.family === 4 ? header.protocol : -1;
    // The next fragment mostly belongs to the newest.
    for (let at = this.#order.count - 1; at >= 0; at--) {
      const i = this.#order.at(at);
      const k = i * KEY;
      const key = this.#key;
      if (
        key[k + 8] === header.fragmentId &&
        key[k + 3] === header.s3 &&
        key[k + 7] === header.d3 &&
        key[k + 9] === protocol &&
        key[k + 2] === header.s2 &&
        key[k + 1] === header.s1 &&
        key[k] === header.s0 &&
        key[k + 6] === header.d2 &&
        key[k + 5] === header.d1 &&
        key[k + 4] === header.d0
      ) {
        return i;
      }
    }
    return -1;
  }

  #create(header: IpHeader, now: number): number {
    if (this.#order.count === this.#limits.datagrams) this.#evict(-1);
    const i = this.#deadline.indexOf(NEVER);
    const k = i * KEY;
    this.#key[k] = header.s0;
    this.#key[k + 1] = header.s1;
    this.#key[k + 2] = header.s2;
    this.#key[k + 3] = header.s3;
    this.#key[k + 4] = header.d0;
    this.#key[k + 5] = header.d1;
    this.#key[k + 6] = header.d2;
    this.#key[k + 7] = header.d3;
    this.#key[k + 8] = header.fragmentId;
    this.#key[k + 9] = header.family === 4 ? header.protocol : -1;
    this.#deadline[i] = now + REASSEMBLY_TIMEOUT;
    this.#total[i] = -1;
    this.#received[i] = 0;
    this.#headerN[i] = 0;
    this.#ecn[i] = 0;
    this.#fragments[i] = 0;
    // An IPv6 host may have any address of its /64.
    this.#order.push(i, header.family === 4 ? header.s3 : header.s0 ^ header.s1);
    return i;
  }

  /** The index at which to insert [from, to) into the ranges; -1 with the reason in `mark` if it is refused. */
  #place(i: number, from: number, to: number): number {
    const base = i * this.#limits.fragments;
    const count = this.#fragments[i]!;
    let at = count;
    while (at > 0 && this.#from[base + at - 1]! >= from) at--;
    const next = base + at;
    if (at < count && this.#from[next] === from && this.#to[next] === to) this.mark = DUPLICATE;
    else if (at < count && this.#from[next]! < to) this.mark = OVERLAP;
    else if (at > 0 && this.#to[next - 1]! > from) this.mark = OVERLAP;
    else if (count === this.#limits.fragments) this.mark = TOO_MANY;
    else return at;
    return -1;
  }

  #insert(i: number, at: number, from: number, to: number): void {
    const base = i * this.#limits.fragments;
    const end = base + this.#fragments[i]!;
    this.#from.copyWithin(base + at + 1, base + at, end);
    this.#to.copyWithin(base + at + 1, base + at, end);
    this.#from[base + at] = from;
    this.#to[base + at] = to;
    this.#fragments[i]!++;
    this.#received[i]! += to - from;
  }

  /** Sets the datagram's length from the last fragment; returns the mark of a contradiction, or 0. */
  #checkEnd(i: number, to: number, more: boolean): Mark {
    const total = this.#total[i]!;
    const count = this.#fragments[i]!;
    const last = count === 0 ? 0 : this.#to[i * this.#limits.fragments + count - 1]!;
    if (more) return total >= 0 && to >= total ? INCONSISTENT : 0;
    if ((total >= 0 && total !== to) || last > to) return INCONSISTENT;
    this.#total[i] = to;
    return 0;
  }

  /** Copies a fragment's payload into the datagram's pages; false if no page is free. */
  #store(i: number, o: number, from: number, to: number): boolean {
    const pages = i * PAGES_EACH;
    for (let p = from >> PAGE_SHIFT; p <= (to - 1) >> PAGE_SHIFT; p++) {
      if (this.#page[pages + p] === NO_PAGE) this.#page[pages + p] = this.#takePage(i);
      if (this.#page[pages + p] === NO_PAGE) return false;
    }
    while (from < to) {
      const n = Math.min(to - from, PAGE_SIZE - (from & PAGE_MASK));
      this.#slab.u8.copyWithin(this.#page[pages + (from >> PAGE_SHIFT)]! + (from & PAGE_MASK), o, o + n);
      from += n;
      o += n;
    }
    return true;
  }

  #takePage(forWhom: number): number {
    while (this.#pages >= this.#limits.pages) if (!this.#evict(forWhom)) return NO_PAGE;
    const page = this.#slab.alloc();
    if (page !== NO_PAGE) this.#pages++;
    return page;
  }

  #keepHeader(i: number, header: IpHeader): void {
    const to = this.#headers + i * HEADER_ROOM;
    this.#slab.u8.copyWithin(to, header.headerO, header.headerO + header.headerN);
    this.#headerN[i] = header.headerN;
    this.#nextHeaderAt[i] = header.nextHeaderAt;
    this.#firstN[i] = header.n;
  }

  /** Joins the header and the first `n` bytes of payload. */
  #layOut(i: number, headerN: number, n: number): void {
    const u8 = this.#slab.u8;
    const header = this.#headers + i * HEADER_ROOM;
    this.o = this.#payload - headerN;
    this.n = headerN + n;
    u8.copyWithin(this.o, header, header + headerN);
    for (let at = 0; at < n; at += PAGE_SIZE) {
      const page = this.#page[i * PAGES_EACH + (at >> PAGE_SHIFT)]!;
      u8.copyWithin(this.#payload + at, page, page + Math.min(PAGE_SIZE, n - at));
    }
  }

  /** Restores the packet as it was before it was fragmented. */
  #finish(i: number, family: 4 | 6): number {
    const v = this.#slab.view;
    const total = this.#total[i]!;
    const ecn = this.#ecn[i]!;
    const congested = (ecn & 8) !== 0;
    // RFC 3168 §5.3: CE on any fragment gives CE, but a mix of CE and not-ECT is dropped.
    if (congested && (ecn & 1) !== 0) return this.#abandon(i, ECN_MIXED);
    const kept = this.#headerN[i]!;
    const headerN = family === 4 ? kept : kept - FRAGMENT_HEADER;
    if (total + headerN - (family === 4 ? 0 : ipv6.HEADER) > PACKET_MAX) return this.#abandon(i, TOO_LONG);
    this.#layOut(i, headerN, total);
    if (family === 4) {
      ipv4.setTotalLength(v, this.o, this.n);
      ipv4.setFragment(v, this.o, 0, 0);
      if (congested) ipv4.setTos(v, this.o, ipv4.tos(v, this.o) | 3);
      ipv4.setChecksum(v, this.o);
    } else {
      ipv6.setPayloadLength(v, this.o, this.n - ipv6.HEADER);
      if (congested) ipv6.setTrafficClass(v, this.o, ipv6.trafficClass(v, this.o) | 3);
      // The removed fragment header names the next header.
      v.setUint8(this.o + this.#nextHeaderAt[i]!, v.getUint8(this.#headers + i * HEADER_ROOM + headerN));
    }
    this.#release(i);
    return WHOLE;
  }

  /** Discards the oldest datagram of the source that has most, other than `except`; false if there is no other. */
  #evict(except: number): boolean {
    const victim = this.#order.victim(except);
    if (victim < 0) return false;
    this.#release(victim);
    this.#counters.count(EVICTED);
    return true;
  }

  /** Frees the pages, but keeps the key, so that the datagram's other fragments are dropped. */
  #abandon(i: number, mark: Mark): number {
    this.#freePages(i);
    this.#total[i] = -2;
    return this.#refuse(mark);
  }

  #release(i: number): void {
    this.#freePages(i);
    this.#deadline[i] = NEVER;
    this.#order.remove(i);
  }

  #freePages(i: number): void {
    for (let p = i * PAGES_EACH; p < (i + 1) * PAGES_EACH; p++) {
      if (this.#page[p] === NO_PAGE) continue;
      this.#slab.free(this.#page[p]!);
      this.#page[p] = NO_PAGE;
      this.#pages--;
    }
  }
}

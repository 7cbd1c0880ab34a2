import type { SipHash } from "#base/siphash";
import type { Address } from "#ip/address";
import { COOKIE_MAX, type TcpOptions } from "#wire/tcp-options";

/** The place of an unknown destination. */
export const UNKNOWN = -1;

const WAYS = 4;
/** Words of a key: the remote address, then the local one. */
const WORDS = 8;

// Which option kind the next cookie request uses, if there is no cookie.
const ASK = 0;
const ASK_EXPERIMENT = 1;
const ASK_AGAIN = 2;

/** The most doublings of a pause. */
const DOUBLINGS = 6;

/**
 * What a client records about servers (RFC 7413 §4.1.3): the cookie and the MSS for each pair of addresses, and the port for which Fast
 * Open failed. A bounded table with a few places per hash value, of which the least recently used one is replaced. Places are small
 * integers, valid until the next `learn` or `lost`.
 */
export class FastOpenCache {
  /** The cookies, `COOKIE_MAX` octets per place. */
  readonly cookies: Uint8Array;
  readonly #hash: SipHash;
  readonly #sets: number;
  readonly #keys: Int32Array;
  readonly #used: Float64Array;
  /** The length of the cookie, octets; 0: none. */
  readonly #length: Uint8Array;
  /** Whether the cookie was received in the experimental option kind. */
  readonly #experiment: Uint8Array;
  readonly #ask: Uint8Array;
  /** The MSS option of the server; 0: not known. */
  readonly #mss: Uint16Array;
  readonly #port: Uint16Array;
  readonly #losses: Uint8Array;
  readonly #until: Float64Array;

  /** @param entries the number of address pairs, a power of two, at least 4 */
  constructor(hash: SipHash, entries = 256) {
    this.#hash = hash;
    this.#sets = entries / WAYS;
    this.cookies = new Uint8Array(entries * COOKIE_MAX);
    this.#keys = new Int32Array(entries * WORDS);
    this.#used = new Float64Array(entries).fill(-1);
    this.#length = new Uint8Array(entries);
    this.#experiment = new Uint8Array(entries);
    this.#ask = new Uint8Array(entries);
    this.#mss = new Uint16Array(entries);
    this.#port = new Uint16Array(entries);
    this.#losses = new Uint8Array(entries);
    this.#until = new Float64Array(entries);
  }

  /** Forgets everything. */
  clear(): void {
    this.#used.fill(-1);
  }

  /** The place of the pair, or UNKNOWN. */
  find(local: Address, remote: Address): number {
    const set = this.#set(local, remote);
    for (let i = set; i < set + WAYS; i++) if (this.#used[i]! >= 0 && this.#isAt(i, local, remote)) return i;
    return UNKNOWN;
  }

  /** The length of the cookie at `i * COOKIE_MAX` of `cookies`, octets; 0: none. */
  length(i: number): number {
    return i === UNKNOWN ? 0 : this.#length[i]!;
  }

  /** Whether the cookie, or the request for one, uses the experimental option kind: some servers know only that. */
  isExperiment(i: number): boolean {
    if (i === UNKNOWN) return false;
    return this.#length[i]! > 0 ? this.#experiment[i] === 1 : this.#ask[i] === ASK_EXPERIMENT;
  }

  /** The latest MSS that the server announced, or 0. */
  mss(i: number): number {
    return i === UNKNOWN ? 0 : this.#mss[i]!;
  }

  /** Whether SYNs to that port are currently sent without Fast Open (RFC 7413 §4.1.3.1). */
  isPaused(i: number, port: number, now: number): boolean {
    return i !== UNKNOWN && this.#port[i] === port && now < this.#until[i]!;
  }

  /** Whether a SYN to that port could carry data now: there is a cookie, or none is needed. */
  isReady(i: number, port: number, cookieless: boolean, now: number): boolean {
    return (cookieless || this.length(i) > 0) && !this.isPaused(i, port, now);
  }

  /**
   * Records the answer to a SYN that had the option: possibly a cookie, and the MSS (0: none). If a request was ignored, the next one uses
   * the other option kind, once.
   * @param asked the SYN requested a cookie, and was not retransmitted
   */
  learn(local: Address, remote: Address, options: TcpOptions, mss: number, asked: boolean, now: number): void {
    const i = this.#place(local, remote, now);
    if (mss > 0) this.#mss[i] = Math.min(mss, 0xffff);
    const n = options.fastOpen;
    if (n > 0) {
      this.cookies.set(options.cookie, i * COOKIE_MAX);
      this.#length[i] = n;
      this.#experiment[i] = options.fastOpenExperiment ? 1 : 0;
    } else if (asked && this.#length[i] === 0 && this.#ask[i] !== ASK_AGAIN) {
      this.#ask[i] = this.#ask[i] === ASK ? ASK_EXPERIMENT : ASK_AGAIN;
    }
  }

  /** Records the MSS of a server that needs no cookie. */
  learnMss(local: Address, remote: Address, mss: number, now: number): void {
    this.#mss[this.#place(local, remote, now)] = Math.min(mss, 0xffff);
  }

  /**
   * Records that Fast Open to that port failed. After the second time in a row, or at once if nothing at all came back, it is paused for
   * `pause` µs, twice as long each time.
   */
  lost(local: Address, remote: Address, port: number, silent: boolean, pause: number, now: number): void {
    const i = this.#place(local, remote, now);
    if (this.#port[i] !== port) this.#losses[i] = 0;
    this.#port[i] = port;
    const losses = Math.max(this.#losses[i]! + 1, silent ? 2 : 1);
    this.#losses[i] = Math.min(losses, 2 + DOUBLINGS);
    if (losses >= 2) this.#until[i] = now + pause * 2 ** Math.min(losses - 2, DOUBLINGS);
  }

  /** Records that data came back on a connection opened with Fast Open. */
  worked(local: Address, remote: Address, port: number): void {
    const i = this.find(local, remote);
    if (i !== UNKNOWN && this.#port[i] === port) this.#losses[i] = 0;
  }

  #set(local: Address, remote: Address): number {
    const h = this.#hash.begin().word(0x7413).word(remote.a).word(remote.b).word(remote.c).word(remote.d);
    return (h.word(local.a).word(local.b).word(local.c).word(local.d).end() & (this.#sets - 1)) * WAYS;
  }

  #isAt(i: number, local: Address, remote: Address): boolean {
    const k = this.#keys;
    const o = i * WORDS;
    return (
      remote.equalsWords(k[o]!, k[o + 1]!, k[o + 2]!, k[o + 3]!) &&
      local.equalsWords(k[o + 4]!, k[o + 5]!, k[o + 6]!, k[o + 7]!)
    );
  }

  /** The pair's place, or a new one: a free one of its set, or the least recently used one. */
  #place(local: Address, remote: Address, now: number): number {
    let i = this.find(local, remote);
    if (i === UNKNOWN) {
      const set = this.#set(local, remote);
      i = set;
      for (let each = set; each < set + WAYS; each++) if (this.#used[each]! < this.#used[i]!) i = each;
      this.#begin(i, local, remote);
    }
    this.#used[i] = now;
    return i;
  }

  #begin(i: number, local: Address, remote: Address): void {
    const k = this.#keys;
    const o = i * WORDS;
    k[o] = remote.a;
    k[o + 1] = remote.b;
    k[o + 2] = remote.c;
    k[o + 3] = remote.d;
    k[o + 4] = local.a;
    k[o + 5] = local.b;
    k[o + 6] = local.c;
    k[o + 7] = local.d;
    this.#length[i] = 0;
    this.#ask[i] = ASK;
    this.#mss[i] = 0;
    this.#port[i] = 0;
    this.#losses[i] = 0;
    this.#until[i] = 0;
  }
}

/**
 * TCP Fast Open (RFC 7413): data on the SYN, for those who were here before. What a stack keeps for it, and what a
 * connection does; `fast-open-server.ts` and `fast-open-client.ts` have the rules.
 */
import type { SipHash } from "#base/siphash";
import { MINUTE } from "#base/time";
import { writeFastOpen } from "#wire/tcp-options";
import { FastOpenCache } from "./fast-open-cache.ts";
import { COOKIE, CookieKeys, KEY } from "./fast-open-cookie.ts";
import type { Listener } from "./listener.ts";
import { RX_RST } from "./marks.ts";
import type { Tcb } from "./tcb.ts";

/**
 * RFC 7413 §5.1: a connection that was reset before its handshake was over counts as pending for a while: else whoever has
 * a cookie could make us work for ever new ones. Linux' figure.
 */
const RESET_COUNTS = 1 * MINUTE;

// What a SYN,ACK offers: nothing, or a cookie under the kind by which the SYN asked.
export const NO_COOKIE = 0;
export const COOKIE_OFFERED = 1;
export const COOKIE_EXPERIMENT = 2;

// Why Fast Open did not help an active OPEN that asked for it (tcp_info's tcpi_fastopen_client_fail).
export const FAIL_NONE = 0;
export const FAIL_NO_COOKIE = 1;
export const FAIL_NOT_TAKEN = 2;
export const FAIL_SYN_RESENT = 3;

/** What all connections of a stack share. */
export class FastOpen {
  /** As a server: the key of our cookies; a listener may have its own. */
  keys: CookieKeys;
  /** As a client: what servers gave us. */
  readonly cache: FastOpenCache;

  constructor(hash: SipHash) {
    const key = new DataView(new ArrayBuffer(KEY));
    for (let i = 0; i < KEY; i += 4) key.setInt32(i, hash.begin().word(0x7f0).word(i).end());
    this.keys = new CookieKeys(new Uint8Array(key.buffer));
    this.cache = new FastOpenCache(hash);
  }
}

/** Of one connection. */
export class FastOpenVariables {
  /**
   * SYN-RECEIVED, and data flows already: its SYN had a cookie that is good. SND.UNA lies behind our SYN, which no record
   * of the scoreboard stands for: nothing else is resent before it is acknowledged.
   */
  early = false;
  /** The listener that counts it among those. */
  listener: Listener | null = null;
  /** What the next SYN,ACK offers. */
  offer = NO_COOKIE;
  /** When the first SYN,ACK of an early connection went, us; -1: none did. */
  answeredAt = -1;
  /** Our SYN had the option: a cookie, or a request. */
  asked = false;
  /** Octets on our SYN. */
  sent = 0;
  /** Data on a SYN was taken: the peer's by us, or ours by the peer. */
  taken = false;
  fail = FAIL_NONE;
}

/** An early connection is early no more: its handshake is over, or it ended. */
export function endEarly(tcb: Tcb, cause: number, now: number): void {
  const { fast } = tcb;
  const { listener } = fast;
  fast.early = false;
  fast.listener = null;
  if (listener === null) return;
  listener.fastOpenPending--;
  // One that nobody accepted still has its place in the backlog, which is a limit as well.
  if (cause === RX_RST && tcb.listener === null && !listener.closed) listener.fastOpenResets.push(now + RESET_COUNTS);
}

/** The option of the first SYN,ACK: the cookie, where one is due. Returns the offset behind it. */
export function writeOffer(tcb: Tcb, v: DataView, o: number): number {
  const { offer } = tcb.fast;
  if (offer === NO_COOKIE) return o;
  const keys = tcb.listener?.fastOpenKeys ?? tcb.env.fastOpen.keys;
  keys.make(tcb.remote, tcb.local);
  tcb.fast.offer = NO_COOKIE;
  return writeFastOpen(v, o, keys.cookie, 0, COOKIE, offer === COOKIE_EXPERIMENT);
}

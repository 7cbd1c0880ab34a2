/**
 * TCP Fast Open (RFC 7413): data in the SYN, for clients that have connected before. The data that a stack and a connection keep for it;
 * `fast-open-server.ts` and `fast-open-client.ts` have the rules.
 */
import type { SipHash } from "#base/siphash";
import { MINUTE } from "#base/time";
import { writeFastOpen } from "#wire/tcp-options";
import { RX_RST } from "../words/marks.ts";
import type { Tcb } from "../words/tcb.ts";
import { COOKIE_EXPERIMENT, FastOpenVariables, NO_COOKIE, NO_FAST_OPEN } from "../words/variables.ts";
import { FastOpenCache } from "./fast-open-cache.ts";
import { COOKIE, CookieKeys, KEY } from "./fast-open-cookie.ts";

/**
 * RFC 7413 §5.1: a connection that was reset before its handshake was complete counts as pending for this time; otherwise a client with a
 * cookie could make us open new ones without limit. Linux's value.
 */
const RESET_COUNTS = 1 * MINUTE;

/** What all connections of a stack share. */
export class FastOpen {
  /** As a server: the key of our cookies; a listener may have its own. */
  keys: CookieKeys;
  /** As a client: the cookies received from servers. */
  readonly cache: FastOpenCache;

  constructor(hash: SipHash) {
    const key = new DataView(new ArrayBuffer(KEY));
    for (let i = 0; i < KEY; i += 4) key.setInt32(i, hash.begin().word(0x7f0).word(i).end());
    this.keys = new CookieKeys(new Uint8Array(key.buffer));
    this.cache = new FastOpenCache(hash);
  }
}

/** The connection's own variables, made when they are first written: most connections never use Fast Open. */
export function fastOpenOf(tcb: Tcb): FastOpenVariables {
  if (tcb.fast === NO_FAST_OPEN) tcb.fast = new FastOpenVariables();
  return tcb.fast;
}

/** An early connection is no longer early: its handshake is complete, or it has ended. */
export function endEarly(tcb: Tcb, cause: number, now: number): void {
  const fast = fastOpenOf(tcb);
  const { listener } = fast;
  fast.early = false;
  fast.listener = null;
  if (listener === null) return;
  listener.fastOpenPending--;
  // A connection that nobody accepted still has its place in the backlog, which is also a limit.
  if (cause === RX_RST && tcb.listener === null && !listener.closed) listener.fastOpenResets.push(now + RESET_COUNTS);
}

/** Writes the option of the first SYN,ACK: the cookie, if one is offered. Returns the offset after it. */
export function writeOffer(tcb: Tcb, v: DataView, o: number): number {
  const { offer } = tcb.fast;
  if (offer === NO_COOKIE) return o;
  const keys = tcb.listener?.fastOpenKeys ?? tcb.env.fastOpen.keys;
  keys.make(tcb.remote, tcb.local);
  fastOpenOf(tcb).offer = NO_COOKIE;
  return writeFastOpen(v, o, keys.cookie, 0, COOKIE, offer === COOKIE_EXPERIMENT);
}

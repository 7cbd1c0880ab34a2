/**
 * SYN cookies (RFC 4987 §3.6): a listener without room for another half-open connection still answers, but stores nothing. The ISS of its
 * SYN,ACK encodes who asked, when, and the SYN's MSS, and is decoded from the ACK. The other options do not fit: they are encoded in the
 * lowest bits of the timestamp, if the peer sends one.
 */

import type { SipHash } from "#base/siphash";
import { SECOND } from "#base/time";
import type { Ends } from "../words/tcb.ts";

/** A cookie is valid for the rest of the period in which it was made, and for one more. */
const PERIOD = 64 * SECOND;
/** The MSS values that a cookie can encode; the largest one not above the peer's is used. */
const SIZES = Uint16Array.of(216, 536, 1220, 1360, 1400, 1440, 1460, 8940);

/** In the lowest bits of TSval: the peer's window scale, or all ones if it has none; SACK; ECN. */
const NO_SCALE = 15;
const SACK = 16;
const ECN = 32;
const BITS = 63;

/**
 * The ISS that encodes all this.
 * @param mss the value of the peer's option, or its default
 */
export function cookie(hash: SipHash, ends: Ends, irs: number, mss: number, now: number): number {
  let size = SIZES.length - 1;
  while (size > 0 && SIZES[size]! > mss) size--;
  return code(hash, ends, irs, size, Math.floor(now / PERIOD));
}

/** The MSS encoded in a cookie, or 0 if it is not ours or too old. */
export function readCookie(hash: SipHash, ends: Ends, irs: number, iss: number, now: number): number {
  const said = (iss >>> 24) ^ mask(hash, ends, irs);
  const size = said & 7;
  const period = Math.floor(now / PERIOD);
  const age = (period - (said >> 3)) & 31;
  return age < 2 && code(hash, ends, irs, size, period - age) === iss ? SIZES[size]! : 0;
}

/**
 * 24 bits that only we can compute, below five bits of the time and three of the MSS. These are encrypted, so that they do not reveal our
 * uptime.
 */
function code(hash: SipHash, ends: Ends, irs: number, size: number, period: number): number {
  const secret = hashed(hash, SECRET, ends, irs, period * 8 + size);
  return (((((period & 31) << 3) | size) ^ mask(hash, ends, irs)) << 24) | (secret & 0xff_ffff);
}

function mask(hash: SipHash, ends: Ends, irs: number): number {
  return hashed(hash, MASK, ends, irs, 0) & 0xff;
}

const SECRET = 0x5c00c1e;
const MASK = 0x3a5c;

function hashed(hash: SipHash, label: number, ends: Ends, irs: number, said: number): number {
  const { local, localPort, remote, remotePort } = ends;
  const h = hash.begin().word(label).word(local.a).word(local.b).word(local.c).word(local.d);
  const both = h
    .word(remote.a)
    .word(remote.b)
    .word(remote.c)
    .word(remote.d)
    .word((localPort << 16) | remotePort);
  return both.word(irs).word(said).end();
}

/** What the two SYNs agreed on, besides the MSS. */
export interface Agreed {
  /** The peer's window scale, or -1. */
  readonly windowScale: number;
  readonly sack: boolean;
  readonly ecn: boolean;
}

/** The latest TSval that is not after `tsval` and encodes what was agreed. */
export function stamp(tsval: number, { windowScale, sack, ecn }: Agreed): number {
  const bits = (windowScale < 0 ? NO_SCALE : windowScale) | (sack ? SACK : 0) | (ecn ? ECN : 0);
  const stamped = (tsval & ~BITS) | bits;
  return ((stamped - tsval) | 0) > 0 ? (stamped - BITS - 1) | 0 : stamped;
}

export function readStamp(tsecr: number): Agreed {
  const scale = tsecr & NO_SCALE;
  return { windowScale: scale === NO_SCALE ? -1 : scale, sack: (tsecr & SACK) !== 0, ecn: (tsecr & ECN) !== 0 };
}

/**
 * TCP options (RFC 9293 §3.2, 7323, 2018, 2883, 5482, 7413). `parse` fills one reused register and never fails as a whole: an
 * option with an illegal length ends the walk and is reported (MUST-7), unknown options are skipped (MUST-6).
 */

export const END = 0;
export const NOP = 1;
export const MSS = 2;
export const WINDOW_SCALE = 3;
export const SACK_PERMITTED = 4;
export const SACK = 5;
export const TIMESTAMPS = 8;
/** RFC 2385: an MD5 digest of the segment. */
export const SIGNATURE = 19;
export const USER_TIMEOUT = 28;
export const FAST_OPEN = 34;
/** RFC 6994: an experimental option, identified by a magic number. Fast Open used 0xF989 before it had its own kind. */
export const EXPERIMENT = 254;
export const FAST_OPEN_MAGIC = 0xf989;

/** Blocks that fit the 40 bytes of options (RFC 2018 §3). */
export const SACK_BLOCKS_MAX = 4;
/** RFC 7323 §2.3: a greater shift is taken as 14. */
export const WINDOW_SCALE_MAX = 14;
/** RFC 7413 §4.1.1: octets of a cookie, an even number. */
export const COOKIE_MIN = 4;
export const COOKIE_MAX = 16;

/** The options of one segment. One register per stack, reused. */
export class TcpOptions {
  /** The MSS option, or -1. */
  mss = -1;
  /** The shift count, at most WINDOW_SCALE_MAX, or -1. */
  windowScale = -1;
  sackPermitted = false;
  timestamps = false;
  tsval = 0;
  tsecr = 0;
  /** Seconds of a User Timeout option, or -1. */
  userTimeout = -1;
  sackBlocks = 0;
  readonly sackLeft = new Int32Array(SACK_BLOCKS_MAX);
  readonly sackRight = new Int32Array(SACK_BLOCKS_MAX);
  /** The segment has an MD5 signature. */
  signed = false;
  /** Octets of the Fast Open cookie; 0: a request for one; -1: no such option. Only a SYN may have it. */
  fastOpen = -1;
  /** The Fast Open option has the experimental kind, and the answer uses the same. */
  fastOpenExperiment = false;
  readonly cookie = new Uint8Array(COOKIE_MAX);
  /** An option had an illegal length: the options before it are valid, the rest was not read. */
  malformed = false;

  clear(): void {
    this.mss = -1;
    this.windowScale = -1;
    this.sackPermitted = false;
    this.timestamps = false;
    this.tsval = 0;
    this.tsecr = 0;
    this.userTimeout = -1;
    this.sackBlocks = 0;
    this.signed = false;
    this.fastOpen = -1;
    this.malformed = false;
  }
}

/** Reads the options between `o` and `end`. An option of a known kind with another length than its own is skipped. */
export function parse(v: DataView, o: number, end: number, out: TcpOptions): void {
  out.clear();
  // The common case is a segment with nothing but timestamps, laid out as RFC 7323 appendix A recommends.
  if (end - o === 12 && v.getInt32(o) === 0x0101080a) {
    out.timestamps = true;
    out.tsval = v.getInt32(o + 4);
    out.tsecr = v.getInt32(o + 8);
    return;
  }
  while (o < end) {
    const kind = v.getUint8(o);
    if (kind === END) return;
    if (kind === NOP) {
      o++;
      continue;
    }
    const length = o + 1 < end ? v.getUint8(o + 1) : 0;
    if (length < 2 || o + length > end) {
      out.malformed = true;
      return;
    }
    readOption(v, o, kind, length, out);
    o += length;
  }
}

function readOption(v: DataView, o: number, kind: number, length: number, out: TcpOptions): void {
  switch (kind) {
    case MSS:
      if (length === 4) out.mss = v.getUint16(o + 2);
      break;
    case WINDOW_SCALE:
      if (length === 3) out.windowScale = Math.min(v.getUint8(o + 2), WINDOW_SCALE_MAX);
      break;
    case SACK_PERMITTED:
      if (length === 2) out.sackPermitted = true;
      break;
    case TIMESTAMPS:
      if (length === 10) {
        out.timestamps = true;
        out.tsval = v.getInt32(o + 2);
        out.tsecr = v.getInt32(o + 6);
      }
      break;
    case SACK:
      if (length >= 10 && (length - 2) % 8 === 0) {
        out.sackBlocks = Math.min((length - 2) >> 3, SACK_BLOCKS_MAX);
        for (let i = 0; i < out.sackBlocks; i++) {
          out.sackLeft[i] = v.getInt32(o + 2 + i * 8);
          out.sackRight[i] = v.getInt32(o + 6 + i * 8);
        }
      }
      break;
    case USER_TIMEOUT:
      if (length === 4) {
        const field = v.getUint16(o + 2);
        out.userTimeout = (field & 0x7fff) * (field & 0x8000 ? 60 : 1);
      }
      break;
    case SIGNATURE:
      out.signed = length === 18;
      break;
    case FAST_OPEN:
      readCookie(v, o + 2, length - 2, false, out);
      break;
    case EXPERIMENT:
      if (length >= 4 && v.getUint16(o + 2) === FAST_OPEN_MAGIC) readCookie(v, o + 4, length - 4, true, out);
      break;
  }
}

/** A cookie of an illegal length is ignored (RFC 7413 §4.1.1). */
function readCookie(v: DataView, o: number, length: number, experiment: boolean, out: TcpOptions): void {
  if ((length & 1) !== 0 || length > COOKIE_MAX || (length > 0 && length < COOKIE_MIN)) return;
  out.fastOpen = length;
  out.fastOpenExperiment = experiment;
  for (let i = 0; i < length; i++) out.cookie[i] = v.getUint8(o + i);
}

// Writers return the offset after the option. They put NOPs before it, so that values are aligned.

export function writeMss(v: DataView, o: number, mss: number): number {
  v.setUint16(o, (MSS << 8) | 4);
  v.setUint16(o + 2, mss);
  return o + 4;
}

export function writeWindowScale(v: DataView, o: number, shift: number): number {
  v.setUint16(o, (NOP << 8) | WINDOW_SCALE);
  v.setUint16(o + 2, (3 << 8) | shift);
  return o + 4;
}

export function writeTimestamps(v: DataView, o: number, tsval: number, tsecr: number): number {
  v.setInt32(o, 0x0101080a);
  v.setInt32(o + 4, tsval);
  v.setInt32(o + 8, tsecr);
  return o + 12;
}

/**
 * SACK-permitted and timestamps of a SYN share two words: `sackOK,TS val ecr`. Without timestamps two NOPs lead.
 */
export function writeSackPermitted(v: DataView, o: number): number {
  v.setInt32(o, 0x01010402);
  return o + 4;
}

export function writeSackPermittedAndTimestamps(v: DataView, o: number, tsval: number, tsecr: number): number {
  v.setInt32(o, 0x0402080a);
  v.setInt32(o + 4, tsval);
  v.setInt32(o + 8, tsecr);
  return o + 12;
}

/** The head of a SACK option with `blocks` blocks; the blocks follow, 8 bytes each (`writeSackBlock`). */
export function writeSackHead(v: DataView, o: number, blocks: number): number {
  v.setUint16(o, (NOP << 8) | NOP);
  v.setUint16(o + 2, (SACK << 8) | (2 + 8 * blocks));
  return o + 4;
}

export function writeSackBlock(v: DataView, o: number, left: number, right: number): number {
  v.setInt32(o, left);
  v.setInt32(o + 4, right);
  return o + 8;
}

/**
 * Fast Open with `n` octets of `cookie` at `from`; 0 octets request a cookie. The NOPs follow it: a cookie needs no alignment.
 * @param experiment use the experimental kind
 */
export function writeFastOpen(
  v: DataView,
  o: number,
  cookie: Uint8Array,
  from: number,
  n: number,
  experiment: boolean,
): number {
  let at = o + 2;
  if (experiment) {
    v.setUint16(at, FAST_OPEN_MAGIC);
    at += 2;
  }
  for (let i = 0; i < n; i++) v.setUint8(at++, cookie[from + i]!);
  v.setUint16(o, ((experiment ? EXPERIMENT : FAST_OPEN) << 8) | (at - o));
  while (((at - o) & 3) !== 0) v.setUint8(at++, NOP);
  return at;
}

/**
 * TCP options (RFC 9293 §3.2, 7323, 2018, 2883, 5482). `parse` fills one reused register and never fails harder than "the rest is
 * unreadable": an option with an illegal length ends the walk and is told (MUST-7), unknown ones are skipped (MUST-6).
 */

export const END = 0;
export const NOP = 1;
export const MSS = 2;
export const WINDOW_SCALE = 3;
export const SACK_PERMITTED = 4;
export const SACK = 5;
export const TIMESTAMPS = 8;
export const USER_TIMEOUT = 28;

/** Blocks that fit the 40 bytes of options (RFC 2018 §3). */
export const SACK_BLOCKS_MAX = 4;
/** RFC 7323 §2.3: a greater shift is taken as 14. */
export const WINDOW_SCALE_MAX = 14;

/** What the options of one segment said. One register per stack, reused. */
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
  /** An option had an illegal length: what came before it counts, the rest was not read. */
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
  }
}

// Writers return the offset after what they wrote. They pad with NOPs in front, so that values are aligned.

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

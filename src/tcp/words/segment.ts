import * as tcphdr from "#wire/tcp";
import { parse, TcpOptions } from "#wire/tcp-options";

/**
 * The segment variables of RFC 9293 §3.3.1 (SEG.SEQ, SEG.ACK, SEG.LEN, SEG.WND, SEG.UP) as one set of registers, filled
 * by `readSegment` and valid until the next one is read. Input code may trim it in place.
 */
export class Segment {
  seq = 0;
  /** Meaningful only with the ACK flag. */
  ack = 0;
  /** Octets of sequence space: the payload, and one each for SYN and FIN. */
  len = 0;
  /** The window field, not scaled. */
  wnd = 0;
  up = 0;
  /** Nine flag bits of `#wire/tcp`. */
  ctl = 0;
  /** The payload: n octets at o of the slab. */
  o = 0;
  n = 0;
  /** Octets of the TCP header, options included. */
  header = 0;
  /** The payload of each segment of a super-segment, or the whole payload of an ordinary segment. */
  segmentSize = 0;
  /** The ECN field of the IP header. */
  ecn = 0;
  readonly options = new TcpOptions();
}

/**
 * Fills the registers from a segment of `n` bytes at `o` that passed `tcphdr.valid` and its checksum.
 * @param gsoSize payload octets of each segment of a super-segment, or 0.
 */
export function readSegment(v: DataView, o: number, n: number, gsoSize: number, ecn: number, seg: Segment): void {
  const header = tcphdr.headerLength(v, o);
  const ctl = tcphdr.flags(v, o);
  seg.seq = tcphdr.seq(v, o);
  seg.ack = tcphdr.ack(v, o);
  seg.wnd = tcphdr.window(v, o);
  seg.up = tcphdr.urgent(v, o);
  seg.ctl = ctl;
  seg.header = header;
  seg.o = o + header;
  seg.n = n - header;
  seg.len = seg.n + (ctl & tcphdr.SYN ? 1 : 0) + (ctl & tcphdr.FIN ? 1 : 0);
  seg.segmentSize = gsoSize > 0 && gsoSize < seg.n ? gsoSize : seg.n;
  seg.ecn = ecn;
  if (header === tcphdr.HEADER_MIN) seg.options.clear();
  else parse(v, o + tcphdr.HEADER_MIN, o + header, seg.options);
}

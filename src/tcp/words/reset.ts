import { ACK, RST } from "#wire/tcp";
import type { Segment } from "./segment.ts";

/** An RST in answer to one segment, for no connection (RFC 9293 §3.10.7.1). One reused object; `cause` 0: no RST is due. */
export class Reset {
  cause = 0;
  seq = 0;
  ack = 0;
  flags = 0;
}

/** Fills `out`: `<SEQ=SEG.ACK>` if the segment has ACK, else `<SEQ=0><ACK=SEG.SEQ+SEG.LEN>`. */
export function resetFor(seg: Segment, cause: number, out: Reset): void {
  out.cause = cause;
  if (seg.ctl & ACK) {
    out.seq = seg.ack;
    out.ack = 0;
    out.flags = RST;
  } else {
    out.seq = 0;
    out.ack = (seg.seq + seg.len) | 0;
    out.flags = RST | ACK;
  }
}

import { ACK, RST } from "#wire/tcp";
import type { Segment } from "./segment.ts";

/** An RST that answers one segment and belongs to no connection (RFC 9293 §3.10.7.1). Registers; `cause` 0: none is due. */
export class Reset {
  cause = 0;
  seq = 0;
  ack = 0;
  flags = 0;
}

/** Fills the registers: `<SEQ=SEG.ACK>` if the segment acknowledges something, else `<SEQ=0><ACK=SEG.SEQ+SEG.LEN>`. */
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

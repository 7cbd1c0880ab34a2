/** What Linux' receiver keeps of a connection: the state of its ACKs, and the memory that what it holds takes. */

/** Times are us. */
export class ReceivedVariables {
  /** An ACK is due, now or later. */
  scheduled = false;
  /** How long it may be delayed: learnt from how quickly segments follow one another; 0: nothing has come yet. */
  delay = 0;
  /** Length of the last segment that was small without an end of a message: two alike are the peer's size. */
  lastSize = 0;
  /** Duplicate ACKs that were told of the gap at `toldFor`, and those that wait to go as one. */
  told = 0;
  toldFor = 0;
  held = 0;
  /** A packet of the peer could be marked (ECT). */
  sawEct = false;
  /** Without timestamps: what is received from `rttSeq` on took a window's round trip. */
  rttAt = -1;
  rttSeq = 0;

  // Memory, in octets of buffers, not of text.
  /** 256ths of the memory that are text, by the last segment that was larger than those before. */
  share = 128;
  clamp = 0;
  /** What is offered at most, whatever is free. */
  most = 0;
  used = 0;
  /** Buffers in order: where their text ends, their size, and what could still be copied behind it. */
  readonly ends: number[] = [];
  readonly sizes: number[] = [];
  readonly rooms: number[] = [];
  /** Buffers beyond gaps, sorted. */
  readonly farStarts: number[] = [];
  readonly farEnds: number[] = [];
  readonly farSizes: number[] = [];
  readonly farRooms: number[] = [];
}

import type { ReceivedVariables } from "./linux/received.ts";
import type { ReceiverName } from "./params.ts";
import type { Segment } from "./segment.ts";
import type { Tcb } from "./tcb.ts";

/**
 * Who decides what window is offered, and when what arrived is acknowledged. What is kept, and in which order, is the same for
 * both receivers: the RFCs', and one that does as Linux does, down to the memory that a segment takes (docs/adr/0014).
 */
export interface Receiver {
  readonly name: ReceiverName;
  /** What it keeps of a connection beside the TCB's own variables, if anything. */
  variables(): ReceivedVariables | null;
  /** ESTABLISHED: the window of the SYNs is known. */
  begin(tcb: Tcb): void;

  /** The window field of a segment sent now; the right edge moves with it. */
  advertise(tcb: Tcb): number;
  /** An ACK of everything up to RCV.NXT is on its way. */
  acknowledged(tcb: Tcb): void;
  /** Data of ours goes out: the user may be answering. */
  answered(tcb: Tcb, now: number): void;

  /** Text arrives, whatever becomes of it. */
  arrives(tcb: Tcb, seg: Segment, now: number): void;
  /** It was kept: next in order, or beyond a gap. RCV.NXT is still what it was. */
  kept(tcb: Tcb, seg: Segment, inOrder: boolean, now: number): void;
  /** RCV.NXT has moved over it. @param gap there was one: `open` says whether one is left */
  inOrder(tcb: Tcb, gap: boolean, open: boolean, now: number): void;
  /** It lies beyond a gap, or came again there. */
  outOfOrder(tcb: Tcb, now: number): void;
  /** The peer's FIN is in order. @param late what was missing before it came after it */
  ended(tcb: Tcb, late: boolean, now: number): void;
  /** All of a segment was looked at. */
  segmentOver(tcb: Tcb, now: number): void;
  /** The sender needs to hear soon: its next segments, so many at most, are acknowledged one by one. */
  hurry(tcb: Tcb, acks: number): void;

  /** The user took `n` octets. */
  read(tcb: Tcb, n: number): void;
  /** TCP_QUICKACK of the socket API. */
  quick(tcb: Tcb, on: boolean): void;
  /** The ACK of our peer's SYN may wait so long for what the user writes. */
  await(tcb: Tcb, us: number, now: number): void;
  /** The timer of a delayed ACK fired. */
  delayOver(tcb: Tcb, now: number): void;
}

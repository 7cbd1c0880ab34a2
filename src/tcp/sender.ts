import type { Packet } from "#base/packet";
import type { LinuxVariables } from "./linux/variables.ts";
import type { SenderName } from "./params.ts";
import type { Segment } from "./segment.ts";
import type { Tcb } from "./tcb.ts";

/**
 * Who decides what is in flight, what of it is lost, how cwnd moves, what goes next and which timer runs for it. A sender keeps its numbers in
 * the TCB, so one object serves all connections. There are two (docs/adr/0014): that of the RFCs, in octets, and one that
 * does as Linux does, in segments. The handshake, the receiver, and the segments themselves are the same for both.
 */
export interface Sender {
  readonly name: SenderName;
  /** What it keeps of a connection beside the TCB's own variables, if anything. */
  variables(): LinuxVariables | null;
  /** Octets thought to be in the network. */
  inFlight(tcb: Tcb): number;

  /** Our SYN is acknowledged: windows, estimates and the scoreboard begin. */
  begin(tcb: Tcb): void;
  /** Octets of `n` that SEND takes now, if there is memory for them. */
  room(tcb: Tcb, n: number): number;
  /** SEND queued `n` octets, the last of the queue. */
  queued(tcb: Tcb, n: number, now: number): void;
  /** What waited may go: small segments too (CLOSE, no Nagle), or as the connection's options say. */
  release(tcb: Tcb, small: boolean): void;
  /** An acceptable segment's ACK, window and SACK blocks, with SEG.ACK <= SND.NXT. True if it acknowledged our FIN. */
  acknowledged(tcb: Tcb, seg: Segment, now: number): boolean;
  /** Writes the next segment with data or FIN, new or again, or a probe of the tail or the window. False: nothing may go now. */
  transmit(tcb: Tcb, packet: Packet, superSegments: boolean, now: number): boolean;

  /** A round-trip sample that no scoreboard gave, us. */
  sampled(tcb: Tcb, rtt: number, now: number): void;
  /** RTO becomes what the estimate says, without back-off. */
  resetRto(tcb: Tcb): void;

  // Its timers fired: RACK's, that of a tail loss probe, of a retransmission (of data), of a window probe.
  overtaken(tcb: Tcb, now: number): void;
  tailSilent(tcb: Tcb, now: number): void;
  timedOut(tcb: Tcb, now: number): void;
  windowSilent(tcb: Tcb, now: number): void;
  /** The handshake was over only after timeouts: data that went before it is thought lost. */
  beganLate(tcb: Tcb, now: number): void;

  /** Payload that a segment may have of `most` octets. */
  segmentSize(tcb: Tcb, most: number): number;
  /** The size of segments is another: what is in flight may be too large now. */
  resized(tcb: Tcb, before: number): void;
  /** The path's MTU went down: what is too large for it goes again. */
  shrunk(tcb: Tcb, now: number): void;
  /** Data that went with our SYN was not taken: it goes again. */
  notTaken(tcb: Tcb, cause: number, now: number): void;
}

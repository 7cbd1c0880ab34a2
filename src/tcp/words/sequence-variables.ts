/** The sequence variables of RFC 9293 §3.3.1 and the congestion variables of RFC 5681, which every connection has. */
import { EMPTY_RING } from "./sequence-ring.ts";

// Phases of loss recovery.
export const CA_OPEN = 0;
export const CA_DISORDER = 1;
export const CA_CWR = 2;
export const CA_RECOVERY = 3;
export const CA_LOSS = 4;

/** Send sequence variables (RFC 9293 §3.3.1). */
export class SendVariables {
  /** Oldest unacknowledged sequence number. */
  una = 0;
  /** Next to be sent. */
  nxt = 0;
  /** The peer's window in octets, scaled. REC-1: 32 bit. */
  wnd = 0;
  /** The largest window ever (SWS avoidance; RFC 5961 §5). */
  wndMax = 0;
  /** SEG.SEQ and SEG.ACK of the last window update. */
  wl1 = 0;
  wl2 = 0;
  iss = 0;
  /** Send urgent pointer: the sequence number after the last urgent octet. */
  up = 0;
  urgent = false;
  /** Shift of the windows we receive (RFC 7323 §2). */
  shift = 0;
  /** The most octets that may be queued: fixed, or tuned. */
  capacity = 0;
  /** Octets taken by SEND and not acknowledged: SND.UNA + queued is the end of the stream so far. */
  queued = 0;
  /** How many of them had not been sent when the connection ended. */
  neverSent = 0;
  /** The ends of the user's records (MSG_EOR), as sequence numbers in order. */
  ends = EMPTY_RING;
  /** CLOSE was called: a FIN follows the queued octets. */
  fin = false;
  finSent = false;
  /** The largest payload without options that the path and the user allow. */
  pathMss = 536;
  /** The largest payload of a segment without options. */
  mssBase = 536;
  /** The same without the options that every segment carries: SMSS of RFC 5681. */
  mss = 536;
  /** The end of the last segment that was smaller than SMSS (Minshall's SND.SML). */
  small = 0;
  /** The user has set TCP_CORK: incomplete segments wait. */
  cork = false;
  /**
   * Nagle was turned off, or TCP_CORK was cleared without Nagle: queued data is sent whatever its size and the cork, until a SEND begins a
   * new piece of the queue (Linux's TCP_NAGLE_PUSH).
   */
  flushing = false;
}

/** Receive sequence variables (RFC 9293 §3.3.1). */
export class ReceiveVariables {
  /** Next expected sequence number. */
  nxt = 0;
  irs = 0;
  /** The right edge last advertised: RCV.NXT + RCV.WND. It never moves left (SHLD-14). */
  adv = 0;
  up = 0;
  urgent = false;
  /** Shift of the windows we send. */
  shift = 0;
  /** Unread octets in order. */
  unread = 0;
  /** The most octets that may be unread (RCV.BUFF): fixed, or tuned. */
  capacity = 0;
  /**
   * Dynamic right-sizing (`receive/right-sizing.ts`): the most octets that the user has read in a round trip so far, 0: not measured; when the present
   * measurement began, µs, and the first octet that had not been read then.
   */
  space = 0;
  spaceAt = 0;
  spaceFrom = 0;
  /** RCV.NXT when we last sent an ACK: Last.ACK.sent (RFC 7323 §4.3). */
  acked = 0;
  /** The largest segment seen: our estimate of the peer's SMSS, for "every second full segment". */
  mss = 0;
  /** The size of the last segment that was small and did not end a message: two equal ones give the peer's SMSS. */
  lastSize = 0;
  /** How often the peer paused (a small segment, or PSH) since our last ACK: 1 or 2. */
  pushes = 0;
  /** Something arrived since our last ACK, so an ACK is due now or later. */
  ackScheduled = false;
  /** How long an ACK may be delayed, µs, which follows the pace of arriving segments; 0: none has arrived yet. */
  delay = 0;
  /** Whether a packet of the peer was ECT. */
  sawEct = false;
  /** ACKs sent about the gap at RCV.NXT, and ACKs held back (`compressedSacks`). */
  gapAcks = 0;
  heldAcks = 0;
  /** The next ACK reports all SACK blocks but the newest, whose own ACK is held back. */
  reportsBefore = false;
  /** The receiver's own estimate of the round trip from echoed timestamps, µs; 0: none yet. And the echo used last. */
  rtt = 0;
  rttEcho = 0;
  /** Without timestamps: data from `rttSeq` on was sent one round trip after `rttAt`, µs; -1: not measured yet. */
  rttSeq = 0;
  rttAt = -1;
  /**
   * If the receive buffer counts memory: how many 256ths of it are text, learnt from the largest segment; the largest window that may be
   * offered (window_clamp); and the largest that is offered by now (rcv_ssthresh).
   */
  share = 128;
  clamp = 0;
  ssthresh = 0;
  /** The sequence number of the peer's FIN, if it arrived, in order or not. */
  fin = 0;
  finSeen = false;
  /** Nobody will read any more: arriving data is answered with RST. */
  closed = false;
}

/** The congestion variables (RFC 5681), in octets. */
export class CongestionVariables {
  cwnd = 0;
  ssthresh = 0x7fffffff;
  phase = CA_OPEN;
  /** RFC 6582 `recover`: SND.NXT when recovery began. */
  recover = 0;
  /** Octets acknowledged towards the next increase. */
  credit = 0;
}

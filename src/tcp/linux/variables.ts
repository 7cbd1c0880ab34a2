/** What Linux' sender keeps of a connection, and the words it is spoken of. */
import { NEVER } from "#base/time";
import { T_LOSS_PROBE, T_PERSIST, T_REORDER, T_RETRANSMIT, type Tcb } from "../tcb.ts";

/** What the next poll is asked to send. */
export const PUSH_NONE = 0;
/** As TCP_CORK would have it: whole segments only. */
export const PUSH_WHOLE = 1;
/** As the connection's own options say. */
export const PUSH_NORMAL = 2;
/** Small segments, too. */
export const PUSH_ALL = 3;

/** Which part of what is in flight goes again. */
export const RESEND_NONE = 0;
export const RESEND_LOST = 1;
/** F-RTO: first what was never sent, and what is lost only if there is none (RFC 5682 §3.1 step 2 b). */
export const RESEND_AFTER_NEW = 2;
/** The first segment, whatever the windows say: a timeout. */
export const RESEND_HEAD = 3;

/** Windows and counts are segments, times microseconds. */
export class LinuxVariables {
  // The scoreboard, in segments.
  packetsOut = 0;
  sackedOut = 0;
  lostOut = 0;
  retransOut = 0;
  /** How often a segment was marked lost. */
  lost = 0;

  // What a reduction may have to give back.
  priorSsthresh = 0;
  priorCwnd = 0;
  prrDelivered = 0;
  prrOut = 0;
  undoArmed = false;
  undoMarker = 0;
  /** Retransmissions that no D-SACK has reported; -1: there was none yet. */
  undoResent = 0;
  /** TSval when the first retransmission of this episode went; `resentSince` says whether there was one. */
  retransStamp = 0;
  resentSince = false;
  /** When that was, us. */
  resentAt = 0;
  frto = false;

  // RACK.
  rackTime = -1;
  rackEnd = 0;
  rackRtt = 0;
  rackAdvanced = false;
  reoSteps = 1;
  reoPersist = 0;
  dsackSeen = false;
  rackLastDelivered = 0;

  // The tail loss probe that is not answered yet.
  probing = false;
  probeEnd = 0;
  probeResent = false;
  probeNow = false;

  // Probes of a closed window: one is to be sent, and when the first of them went that is unanswered. (With
  // `userTimeoutEndsClosedWindow`: the first since the window closed.)
  probeWindow = false;
  probedSince = NEVER;

  // How far cwnd is used.
  cwndLimited = false;
  maxPacketsOut = 0;
  usageEnd = 0;
  cwndUsed = 0;
  usedAt = 0;

  // The round trip: srtt in eighths, deviations in quarters.
  srtt8 = 0;
  mdev = 1_000_000;
  mdevMax = 0;
  rttvar = 0;
  rttEnd = 0;
  /** Doublings of the RTO, or of the interval of zero-window probes. */
  backoff = 0;

  /** Segments that the peer acknowledged with an echo of congestion. */
  deliveredCe = 0;
  /** The time of the event under way, us: events at the same microsecond are told apart by thousandths. */
  clock = -1;

  /** Octets per second that cwnd and the round trip amount to, as of the last ACK. */
  rate = 0;

  // Output.
  push = PUSH_NONE;
  resend = RESEND_NONE;
  /** Segments sent since the push began. */
  pushed = 0;
  /** One super-segment, and the push is over. */
  pushOne = false;
  /** Ends of pieces of the send queue that are full, or must not grow: sequence numbers in order, and whether PSH ends them. */
  readonly ends: number[] = [];
  readonly endPushes: boolean[] = [];
  /** The last piece ends with PSH, as it is now. */
  tailPush = false;
  /** A SEND is under way: its octets up to `copied` are in pieces; `copiedMore`: more will follow it (MSG_MORE). */
  copying = false;
  copied = 0;
  copiedMore = false;
  /** Its user has more of it than fills this piece, and will give it when the piece is full. */
  goesOn = false;
  /** The end of what was last pushed on purpose. */
  pushEnd = 0;
  lastSent = -NEVER;
}

/** The one timer of a sender: to retransmit, to probe the tail, to wait for reordering, or to probe the window. */
export function arm(tcb: Tcb, timer: number, at: number): void {
  const { timers } = tcb;
  timers[T_RETRANSMIT] = NEVER;
  timers[T_LOSS_PROBE] = NEVER;
  timers[T_REORDER] = NEVER;
  timers[T_PERSIST] = NEVER;
  timers[timer] = at;
}

export function disarm(tcb: Tcb): void {
  arm(tcb, T_RETRANSMIT, NEVER);
}

/** A new event begins. What is sent by it was sent after whatever was sent by the one before. */
export function tick(lx: LinuxVariables, now: number): number {
  lx.clock = Math.floor(lx.clock) === now ? lx.clock + 0.001 : now;
  return lx.clock;
}

/** Asks the next poll for more; the most that was asked for counts. */
export function push(tcb: Tcb, what: number): void {
  const lx = tcb.linux;
  if (what > lx.push) lx.push = what;
}

export function cwndOf(tcb: Tcb): number {
  return Math.floor(tcb.cc.cwnd / tcb.snd.mss);
}

export function setCwnd(tcb: Tcb, segments: number): void {
  tcb.cc.cwnd = segments * tcb.snd.mss;
}

/** "No loss yet", in segments. */
export const SSTHRESH_INFINITE = 0x7fffffff;

export function ssthreshOf(tcb: Tcb): number {
  const { ssthresh } = tcb.cc;
  return ssthresh >= SSTHRESH_INFINITE ? SSTHRESH_INFINITE : Math.floor(ssthresh / tcb.snd.mss);
}

export function setSsthresh(tcb: Tcb, segments: number): void {
  tcb.cc.ssthresh = segments >= SSTHRESH_INFINITE ? SSTHRESH_INFINITE : segments * tcb.snd.mss;
}

/** The segment size changed: the windows remain as many segments. */
export function recountWindows({ cc, snd }: Tcb, before: number): void {
  cc.cwnd = Math.floor(cc.cwnd / before) * snd.mss;
  if (cc.ssthresh < SSTHRESH_INFINITE) cc.ssthresh = Math.floor(cc.ssthresh / before) * snd.mss;
}

/** Segments that are in the network, as far as one knows. */
export function inFlight(lx: LinuxVariables): number {
  return lx.packetsOut - lx.sackedOut - lx.lostOut + lx.retransOut;
}

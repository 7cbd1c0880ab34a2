/** What a connection's sender remembers, one class for each room that writes it. Windows and counts are segments, times microseconds. */
import { NEVER } from "#base/time";
import type { RecordIndex } from "../loss/record-index.ts";
import type { PassiveOpen } from "./passive-open.ts";
import { NONE } from "./records.ts";
import { SequenceRing } from "./sequence-ring.ts";

/** The scoreboard (RFC 6675 §3): the records in flight, and sums over them. Written by `loss/scoreboard.ts`. */
export class Scoreboard {
  /** The first and the last record in flight, and how many there are. */
  head = NONE;
  tail = NONE;
  records = 0;
  /** What is believed to be in flight, as it was sent, and what is lost and not yet resent, by sequence number (`loss/sent-order.ts`). */
  oldest = NONE;
  newest = NONE;
  firstLost = NONE;
  lastLost = NONE;
  /** Where records lie by their sequence numbers, once a SACK block asked for it. */
  index: RecordIndex | null = null;
  /** Segments in flight; those of them that are SACKed (without SACK: the duplicate ACKs that stand for one), lost, and resent since. */
  packetsOut = 0;
  sackedOut = 0;
  lostOut = 0;
  retransOut = 0;
  /** The same in octets. */
  sackedBytes = 0;
  lostBytes = 0;
  resentBytes = 0;
  /** The highest end that is SACKed; nothing above it is. */
  sackHigh = 0;
  /** How often a segment was marked lost. */
  lost = 0;
  /** Segments that the peer acknowledged with ECE. */
  deliveredCe = 0;
}

/** A reduction of cwnd, and what undoing it needs (RFC 6937, 3522, 3708, 5682). Written by `loss/recovery.ts` and `loss/reduction.ts`. */
export class RecoveryVariables {
  /** ssthresh and cwnd before the reduction; 0: there is nothing to give back. */
  priorSsthresh = 0;
  priorCwnd = 0;
  /** RFC 6937: segments delivered and sent during this reduction. */
  prrDelivered = 0;
  prrOut = 0;
  /** The reduction may still prove needless; SND.UNA when it began. */
  undoArmed = false;
  undoMarker = 0;
  /** Retransmissions that no D-SACK has reported yet; -1: nothing was resent yet. */
  undoResent = 0;
  /** Something was resent in this episode: the TSval and the time of the first retransmission. */
  resentSince = false;
  retransStamp = 0;
  resentAt = 0;
  /** F-RTO (RFC 5682) watches what the first ACKs after a timeout acknowledge. */
  frto = false;
}

/** RACK (RFC 8985 §6): the most recently sent segment that was delivered. Written by `loss/rack.ts`. */
export class RackVariables {
  /** When it was sent, -1: none was delivered; its end; its round trip. */
  time = -1;
  end = 0;
  rtt = 0;
  /** An ACK moved them since losses were last looked for. */
  advanced = false;
  /** The last in flight that is known to have been sent before that one; NONE: none is known. */
  overtaken = NONE;
  /** RFC 8985 §6.2 step 4: quarters of the round trip that reordering may take, and recoveries until it is one again. */
  reoSteps = 1;
  reoPersist = 0;
  dsackSeen = false;
  lastDelivered = 0;
}

/** The tail loss probe (RFC 8985 §7). */
export class TailProbe {
  /** One is to be sent now. */
  due = false;
  /** One is not answered yet: SND.NXT when it was sent, and whether it repeated what was in flight. */
  pending = false;
  end = 0;
  resent = false;
}

/** Probes of a closed window (RFC 9293 §3.8.6.1). */
export class WindowProbe {
  due = false;
  /** When the first of those that are unanswered went. (With `userTimeoutEndsClosedWindow`: the first since the window closed.) */
  since = NEVER;
}

/** How far cwnd is used (RFC 7661). Written by `loss/cwnd-validation.ts`. */
export class UsageVariables {
  /** cwnd held the sender back in the window of data that ends at `end`, of which so many segments were in flight at most. */
  limited = false;
  maxPacketsOut = 0;
  end = 0;
  /** The most that was in flight since cwnd was last used up, and when that was. */
  used = 0;
  at = 0;
}

/** The round trip (RFC 6298), with Linux' deviation. Written by `loss/round-trip.ts`. */
export class RoundTripVariables {
  /** SRTT in eighths, deviations in quarters of a microsecond. */
  srtt8 = 0;
  mdev = 1_000_000;
  mdevMax = 0;
  rttvar = 0;
  /** SND.NXT when the deviation was last taken over: once per round trip. */
  end = 0;
  /** Doublings of the RTO, or of the interval of window probes. */
  backoff = 0;
  /** The RTO and its doublings before the last timeout. */
  priorRto = 0;
  priorBackoff = 0;
  /** Octets per second that cwnd and the round trip amount to, as of the last ACK. */
  rate = 0;
  /** When the last timeout was that has not proved spurious: what was sent before it gives no sample. */
  timeoutAt = -NEVER;
}

// What the next poll may send of what was never sent.
export const PUSH_NONE = 0;
/** As TCP_CORK would have it: whole segments only. */
export const PUSH_WHOLE = 1;
/** As the connection's own options say. */
export const PUSH_NORMAL = 2;
/** Small segments, too. */
export const PUSH_ALL = 3;

// Which part of what is in flight is resent.
export const RESEND_NONE = 0;
export const RESEND_LOST = 1;
/** F-RTO: first what was never sent, and what is lost only if there is none (RFC 5682 §3.1 step 2 b). */
export const RESEND_AFTER_NEW = 2;
/** The first segment, whatever the windows say: a timeout. */
export const RESEND_HEAD = 3;

/** What is to be sent, and the pieces of the send queue. Written by `send`. */
export class OutputVariables {
  push = PUSH_NONE;
  resend = RESEND_NONE;
  /** Segments sent since the push began. */
  pushed = 0;
  /** One super-segment, and the push is over. */
  pushOne = false;
  /** Ends of pieces of the send queue that are full or must not grow, and whether PSH ends them. */
  readonly ends = new SequenceRing();
  /** The last piece ends with PSH, as it is now. */
  tailPush = false;
  /** A SEND is under way: its octets up to `copied` are in pieces; `copiedMore`: more will follow it (MSG_MORE). */
  copying = false;
  copied = 0;
  copiedMore = false;
  /** Nothing of that SEND is in pieces yet. */
  copyBegins = false;
  /** The SEND has more octets than fill this piece; they are taken once it is full, if there is room then. */
  goesOn = false;
  /** The end of what was last pushed on purpose. */
  pushEnd = 0;
  /** When a segment with sequence space was last sent. */
  lastSent = -NEVER;
  /** The time of the event under way, us: events of one microsecond are told apart by thousandths. */
  clock = -1;
}

// What a SYN,ACK offers: nothing, or a cookie under the kind by which the SYN asked.
export const NO_COOKIE = 0;
export const COOKIE_OFFERED = 1;
export const COOKIE_EXPERIMENT = 2;

// Why Fast Open did not help an active OPEN that asked for it (tcp_info's tcpi_fastopen_client_fail).
export const FAIL_NONE = 0;
export const FAIL_NO_COOKIE = 1;
export const FAIL_NOT_TAKEN = 2;
export const FAIL_SYN_RESENT = 3;

/** Fast Open (RFC 7413) on one connection. Written by `open`. */
export class FastOpenVariables {
  /**
   * SYN-RECEIVED, and data flows already: its SYN had a cookie that is good. SND.UNA lies behind our SYN, which no record
   * of the scoreboard stands for: nothing else is resent before it is acknowledged.
   */
  early = false;
  /** The listener that counts it among those. */
  listener: PassiveOpen | null = null;
  /** What the next SYN,ACK offers. */
  offer = NO_COOKIE;
  /** When the first SYN,ACK of an early connection went, us; -1: none did. */
  answeredAt = -1;
  /** Our SYN had the option: a cookie, or a request. */
  asked = false;
  /** Octets on our SYN. */
  sent = 0;
  /** Data on a SYN was taken: the peer's by us, or ours by the peer. */
  taken = false;
  fail = FAIL_NONE;
}

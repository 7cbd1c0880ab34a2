/**
 * The variables of a connection's sender, one class for each room that writes them. Windows and counts are segments, times microseconds.
 */
import { NEVER } from "#base/time";
import type { RecordIndex } from "../loss/record-index.ts";
import type { PassiveOpen } from "./passive-open.ts";
import { NONE } from "./records.ts";
import { SequenceRing } from "./sequence-ring.ts";

/** The scoreboard (RFC 6675 §3): the records in flight, and sums over them. Written by `loss/scoreboard.ts`. */
export class Scoreboard {
  /** D-SACKs received. */
  duplicatesReported = 0;
  /** The first and the last record in flight, and how many there are. */
  head = NONE;
  tail = NONE;
  records = 0;
  /**
   * The list of records considered in flight, in the order of sending, and the list of lost records not yet retransmitted, in sequence
   * order (`loss/sent-order.ts`).
   */
  oldest = NONE;
  newest = NONE;
  firstLost = NONE;
  lastLost = NONE;
  /** The lost record that was put before others last, or the one before it. */
  nearLost = NONE;
  /** An index of the records by sequence number, made when a SACK block first needs it. */
  index: RecordIndex | null = null;
  /** Segments in flight; and those of them that are SACKed (without SACK: counted by duplicate ACKs), lost, and retransmitted since. */
  packetsOut = 0;
  sackedOut = 0;
  lostOut = 0;
  retransOut = 0;
  /** The same, in octets. */
  sackedBytes = 0;
  lostBytes = 0;
  resentBytes = 0;
  /** The highest SACKed sequence number. */
  sackHigh = 0;
  /** How many segments were ever marked lost. */
  lost = 0;
  /** Segments that the peer acknowledged with ECE. */
  deliveredCe = 0;
}

/** A reduction of cwnd, and what undoing it needs (RFC 6937, 3522, 3708, 5682). Written by `loss/recovery.ts` and `loss/reduction.ts`. */
export class RecoveryVariables {
  /** ssthresh and cwnd before the reduction; 0: nothing to restore. */
  priorSsthresh = 0;
  priorCwnd = 0;
  /** RFC 6937: segments delivered and sent during this reduction. */
  prrDelivered = 0;
  prrOut = 0;
  /** `deliveredSegments` when the marks of all lost segments were cleared last. */
  unmarkedAt = 0;
  /** The reduction may still turn out to be unnecessary; and SND.UNA when it began. */
  undoArmed = false;
  undoMarker = 0;
  /** Retransmissions not yet reported by D-SACK; -1: nothing was retransmitted yet. */
  undoResent = 0;
  /** Whether anything was retransmitted in this episode; and TSval and time of the first retransmission. */
  resentSince = false;
  retransStamp = 0;
  resentAt = 0;
  /** F-RTO (RFC 5682) is checking what the first ACKs after a timeout acknowledge. */
  frto = false;
}

/** RACK (RFC 8985 §6): the most recently sent segment that was delivered. Written by `loss/rack.ts`. */
export class RackVariables {
  /** How often a segment was considered lost. */
  lostSegments = 0;
  /** When it was sent, -1: no segment was delivered yet; its end; its round trip. */
  time = -1;
  end = 0;
  rtt = 0;
  /** An ACK updated these since the last loss detection. */
  advanced = false;
  /** The last record in flight known to have been sent before that segment; NONE: none is known. */
  overtaken = NONE;
  /**
   * RFC 8985 §6.2 step 4: the reordering window in quarters of the round trip, and the number of recoveries until it is one quarter again.
   */
  reoSteps = 1;
  reoPersist = 0;
  dsackSeen = false;
  lastDelivered = 0;
}

/** The tail loss probe (RFC 8985 §7). */
export class TailProbe {
  /** Whether tail loss probes are sent. */
  isOn = false;
  /** A probe is to be sent now. */
  due = false;
  /** A probe was not answered yet; and SND.NXT when it was sent, and whether it was a retransmission. */
  pending = false;
  end = 0;
  resent = false;
}

/** Probes of a closed window (RFC 9293 §3.8.6.1). */
export class WindowProbe {
  due = false;
  /** When the first of the unanswered probes was sent. (With `userTimeoutEndsClosedWindow`: the first one since the window closed.) */
  since = NEVER;
}

/** How much of cwnd is used (RFC 7661). Written by `loss/cwnd-validation.ts`. */
export class UsageVariables {
  /** Whether cwnd limited the sender in the window of data that ends at `end`; and the most segments of it in flight. */
  limited = false;
  maxPacketsOut = 0;
  end = 0;
  /** The most segments in flight since cwnd was last fully used, and when. */
  used = 0;
  at = 0;
}

/** The round trip (RFC 6298), with Linux's variance. Written by `loss/round-trip.ts`. */
export class RoundTripVariables {
  /** SRTT in eighths, deviations in quarters of a microsecond. */
  srtt8 = 0;
  mdev = 1_000_000;
  mdevMax = 0;
  rttvar = 0;
  /** SND.NXT at the last update of the deviation, which happens once per round trip. */
  end = 0;
  /** Doublings of the RTO, or of the interval of window probes. */
  backoff = 0;
  /** The RTO and its doublings before the last timeout. */
  priorRto = 0;
  priorBackoff = 0;
  /** The time of the last timeout that has not proved spurious: segments sent before it give no sample. */
  timeoutAt = -NEVER;
}

/** The delivery rate (draft-ietf-ccwg-bbr §4.1). Written by `loss/delivery-rate.ts`. */
export class DeliveryVariables {
  /** Statistics: octets sent again, and segments sent with data. */
  bytesRetransmitted = 0;
  dataSegmentsOut = 0;
  /** C.first_send_time: when the segment was sent that was last delivered; or the first of this flight. µs */
  firstSentAt = 0;
  /** C.delivered_time: when a segment was last delivered, or when this flight began. µs */
  deliveredAt = 0;
  /** C.app_limited: samples count as application-limited until this many segments are delivered; 0: they do not. */
  appLimitedUntil = 0;
  /** The last sample that says what the path can do: segments, and µs; 0: none yet. */
  segments = 0;
  interval = 0;
  isAppLimited = true;
  /** The peer threw away SACKed data: until that is repaired, nobody knows what was delivered when. */
  reneged = false;
}

/** Pacing (draft-ietf-ccwg-bbr §5.6.2, Linux's sk_pacing_rate). The rate is known even if nothing is paced. Written by `congestion/pacing.ts`. */
export class PacingVariables {
  /** Whether data waits for its time. */
  isOn = false;
  /** Octets per second: the congestion control's, or cwnd per round trip with a gain; as of the last ACK. */
  rate = 0;
  /** When the next data may be sent, µs. */
  nextAt = 0;
  /** Without super-segments: octets that may be sent at once. */
  quantum = 0;
}

// Which new data the next poll may send.
export const PUSH_NONE = 0;
/** Only whole segments, as with TCP_CORK. */
export const PUSH_WHOLE = 1;
/** According to the connection's options. */
export const PUSH_NORMAL = 2;
/** Also small segments. */
export const PUSH_ALL = 3;

// Which part of the data in flight is retransmitted.
export const RESEND_NONE = 0;
export const RESEND_LOST = 1;
/** F-RTO: new data first; lost segments only if there is no new data (RFC 5682 §3.1 step 2 b). */
export const RESEND_AFTER_NEW = 2;
/** The first segment, regardless of windows: after a timeout. */
export const RESEND_HEAD = 3;

/** What is to be sent, and the pieces of the send queue. Written by `send`. */
export class OutputVariables {
  push = PUSH_NONE;
  resend = RESEND_NONE;
  /** Segments sent since the push began. */
  pushed = 0;
  /** The push ends after one super-segment. */
  pushOne = false;
  /** Ends of the send queue's pieces that are full or must not grow, and whether they carry PSH. */
  readonly ends = new SequenceRing();
  /** The last piece currently ends with PSH. */
  tailPush = false;
  /** A SEND is in progress: its octets up to `copied` are in pieces; `copiedMore`: more data will follow it (MSG_MORE). */
  copying = false;
  copied = 0;
  copiedMore = false;
  /** No data of that SEND is in pieces yet. */
  copyBegins = false;
  /** The SEND has more octets than fit into this piece; they are taken when it is full, if there is room. */
  goesOn = false;
  /** The sequence number at which PSH was last set deliberately. */
  pushEnd = 0;
  /** When a segment that takes sequence space was last sent. */
  lastSent = -NEVER;
  /** The time of the current event, µs; thousandths distinguish events of the same microsecond. */
  clock = -1;
}

// What a SYN,ACK offers: nothing, or a cookie in the option kind of the request.
export const NO_COOKIE = 0;
export const COOKIE_OFFERED = 1;
export const COOKIE_EXPERIMENT = 2;

// Why Fast Open failed for an active OPEN that requested it (tcp_info's tcpi_fastopen_client_fail).
export const FAIL_NONE = 0;
export const FAIL_NO_COOKIE = 1;
export const FAIL_NOT_TAKEN = 2;
export const FAIL_SYN_RESENT = 3;

/** Fast Open (RFC 7413) on one connection. Written by `open`. */
export class FastOpenVariables {
  /**
   * In SYN-RECEIVED, but data already flows because the SYN had a valid cookie. SND.UNA is after our SYN, which has no record in the
   * scoreboard: nothing else is retransmitted before it is acknowledged.
   */
  early = false;
  /** The listener that counts this pending connection. */
  listener: PassiveOpen | null = null;
  /** What the next SYN,ACK offers. */
  offer = NO_COOKIE;
  /** When the first SYN,ACK of an early connection was sent, µs; -1: not yet. */
  answeredAt = -1;
  /** Whether our SYN had the option: a cookie, or a request. */
  asked = false;
  /** Octets of data in our SYN. */
  sent = 0;
  /** Whether the data of a SYN was accepted: the peer's by us, or ours by the peer. */
  taken = false;
  fail = FAIL_NONE;
}

/** Of each connection that has not used Fast Open yet: nothing is ever written into it. */
export const NO_FAST_OPEN: Readonly<FastOpenVariables> = Object.freeze(new FastOpenVariables());

/** What limited the sender, and for how long. Written by `limited-by.ts`. */
export class LimitedVariables {
  /** LIMITED_BY_*, and since when. */
  by = 0;
  since = 0;
  /**
   * µs in which data was queued or in flight; and the parts of this time in which the peer's window, or our send buffer, limited the
   * sender.
   */
  busyTime = 0;
  windowTime = 0;
  bufferTime = 0;
  /** LIMIT_*: what the trace says of it. */
  traced = 0;
}

/** Where the stack keeps the connection. Written by `src/stack`. */
export class PlaceVariables {
  /** In TIME-WAIT: its row (`minisock.ts`), NO_ROW or REPLACED_BY_ROW. */
  row = -1;
  /** When it came to rest; and the same time when it was added to the list of connections that may sleep, -1 if it is not in that list. */
  restingSince = 0;
  watchedSince = -1;
  /** How many times in a row it was woken soon after falling asleep. */
  shortSleeps = 0;
  /** It counts towards the limit of its remote host (`Limits.connectionsPerSource`). */
  countsForSource = false;
  /** SEND took less than fits into the send buffer because no page was free. The stack reports when there are free pages again. */
  waitsForMemory = false;
}

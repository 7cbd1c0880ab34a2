/** STATUS (RFC 9293 §3.9.1): a snapshot of a connection with the names of `ss -ti` and tcp_info. */
import { markName } from "#base/mark";
import type { ControlDetails } from "../congestion/congestion.ts";
import { deliveryRate } from "../loss/delivery-rate.ts";
import { announcedMss } from "../receive/announced.ts";
import { space } from "../receive/right-sizing.ts";
import { largestWindow, windowRoom } from "../receive/window.ts";
import { errorName, type TcpErrorName } from "../words/error.ts";
import { countTime } from "../words/limited-by.ts";
import { LIMIT_NAMES } from "../words/names.ts";
import { NONE, SACKED } from "../words/records.ts";
import { diff } from "../words/seq.ts";
import { CLOSED, type StateName, stateName } from "../words/state.ts";
import { CA_OPEN, type Tcb } from "../words/tcb.ts";
import { notSent } from "./finish.ts";

/** Indexed by FAIL_* of `words/variables.ts`: none; no cookie; the server ignored the data; it answered only a SYN without data. */
const FAILURES = ["", "no-cookie", "not-taken", "syn-resent"] as const;
const PHASES = ["open", "disorder", "cwr", "recovery", "loss"] as const;

/** SACK ranges that `info` lists. */
const RANGES_MAX = 32;

/** Rarely needed details. */
interface TcpDetails {
  /** What the sender waits for now; "" if the stack keeps no trace, without which it is not determined. */
  limitedBy: (typeof LIMIT_NAMES)[number] | "";
  /** What the peer has received beyond a hole, as octets from SND.UNA: the first 32 ranges. */
  sackedRanges: [from: number, to: number][];
  /** It was made by a passive OPEN. */
  passive: boolean;
  /** Explicit congestion notification is used (RFC 3168). */
  ecn: boolean;
  /** The SYN had a valid cookie, and its data was accepted. */
  fastOpenAccepted: boolean;
  /** The last error that did not end the connection, which casts doubt on sending or on the connection attempt. */
  softError: TcpErrorName;
  /** Doublings of the RTO, or of the interval of window probes. */
  rtoBackoff: number;
  /** Unanswered probes of a closed window or of an idle connection. */
  probes: number;
  /** The largest payload that we announced, without options. */
  announcedMss: number;
  /** The peer's segment size, derived from its segments. */
  rcvMss: number;
  /** SMSS without the options that every segment carries. */
  mssBase: number;
  /** Segments sent and not acknowledged. */
  packetsOut: number;
  /** Those of them that are SACKed. */
  sackedOut: number;
  /** Those of them that are considered lost. */
  lostOut: number;
  /** Those of them that were retransmitted since. */
  retransOut: number;
  /** Segments that the peer acknowledged with ECE. */
  deliveredCe: number;
  /** Octets queued and never sent; a waiting FIN counts as one. */
  notSent: number;
  /** Our FIN was sent. */
  finSent: boolean;
  /** Our FIN was acknowledged. */
  finAcked: boolean;
  /** The peer's FIN has arrived in order. */
  finReceived: boolean;
  /** The window known to the peer: from our last ACK, less the data received since. */
  offeredWnd: number;
  /** What is left of it. */
  offeredLeft: number;
  /** The size of the receive buffer now, octets: fixed, or tuned. */
  receiveBuffer: number;
  /** The size of the send buffer now, octets: fixed, or tuned. */
  sendBuffer: number;
  /** The most that the user has read in a round trip (tcpi_rcv_space). */
  rcvSpace: number;
  /** The largest window that is offered by now (tcpi_rcv_ssthresh). */
  rcvSsthresh: number;
  /** The engine's time when the handshake was complete; 0: never. */
  openedAt: number;
  /** The engine's time when data was last sent; 0: never. */
  lastSentAt: number;
  /** The engine's time when data was last received; 0: never. */
  lastReceivedAt: number;
  /** The engine's time when an ACK was last received; 0: never. */
  lastAckAt: number;
}

/** How fast the connection sends, and what it knows of the path. */
interface TcpRates {
  /** What the congestion control knows of the path, if it says so: for example bandwidth (octets/s), minRtt (µs) and mode of BBR. */
  control: ControlDetails;
  /** Why the user's controller was replaced by NewReno; empty: it was not. */
  controlError: string;
  /** What the path delivered lately, octets per second. */
  deliveryRate: number;
  /** Whether it might deliver more if the application sent more. */
  deliveryRateAppLimited: boolean;
  /** The pace of sending, octets per second. It also determines the size of super-segments. */
  pacingRate: number;
  /** Whether that pace is kept. */
  isPaced: boolean;
}

/** Octets, microseconds and counts, as in tcp_info; no sequence numbers. */
export interface TcpInfo extends TcpDetails, TcpRates {
  /** The state of RFC 9293 §3.3.2. */
  state: StateName;
  /** Why it ended; "" before. */
  error: TcpErrorName;
  /** The mark of the cause of its end (`tcp.rx.rst`, `tcp.gave-up-closed-window`); empty before. */
  endedBy: string;
  /** Our address. */
  localAddress: string;
  /** Our port. */
  localPort: number;
  /** The peer's address. */
  remoteAddress: string;
  /** The peer's port. */
  remotePort: number;
  /** SMSS: payload octets of a full segment. */
  mss: number;
  /** The peer's MSS option, 0 if it sent none. */
  advmss: number;
  /** Selective acknowledgments are used (RFC 2018). */
  sack: boolean;
  /** Timestamps are used (RFC 7323). */
  timestamps: boolean;
  /** Shift applied to the peer's windows; -1: not negotiated. */
  sndWscale: number;
  /** Shift applied to our windows; -1: not negotiated. */
  rcvWscale: number;
  /** The name of the congestion control. */
  congestionControl: string;
  /** The phase of loss recovery, as Linux's tcpi_ca_state. */
  phase: (typeof PHASES)[number];
  /** The congestion window, octets. */
  cwnd: number;
  /** The slow-start threshold, octets. */
  ssthresh: number;
  /** Octets considered in the network. */
  inFlight: number;
  /** Octets in flight that are SACKed. */
  sacked: number;
  /** Octets in flight that are considered lost. */
  lost: number;
  /** The smoothed round trip. */
  rtt: number;
  /** The variation of the round trip. */
  rttvar: number;
  /** The shortest round trip. */
  minRtt: number;
  /** The retransmission timeout. */
  rto: number;
  /** Consecutive timeouts. */
  backoff: number;
  /** SND.WND: the peer's window. */
  sndWnd: number;
  /** RCV.WND: our window. */
  rcvWnd: number;
  /** Octets queued and not acknowledged. */
  sendQueue: number;
  /** Octets received that the user has not read. */
  receiveQueue: number;
  /** Octets of data sent, retransmissions included. */
  bytesSent: number;
  /** Octets of data that the peer acknowledged. */
  bytesAcked: number;
  /** Octets of data received in order. */
  bytesReceived: number;
  /** Octets of data sent again. */
  bytesRetrans: number;
  /** Segments sent. */
  segsOut: number;
  /** Segments received. */
  segsIn: number;
  /** Segments with data sent. */
  dataSegsOut: number;
  /** Segments with data received. */
  dataSegsIn: number;
  /** Segments sent again, in all. */
  retransTotal: number;
  /** How often the retransmission timer expired. */
  timeouts: number;
  /** Segments delivered, in all. */
  delivered: number;
  /** Segments considered lost, in all. */
  lostTotal: number;
  /** Duplicates that the peer reported (RFC 2883). */
  dsackDups: number;
  /** Reorderings that were seen. */
  reordSeen: number;
  /** The largest reordering seen on the path, segments. */
  reordering: number;
  /** The receiver's estimate of the round trip, from timestamps; 0: none. */
  rcvRtt: number;
  /** µs with data to send. */
  busyTime: number;
  /** The part of them in which the peer's window limited the sender. */
  rwndLimited: number;
  /** The part of them in which the send buffer limited the sender. */
  sndbufLimited: number;
  /** Segments received whose data was there already. */
  duplicatesReceived: number;
  /** Segments received beyond a hole. */
  outOfOrderReceived: number;
  /** Fast Open (RFC 7413): data of a SYN was accepted, the peer's by us or ours by the peer. */
  synData: boolean;
  /** Why Fast Open did not work; "" if it did, or was not tried. */
  fastOpenFailure: (typeof FAILURES)[number];
}

/** @param now the current period counts as busy or limited up to this time; absent: up to the last change */
export function info(tcb: Tcb, now?: number): TcpInfo {
  if (now !== undefined) countTime(tcb, now);
  const { snd, rcv, cc } = tcb;
  return {
    state: stateName(tcb.state),
    error: errorName(tcb.error),
    endedBy: tcb.endedBy === 0 ? "" : markName(tcb.endedBy),
    localAddress: tcb.local.toString(),
    localPort: tcb.localPort,
    remoteAddress: tcb.remote.toString(),
    remotePort: tcb.remotePort,
    mss: snd.mss,
    advmss: tcb.peerMss,
    sack: tcb.sackOk,
    timestamps: tcb.timestampsOk,
    sndWscale: tcb.windowScaleOk ? snd.shift : -1,
    rcvWscale: tcb.windowScaleOk ? rcv.shift : -1,
    congestionControl: tcb.congestion.name,
    phase: PHASES[cc.phase] ?? PHASES[CA_OPEN],
    cwnd: cc.cwnd,
    ssthresh: cc.ssthresh,
    inFlight: tcb.inFlight(),
    sacked: tcb.board.sackedBytes,
    lost: tcb.board.lostBytes,
    rtt: Math.max(0, Math.round(tcb.srtt)),
    rttvar: Math.round(tcb.rttvar),
    minRtt: Number.isFinite(tcb.rttMin) ? tcb.rttMin : 0,
    rto: tcb.rto,
    backoff: tcb.retries,
    sndWnd: snd.wnd,
    rcvWnd: windowRoom(tcb),
    sendQueue: snd.queued,
    receiveQueue: rcv.unread,
    bytesSent: tcb.bytesSent,
    bytesAcked: tcb.bytesAcked,
    bytesReceived: tcb.bytesReceived,
    bytesRetrans: tcb.delivery.bytesRetransmitted,
    segsOut: tcb.segmentsOut,
    segsIn: tcb.segmentsIn,
    dataSegsOut: tcb.delivery.dataSegmentsOut,
    dataSegsIn: tcb.dataSegmentsIn,
    retransTotal: tcb.retransmissionsTotal,
    timeouts: tcb.timeouts,
    delivered: tcb.deliveredSegments,
    lostTotal: tcb.rack.lostSegments,
    dsackDups: tcb.board.duplicatesReported,
    reordSeen: tcb.reorderingsSeen,
    reordering: tcb.reordering,
    rcvRtt: Math.round(tcb.rcv.rtt),
    busyTime: tcb.limited.busyTime,
    rwndLimited: tcb.limited.windowTime,
    sndbufLimited: tcb.limited.bufferTime,
    duplicatesReceived: tcb.duplicatesReceived,
    outOfOrderReceived: tcb.outOfOrderReceived,
    synData: tcb.fast.taken,
    fastOpenFailure: FAILURES[tcb.fast.fail] ?? "",
    ...rates(tcb),
    ...details(tcb),
  };
}

function rates(tcb: Tcb): TcpRates {
  return {
    control: tcb.congestion.details?.(tcb) ?? {},
    controlError: tcb.controllerError,
    deliveryRate: deliveryRate(tcb),
    deliveryRateAppLimited: tcb.delivery.isAppLimited,
    pacingRate: tcb.pacing.rate,
    isPaced: tcb.pacing.isOn,
  };
}

function details(tcb: Tcb): TcpDetails {
  const { snd, rcv, board, fast } = tcb;
  const isFinAcked = snd.finSent && tcb.outstanding() === 0;
  return {
    limitedBy: tcb.env.trace.enabled ? (LIMIT_NAMES[tcb.limited.traced] ?? "") : "",
    sackedRanges: sackedRanges(tcb),
    passive: tcb.passive,
    ecn: tcb.ecnOk,
    fastOpenAccepted: fast.answeredAt >= 0,
    softError: errorName(tcb.softError),
    rtoBackoff: tcb.rtt.backoff,
    probes: Math.max(tcb.probes, tcb.keepAliveProbes),
    announcedMss: announcedMss(tcb),
    rcvMss: rcv.mss,
    mssBase: snd.mssBase,
    packetsOut: board.packetsOut,
    sackedOut: board.sackedOut,
    lostOut: board.lostOut,
    retransOut: board.retransOut,
    deliveredCe: board.deliveredCe,
    notSent: tcb.state === CLOSED ? snd.neverSent : notSent(tcb),
    finSent: snd.finSent,
    finAcked: isFinAcked,
    finReceived: rcv.finSeen && diff(rcv.nxt, rcv.fin) > 0,
    offeredWnd: diff(rcv.adv, rcv.acked),
    offeredLeft: diff(rcv.adv, rcv.nxt),
    receiveBuffer: rcv.capacity,
    sendBuffer: snd.capacity,
    rcvSpace: space(tcb),
    rcvSsthresh: largestWindow(tcb),
    openedAt: tcb.openedAt,
    lastSentAt: tcb.lastSendTime,
    lastReceivedAt: tcb.lastReceiveTime,
    lastAckAt: tcb.lastAckTime,
  };
}

/** Neighbouring records that are SACKed make one range. */
function sackedRanges({ board, snd, env: { records } }: Tcb): [number, number][] {
  const ranges: [number, number][] = [];
  if (board.sackedOut === 0) return ranges;
  for (let r = board.head; r !== NONE; r = records.next[r]!) {
    if ((records.flags[r]! & SACKED) === 0) continue;
    const from = diff(records.start[r]!, snd.una);
    const to = diff(records.end[r]!, snd.una);
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === from) last[1] = to;
    else if (ranges.length === RANGES_MAX) break;
    else ranges.push([from, to]);
  }
  return ranges;
}

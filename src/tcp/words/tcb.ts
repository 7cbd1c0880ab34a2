import type { Counters } from "#base/counters";
import { Pages } from "#base/pages";
import type { Prng } from "#base/prng";
import type { SipHash } from "#base/siphash";
import type { Slab } from "#base/slab";
import { NEVER } from "#base/time";
import { EV_STATE, type Trace } from "#base/trace";
import type { Address } from "#ip/address";
import type { CongestionControl } from "../congestion/congestion.ts";
import type { FastOpen } from "../open/fast-open.ts";
import type { Attempt } from "./attempt.ts";
import { LIMITED_BY_NOTHING } from "./limited-by.ts";
import type { TcpParams } from "./params.ts";
import type { PassiveOpen } from "./passive-open.ts";
import { PathVariables } from "./path.ts";
import { Ranges } from "./ranges.ts";
import type { Records } from "./records.ts";
import { CongestionVariables, ReceiveVariables, SendVariables } from "./sequence-variables.ts";
import { CLOSED } from "./state.ts";
import {
  FastOpenVariables,
  OutputVariables,
  RackVariables,
  RecoveryVariables,
  RoundTripVariables,
  Scoreboard,
  TailProbe,
  UsageVariables,
  WindowProbe,
} from "./variables.ts";

/** What all connections of one stack share. Everything random or timed is handed in. */
export interface TcpEnv {
  readonly slab: Slab;
  readonly counters: Counters;
  readonly trace: Trace;
  readonly records: Records;
  readonly prng: Prng;
  /** Keyed by the stack's secret: ISNs, timestamp offsets, ports. */
  readonly hash: SipHash;
  readonly fastOpen: FastOpen;
  /** The segment that was polled last. */
  readonly attempt: Attempt;
}

// What the floor above is told, as bits of `tcb.events`; drained once per poll.
export const EVENT_OPENED = 1;
export const EVENT_READABLE = 2;
export const EVENT_WRITABLE = 4;
/** The peer closed its direction: after the bytes that are readable comes the end. */
export const EVENT_REMOTE_CLOSED = 8;
/** The connection is gone; `tcb.error` says why (OK: closed by both). */
export const EVENT_CLOSED = 16;
/** MUST-32: urgent data was announced. */
export const EVENT_URGENT = 32;
/** SHLD-9, MUST-47: R1 was passed, or ICMP reported something that does not end the connection: `tcb.softError`. */
export const EVENT_SOFT_ERROR = 64;
/** Everything that we sent, our FIN included, is acknowledged. */
export const EVENT_DRAINED = 128;

// Indices into `tcb.timers`, in the order in which they act when several expire at once.
export const T_TIME_WAIT = 0;
export const T_REORDER = 1;
export const T_LOSS_PROBE = 2;
export const T_RETRANSMIT = 3;
export const T_PERSIST = 4;
export const T_DELAYED_ACK = 5;
export const T_KEEPALIVE = 6;
export const T_USER_TIMEOUT = 7;
export const TIMERS = 8;
export const TIMER_NAMES = [
  "time-wait",
  "reorder",
  "loss-probe",
  "retransmit",
  "persist",
  "delayed-ack",
  "keep-alive",
  "user-timeout",
] as const;

export { CA_CWR, CA_DISORDER, CA_LOSS, CA_OPEN, CA_RECOVERY } from "./sequence-variables.ts";

/** The two ends of a connection. */
export interface Ends {
  readonly local: Address;
  readonly localPort: number;
  readonly remote: Address;
  readonly remotePort: number;
}

/**
 * A transmission control block (RFC 9293 §3.3.1): everything of one connection. The functions beside it (`calls`,
 * `arrives`, `timeouts`, `output`) act on it; nothing here acts by itself.
 */
export class Tcb {
  readonly env: TcpEnv;
  /** Shared with other connections until `Stack.setParams` gives this one its own. */
  params: Readonly<TcpParams>;
  /** A small integer, unique among living connections. */
  id: number;
  local: Address;
  remote: Address;
  localPort: number;
  remotePort: number;
  state = CLOSED;
  /** The listener this connection came from (passive OPEN), until it is accepted or gone. MUST-11. */
  listener: PassiveOpen | null = null;
  /** True if it came from a passive OPEN; decides where RST in SYN-RECEIVED leads. MUST-11. */
  passive = false;

  readonly snd = new SendVariables();
  readonly rcv = new ReceiveVariables();
  readonly cc = new CongestionVariables();
  readonly fast = new FastOpenVariables();
  readonly path = new PathVariables();
  readonly board = new Scoreboard();
  readonly recovery = new RecoveryVariables();
  readonly rack = new RackVariables();
  readonly tailProbe = new TailProbe();
  readonly windowProbe = new WindowProbe();
  readonly usage = new UsageVariables();
  readonly rtt = new RoundTripVariables();
  readonly output = new OutputVariables();
  /** Tail loss probes are sent. */
  tailProbes = false;
  congestion: CongestionControl;
  /** State of the congestion control in use; its meaning is the control's. */
  ccState: Float64Array;

  /** What we queued from SND.UNA on, and what we received from RCV.NXT - unread on. */
  readonly sendQueue: Pages;
  readonly receiveQueue: Pages;
  /** Out-of-order stretches beyond RCV.NXT. */
  readonly ranges = new Ranges();

  // Agreed in the handshake.
  sackOk = false;
  timestampsOk = false;
  windowScaleOk = false;
  ecnOk = false;
  /** RFC 3168: a CE mark arrived, so our ACKs carry ECE until the peer says CWR; and our next new data says CWR. */
  ecnEcho = false;
  ecnReduced = false;
  /** RFC 7323: TS.Recent, when it was taken, and our offset of TSval. */
  tsRecent = 0;
  tsRecentTime = 0;
  tsOffset = 0;
  /** MSS option of the peer, or 0. */
  peerMss = 0;
  /** What our path's MTU leaves for TCP payload without options (MMS_R - 20). */
  localMss = 536;

  /** Segments by which the path is known to reorder. */
  reordering: number;
  /** D-SACK block to report (RFC 2883), if left != right. */
  dsackLeft = 0;
  dsackRight = 0;

  // Round-trip time (RFC 6298), us. srtt < 0: no sample yet.
  srtt = -1;
  rttvar = 0;
  rto: number;
  rttMin = NEVER;
  /** Timeouts in a row without an ACK of something new. */
  retries = 0;
  /** When the first of them was armed, or the first probe of a closed window went that nobody answered: user timeout. */
  stalledSince = NEVER;
  /** Zero-window probes in a row that nobody answered. */
  probes = 0;
  keepAliveProbes = 0;

  /** Why an ACK is to be sent now (a mark), or 0. */
  ackNow = 0;
  /** Duplicate ACKs due beyond that one (only where the peer has no SACK). */
  ackDuplicates = 0;
  quickAcks = 0;
  /** A call of the user waits for the end of the handshake to write. */
  writerWaits = false;
  /** The ACK of our SYN,ACK came, but the listener waits for data (`deferAccept`); and timeouts that were let pass for that. */
  acceptDeferred = false;
  deferredTimeouts = 0;
  /** The user answers what it reads: quick ACKs would only double the packets. */
  interactive = false;
  /** Set by a timer or a call: one segment to send besides what the windows allow. */
  probeNow = 0;
  synNow = 0;
  rstNow = 0;
  /** When an unacceptable segment without data was last answered. */
  invalidAckTime = -NEVER;

  readonly timers = new Float64Array(TIMERS).fill(NEVER);

  // Once it is CLOSED: what the user is told, and the mark of what ended it.
  error = 0;
  endedBy = 0;
  softError = 0;
  /** EVENT_* bits not yet drained. */
  events = 0;
  /** Whether the stack has it in its lists: to transmit, to tell. */
  inOutput = false;
  inEvents = false;
  inTimeWait = false;
  /** Since when it has been at rest; and the same when it was put into the list of those that may sleep, -1 if it is not in it. */
  restingSince = 0;
  watchedSince = -1;
  /** How often in a row it was woken soon. */
  shortSleeps = 0;
  /** It is one of those that its remote host may have (`Limits.connectionsPerSource`). */
  countsForSource = false;
  /** SEND took less than the send buffer has room for: no page was left. The stack tells when there are some again. */
  starved = false;
  /** The user holds it (socket); a connection that nobody holds is deleted silently. */
  held = false;
  /** Something of the floor above. */
  user: unknown = null;

  // Statistics, in the words of tcp_info.
  bytesSent = 0;
  bytesAcked = 0;
  bytesReceived = 0;
  bytesRetransmitted = 0;
  segmentsOut = 0;
  segmentsIn = 0;
  dataSegmentsOut = 0;
  dataSegmentsIn = 0;
  retransmissionsTotal = 0;
  /** Times a segment was thought lost. */
  lostSegments = 0;
  /** Segments that the peer has, cumulatively or by SACK. */
  deliveredSegments = 0;
  /** D-SACKs received, and times that something arrived later than what was sent after it. */
  duplicatesReported = 0;
  reorderingsSeen = 0;
  /** us in which data was queued or in flight; those of them in which the peer's window, and our send buffer, held it back. */
  busyTime = 0;
  windowLimitedTime = 0;
  bufferLimitedTime = 0;
  /** What holds the sender back, and since when. */
  limitedBy = LIMITED_BY_NOTHING;
  limitedSince = 0;
  duplicatesReceived = 0;
  outOfOrderReceived = 0;
  timeouts = 0;
  openedAt = 0;
  lastSendTime = 0;
  lastReceiveTime = 0;
  lastAckTime = 0;

  constructor(env: TcpEnv, params: Readonly<TcpParams>, congestion: CongestionControl, id: number, ends: Ends) {
    this.env = env;
    this.sendQueue = new Pages(env.slab);
    this.receiveQueue = new Pages(env.slab);
    this.params = params;
    this.congestion = congestion;
    this.ccState = new Float64Array(congestion.places);
    this.id = id;
    this.local = ends.local;
    this.localPort = ends.localPort;
    this.remote = ends.remote;
    this.remotePort = ends.remotePort;
    this.rto = params.retransmitting.rtoInitial;
    this.reordering = params.retransmitting.dupThresh;
    this.rcv.capacity = params.receiveBuffer;
  }

  /** Becomes another connection. Its numbers are those of a new TCB by now, and its queues are empty (`Dormitory.take`). */
  become(params: Readonly<TcpParams>, congestion: CongestionControl, id: number, ends: Ends): void {
    this.params = params;
    this.congestion = congestion;
    if (this.ccState.length !== congestion.places) this.ccState = new Float64Array(congestion.places);
    this.id = id;
    this.local = ends.local;
    this.localPort = ends.localPort;
    this.remote = ends.remote;
    this.remotePort = ends.remotePort;
    this.rto = params.retransmitting.rtoInitial;
    this.reordering = params.retransmitting.dupThresh;
    this.rcv.capacity = params.receiveBuffer;
  }

  /** The earliest deadline, or NEVER. */
  deadline(): number {
    const timers = this.timers;
    let earliest = timers[0]!;
    for (let i = 1; i < TIMERS; i++) if (timers[i]! < earliest) earliest = timers[i]!;
    return earliest;
  }

  /** Octets sent and not acknowledged, SYN and FIN included. */
  outstanding(): number {
    return (this.snd.nxt - this.snd.una) | 0;
  }

  /** Octets thought to be in the network. Without SACK each duplicate ACK stands for a segment that left it. */
  inFlight(): number {
    const left = this.sackOk ? this.board.sackedBytes : this.board.sackedOut * this.snd.mss;
    return Math.max(0, this.outstanding() - left - this.board.lostBytes + this.board.resentBytes);
  }
}

/** Moves to another state, with its cause for the trace. */
export function setState(tcb: Tcb, state: number, cause: number, now: number): void {
  if (tcb.state === state) return;
  tcb.env.trace.record(now, EV_STATE, cause, tcb.id, tcb.state, state);
  tcb.state = state;
}

import type { Counters } from "#base/counters";
import { Pages } from "#base/pages";
import type { Prng } from "#base/prng";
import type { SipHash } from "#base/siphash";
import type { Slab } from "#base/slab";
import { NEVER } from "#base/time";
import { EV_STATE, type Trace } from "#base/trace";
import type { Address } from "#ip/address";
import type { CongestionControl } from "../congestion/congestion.ts";
import type { UserState } from "../congestion/user-control.ts";
import type { FastOpen } from "../open/fast-open.ts";
import { type Arrival, TAKES_NONE } from "./arrival.ts";
import type { Attempt } from "./attempt.ts";
import { receiveBufferAt, sendBufferAt } from "./buffers.ts";
import { TIMER_NAMES } from "./names.ts";
import type { TcpParams } from "./params.ts";
import type { PassiveOpen } from "./passive-open.ts";
import { PathVariables } from "./path.ts";
import { type RangePool, Ranges } from "./ranges.ts";
import { NO_MEMORY, type ReceiveMemory } from "./receive-memory.ts";
import type { Records } from "./records.ts";
import { CongestionVariables, ReceiveVariables, SendVariables } from "./sequence-variables.ts";
import { CLOSED } from "./state.ts";
import {
  DeliveryVariables,
  type FastOpenVariables,
  LimitedVariables,
  NO_FAST_OPEN,
  OutputVariables,
  PacingVariables,
  PlaceVariables,
  RackVariables,
  RecoveryVariables,
  RoundTripVariables,
  Scoreboard,
  TailProbe,
  UsageVariables,
  WindowProbe,
} from "./variables.ts";

/** What all connections of one stack share. Randomness and time are passed in. */
export interface TcpEnv {
  readonly slab: Slab;
  readonly counters: Counters;
  readonly trace: Trace;
  readonly records: Records;
  readonly ranges: RangePool;
  readonly prng: Prng;
  /** Keyed by the stack's secret: ISNs, timestamp offsets, ports. */
  readonly hash: SipHash;
  readonly fastOpen: FastOpen;
  /** The segment polled last. */
  readonly attempt: Attempt;
  /** Text of the latest packet that has not been copied. */
  readonly arrival: Arrival;
  /** Whether memory or a table of the stack is short (docs/adr/0061). */
  readonly pressure: { isOn: boolean };
}

// Events for the layer above, as bits of `tcb.events`; collected once per poll.
export const EVENT_OPENED = 1;
export const EVENT_READABLE = 2;
export const EVENT_WRITABLE = 4;
/** The peer has closed its direction: the stream ends after the readable octets. */
export const EVENT_REMOTE_CLOSED = 8;
/** The connection has ended; `tcb.error` says why (OK: closed by both). */
export const EVENT_CLOSED = 16;
/** MUST-32: urgent data was announced. */
export const EVENT_URGENT = 32;
/** SHLD-9, MUST-47: R1 was reached, or ICMP reported an error that does not end the connection: `tcb.softError`. */
export const EVENT_SOFT_ERROR = 64;
/** Everything that we sent, including our FIN, is acknowledged. */
export const EVENT_ALL_ACKED = 128;

// Indices into `tcb.timers`, in the order in which they fire when several expire at once.
export const T_TIME_WAIT = 0;
export const T_REORDER = 1;
export const T_LOSS_PROBE = 2;
export const T_RETRANSMIT = 3;
export const T_PERSIST = 4;
export const T_DELAYED_ACK = 5;
export const T_KEEPALIVE = 6;
export const T_USER_TIMEOUT = 7;
/** Paced data may be sent again. */
export const T_PACE = 8;
export const TIMERS = TIMER_NAMES.length;

export { CA_CWR, CA_DISORDER, CA_LOSS, CA_OPEN, CA_RECOVERY } from "./sequence-variables.ts";

/** The two ends of a connection. */
export interface Ends {
  readonly local: Address;
  readonly localPort: number;
  readonly remote: Address;
  readonly remotePort: number;
}

/**
 * A transmission control block (RFC 9293 §3.3.1): all data of one connection. The functions beside it (`calls`, `arrives`, `timeouts`,
 * `output`) act on it.
 */
export class Tcb {
  readonly env: TcpEnv;
  /** Shared with other connections until `Stack.setParams` gives this connection its own. */
  params: Readonly<TcpParams>;
  /** A small integer, unique among living connections. */
  id: number;
  local: Address;
  remote: Address;
  localPort: number;
  remotePort: number;
  state = CLOSED;
  /** The listener of this connection (passive OPEN), until it is accepted or has ended. MUST-11. */
  listener: PassiveOpen | null = null;
  /** Whether it was made by a passive OPEN, which determines the effect of RST in SYN-RECEIVED. MUST-11. */
  passive = false;

  readonly snd = new SendVariables();
  readonly rcv = new ReceiveVariables();
  readonly cc = new CongestionVariables();
  /** NO_FAST_OPEN until `fastOpenOf` makes its own. */
  fast: Readonly<FastOpenVariables> = NO_FAST_OPEN;
  readonly path = new PathVariables();
  readonly board = new Scoreboard();
  readonly recovery = new RecoveryVariables();
  readonly rack = new RackVariables();
  readonly tailProbe = new TailProbe();
  readonly windowProbe = new WindowProbe();
  readonly usage = new UsageVariables();
  readonly rtt = new RoundTripVariables();
  readonly delivery = new DeliveryVariables();
  readonly pacing = new PacingVariables();
  readonly output = new OutputVariables();
  readonly limited = new LimitedVariables();
  readonly place = new PlaceVariables();
  congestion: CongestionControl;
  /** State of the congestion control, which alone knows its meaning. */
  ccState: Float64Array;
  /** The user's controller, and why it was replaced by NewReno. */
  controller: UserState | null = null;
  controllerError = "";

  /** Queued data from SND.UNA on, and received data from RCV.NXT - unread on. */
  readonly sendQueue: Pages;
  readonly receiveQueue: Pages;
  /** Out-of-order ranges beyond RCV.NXT. */
  readonly ranges: Ranges;
  /** Memory of both the queue and the ranges, if the receive buffer counts memory; NO_MEMORY until it counts some. */
  memory: ReceiveMemory = NO_MEMORY;

  // Negotiated in the handshake.
  sackOk = false;
  timestampsOk = false;
  windowScaleOk = false;
  ecnOk = false;
  /** RFC 3168: after a CE mark our ACKs carry ECE until the peer sends CWR; and whether our next new data carries CWR. */
  ecnEcho = false;
  ecnReduced = false;
  /** RFC 7323: TS.Recent, when it was recorded, and the offset of our TSval. */
  tsRecent = 0;
  tsRecentTime = 0;
  tsOffset = 0;
  /** The peer's MSS option, or 0. */
  peerMss = 0;
  /** The TCP payload without options that our path MTU allows (MMS_R - 20). */
  localMss = 536;

  /** The largest reordering seen on the path, segments. */
  reordering: number;
  /** D-SACK block to report (RFC 2883), if left != right. */
  dsackLeft = 0;
  dsackRight = 0;

  // Round-trip time (RFC 6298), µs. srtt < 0: no sample yet.
  srtt = -1;
  rttvar = 0;
  rto: number;
  rttMin = NEVER;
  /** Consecutive timeouts without an ACK of new data. */
  retries = 0;
  /** When the first of these timeouts was armed, or the first unanswered probe of a closed window was sent: for the user timeout. */
  stalledSince = NEVER;
  /** Consecutive unanswered zero-window probes. */
  probes = 0;
  keepAliveProbes = 0;

  /** Why an ACK must be sent now (a mark), or 0. */
  ackNow = 0;
  /** Further duplicate ACKs that are due (only if the peer has no SACK). */
  ackDuplicates = 0;
  quickAcks = 0;
  /** A writer waits for the end of the handshake. */
  writerWaits = false;
  /** Our SYN,ACK was acknowledged, but the listener waits for data (`deferAccept`); and the timeouts that were ignored meanwhile. */
  acceptDeferred = false;
  deferredTimeouts = 0;
  /** The user answers what it reads, so quick ACKs would only double the number of packets. */
  interactive = false;
  /** Set by a timer or a call: send one segment regardless of the windows. */
  probeNow = 0;
  synNow = 0;
  rstNow = 0;
  /** When an unacceptable segment without data was last answered. */
  invalidAckTime = -NEVER;

  readonly timers = new Float64Array(TIMERS).fill(NEVER);

  // In CLOSED: the error for the user, and the mark of the cause.
  error = 0;
  endedBy = 0;
  softError = 0;
  /** EVENT_* bits not yet collected. */
  events = 0;
  /** Whether it is in the stack's lists: of connections to transmit, and of those with events. */
  inOutput = false;
  inEvents = false;
  /** A socket uses it; a connection without a user is deleted silently. */
  held = false;
  /** The user takes text from packets, without a copy in the receive queue, if it has at least so many octets. */
  takesFrom = TAKES_NONE;
  /** Data of the layer above. */
  user: unknown = null;

  // Statistics, with the names of tcp_info.
  bytesSent = 0;
  bytesAcked = 0;
  bytesReceived = 0;
  segmentsOut = 0;
  segmentsIn = 0;
  dataSegmentsIn = 0;
  retransmissionsTotal = 0;
  /** Segments acknowledged, cumulatively or by SACK. */
  deliveredSegments = 0;
  /** Segments that arrived after others that were sent later. */
  reorderingsSeen = 0;
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
    this.ranges = new Ranges(env.ranges, this);
    this.params = params;
    this.congestion = congestion;
    this.ccState = new Float64Array(congestion.stateSize);
    this.id = id;
    this.local = ends.local;
    this.localPort = ends.localPort;
    this.remote = ends.remote;
    this.remotePort = ends.remotePort;
    this.rto = params.retransmitting.rtoInitial;
    this.reordering = params.retransmitting.dupThresh;
    this.rcv.capacity = receiveBufferAt(params.receiveBuffer, params.receiveBufferMax);
    this.snd.capacity = sendBufferAt(params.sendBuffer, params.sendBufferMax);
  }

  /** Reuses the TCB for another connection. All numbers must be those of a new TCB, and its queues empty (`TcbPacker.take`). */
  become(params: Readonly<TcpParams>, congestion: CongestionControl, id: number, ends: Ends): void {
    this.params = params;
    this.congestion = congestion;
    if (this.ccState.length !== congestion.stateSize) this.ccState = new Float64Array(congestion.stateSize);
    this.id = id;
    this.local = ends.local;
    this.localPort = ends.localPort;
    this.remote = ends.remote;
    this.remotePort = ends.remotePort;
    this.rto = params.retransmitting.rtoInitial;
    this.reordering = params.retransmitting.dupThresh;
    this.rcv.capacity = receiveBufferAt(params.receiveBuffer, params.receiveBufferMax);
    this.snd.capacity = sendBufferAt(params.sendBuffer, params.sendBufferMax);
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

  /** Octets considered in the network. Without SACK each duplicate ACK counts as one segment that has left it. */
  inFlight(): number {
    const left = this.sackOk ? this.board.sackedBytes : this.board.sackedOut * this.snd.mss;
    return Math.max(0, this.outstanding() - left - this.board.lostBytes + this.board.resentBytes);
  }
}

/** Says what the segment that is being processed is: counts it, and makes it the cause of the segment's record in the trace. */
export function explain(tcb: Tcb, mark: number): void {
  tcb.env.counters.count(mark);
  tcb.env.trace.explain(mark);
}

/** Changes the state, and records the cause in the trace. */
export function setState(tcb: Tcb, state: number, cause: number, now: number): void {
  if (tcb.state === state) return;
  tcb.env.trace.explain(cause);
  tcb.env.trace.record(now, EV_STATE, cause, tcb.id, tcb.state, state);
  tcb.state = state;
}

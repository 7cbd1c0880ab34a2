/** Congestion controllers that users write: what they see of a connection, and what happens if they fail. */
import { EV_CWND } from "#base/trace";
import * as M from "../words/marks.ts";
import type { RateSample } from "../words/rate-sample.ts";
import type { Tcb } from "../words/tcb.ts";
import type { CongestionControl, ControlDetails } from "./congestion.ts";
import { NewReno } from "./newreno.ts";
import { choosePacing, setRate } from "./pacing.ts";
import { cwndOf, inFlight, setCwnd } from "./windows.ts";

/** A window beyond this is an error of the controller: as many segments as RFC 7323's largest window has in segments of 16 octets. */
const CWND_MAX = 2 ** 26;

/** What one ACK brought. Counts are segments, times µs. The object is used again for the next ACK. */
export interface AckEvent {
  /** Newly delivered segments. */
  readonly acked: number;
  /** Segments newly found to be lost. */
  readonly losses: number;
  /** Of the newest segment that it acknowledges; -1: unknown, since that was retransmitted. */
  readonly rtt: number;
  /** Segments delivered in `interval`; -1: this ACK gives no sample of the delivery rate. */
  readonly delivered: number;
  /** The time in which they were delivered. */
  readonly interval: number;
  /** The application sent less than the path might have carried. */
  readonly isAppLimited: boolean;
}

/** One connection, as its controller sees it. */
export interface Flow {
  /** The engine's time at this event, µs. */
  readonly now: number;
  /** Octets of a full segment. */
  readonly mss: number;
  /** The congestion window, segments: how many may be in flight. At least 1; fractions are cut off. */
  cwnd: number;
  /** Octets per second at which data is sent, if the controller is paced; also determines the size of super-segments. */
  pacingRate: number;
  /** Segments that are believed to be in the network. */
  readonly inFlight: number;
  /** Segments delivered since the connection began. */
  readonly delivered: number;
  /** Segments lost since the connection began. */
  readonly lost: number;
  /** The smoothed round trip, µs; 0: none was measured. */
  readonly srtt: number;
  /** The shortest round trip, µs; Infinity: none was measured. */
  readonly minRtt: number;
}

class TcbFlow implements Flow {
  readonly #tcb: Tcb;
  now = 0;

  constructor(tcb: Tcb) {
    this.#tcb = tcb;
  }

  get mss(): number {
    return this.#tcb.snd.mss;
  }

  get cwnd(): number {
    return cwndOf(this.#tcb);
  }

  set cwnd(segments: number) {
    if (!(segments >= 0 && segments <= CWND_MAX)) throw new RangeError(`cwnd cannot be ${segments}`);
    setCwnd(this.#tcb, Math.max(Math.floor(segments), 1));
  }

  get pacingRate(): number {
    return this.#tcb.pacing.rate;
  }

  set pacingRate(octetsPerSecond: number) {
    if (!(octetsPerSecond >= 1)) throw new RangeError(`pacingRate cannot be ${octetsPerSecond}`);
    setRate(this.#tcb, octetsPerSecond);
  }

  get inFlight(): number {
    return inFlight(this.#tcb);
  }

  get delivered(): number {
    return this.#tcb.deliveredSegments;
  }

  get lost(): number {
    return this.#tcb.board.lost;
  }

  get srtt(): number {
    return this.#tcb.rtt.srtt8 / 8;
  }

  get minRtt(): number {
    return this.#tcb.rttMin;
  }
}

/** Why a controller is to send less: segments are lost, the peer reports a congestion mark, or the retransmission timer fired. */
export type Congestion = "loss" | "mark" | "timeout";

/** The congestion control of one connection. Loss detection and retransmission are the engine's. */
export interface Controller {
  /** An ACK arrived: set `flow.cwnd`, and `flow.pacingRate` if the controller is paced. */
  onAck(flow: Flow, ack: AckEvent): void;
  /** Once for each episode: at most once per round trip. After a timeout the engine has set cwnd to what is in flight and one more. */
  onCongestion?(flow: Flow, why: Congestion): void;
  /** The last congestion was a false alarm: nothing was lost. */
  onFalseAlarm?(flow: Flow): void;
  /** Data is sent after silence. */
  onRestart?(flow: Flow): void;
  /** For `info().control`. */
  details?(): ControlDetails;
}

/** A kind of controllers, for `registerController`. */
export interface ControllerKind {
  /** What `cc` names it by: a-z, 0-9, -. */
  readonly name: string;
  /** Whether it sets a rate at which data is paced. */
  readonly isPaced?: boolean;
  /** Makes the controller of a new connection, or of one that begins to use it. `flow.cwnd` is the initial window, or the present one. */
  create(flow: Flow): Controller;
}

/** What a connection with a user's controller keeps. */
export interface UserState {
  readonly flow: TcbFlow;
  readonly controller: Controller;
}

const newReno = new NewReno();

/** Lets the engine use controllers of one kind. One that throws is replaced by NewReno, on that connection alone. */
export class UserControl implements CongestionControl {
  readonly name: string;
  readonly stateSize = 0;
  readonly isPaced: boolean;
  readonly #kind: ControllerKind;

  constructor(kind: ControllerKind) {
    this.name = kind.name;
    this.isPaced = kind.isPaced === true;
    this.#kind = kind;
  }

  reset(tcb: Tcb, now: number): void {
    const flow = new TcbFlow(tcb);
    flow.now = now;
    try {
      tcb.controller = { flow, controller: this.#kind.create(flow) };
    } catch (error) {
      fallBack(tcb, error, now);
    }
  }

  reduce(tcb: Tcb, now: number): number {
    this.#tell(tcb, now, (controller, flow) =>
      controller.onCongestion?.(flow, tcb.board.lostOut > 0 ? "loss" : "mark"),
    );
    return tcb.congestion === this ? tcb.cc.ssthresh : newReno.reduce(tcb);
  }

  timedOut(tcb: Tcb, now: number): void {
    this.#tell(tcb, now, (controller, flow) => controller.onCongestion?.(flow, "timeout"));
  }

  undone(tcb: Tcb, now: number): void {
    this.#tell(tcb, now, (controller, flow) => controller.onFalseAlarm?.(flow));
  }

  measured(): void {}

  avoid(): void {}

  idle(tcb: Tcb, _time: number, now: number): void {
    this.#tell(tcb, now, (controller, flow) => controller.onRestart?.(flow));
  }

  control(tcb: Tcb, sample: RateSample, now: number): void {
    const state = tcb.controller;
    if (state === null) return;
    state.flow.now = now;
    try {
      state.controller.onAck(state.flow, sample);
    } catch (error) {
      fallBack(tcb, error, now);
    }
  }

  details(tcb: Tcb): ControlDetails {
    try {
      return tcb.controller?.controller.details?.() ?? {};
    } catch (error) {
      return { error: String(error) };
    }
  }

  #tell(tcb: Tcb, now: number, event: (controller: Controller, flow: Flow) => void): void {
    const state = tcb.controller;
    if (state === null) return;
    state.flow.now = now;
    try {
      event(state.controller, state.flow);
    } catch (error) {
      fallBack(tcb, error, now);
    }
  }
}

/** The controller threw: the connection goes on with NewReno, and tells why. */
function fallBack(tcb: Tcb, error: unknown, now: number): void {
  tcb.controller = null;
  tcb.controllerError = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  tcb.congestion = newReno;
  tcb.ccState = new Float64Array(newReno.stateSize);
  // It may have left any window: halve what is in flight, as after a loss, and find the path's capacity again from there.
  setCwnd(tcb, Math.min(Math.max(cwndOf(tcb), 1), Math.max(inFlight(tcb), tcb.params.growing.initialWindow)));
  tcb.cc.ssthresh = newReno.reduce(tcb);
  choosePacing(tcb);
  tcb.env.counters.count(M.CC_FALLBACK);
  const { env, cc, pacing, snd } = tcb;
  const i = env.trace.record(now, EV_CWND, M.CC_FALLBACK, tcb.id, cc.cwnd, cc.ssthresh, tcb.inFlight(), snd.wnd);
  env.trace.more(i, pacing.isOn ? pacing.rate : 0, 0, 0);
}

import type { BuiltInControl, CongestionControlName } from "../words/params.ts";
import type { RateSample } from "../words/rate-sample.ts";
import type { Tcb } from "../words/tcb.ts";
import { Bbr } from "./bbr.ts";
import { Bbr1 } from "./bbr1.ts";
import { Cubic } from "./cubic.ts";
import { Fixed } from "./fixed.ts";
import { NewReno } from "./newreno.ts";
import { type ControllerKind, UserControl } from "./user-control.ts";

/**
 * What a congestion control decides: how far cwnd is reduced after a loss, and how it grows otherwise. `loss/recovery.ts` decides when it
 * is called, and what happens in recovery. A control keeps its state in `tcb.ccState`, so one object serves all connections.
 */
export interface CongestionControl {
  readonly name: CongestionControlName;
  /** How many numbers it keeps in `tcb.ccState`. */
  readonly stateSize: number;
  /** It sets a rate at which data must be paced. */
  readonly isPaced?: boolean;
  /** A connection begins, or begins to use this control. */
  reset(tcb: Tcb, now: number): void;
  /** ssthresh in octets after a loss detected at `now`, from the state before it. At least 2 SMSS (RFC 5681 (4)). */
  reduce(tcb: Tcb, now: number): number;
  /** The retransmission timer fired, after `reduce`. */
  timedOut(tcb: Tcb, now: number): void;
  /** An ACK gave a round-trip sample, µs. Called before the ACK changes cwnd. */
  measured(tcb: Tcb, rtt: number, now: number): void;
  /** By how many segments cwnd grows in slow start when `acked` segments were acknowledged; absent: by as many. */
  slowStart?(tcb: Tcb, acked: number): number;
  /** `n` octets were acknowledged in congestion avoidance while cwnd limited the sender: raise cwnd. */
  avoid(tcb: Tcb, n: number, now: number): void;
  /** The sender was idle for `time` µs, which must not count as time for growth. */
  idle(tcb: Tcb, time: number, now: number): void;
  /**
   * A control that has it sets cwnd and the pacing rate itself with every ACK, also in recovery: PRR, growth and the validation of cwnd do not
   * apply. Called last, after loss detection (Linux's cong_control).
   */
  control?(tcb: Tcb, sample: RateSample, now: number): void;
  /** Record r is lost: the copy of it that was believed to be in flight. */
  lost?(tcb: Tcb, r: number, now: number): void;
  /** The reduction of cwnd has proved unnecessary. */
  undone?(tcb: Tcb, now: number): void;
  /** What it knows of the path, for `info()`: times in µs, rates in octets per second. */
  details?(tcb: Tcb): ControlDetails;
  /** The smallest size of a super-segment, in segments; absent: the one of the policy. */
  superSegmentMin?(tcb: Tcb): number;
}

/** The state of a control by name. */
export type ControlDetails = Readonly<Record<string, number | string | boolean>>;

const BUILT_IN: Record<BuiltInControl, CongestionControl> = {
  newreno: new NewReno(),
  cubic: new Cubic(),
  bbr: new Bbr(),
  bbr1: new Bbr1(),
  fixed: new Fixed(),
};

/** The names of the congestion controls that are part of the stack. */
export const CONGESTION_CONTROLS = Object.keys(BUILT_IN) as BuiltInControl[];

const controls = new Map<string, CongestionControl>(Object.entries(BUILT_IN));

/** "newreno, cubic or bbr", for messages. */
export function congestionControlNames(): string {
  const names = [...controls.keys()];
  return `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
}

export function isCongestionControl(name: string): boolean {
  return controls.has(name);
}

/** @param name a name that `isCongestionControl` knows */
export function congestionControl(name: CongestionControlName): CongestionControl {
  return controls.get(name)!;
}

/**
 * Makes a congestion control of yours known by its name, for all stacks of the program: then `cc` accepts it. Connections that use a controller of
 * this name already keep theirs.
 * @throws TypeError no name, or one of the stack's own
 */
export function registerController(kind: ControllerKind): void {
  if (!/^[a-z][a-z0-9-]{0,31}$/.test(kind.name))
    throw new TypeError(`${kind.name} is not a name for a controller: use a-z, 0-9, -`);
  if (Object.hasOwn(BUILT_IN, kind.name))
    throw new TypeError(`${kind.name} is a congestion control of the stack: use another name`);
  if (typeof kind.create !== "function") throw new TypeError(`the controller ${kind.name} needs create(flow)`);
  controls.set(kind.name, new UserControl(kind));
}

/**
 * An idle connection in compact form, or a half-open one of which a row (`half-open.ts`) cannot express everything. Most of a TCB is about segments
 * in flight and waiting data; in a connection at rest only a few dozen numbers differ from those of a new one. These fit into a few hundred
 * octets, where the TCB with its parts takes several thousand: this saves memory in a service with 100,000 idle clients.
 *
 * The fields to store are found by inspecting a new TCB (`slotsOf`), so that no field can be forgotten; `test/tcp/words/dormant.test.ts`
 * checks this for every field.
 */
import { NEVER } from "#base/time";
import type { Address } from "#ip/address";
import type { CongestionControl } from "../congestion/congestion.ts";
import type { TcpParams } from "./params.ts";
import type { PassiveOpen } from "./passive-open.ts";
import { NO_MEMORY } from "./receive-memory.ts";
import { NONE } from "./records.ts";
import { CLOSE_WAIT, ESTABLISHED, SYN_RECEIVED } from "./state.ts";
import { type Ends, EVENT_SOFT_ERROR, T_KEEPALIVE, Tcb, type TcpEnv, TIMERS } from "./tcb.ts";
import { type FastOpenVariables, NO_FAST_OPEN } from "./variables.ts";

/** The user of a connection, if it lets it sleep: informed of each change, so that it never keeps the TCB of a sleeping connection. */
export interface Sleeper {
  fellAsleep(dormant: Dormant): void;
  woke(tcb: Tcb): void;
}

/** What is needed to find and wake a connection, besides its numbers. */
export class Dormant {
  readonly id: number;
  readonly local: Address;
  readonly localPort: number;
  readonly remote: Address;
  readonly remotePort: number;
  readonly params: Readonly<TcpParams>;
  readonly congestion: CongestionControl;
  /** Null: it is half-open, and has none yet. */
  readonly user: Sleeper | null;
  readonly listener: PassiveOpen | null;
  /** It has no room in the record: few connections use Fast Open. */
  readonly fast: Readonly<FastOpenVariables>;
  /** Which numbers differ from a new TCB's, and their values. */
  readonly record: Uint8Array;

  constructor(tcb: Tcb, user: Sleeper | null, record: Uint8Array) {
    this.id = tcb.id;
    this.local = tcb.local;
    this.localPort = tcb.localPort;
    this.remote = tcb.remote;
    this.remotePort = tcb.remotePort;
    this.params = tcb.params;
    this.congestion = tcb.congestion;
    this.user = user;
    this.listener = tcb.listener;
    this.fast = tcb.fast;
    this.record = record;
  }
}

/** Parts of a TCB whose fields are numbers and booleans, except those in `EMPTY`. */
const PARTS = [
  "snd",
  "rcv",
  "cc",
  "path",
  "board",
  "recovery",
  "rack",
  "tailProbe",
  "windowProbe",
  "usage",
  "rtt",
  "delivery",
  "pacing",
  "output",
  "limited",
  "place",
] as const;

type Fields = Record<string, number | boolean>;
type Part = Tcb | Tcb[(typeof PARTS)[number]];

/** One number of a TCB: its part, its name, and its value in a new TCB. */
export interface Slot {
  readonly part: (typeof PARTS)[number] | null;
  readonly name: string;
  readonly fresh: number | boolean;
}

/** Fields that the constructor sets permanently. */
const FIXED = new Set(["id", "localPort", "remotePort"]);

/** All numbers and booleans of a TCB. */
export function slotsOf(tcb: Tcb): Slot[] {
  const slots: Slot[] = [];
  const add = (part: Slot["part"], of: Part) => {
    for (const [name, fresh] of Object.entries(of)) {
      if (FIXED.has(name) || (typeof fresh !== "number" && typeof fresh !== "boolean")) continue;
      slots.push({ part, name, fresh });
    }
  };
  add(null, tcb);
  for (const part of PARTS) add(part, tcb[part]);
  return slots;
}

/** Whether two TCBs have the same numbers, apart from their ids and ports. @param slots of any TCB */
export function haveSameNumbers(slots: readonly Slot[], a: Tcb, b: Tcb): boolean {
  for (const { part, name } of slots) {
    if (!Object.is((partOf(a, part) as unknown as Fields)[name], (partOf(b, part) as unknown as Fields)[name]))
      return false;
  }
  for (let i = 0; i < TIMERS; i++) if (a.timers[i] !== b.timers[i]) return false;
  if (a.ccState.length !== b.ccState.length) return false;
  for (let i = 0; i < a.ccState.length; i++) if (!Object.is(a.ccState[i], b.ccState[i])) return false;
  return true;
}

/** Whether the connection has no pending work, and only keep-alive could act on it. */
export function isAtRest(tcb: Tcb): boolean {
  const { timers } = tcb;
  if ((tcb.state & (ESTABLISHED | CLOSE_WAIT)) === 0 || !tcb.held || tcb.listener !== null) return false;
  if (tcb.board.head !== NONE || tcb.events !== 0 || !hasOnlyNumbers(tcb)) return false;
  for (let i = 0; i < TIMERS; i++) if (i !== T_KEEPALIVE && timers[i] !== NEVER) return false;
  return true;
}

/**
 * Whether a passive connection waits for the ACK of its SYN,ACK, and nothing else is known of it but numbers. The record of the SYN,ACK stays among
 * the stack's records.
 */
export function isHalfOpen(tcb: Tcb): boolean {
  if (tcb.state !== SYN_RECEIVED || tcb.listener === null || tcb.held || tcb.fast.early) return false;
  return tcb.synNow === 0 && tcb.memory === NO_MEMORY && (tcb.events & ~EVENT_SOFT_ERROR) === 0 && hasOnlyNumbers(tcb);
}

/** No queue or list refers to the connection, and everything that is not a number has its initial value. */
function hasOnlyNumbers(tcb: Tcb): boolean {
  const { board, snd, rcv, output } = tcb;
  if (tcb.controller !== null || tcb.controllerError !== "") return false;
  if (tcb.inOutput || tcb.inEvents || tcb.place.waitsForMemory || tcb.fast.listener !== null) return false;
  if (snd.queued > 0 || rcv.unread > 0 || tcb.ranges.count > 0) return false;
  if (snd.ends.length + output.ends.length > 0 || board.index !== null) return false;
  return tcb.sendQueue.memory + tcb.receiveQueue.memory === 0;
}

/** Packs and unpacks the TCBs of one stack. */
export class TcbPacker {
  readonly #env: TcpEnv;
  /** TCBs of sleeping connections, kept for reuse: a server that accepts connections creates no garbage of them. */
  readonly #free: Tcb[] = [];
  #slots: readonly Slot[] = [];
  /** As long as the longest record; records are written and read here. */
  #scratch = new DataView(new ArrayBuffer(0));
  #octets = new Uint8Array(0);

  constructor(env: TcpEnv) {
    this.#env = env;
  }

  /** Packs a connection at rest whose user lets it sleep, or (null) one that is half-open. */
  pack(tcb: Tcb, user: Sleeper | null): Dormant {
    if (this.#slots.length === 0) this.#learn(tcb);
    const slots = this.#slots;
    const v = this.#scratch;
    const { timers, ccState } = tcb;
    const total = slots.length + timers.length + ccState.length;
    const maskBytes = (total + 3) >> 2;
    for (let i = 0; i < maskBytes; i++) v.setUint8(i, 0);
    let at = maskBytes;
    const put = (i: number, value: number) => {
      const whole = value === (value | 0) && !Object.is(value, -0);
      v.setUint8(i >> 2, v.getUint8(i >> 2) | ((whole ? 1 : 2) << ((i & 3) << 1)));
      if (whole) v.setInt32(at, value);
      else v.setFloat64(at, value);
      at += whole ? 4 : 8;
    };
    for (let i = 0; i < slots.length; i++) {
      const { part, name, fresh } = slots[i]!;
      const value = (partOf(tcb, part) as unknown as Fields)[name]!;
      if (!Object.is(value, fresh)) put(i, Number(value));
    }
    for (let i = 0; i < timers.length; i++) if (timers[i] !== NEVER) put(slots.length + i, timers[i]!);
    for (let i = 0; i < ccState.length; i++)
      if (!Object.is(ccState[i], 0)) put(slots.length + timers.length + i, ccState[i]!);
    const dormant = new Dormant(tcb, user, this.#octets.slice(0, at));
    tcb.user = null;
    if (this.#free.length < FREE_MAX) this.#free.push(tcb);
    return dormant;
  }

  /** A TCB for a new connection. */
  take(params: Readonly<TcpParams>, congestion: CongestionControl, id: number, ends: Ends): Tcb {
    const tcb = this.#free.pop();
    if (tcb === undefined) return new Tcb(this.#env, params, congestion, id, ends);
    for (const { part, name, fresh } of this.#slots) (partOf(tcb, part) as unknown as Fields)[name] = fresh;
    tcb.timers.fill(NEVER);
    tcb.ccState.fill(0);
    this.#empty(tcb);
    tcb.become(params, congestion, id, ends);
    return tcb;
  }

  /** Returns a TCB with all its numbers restored. */
  unpack(dormant: Dormant): Tcb {
    const { id, params, congestion, user, record } = dormant;
    const free = this.#free.pop();
    const tcb = free ?? new Tcb(this.#env, params, congestion, id, dormant);
    if (free !== undefined) {
      this.#empty(tcb);
      tcb.become(params, congestion, id, dormant);
    }
    const slots = this.#slots;
    const { timers, ccState } = tcb;
    // A view of the record itself would make the engine allocate a permanent buffer for it.
    this.#octets.set(record);
    const v = this.#scratch;
    let at = (slots.length + timers.length + ccState.length + 3) >> 2;
    const take = (i: number, fresh: number): number => {
      const kind = (v.getUint8(i >> 2) >> ((i & 3) << 1)) & 3;
      if (kind === 0) return fresh;
      const value = kind === 1 ? v.getInt32(at) : v.getFloat64(at);
      at += kind === 1 ? 4 : 8;
      return value;
    };
    for (let i = 0; i < slots.length; i++) {
      const { part, name, fresh } = slots[i]!;
      const value = take(i, Number(fresh));
      (partOf(tcb, part) as unknown as Fields)[name] = typeof fresh === "boolean" ? value !== 0 : value;
    }
    for (let i = 0; i < timers.length; i++) timers[i] = take(slots.length + i, NEVER);
    for (let i = 0; i < ccState.length; i++) ccState[i] = take(slots.length + timers.length + i, 0);
    tcb.user = user;
    tcb.listener = dormant.listener;
    tcb.fast = dormant.fast;
    return tcb;
  }

  /** The fields that are not numbers. At rest they are empty, but their starting positions must be restored. */
  #empty(tcb: Tcb): void {
    tcb.sendQueue.clear();
    tcb.receiveQueue.clear();
    tcb.ranges.clear();
    tcb.memory = NO_MEMORY;
    tcb.fast = NO_FAST_OPEN;
    tcb.listener = null;
    tcb.controller = null;
    tcb.controllerError = "";
  }

  #learn(tcb: Tcb): void {
    this.#slots = slotsOf(new Tcb(this.#env, tcb.params, tcb.congestion, 0, tcb));
    const most = this.#slots.length + TIMERS + CC_STATE_MAX;
    this.#octets = new Uint8Array(((most + 3) >> 2) + 8 * most);
    this.#scratch = new DataView(this.#octets.buffer);
  }
}

/** TCBs to be reused. */
const FREE_MAX = 256;

/** The most numbers that a congestion control may store. */
const CC_STATE_MAX = 64;

function partOf(tcb: Tcb, part: Slot["part"]): Part {
  return part === null ? tcb : tcb[part];
}

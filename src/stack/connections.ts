import { Deadlines } from "#base/deadlines";
import { Fifo } from "#base/fifo";
import { IdTable } from "#base/id-table";
import { NEVER } from "#base/time";
import type { Address } from "#ip/address";
import type { PathMtu } from "#ip/path-mtu";
import { congestionControl } from "#tcp/congestion/congestion";
import { checkBorders } from "#tcp/machine/borders";
import { mayTake } from "#tcp/machine/calls";
import { finish } from "#tcp/machine/finish";
import { type Dormant, isHalfOpen, type Sleeper } from "#tcp/words/dormant";
import { OK } from "#tcp/words/error";
import * as M from "#tcp/words/marks";
import { REPLACED_BY_ROW } from "#tcp/words/minisock";
import type { TcpParams } from "#tcp/words/params";
import type { PassiveOpen } from "#tcp/words/passive-open";
import { NO_ROW } from "#tcp/words/rows";
import { CLOSED, SYN_RECEIVED, TIME_WAIT } from "#tcp/words/state";
import { type Ends, EVENT_WRITABLE, T_KEEPALIVE, Tcb, type TcpEnv } from "#tcp/words/tcb";
import { CallError } from "./call-error.ts";
import { Demux, type Row } from "./demux.ts";
import { EarlyProbes, isSilent } from "./early-probes.ts";
import type { Floods } from "./floods.ts";
import { HalfOpens } from "./half-opens.ts";
import type { Limits } from "./limits.ts";
import { PathSizes } from "./path-sizes.ts";
import type { Siblings } from "./siblings.ts";
import { Sleep } from "./sleep.ts";
import { Sources } from "./sources.ts";
import { TimeWaits } from "./time-waits.ts";

/** Ids in the deadline heap: the timer of IP, echo requests and alarms, and the timer that looks for idle connections. Connections begin at 2. */
export const IP_TIMER = 0;
export const SLEEP_TIMER = 1;

/** How many connections that wait for memory are looked at per packet. */
const FED = 4;

/**
 * All connections of a stack, and the three things that a connection may need: to send, to report events to the user, and a deadline. Call
 * `touch` after acting on a connection, and `settle` when it has nothing to send; then no connection is forgotten.
 */
export class Connections {
  readonly demux: Demux;
  readonly deadlines = new Deadlines();
  /** Connections that may have something to send, and connections or listeners with events to report. */
  readonly output = new Fifo<Tcb>();
  readonly events = new Fifo<Tcb | PassiveOpen>();
  /** Connections whose SEND found no memory. */
  readonly #waitingForMemory = new Fifo<Tcb>();
  readonly paths: PathSizes;
  readonly #limit: number;
  readonly #sources: Sources;
  /** How many connections are folded up, or rows of half-open ones. */
  asleep = 0;
  readonly #byId = new IdTable<Row>(2);
  readonly #sleep: Sleep;
  readonly #timeWaits: TimeWaits;
  readonly #halfOpens: HalfOpens;
  readonly #halfOpenInFull: number;
  readonly #earlyProbes: EarlyProbes;

  /** Told of each connection; null: no filter is there. */
  floods: Floods | null = null;
  readonly #siblings: Siblings | null;

  constructor(env: TcpEnv, pathMtu: PathMtu, limits: Readonly<Limits>, siblings: Siblings | null = null) {
    this.#timeWaits = new TimeWaits(env);
    this.#halfOpens = new HalfOpens(env);
    const { rows } = this.#timeWaits.minisocks;
    this.demux = new Demux(env.prng.int32(), env.prng.int32(), rows, this.#halfOpens.rows);
    this.paths = new PathSizes(pathMtu);
    this.#limit = limits.connections;
    this.#siblings = siblings;
    this.#sources = new Sources(
      limits.connectionsPerSource,
      siblings === null ? null : { table: siblings.sources, hash: env.hash },
    );
    this.#sleep = new Sleep(env, limits.sleepAfter);
    this.#halfOpenInFull = limits.halfOpenInFull;
    this.#earlyProbes = new EarlyProbes(env, limits.connections);
  }

  /** How many connections count towards the limit. */
  get #total(): number {
    return this.demux.size + (this.#siblings?.connections ?? 0);
  }

  /** True if there is no room for one more connection. At the limit, the oldest connection in TIME-WAIT is ended to make room. */
  isFull(now: number): boolean {
    const siblings = this.#siblings;
    // Counted before it is asked for: of two queues that take the last place at the same time, each sees the other.
    siblings?.publish(this.demux.size + 1);
    while (this.#total >= this.#limit) {
      const oldest = this.byId(this.#timeWaits.minisocks.oldestId);
      if (oldest === null) {
        siblings?.publish(this.demux.size);
        return true;
      }
      finish(oldest, OK, M.RECYCLED, now);
      this.touch(oldest);
    }
    return false;
  }

  /** A newer SYN replaces a connection in TIME-WAIT. */
  replace(old: Tcb, now: number): void {
    old.env.counters.count(M.RX_TIME_WAIT_SYN);
    finish(old, OK, M.REPLACED, now);
    this.touch(old);
  }

  /** True if no connection has these ends. */
  isFree(port: number, local: Address, remote: Address, remotePort: number): boolean {
    const { a, b, c, d } = local;
    return this.demux.find(a, b, c, d, port, remote.a, remote.b, remote.c, remote.d, remotePort) === null;
  }

  /** True if this remote host has reached its limit of connections to us. */
  isSourceFull(remote: Address): boolean {
    return this.#sources.isFull(remote);
  }

  /** Counts a connection that its remote host has opened. */
  countSource(tcb: Tcb): void {
    if (this.#sources.limit === 0) return;
    tcb.place.countsForSource = true;
    this.#sources.add(tcb.remote);
  }

  #uncountSource(tcb: Tcb): void {
    if (!tcb.place.countsForSource) return;
    tcb.place.countsForSource = false;
    this.#sources.remove(tcb.remote);
  }

  /** There is no room for the connection of a SYN: tells the listener. Returns the reason, a mark. */
  refuse(listener: PassiveOpen, why: number): number {
    listener.noRoom = why;
    this.tell(listener);
    return why;
  }

  /** Makes a connection in CLOSED. Throws ENOBUFS at the limit; for SYNs, call `isFull` first. */
  create(params: Readonly<TcpParams>, ends: Ends, now: number): Tcb {
    if (this.isFull(now)) throw new CallError("ENOBUFS", `the limit of ${this.#limit} connections is reached`);
    const id = this.#byId.add();
    const tcb =
      this.#halfOpens.take(params, ends, id) ??
      this.#sleep.take(params, congestionControl(params.congestionControl), id, ends);
    this.paths.begin(tcb, now);
    this.#byId.set(id, tcb);
    this.demux.insert(tcb);
    this.floods?.connected(tcb);
    this.#siblings?.publish(this.demux.size);
    if (tcb.env.trace.enabled) tcb.env.trace.open(now, id, ends);
    return tcb;
  }

  /** The connection with that id, or null if there is none. Wakes it if it sleeps. */
  byId(id: number): Tcb | null {
    const row = this.#byId.get(id);
    return row === null ? null : this.awake(row);
  }

  /**
   * All connections that have not been removed, including those in CLOSED that still have an RST to send. Wakes each one before yielding
   * it.
   */
  *all(): Generator<Tcb> {
    for (const row of this.#byId.values()) yield this.awake(row);
  }

  /** The TCB of a connection, which is woken if it sleeps. */
  awake(row: Row): Tcb {
    if (row instanceof Tcb) return row;
    const tcb = this.#unpack(row);
    this.#byId.set(tcb.id, tcb);
    this.demux.exchange(row, tcb, tcb);
    if (typeof row !== "number") row.user?.woke(tcb);
    // If the caller only reads it, it has nothing to send and can fall asleep again. (For half-open ones see `#packLookedAt`.)
    if (typeof row !== "number" || row >= 0) this.touch(tcb);
    return tcb;
  }

  /** The next connection that may have something to send. */
  nextToSend(now: number): Tcb | undefined {
    this.#packLookedAt(now);
    return this.output.shift();
  }

  /**
   * Half-open connections at which somebody only looked become rows again. They are not touched for that, so that an observer does not change
   * the order of packets.
   */
  #packLookedAt(now: number): void {
    const { restored } = this.#halfOpens;
    for (let tcb = restored.pop(); tcb !== undefined; tcb = restored.pop()) {
      if (tcb.state === SYN_RECEIVED && !tcb.inOutput) this.settle(tcb, now);
    }
  }

  #unpack(row: Dormant | number): Tcb {
    if (typeof row === "number" && row >= 0) return this.#timeWaits.unpack(row);
    this.asleep--;
    return typeof row === "number" ? this.#halfOpens.unpack(~row) : this.#sleep.unpack(row);
  }

  /** Puts connections to sleep that have been idle long enough, and under pressure probes those that have been idle for longer. */
  sleep(now: number): void {
    for (let tcb = this.#sleep.next(now); tcb !== null; tcb = this.#sleep.next(now)) {
      const user = tcb.user as Sleeper;
      user.fellAsleep(this.#fold(tcb, user));
    }
    this.#probeEarly(now);
    this.deadlines.arm(SLEEP_TIMER, Math.min(this.#sleep.due(), this.#earlyProbes.due));
  }

  #probeEarly(now: number): void {
    const { deadlines } = this;
    const n = this.#earlyProbes.turn(this.#byId, deadlines, this.#total, now);
    for (let i = 0; i < n; i++) {
      const tcb = this.byId(this.#earlyProbes.found[i]!)!;
      if (isSilent(tcb, now)) tcb.timers[T_KEEPALIVE] = now;
      // Its entry may be earlier than its deadline, and then it would be found again.
      deadlines.cancel(tcb.id);
      deadlines.arm(tcb.id, tcb.deadline());
    }
  }

  #fold(tcb: Tcb, user: Sleeper | null): Dormant {
    const dormant = this.#sleep.pack(tcb, user);
    this.asleep++;
    this.#byId.set(tcb.id, dormant);
    this.demux.exchange(tcb, dormant, tcb);
    return dormant;
  }

  /**
   * A half-open connection needs no TCB while it waits: a row takes its place. If something unusual has happened to it, it is folded up like an idle
   * one, but only after a second, or if many others wait as well: that takes longer.
   */
  #packHalfOpen(tcb: Tcb): void {
    if (tcb.state !== SYN_RECEIVED || tcb.listener === null || this.#sleep.isOff || !isHalfOpen(tcb)) return;
    const { halfOpen, backlog } = tcb.listener;
    if (halfOpen <= this.#halfOpenInFull && tcb.retries + tcb.deferredTimeouts === 0) return;
    const row = this.#halfOpens.pack(tcb);
    if (row === NO_ROW) {
      if (tcb.retries > 0 || 2 * halfOpen > backlog) this.#fold(tcb, null);
      return;
    }
    this.asleep++;
    this.#byId.set(tcb.id, ~row);
    this.demux.exchange(tcb, ~row, tcb);
  }

  /** Call after acting on the connection: it may have something to send or report, or have ended. */
  touch(tcb: Tcb): void {
    if (tcb.place.row === REPLACED_BY_ROW) return;
    checkBorders(tcb);
    if (!tcb.inOutput) {
      tcb.inOutput = true;
      this.output.push(tcb);
    }
    if (tcb.state === TIME_WAIT && tcb.place.row === NO_ROW) {
      this.#uncountSource(tcb);
      this.#timeWaits.minisocks.enter(tcb);
    }
    if (tcb.state === CLOSED) this.#remove(tcb);
    else if (tcb.listener !== null && tcb.listener.ready.length > 0) this.tell(tcb.listener);
    if (tcb.events !== 0 && tcb.held) this.tell(tcb);
  }

  /** The connection has ended: no segment finds it any more. */
  #remove(tcb: Tcb): void {
    if (this.demux.remove(tcb)) this.floods?.disconnected(tcb);
    this.#siblings?.publish(this.demux.size);
    this.#uncountSource(tcb);
    if (tcb.place.row >= 0) this.#timeWaits.minisocks.leave(tcb);
  }

  /** SEND found no memory, although its own buffer had room. */
  waitForMemory(tcb: Tcb): void {
    if (tcb.place.waitsForMemory) return;
    tcb.place.waitsForMemory = true;
    this.#waitingForMemory.push(tcb);
  }

  /** Memory may be free again: tells the connections whose SEND found none. Those that hold their share anyway wait for their next turn. */
  memoryFreed(): void {
    for (let left = Math.min(this.#waitingForMemory.size, FED); left > 0; left--) {
      const tcb = this.#waitingForMemory.shift()!;
      const fed = mayTake(tcb);
      if (!fed && tcb.held && tcb.state !== CLOSED) {
        this.#waitingForMemory.push(tcb);
        continue;
      }
      tcb.place.waitsForMemory = false;
      tcb.events |= EVENT_WRITABLE;
      if (tcb.held && tcb.state !== CLOSED) this.tell(tcb);
    }
  }

  tell(who: Tcb | PassiveOpen): void {
    if (who.inEvents) return;
    who.inEvents = true;
    this.events.push(who);
  }

  /** The connection has nothing more to send for now: updates its timers, or removes it. */
  settle(tcb: Tcb, now: number): void {
    tcb.inOutput = false;
    if (this.#byId.get(tcb.id) !== tcb) return;
    if (this.#earlyProbes.begins(this.#total, now)) this.deadlines.arm(SLEEP_TIMER, now);
    if (tcb.state !== CLOSED) {
      // What it sent may have made room for its writer.
      if (tcb.events !== 0 && tcb.held) this.tell(tcb);
      this.deadlines.arm(tcb.id, tcb.deadline());
      this.packTimeWait(tcb);
      this.#packHalfOpen(tcb);
      if (this.#sleep.rests(tcb, now)) this.deadlines.arm(SLEEP_TIMER, this.#sleep.due());
      return;
    }
    // The connection may have ended while it tried to send; then it must still be removed from the table and reported to its user.
    this.#remove(tcb);
    if (tcb.events !== 0 && tcb.held) this.tell(tcb);
    this.deadlines.cancel(tcb.id);
    if (this.#byId.delete(tcb.id)) this.deadlines.trim(this.#byId.length);
    if (!tcb.held && tcb.listener === null) forgetUnread(tcb);
    this.#timeWaits.retire(tcb);
  }

  /** If the connection is in TIME-WAIT, its user has released it, and nothing is left to send, a row takes its place. */
  packTimeWait(tcb: Tcb): void {
    if (!this.#timeWaits.mayPack(tcb)) return;
    const row = this.#timeWaits.pack(tcb);
    this.#byId.set(tcb.id, row);
    this.demux.exchange(tcb, row, tcb);
  }

  /** The TCB that has the connection now: another one if a row has taken its place. */
  current(tcb: Tcb): Tcb {
    return tcb.place.row === REPLACED_BY_ROW && this.#isThere(tcb) ? (this.byId(tcb.id) ?? tcb) : tcb;
  }

  /**
   * The present state of a connection whose user has released it but still looks at its TCB: if a row has taken its place, the TCB does not
   * follow what happens.
   */
  refresh(tcb: Tcb): void {
    if (tcb.place.row !== REPLACED_BY_ROW || tcb.state !== TIME_WAIT || this.#isThere(tcb)) return;
    tcb.state = CLOSED;
    tcb.endedBy = M.TIMER_TIME_WAIT;
    tcb.timers.fill(NEVER);
  }

  /** Whether its row still stands for this connection, or a TCB does that stands in for the row. */
  #isThere(tcb: Tcb): boolean {
    const row = this.#byId.get(tcb.id);
    if (typeof row === "number") return row >= 0 && this.#timeWaits.minisocks.has(row, tcb);
    return row instanceof Tcb && row.state === TIME_WAIT && row.snd.iss === tcb.snd.iss && row.rcv.irs === tcb.rcv.irs;
  }
}

/** Frees the pages of received data that will not be read. */
export function forgetUnread(tcb: Tcb): void {
  tcb.receiveQueue.clear();
  tcb.rcv.unread = 0;
}

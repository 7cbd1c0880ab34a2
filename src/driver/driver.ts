import { HEADROOM, PACKET_MAX, Packet } from "#base/packet";
import { MILLISECOND } from "#base/time";
import { type Device, RX_GONE, RX_NONE, TX_AGAIN, TX_GONE, TX_REFUSED } from "#device/device";
import { monotonic } from "./clock.ts";
import type { Engine } from "./engine.ts";
import { reference, type Timer, type Turn, turns } from "./event-loop.ts";
import { receive, transmit } from "./guarded.ts";
import { Hops } from "./hops.ts";
import { Spins } from "./spins.ts";
import { Stash } from "./stash.ts";

/** Packets read, and packets sent, per poll (NAPI's weight). The program's own work runs between two polls. */
export const BUDGET = 64;

/** Packets read per poll that the engine drops at first sight: they do not count towards BUDGET. */
const SHED_MAX = 256;

/** Octets read per poll: an ACK goes at the end of it, and a queue of 500 packets of 1,500 octets must not overflow before. */
const BUDGET_OCTETS = 512 * 1024;

/** After this many polls in a row that used their whole budget, timers fire anyway: that is more packets than a TUN's queue holds (500). */
export const FULL_POLLS_MAX = 16;

/** µs without a packet until the driver stops polling and waits for the bell: a few round trips of a fast link. */
export const IDLE_AFTER = 200;

/**
 * µs for which a turn goes on while there is something to do or to wait for: a turn of Bun's loop costs as much as a packet. The
 * program's own timers and descriptors wait at most this long.
 */
const TURN_MAX = 100;

/**
 * The same for a turn that waits in the device now and then: the wait ends when one of the program's descriptors is ready, so only its timers
 * have to wait for the turn's end, and they count in ms.
 */
const WAITING_TURN_MAX = MILLISECOND;

/** After so many packets in a row that came alone, the driver expects the next one to come alone, too. */
const SINGLES = 4;

/** As often as it expects that, it asks the device once whether there is another: timers wait for that. */
const SINGLES_MAX = 20;

/** JavaScript timers count in ms: shorter waits are waits in the device. */
const TIMER_GRAIN = MILLISECOND;

/** The longest sleeps, with a bell and without one: nothing rings when an interface is deleted. */
const SLEEP_MAX_MS = 1_000;
const LOOK_MS = 1;

/** The driver's counters. `polls`: turns of the loop; `wakes`: how often it left the idle state. */
export interface DriverStatistics {
  polls: number;
  wakes: number;
  packetsIn: number;
  packetsOut: number;
}

export interface DriverOptions {
  /** Monotonic time in integer µs. */
  readonly clock?: () => number;
}

/** Busy drivers of this program. Where there are several, none may block the thread: another may have something to do. */
let busy = 0;

const STOPPED = 0;
/** Turns are scheduled (`event-loop.ts`), so that the program's timers, promises and I/O run in between. */
const BUSY = 1;
/** No turn is scheduled. The bell, a timer or `wake` end this state. */
const IDLE = 2;

/**
 * Connects a stack to a device, the clock, and the runtime's event loop. Works as NAPI does: while packets move, it polls in every turn
 * of the loop; after `IDLE_AFTER` without a packet it sleeps until the device's bell rings or a timer is due.
 *
 * Make it before the first page of the engine's slab is allocated: it reserves room for packets.
 */
export class Driver {
  /** Called when the engine has reported an event: once before the packets of the turn are sent, and once more after that. */
  onEvents: ((beforeSending: boolean) => void) | null = null;
  /** Called within a turn when the data of a packet can be taken directly from it (`Engine.hasText`). */
  onText: (() => void) | null = null;
  /** Called once when the device has vanished and the driver has stopped. */
  onGone: (() => void) | null = null;
  readonly statistics: DriverStatistics = { polls: 0, wakes: 0, packetsIn: 0, packetsOut: 0 };
  /** Integer µs, monotonic: the `now` of every call into the engine. */
  readonly now: () => number;

  readonly #engine: Engine;
  readonly #device: Device;
  readonly #rx = new Packet();
  readonly #rxO: number;
  readonly #tx = new Packet();
  readonly #stash: Stash;
  #state = STOPPED;
  #woken = false;
  #gone = false;
  /** When the last packet moved. */
  #active = 0;
  /** When the device was last found empty or read from. Everything that arrived before has been read. */
  #readUntil = 0;
  #fullPolls = 0;
  /** Packets in a row that came alone, and of which each was answered by at most one: requests and responses. */
  #singles = 0;
  readonly #spins = new Spins();
  /** The last poll did not read until the device was empty. */
  #usedBudget = false;
  #next: Turn | undefined;
  #timer: Timer | undefined;
  #referenced = true;
  /** When this turn ends at the latest, and when it does if the driver mostly waits. */
  #until = 0;
  #waitUntil = 0;
  readonly #hops = new Hops(() => this.#afterHops());
  /** The driver has just waited, and a packet came. */
  #waited = false;
  /** The last poll moved a packet; notified the layer above. */
  #moved = false;
  #notified = false;
  readonly #turn = () => this.#run();
  readonly #rouse = () => {
    if (this.#state === IDLE) this.#leaveIdle();
  };

  constructor(engine: Engine, device: Device, options: DriverOptions = {}) {
    this.#engine = engine;
    this.#device = device;
    this.now = options.clock ?? monotonic;
    device.attach(engine.slab);
    this.#rxO = engine.slab.reserve(HEADROOM + PACKET_MAX) + HEADROOM;
    this.#stash = new Stash(engine.slab);
  }

  /** Begins to drive. A started driver keeps the process alive, as a listening socket does, until `stop` or `unref`. */
  start(): void {
    if (this.#state !== STOPPED) return;
    this.#become(BUSY);
    this.#active = this.now();
    this.#schedule();
  }

  /** Ends driving; the device stays open. Nothing is called afterwards. */
  stop(): void {
    if (this.#state === IDLE) this.#device.wakeable?.disarm();
    this.#become(STOPPED);
    clearTimeout(this.#timer);
    turns.cancel(this.#next);
  }

  /** Schedules a turn, after a call of the application. Cheap, however often it is called. */
  wake(): void {
    this.#woken = true;
    this.#hops.answered();
    // Not within this call and not as a microtask: two stacks in one program that answer each other would starve
    // the program's own timers.
    if (this.#state === IDLE) this.#leaveIdle();
  }

  ref(): void {
    this.#referenced = true;
    reference(this.#timer, true);
  }

  unref(): void {
    this.#referenced = false;
    reference(this.#timer, false);
  }

  #become(state: number): void {
    if (state === BUSY && this.#state !== BUSY) busy++;
    if (state !== BUSY && this.#state === BUSY) busy--;
    this.#state = state;
  }

  /** One turn; then schedules the next one or sleeps. */
  #run(): void {
    if (this.#state !== BUSY) return;
    const now = this.now();
    this.#until = now + TURN_MAX;
    this.#waitUntil = this.#device.wakeable?.seesLoop === true ? now + WAITING_TURN_MAX : this.#until;
    this.#work(true);
  }

  /**
   * Polls, waits in the device for the next packet where nothing else is to be done, and polls again, until the turn is over.
   * @param look whether to ask the device for a packet first
   */
  #work(look: boolean): void {
    while (this.#state === BUSY) {
      this.#woken = false;
      this.#notified = false;
      this.#poll(look);
      if (this.#state !== BUSY) return;
      const now = this.#moved ? this.#active : this.now();
      if (this.#isOver(now)) break;
      if (this.#notified) {
        this.#hops.pause();
        return;
      }
      look = this.#singles < SINGLES;
      if (this.#moved || this.#woken) continue;
      if (!this.#wait(now)) break;
      look = true;
    }
    this.#rest();
  }

  /** Goes on after the microtasks. If nobody answered and no other packet is expected, there is nothing to do but to wait. */
  #afterHops(): void {
    if (this.#state !== BUSY) return;
    const look = this.#singles < SINGLES;
    if (look || this.#woken) {
      this.#work(look);
      return;
    }
    const now = this.now();
    if (!this.#isOver(now) && this.#wait(now)) this.#work(true);
    else this.#rest();
  }

  #isOver(now: number): boolean {
    if (this.#waited) {
      this.#waited = false;
      this.#until = Math.min(this.#waitUntil, now + TURN_MAX);
    }
    const until = this.#singles >= SINGLES ? this.#waitUntil : this.#until;
    return now >= until || this.#fullPolls > 0 || this.#device.wakeable?.wait === undefined || busy > 1;
  }

  /** Waits in the device for a packet, as long as nothing else is due. Returns whether to look for one. */
  #wait(now: number): boolean {
    const due = this.#due();
    // While a deadline is too near for a JavaScript timer, the driver does not become idle.
    const until = due - now < TIMER_GRAIN ? due : this.#active + IDLE_AFTER;
    const wait = Math.min(this.#waitUntil, until) - now;
    if (wait < 1 || this.#stash.full) return false;
    if (this.#spins.again(now)) return true;
    this.#waited = this.#device.wakeable?.wait?.(wait) === true;
    return this.#waited;
  }

  /** Ends the turn: schedules the next one, or sleeps. */
  #rest(): void {
    if (this.#state !== BUSY) return;
    // Asked in any case: the device hears by it that the turn is over.
    const due = this.#dueIn();
    if (this.#woken || this.now() - this.#active < IDLE_AFTER || due < TIMER_GRAIN) this.#schedule();
    else this.#enterIdle();
    this.#hops.turnEnds();
  }

  /**
   * Drains the device if `look`, fires timers, notifies the layer above, sends: so an answer goes with the ACK of what it answers. True if a
   * packet moved.
   *
   * A timer fires only after all packets are read that arrived before it was due. The program may have been stopped at any point
   * (it lost the CPU): an acknowledgment that waits in the device would otherwise come after a needless retransmission.
   */
  #poll(look: boolean): boolean {
    this.statistics.polls++;
    const received = look ? this.#receive() : 0;
    // The layer above may have stopped the driver when it was given data.
    if (this.#state === STOPPED) return true;
    this.#fullPolls = look && this.#usedBudget ? this.#fullPolls + 1 : 0;
    if (this.#fullPolls === 0 || this.#fullPolls > FULL_POLLS_MAX) this.#engine.advance(this.#readUntil);
    const hadEvents = this.#engine.hasEvents();
    if (hadEvents) this.#notify(true);
    if (this.#state === STOPPED) return true;
    const sent = this.#transmit();
    if (received > 1 || sent > 1) this.#singles = 0;
    else this.#singles += received;
    this.statistics.packetsIn += received;
    this.statistics.packetsOut += sent;
    const moved = received + sent > 0;
    if (moved) {
      this.#active = this.now();
      this.#spins.moved(received > 0);
    }
    this.#moved = moved;
    if (hadEvents || this.#engine.hasEvents()) this.#notify(false);
    if (this.#gone) this.#vanish();
    return moved;
  }

  #notify(beforeSending: boolean): void {
    this.#notified = true;
    this.onEvents?.(beforeSending);
  }

  #receive(): number {
    const rx = this.#rx;
    let n = 0;
    const expectsOne = this.#singles >= SINGLES && this.#singles % SINGLES_MAX !== 0;
    let now = this.now();
    const most = expectsOne && this.#engine.nextDeadline() > now ? 1 : BUDGET;
    const isFlooded = this.#engine.isFlooded?.(now, !this.#usedBudget) === true;
    let octets = 0;
    let shed = 0;
    while (n < most && octets < BUDGET_OCTETS && shed < SHED_MAX) {
      rx.o = this.#rxO;
      rx.hops = 0;
      if (n + shed > 0) now = this.now();
      if (most > 1) this.#readUntil = now;
      const length = receive(this.#device, rx, now);
      if (length === RX_NONE) break;
      if (length === RX_GONE) {
        this.#gone = true;
        break;
      }
      if (isFlooded && this.#engine.sheds?.(rx, now) === true) {
        shed++;
        continue;
      }
      this.#engine.input(rx, now);
      n++;
      octets += length;
      if (this.#engine.hasText?.()) {
        this.#notified = true;
        this.onText?.();
        if (this.#state === STOPPED) break;
      }
    }
    this.#usedBudget = n >= BUDGET || octets >= BUDGET_OCTETS || shed === SHED_MAX;
    return n + shed;
  }

  #transmit(): number {
    const tx = this.#tx;
    const now = this.now();
    let n = 0;
    while (n < BUDGET && !this.#gone) {
      const waited = this.#stash.restore(tx);
      if (!waited) {
        tx.clear();
        if (!this.#engine.poll(tx, now)) break;
      }
      const result = transmit(this.#device, tx, now);
      if (result === TX_AGAIN) {
        this.#stash.keep(tx);
        break;
      }
      // A packet that waited is not the last one that the engine gave: it is lost as on a wire.
      if (result === TX_REFUSED && !waited) this.#engine.sendFailed?.(tx, now);
      if (result === TX_GONE) this.#gone = true;
      else n++;
    }
    return n;
  }

  #schedule(): void {
    this.#next = turns.schedule(this.#turn);
  }

  #enterIdle(): void {
    this.#become(IDLE);
    this.#device.wakeable?.arm(this.#rouse);
    // Packets that came before the bell was armed did not ring it.
    if (this.#poll(true) || this.#woken) {
      if (this.#state === IDLE) this.#leaveIdle();
      return;
    }
    if (this.#state !== IDLE) return;
    // The bell reports packets, not room for the packet that waits to be sent.
    const bell = this.#device.wakeable !== undefined && !this.#stash.full;
    // A deadline may have passed while the bell was armed, and Bun warns of negative times.
    const due = Math.max(0, Math.floor(this.#dueIn() / MILLISECOND));
    const wait = Math.min(due, bell ? SLEEP_MAX_MS : LOOK_MS);
    // This timer also keeps the process alive.
    this.#timer = setTimeout(this.#rouse, wait);
    if (!this.#referenced) reference(this.#timer, false);
  }

  #leaveIdle(): void {
    this.statistics.wakes++;
    this.#device.wakeable?.disarm();
    clearTimeout(this.#timer);
    this.#become(BUSY);
    this.#schedule();
  }

  /** µs until the engine or the device has something to do by itself. */
  #dueIn(): number {
    return this.#due() - this.now();
  }

  #due(): number {
    return Math.min(this.#engine.nextDeadline(), this.#device.nextDeadline());
  }

  #vanish(): void {
    this.stop();
    this.onGone?.();
  }
}

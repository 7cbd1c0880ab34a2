import { Fifo } from "#base/fifo";
import { NEVER } from "#base/time";
import type { CongestionControl } from "#tcp/congestion/congestion";
import { type Dormant, isAtRest, type Sleeper, TcbPacker } from "#tcp/words/dormant";
import type { TcpParams } from "#tcp/words/params";
import type { Ends, Tcb, TcpEnv } from "#tcp/words/tcb";

/** How many connections fall asleep in one turn: each takes some microseconds. */
const ONE_GO = 256;

/** A sleep shorter than this, µs, was not worthwhile. Each in a row doubles the required idle time, at most so many times. */
const SHORT_SLEEP = 5_000_000;
const SHORT_SLEEPS_MAX = 6;

/** The delay until the next turn, µs, while more are due. */
const NEXT_GO = 1_000;

/** The least time between two turns, µs: thousands of short connections must not mean thousands of turns a second. */
const PAUSE = 10_000;

/** Which connections are at rest, since when, and which of them may sleep now. */
export class Sleep {
  /** Connections at rest, oldest first; some may have been active since. */
  readonly #resting = new Fifo<Tcb>();
  readonly #packer: TcbPacker;
  readonly #after: number;
  #now = 0;
  #left = ONE_GO;

  /** @param after µs at rest before a connection sleeps, so that an exchange with short pauses is not interrupted by packing each time */
  constructor(env: TcpEnv, after: number) {
    this.#after = after;
    this.#packer = new TcbPacker(env);
  }

  /** Whether no connection is ever stored in compact form before TIME-WAIT. */
  get isOff(): boolean {
    return this.#after === NEVER;
  }

  /**
   * A connection has nothing to send for now. Returns true if it may sleep later. Whether it is at rest is checked later, when its user
   * has received all events.
   */
  rests(tcb: Tcb, now: number): boolean {
    if (!letsSleep(tcb.user)) return false;
    tcb.place.restingSince = now;
    if (tcb.place.watchedSince < 0) this.#watch(tcb, now);
    return true;
  }

  /** When `next` must be called again, or NEVER. */
  due(): number {
    const oldest = this.#resting.peek();
    if (oldest === undefined) return NEVER;
    if (this.#left === 0) return this.#now + NEXT_GO;
    return Math.max(oldest.place.watchedSince + this.#after, this.#now + PAUSE);
  }

  /** A connection that may sleep, or null if there is none for now. */
  next(now: number): Tcb | null {
    if (now !== this.#now) this.#left = ONE_GO;
    this.#now = now;
    for (;;) {
      const tcb = this.#resting.peek();
      if (tcb === undefined || this.#left === 0 || tcb.place.watchedSince + this.#after > now) return null;
      this.#resting.shift();
      tcb.place.watchedSince = -1;
      if (!letsSleep(tcb.user) || !isAtRest(tcb)) continue;
      if (tcb.place.restingSince + (this.#after << tcb.place.shortSleeps) > now) {
        this.#watch(tcb, now);
        continue;
      }
      this.#left--;
      return tcb;
    }
  }

  pack(tcb: Tcb, user: Sleeper | null): Dormant {
    return this.#packer.pack(tcb, user);
  }

  /** A new connection. */
  take(params: Readonly<TcpParams>, congestion: CongestionControl, id: number, ends: Ends): Tcb {
    return this.#packer.take(params, congestion, id, ends);
  }

  unpack(dormant: Dormant): Tcb {
    const tcb = this.#packer.unpack(dormant);
    tcb.place.watchedSince = -1;
    // A connection that was woken soon stays awake for longer next time: packing and unpacking cost as much as a packet.
    const soon = this.#now - tcb.place.restingSince < SHORT_SLEEP;
    tcb.place.shortSleeps = soon ? Math.min(tcb.place.shortSleeps + 1, SHORT_SLEEPS_MAX) : 0;
    return tcb;
  }

  #watch(tcb: Tcb, now: number): void {
    tcb.place.watchedSince = now;
    this.#resting.push(tcb);
  }
}

function letsSleep(user: unknown): user is Sleeper {
  return user !== null && typeof (user as Partial<Sleeper>).fellAsleep === "function";
}

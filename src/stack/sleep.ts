import { Fifo } from "#base/fifo";
import { NEVER } from "#base/time";
import { type Dormant, Dormitory, isAtRest, type Sleeper } from "#tcp/words/dormant";
import type { Tcb, TcpEnv } from "#tcp/words/tcb";

/** How many connections fall asleep in one turn: each takes some microseconds. */
const ONE_GO = 256;

/** The delay until the next turn, µs, while more are due. */
const NEXT_GO = 1_000;

/** Which connections are at rest, since when, and which of them may sleep now. */
export class Sleep {
  /** Connections at rest, oldest first; some may have been active since. */
  readonly #resting = new Fifo<Tcb>();
  readonly #dormitory: Dormitory;
  readonly #after: number;
  #now = 0;
  #left = ONE_GO;

  /** @param after µs at rest before a connection sleeps, so that an exchange with short pauses is not interrupted by packing each time */
  constructor(env: TcpEnv, after: number) {
    this.#after = after;
    this.#dormitory = new Dormitory(env);
  }

  /**
   * A connection has nothing to send for now. Returns true if it may sleep later. Whether it is at rest is checked later, when its user
   * has received all events.
   */
  rests(tcb: Tcb, now: number): boolean {
    if (!letsSleep(tcb.user)) return false;
    tcb.restingSince = now;
    if (tcb.watchedSince < 0) this.#watch(tcb);
    return true;
  }

  /** When `next` must be called again, or NEVER. */
  due(): number {
    const oldest = this.#resting.peek();
    if (oldest === undefined) return NEVER;
    return this.#left > 0 ? oldest.watchedSince + this.#after : this.#now + NEXT_GO;
  }

  /** A connection that may sleep, or null if there is none for now. */
  next(now: number): Tcb | null {
    if (now !== this.#now) this.#left = ONE_GO;
    this.#now = now;
    for (;;) {
      const tcb = this.#resting.peek();
      if (tcb === undefined || this.#left === 0 || tcb.watchedSince + this.#after > now) return null;
      this.#resting.shift();
      const hasMoved = tcb.restingSince !== tcb.watchedSince;
      tcb.watchedSince = -1;
      if (!letsSleep(tcb.user) || !isAtRest(tcb)) continue;
      if (hasMoved) {
        // It was active in between, so it has not been at rest for long enough.
        this.#watch(tcb);
        continue;
      }
      this.#left--;
      return tcb;
    }
  }

  fold(tcb: Tcb, user: Sleeper): Dormant {
    return this.#dormitory.fold(tcb, user);
  }

  unfold(dormant: Dormant): Tcb {
    const tcb = this.#dormitory.unfold(dormant);
    tcb.watchedSince = -1;
    return tcb;
  }

  #watch(tcb: Tcb): void {
    tcb.watchedSince = tcb.restingSince;
    this.#resting.push(tcb);
  }
}

function letsSleep(user: unknown): user is Sleeper {
  return user !== null && typeof (user as Partial<Sleeper>).fellAsleep === "function";
}

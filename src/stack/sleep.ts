import { Fifo } from "#base/fifo";
import { NEVER } from "#base/time";
import { type Dormant, Dormitory, isAtRest, type Sleeper } from "#tcp/words/dormant";
import type { Tcb, TcpEnv } from "#tcp/words/tcb";

/** Most that fall asleep in one go: each takes some microseconds. */
const ONE_GO = 256;

/** When those of the next go are due, while more are. */
const NEXT_GO = 1_000;

/** Which connections are at rest, since when, and which of them may sleep now. */
export class Sleep {
  /** Those that have come to rest, oldest first; some have moved since. */
  readonly #resting = new Fifo<Tcb>();
  readonly #dormitory: Dormitory;
  readonly #after: number;
  #now = 0;
  #left = ONE_GO;

  /** @param after µs at rest before a connection sleeps: an exchange that goes on now and then is not to be folded up each time. */
  constructor(env: TcpEnv, after: number) {
    this.#after = after;
    this.#dormitory = new Dormitory(env);
  }

  /**
   * A connection has nothing to send for now. True if it is one that may sleep later: whether it is at rest is asked then, when its
   * user has been told everything.
   */
  rests(tcb: Tcb, now: number): boolean {
    if (!letsSleep(tcb.user)) return false;
    tcb.restingSince = now;
    if (tcb.watchedSince < 0) this.#watch(tcb);
    return true;
  }

  /** When `next` has to be asked again, or NEVER. */
  due(): number {
    const oldest = this.#resting.peek();
    if (oldest === undefined) return NEVER;
    return this.#left > 0 ? oldest.watchedSince + this.#after : this.#now + NEXT_GO;
  }

  /** One that may sleep, or null where there is none for now. */
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
        // It has been at rest for less than that, since then.
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

import { readdirSync, readlinkSync } from "node:fs";
import { libraryOf, pin, resultOf, unpin } from "./libc.ts";

const libc = libraryOf({ ppoll: { args: ["ptr", "u32", "ptr", "ptr"], returns: "i32" } } as const);

const POLLIN = 1;
const SECOND = 1_000_000;
/** `struct pollfd`: the descriptor, the events asked for, and after the call those that are there. */
const POLLFD = 8;
const REVENTS = 6;
/** A `struct timespec`, then the pollfds. */
const TIMESPEC = 16;
/** Bun's own loop and those of its threads; a program with more of them waits less long. */
const LOOPS_MAX = 4;

/**
 * Waits for one descriptor to become readable, and for the program's event loop to have something to do. An epoll descriptor is readable
 * when one that it watches is ready (epoll(7)), so the loop's other descriptors do not wait for this one. Nothing is allocated per wait.
 */
export class Readiness {
  readonly #memory = new ArrayBuffer(TIMESPEC + (1 + LOOPS_MAX) * POLLFD);
  readonly #view = new DataView(this.#memory);
  readonly #address: number;
  readonly #loops: number;

  constructor(fd: number) {
    this.#address = pin(this.#memory);
    const loops = eventLoops();
    this.#loops = loops.length > LOOPS_MAX ? 0 : loops.length;
    [fd, ...loops].slice(0, 1 + LOOPS_MAX).forEach((each, i) => {
      this.#view.setInt32(TIMESPEC + i * POLLFD, each, true);
      this.#view.setUint16(TIMESPEC + i * POLLFD + 4, POLLIN, true);
    });
  }

  /** Whether `waitBesideLoop` ends when the event loop has something to do. */
  get seesLoop(): boolean {
    return this.#loops > 0;
  }

  /** Blocks this thread for at most so many µs. Returns whether a read would not block; false also if a signal interrupted the wait. */
  wait(usecs: number): boolean {
    return this.#poll(usecs, 1);
  }

  /** The same, but it also ends, with false, when the event loop has something to do. */
  waitBesideLoop(usecs: number): boolean {
    return this.#poll(usecs, 1 + this.#loops);
  }

  #poll(usecs: number, count: number): boolean {
    const view = this.#view;
    const whole = Math.trunc(usecs / SECOND);
    view.setUint32(0, whole, true);
    view.setUint32(8, (usecs - whole * SECOND) * 1_000, true);
    const pollfds = (this.#address + TIMESPEC) as never;
    return (
      resultOf(libc().ppoll(pollfds, count, this.#address as never, null)) > 0 &&
      view.getUint16(TIMESPEC + REVENTS, true) !== 0
    );
  }

  close(): void {
    unpin(this.#memory);
  }
}

/** The descriptors of this program's event loops; none if /proc does not tell. */
function eventLoops(): number[] {
  try {
    return readdirSync("/proc/self/fd")
      .filter((fd) => isEventLoop(fd))
      .map(Number);
  } catch {
    return [];
  }
}

function isEventLoop(fd: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`) === "anon_inode:[eventpoll]";
  } catch {
    return false; // The descriptor of the listing itself.
  }
}

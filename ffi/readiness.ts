import { libraryOf, pin, resultOf, unpin } from "./libc.ts";

const libc = libraryOf({ ppoll: { args: ["ptr", "u32", "ptr", "ptr"], returns: "i32" } } as const);

const POLLIN = 1;
const SECOND = 1_000_000;

/** Waits for one descriptor to become readable. Nothing is allocated per wait. */
export class Readiness {
  /** A `struct pollfd`, then a `struct timespec`. */
  readonly #memory = new ArrayBuffer(24);
  readonly #view = new DataView(this.#memory);
  readonly #address: number;

  constructor(fd: number) {
    this.#address = pin(this.#memory);
    this.#view.setInt32(0, fd, true);
    this.#view.setUint16(4, POLLIN, true);
  }

  /** Blocks this thread for at most so many µs. Returns whether a read would not block; false also if a signal interrupted the wait. */
  wait(usecs: number): boolean {
    const whole = Math.trunc(usecs / SECOND);
    this.#view.setUint32(8, whole, true);
    this.#view.setUint32(16, (usecs - whole * SECOND) * 1_000, true);
    return resultOf(libc().ppoll(this.#address as never, 1, (this.#address + 8) as never, null)) > 0;
  }

  close(): void {
    unpin(this.#memory);
  }
}

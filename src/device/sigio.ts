import { ownSignals, setAsync } from "#ffi/async";
import { Readiness } from "#ffi/readiness";
import type { Wakeable } from "./device.ts";

/**
 * Bun's loop cannot wait for a TUN descriptor (epoll accepts it, but Bun has no API for it). The kernel can send SIGIO instead
 * when a packet comes. The signal is for the whole process and does not name the descriptor, so every armed bell rings, and a
 * device without a packet is polled once in vain.
 */
const armed = new Map<SigioBell, () => void>();
let listening = false;

function onSigio(): void {
  // A copy, since a notified bell may disarm.
  for (const notify of [...armed.values()]) notify();
}

export class SigioBell implements Wakeable {
  readonly #fd: number;
  readonly #target: string;
  /** The descriptor's original status flags; -1 until the first `arm`. */
  #flags = -1;
  readonly #readiness: Readiness;

  constructor(fd: number, target: string) {
    this.#fd = fd;
    this.#target = target;
    this.#readiness = new Readiness(fd);
  }

  get seesLoop(): boolean {
    return this.#readiness.seesLoop;
  }

  wait(usecs: number): boolean {
    return this.#readiness.waitBesideLoop(usecs);
  }

  /** Blocks until a packet can be received, whatever else the program has to do. */
  waitAlone(usecs: number): boolean {
    return this.#readiness.wait(usecs);
  }

  /** The descriptor is closed. */
  close(): void {
    this.disarm();
    this.#readiness.close();
  }

  arm(notify: () => void): void {
    // The handler is installed before the first signal and stays after the last one: by default SIGIO ends the process.
    if (!listening) process.on("SIGIO", onSigio);
    listening = true;
    armed.set(this, notify);
    // Set the owner first: O_ASYNC alone would make the process the owner, and any of its threads the receiver.
    if (this.#flags < 0) this.#flags = ownSignals(this.#fd, this.#target);
    setAsync(this.#fd, this.#flags, true);
  }

  disarm(): void {
    if (!armed.has(this)) return;
    setAsync(this.#fd, this.#flags, false);
    armed.delete(this);
  }
}

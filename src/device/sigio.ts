import { ownSignals, setAsync } from "#ffi/async";
import type { Wakeable } from "./device.ts";

/**
 * Bun's loop cannot wait for a TUN descriptor (epoll takes it, Bun offers no way to hand it over), but the kernel can
 * send SIGIO when a packet comes. The signal is one for the whole process and says nothing about who: every armed bell
 * rings, and whose device had nothing looks once in vain.
 */
const armed = new Map<SigioBell, () => void>();
let listening = false;

function onSigio(): void {
  // A copy: who is notified may disarm.
  for (const notify of [...armed.values()]) notify();
}

export class SigioBell implements Wakeable {
  readonly #fd: number;
  readonly #target: string;
  /** The descriptor's status flags, once the signals are ours. */
  #flags = -1;

  constructor(fd: number, target: string) {
    this.#fd = fd;
    this.#target = target;
  }

  arm(notify: () => void): void {
    // The handler stands before the first signal and after the last one: SIGIO's default is to end the process.
    if (!listening) process.on("SIGIO", onSigio);
    listening = true;
    armed.set(this, notify);
    // The owner first: O_ASYNC alone would make the whole process the owner, and any thread of it the receiver.
    if (this.#flags < 0) this.#flags = ownSignals(this.#fd, this.#target);
    setAsync(this.#fd, this.#flags, true);
  }

  disarm(): void {
    if (!armed.has(this)) return;
    setAsync(this.#fd, this.#flags, false);
    armed.delete(this);
  }
}

/** The timer of `setTimeout` of a socket: it fires after so much silence, as often as there is some. It keeps no program alive. */
export class IdleTimer {
  readonly #fire: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ms = 0;

  constructor(fire: () => void) {
    this.#fire = fire;
  }

  /** @param ms 0: never */
  set(ms: number): void {
    this.#ms = ms;
    this.restart();
  }

  /** Something was sent or received. */
  restart(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#ms === 0) return;
    this.#timer = setTimeout(this.#fire, this.#ms);
    this.#timer.unref?.();
  }

  stop(): void {
    this.set(0);
  }
}

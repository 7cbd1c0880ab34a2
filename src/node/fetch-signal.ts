/**
 * The signal of a fetch. It keeps the Requests that the signal comes from: Node.js stops following the caller's signal when they have been
 * collected, and then nothing could end a body.
 */
export class FetchSignal {
  readonly #signal: AbortSignal;
  readonly #requests: readonly unknown[];

  /** @param input what `request` was made of: perhaps another Request */
  constructor(request: Request, input: unknown) {
    this.#signal = request.signal;
    this.#requests = [request, input];
  }

  get aborted(): boolean {
    return this.#requests.length > 0 && this.#signal.aborted;
  }

  get reason(): unknown {
    return this.#signal.reason;
  }

  throwIfAborted(): void {
    this.#signal.throwIfAborted();
  }

  /** Calls `act` when it fires, at once if it has fired, until the result is called. */
  follow(act: (reason: unknown) => void): () => void {
    const fired = () => act(this.reason);
    if (this.aborted) fired();
    else this.#signal.addEventListener("abort", fired, { once: true });
    return () => this.#signal.removeEventListener("abort", fired);
  }
}

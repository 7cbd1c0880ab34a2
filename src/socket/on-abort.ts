/** Calls `act` when the signal fires, unless `over` is settled by then. */
export function onAbort(signal: AbortSignal, act: () => void, over: Promise<unknown>): void {
  if (signal.aborted) {
    act();
    return;
  }
  signal.addEventListener("abort", act, { once: true });
  const forget = () => signal.removeEventListener("abort", act);
  over.then(forget, forget);
}

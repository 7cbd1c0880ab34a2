/**
 * What a test waits for at the moment. A test that reaches its time limit fails with these words; bun's own would be
 * "killed 1 dangling process".
 */

interface Step {
  readonly what: () => string;
  readonly since: number;
}

const steps = new Set<Step>();

/** Waits for `promise`. `what` is asked only if the test's time is over meanwhile. */
export async function waitingFor<T>(what: () => string, promise: Promise<T>): Promise<T> {
  const step = { what, since: performance.now() };
  steps.add(step);
  try {
    return await promise;
  } finally {
    steps.delete(step);
  }
}

/** Looks every 50 ms until it is so, for a minute at most: what is expected afterwards tells whether it was. */
export async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  for (let i = 0; i < 1_200 && !(await condition()); i++) await Bun.sleep(50);
}

/** Does `work`, which fails after `limitMs` with all that it still waits for. */
export async function within<T>(limitMs: number, work: () => Promise<T> | T): Promise<T> {
  steps.clear();
  const { promise: over, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(overdue(limitMs))), limitMs);
  try {
    return await Promise.race([work(), over]);
  } finally {
    clearTimeout(timer);
  }
}

function overdue(limitMs: number): string {
  const now = performance.now();
  const waits = [...steps].map(({ what, since }) => `for ${((now - since) / 1000).toFixed(1)} s: ${what()}`);
  const told = waits.length > 0 ? waits : ["for nothing that says what it is"];
  return [`the test did not end within ${limitMs / 1000} s. It waits`, ...told].join("\n");
}

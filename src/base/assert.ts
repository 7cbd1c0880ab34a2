/** An assertion that stays on: a false condition is a bug of ours, never of the network's or the user's. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** Our own bug. It carries no exit code of its own: whoever catches it says "this is a bug in tcpnet". */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

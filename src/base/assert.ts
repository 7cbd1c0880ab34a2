/** An assertion that stays on in production. A false condition is our bug, never an error of the network or the user. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** Our own bug. The command line reports it as "this is a bug in tcpnet". */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

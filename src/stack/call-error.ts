import type { TcpErrorName } from "#tcp/words/error";

/** A refused call: a POSIX error name and the reason in words. Only calls throw it; a packet never does. */
export class CallError extends Error {
  /** "CallError", and not what a bundler makes of it: Node.js prints the name of the class. */
  static override readonly name: string = "CallError";
  /** "CallError". */
  declare readonly name: "CallError";
  /** A POSIX name: "EINVAL". */
  readonly code: TcpErrorName;

  constructor(code: TcpErrorName, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }

  static {
    // On the prototype, so that the first line of `stack` has it.
    Object.defineProperty(CallError.prototype, "name", { value: "CallError", configurable: true, writable: true });
  }
}

import type { TcpErrorName } from "#tcp/words/error";

/**
 * POSIX names of the errors that end a connection. ENETDOWN: the device vanished. ENOTFOUND: there is no such name, or it has no address.
 * EAI_AGAIN: no DNS server has answered; it may do so later.
 */
export type ConnectionErrorCode = TcpErrorName | "ENETDOWN" | "ENOTFOUND" | "EAI_AGAIN";

/** A connection that did not end by both sides' close. The message says why. */
export class ConnectionError extends Error {
  /** "ConnectionError", and not what a bundler makes of it: Node.js prints the name of the class. */
  static override readonly name: string = "ConnectionError";
  /** "ConnectionError". */
  declare readonly name: "ConnectionError";
  /** A POSIX name: "ECONNREFUSED". */
  readonly code: ConnectionErrorCode;

  constructor(code: ConnectionErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }

  static {
    // On the prototype, so that the first line of `stack` has it.
    Object.defineProperty(ConnectionError.prototype, "name", {
      value: "ConnectionError",
      configurable: true,
      writable: true,
    });
  }
}

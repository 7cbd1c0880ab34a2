import type { TcpErrorName } from "#tcp/words/error";

/**
 * POSIX names of the errors that end a connection. ENETDOWN: the device vanished. ENOTFOUND: there is no such name, or it has no address.
 * EAI_AGAIN: no DNS server has answered; it may do so later.
 */
export type ConnectionErrorCode = TcpErrorName | "ENETDOWN" | "ENOTFOUND" | "EAI_AGAIN";

/** A connection that did not end by both sides' close. The message says why. */
export class ConnectionError extends Error {
  /** "ConnectionError". */
  override readonly name = "ConnectionError";
  /** A POSIX name: "ECONNREFUSED". */
  readonly code: ConnectionErrorCode;

  constructor(code: ConnectionErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

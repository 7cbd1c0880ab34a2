import type { TcpErrorName } from "#tcp/words/error";

/** POSIX names of what ends a connection; ENETDOWN: the device vanished. */
export type ConnectionErrorCode = TcpErrorName | "ENETDOWN";

/** A connection ended otherwise than by both sides' close. The message says what happened, in words. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
  readonly code: ConnectionErrorCode;

  constructor(code: ConnectionErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

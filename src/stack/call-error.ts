import type { TcpErrorName } from "#tcp/words/error";

/** A call that the stack refuses, with a POSIX name and the reason in words. Thrown to the caller, never by a packet. */
export class CallError extends Error {
  override readonly name = "CallError";
  readonly code: TcpErrorName;

  constructor(code: TcpErrorName, message: string) {
    super(message);
    this.code = code;
  }
}

import type { TcpErrorName } from "#tcp/words/error";

/** A refused call: a POSIX error name and the reason in words. Only calls throw it; a packet never does. */
export class CallError extends Error {
  /** "CallError". */
  override readonly name = "CallError";
  /** A POSIX name: "EINVAL". */
  readonly code: TcpErrorName;

  constructor(code: TcpErrorName, message: string) {
    super(message);
    this.code = code;
  }
}

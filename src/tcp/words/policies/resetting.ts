/** When an RST is sent, and what a received one does (RFC 9293 §3.5.2–3, §3.10.5, §3.10.7). */
export interface Resetting {
  /**
   * The answer to a segment for no connection and no listener: always RST, RST except for a SYN, or nothing. Only the stack's default is
   * used.
   */
  readonly resetUnknown: "all" | "segments" | "none";
  /** Data received in order before an RST can still be read (Linux, FreeBSD); RFC 9293 flushes it. */
  readonly resetKeepsReceived: boolean;
  /** Data beyond the peer's own FIN resets the connection (Linux); otherwise it is cut off. */
  readonly textBeyondFinResets: boolean;
  /** ABORT also sends an RST in CLOSING and LAST-ACK (FreeBSD); RFC 9293 §3.10.5 only deletes the connection. */
  readonly abortResetsWhileClosing: boolean;
  /**
   * An RST in CLOSING and LAST-ACK is reported as an error even if all data was acknowledged (Linux); RFC 9293 §3.10.7.4 just ends the
   * connection.
   */
  readonly lateResetIsError: boolean;
}

const rfc9293: Resetting = Object.freeze({
  resetUnknown: "all",
  resetKeepsReceived: false,
  textBeyondFinResets: false,
  abortResetsWhileClosing: false,
  lateResetIsError: false,
});

export const RESETTING = {
  rfc9293,
  linux: Object.freeze<Resetting>({
    ...rfc9293,
    resetKeepsReceived: true,
    textBeyondFinResets: true,
    lateResetIsError: true,
  }),
  freebsd: Object.freeze<Resetting>({ ...rfc9293, resetKeepsReceived: true, abortResetsWhileClosing: true }),
} as const;

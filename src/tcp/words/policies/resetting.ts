/** When an RST goes, and what one that arrives does (RFC 9293 §3.5.2–3, §3.10.5, §3.10.7). */
export interface Resetting {
  /** What a segment for no connection and no listener draws: RST always, RST but not for a SYN, or nothing. Only the stack's default counts. */
  readonly resetUnknown: "all" | "segments" | "none";
  /** What was received in order before an RST can still be read (Linux, FreeBSD); RFC 9293 flushes it. */
  readonly resetKeepsReceived: boolean;
  /** Text that goes on beyond the peer's own FIN resets the connection (Linux); else it is cut off. */
  readonly textBeyondFinResets: boolean;
  /** ABORT sends an RST in CLOSING and LAST-ACK, too (FreeBSD); RFC 9293 §3.10.5 only deletes the connection. */
  readonly abortResetsWhileClosing: boolean;
  /** An RST in CLOSING and LAST-ACK is told as an error even if all data was acknowledged (Linux); RFC 9293 §3.10.7.4 just ends the connection. */
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

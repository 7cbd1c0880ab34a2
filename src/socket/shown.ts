import type { ConnectionError } from "./connection-error.ts";
import type { Socket } from "./types.ts";

/** The state of a connection that its handlers, promises and streams need. */
export interface Shown extends Socket {
  /** The handshake has completed (the connection may be over since). */
  readonly isOpen: boolean;
  /** In TIME-WAIT or CLOSED. */
  readonly isOver: boolean;
  /** The reading side is closed. */
  readonly isReadClosed: boolean;
  /** The writing side is closed. */
  readonly isFinished: boolean;
  /** The error that ended the connection, if any. */
  readonly failure: ConnectionError | null;
  /** Unread octets, in order. */
  readonly unread: number;
  /** The peer's data has ended, except for unread octets. */
  readonly atEnd: boolean;
  /** A quarter of the send buffer is free. Writers do not wake for the few octets of each acknowledgment. */
  readonly hasRoom: boolean;
  /** Everything written is acknowledged, including the FIN. */
  readonly isFlushed: boolean;
  /** A view of the unread octets that are contiguous in memory. */
  view(): Uint8Array;
  /** Copies unread octets to `into`, from `from` on. Returns how many. */
  take(into: Uint8Array, from: number): number;
  /** Drops the first `n` unread octets. */
  skip(n: number): void;
  /** Closes both directions: what is unread now resets the connection. */
  closeBoth(): void;
  writeError(): ConnectionError;
}

import type { ConnectionError } from "./connection-error.ts";
import type { Socket } from "./types.ts";

/** What a connection shows to those parts of it that tell the application: handlers, promises, streams. */
export interface Shown extends Socket {
  /** The handshake was over at some time. */
  readonly isOpen: boolean;
  /** In TIME-WAIT or CLOSED. */
  readonly isOver: boolean;
  /** No more is read. */
  readonly isDeaf: boolean;
  /** No more is written. */
  readonly isFinished: boolean;
  /** Why it ended, where that was not orderly. */
  readonly failure: ConnectionError | null;
  /** Octets in order that nobody has read. */
  readonly unread: number;
  /** Nothing will come any more, beyond what is unread. */
  readonly atEnd: boolean;
  /** A quarter of the send buffer is free: whoever waits is not woken for every acknowledgment's few octets. */
  readonly hasRoom: boolean;
  /** Everything that was written is acknowledged, the FIN included. */
  readonly isFlushed: boolean;
  /** What lies in one piece of what is unread: a view. */
  peek(): Uint8Array;
  /** The first `n` octets of what is unread are done with. */
  skip(n: number): void;
  writeError(): ConnectionError;
}

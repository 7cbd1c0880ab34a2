import type { Stack } from "#stack/stack";
import type { TcpSocket } from "./tcp-socket.ts";
import type { Host } from "./types.ts";

/** Shared by all sockets of a stack. */
export interface Floor {
  readonly engine: Stack;
  readonly host: Host;
  /** The slab had no page for this socket's write: calls `onEvents` when pages may be free again. */
  starve(socket: TcpSocket): void;
  /** Pages may have become free. */
  feed(): void;
  /** A listener was closed. */
  forget(listener: object): void;
}

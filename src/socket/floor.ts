import type { Stack } from "#stack/stack";
import type { TcpSocket } from "./tcp-socket.ts";
import type { Host } from "./types.ts";

/** What all sockets of a stack share. */
export interface Floor {
  readonly engine: Stack;
  readonly host: Host;
  /** The slab had no page left for what this socket wrote: `onEvents` is called when there may be one again. */
  starve(socket: TcpSocket): void;
  /** Pages may have become free. */
  feed(): void;
  /** A listener was closed. */
  forget(listener: object): void;
}

import type { Stack } from "#stack/stack";
import type { Host } from "./stack-types.ts";

/** Shared by all sockets of a stack. */
export interface SocketContext {
  readonly engine: Stack;
  readonly host: Host;
  /** A listener was closed. */
  forget(listener: object): void;
  /** Whether the program is kept alive by this socket or listener, although its stack may be unreferenced. */
  keepAlive(socket: object, on: boolean): void;
}

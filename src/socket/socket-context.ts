import type { Stack } from "#stack/stack";
import type { Host } from "./types.ts";

/** Shared by all sockets of a stack. */
export interface SocketContext {
  readonly engine: Stack;
  readonly host: Host;
  /** A listener was closed. */
  forget(listener: object): void;
}

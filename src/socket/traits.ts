import { microseconds } from "./options.ts";
import type { SocketHandlers, SocketOptions } from "./types.ts";

/** What a connection does by itself, above the engine. Times are µs. */
export interface Traits {
  readonly allowHalfOpen: boolean;
  readonly handlers: SocketHandlers | null;
  /** 0: no limit. */
  readonly idleTimeout: number;
  /** How long CLOSE waits until it resets the connection; negative: as long as the engine does. */
  readonly linger: number;
}

const DEFAULTS: Traits = { allowHalfOpen: true, handlers: null, idleTimeout: 0, linger: -1 };

/** The traits that these options ask for; what they do not name is as before. @throws CallError EINVAL. */
export function traitsOf(options: SocketOptions, before = DEFAULTS): Traits {
  const { allowHalfOpen, socket, idleTimeout, linger } = options;
  return {
    allowHalfOpen: allowHalfOpen ?? before.allowHalfOpen,
    handlers: socket ?? before.handlers,
    idleTimeout: idleTimeout === undefined ? before.idleTimeout : timeOrNone("idleTimeout", idleTimeout),
    linger: linger === undefined ? before.linger : timeOrNone("linger", linger),
  };
}

function timeOrNone(name: string, ms: number): number {
  return ms === 0 ? 0 : microseconds(name, ms, "0, or a time");
}

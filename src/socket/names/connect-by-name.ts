import { CallError } from "#stack/call-error";
import type { ActiveOpenOptions } from "#stack/options";
import { ConnectionError } from "../connection-error.ts";
import { endpointText } from "../endpoint.ts";
import type { SocketContext } from "../socket-context.ts";
import type { Traits } from "../traits.ts";
import type { Endpoint, Resolve } from "../types.ts";
import { NamedSocket } from "./named-socket.ts";
import type { Names } from "./names.ts";
import { Race } from "./race.ts";

/** What `connectByName` needs of its stack. */
export interface NameContext extends SocketContext {
  readonly names: Names;
  /** Sockets that have no connection yet. */
  readonly searches: Set<NamedSocket>;
}

export interface NamedOpen {
  /** The name as `Names.check` returned it, and the port. */
  readonly remote: Endpoint;
  readonly traits: Traits;
  /** Options of each attempt. */
  readonly open: ActiveOpenOptions;
  /** µs for resolution and attempts together; 0: no limit. */
  readonly timeout: number;
  readonly resolve: Resolve | null;
}

/** Resolves the name, and connects to the first of its addresses that answers (RFC 8305). */
export function connectByName(
  context: NameContext,
  { remote, traits, open, timeout, resolve }: NamedOpen,
): NamedSocket {
  const search = new AbortController();
  const race = new Race(context, {
    remote: endpointText(remote),
    port: remote.port,
    open,
    over(tcb, error) {
      if (tcb === null) return socket.fail(error!);
      context.searches.delete(socket);
      search.abort();
      socket.adopt(tcb);
    },
  });
  const socket = new NamedSocket(context, remote, traits, timeout, () => {
    context.searches.delete(socket);
    search.abort();
    race.cancel();
  });
  context.searches.add(socket);
  context.names
    .find(remote.hostname, (addresses) => race.add(addresses), search.signal, resolve)
    .then(
      () => race.resolved(null),
      (error) => race.resolved(connectionError(error, remote.hostname)),
    );
  return socket;
}

function connectionError(error: unknown, name: string): ConnectionError {
  if (error instanceof ConnectionError) return error;
  if (error instanceof CallError) return new ConnectionError(error.code, error.message);
  return new ConnectionError("EAI_AGAIN", `could not resolve ${name}: ${error}`, error);
}

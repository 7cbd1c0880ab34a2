/** Servers that were made for the system's network, and listen on a host's stack. */
import type { Server } from "#node/server";
import type { Bag } from "../globals.ts";
import type { Network } from "../place.ts";
import { asStream, type Call, here, set } from "./divert.ts";

/** Gives a connection of a stack to a server. */
type Deliver = (server: Bag, connection: object) => void;

export const emitConnection: Deliver = (server, connection) => (server.emit as Call)("connection", connection);

/** To servers of the runtimes that have shorter ways for the system's sockets. */
export const emitStream: Deliver = (server, connection) => asStream(() => emitConnection(server, connection));

interface Front {
  readonly network: Network;
  readonly listener: Server;
  /** The server's own property, if it had one. */
  readonly listening: PropertyDescriptor | undefined;
}

/** What listens in the place of a server. */
const fronts = new WeakMap<object, Front>();

/** From now on, `listen` on a host is that of its stack for all servers with this prototype, also those that were made elsewhere. */
export function divertListen(prototype: Bag, deliver: Deliver): void {
  const { listen } = prototype as Record<string, Call>;
  set(prototype, "listen", function (this: Bag, ...args: unknown[]) {
    const network = here();
    if (network === null) {
      // After a world it is the system's server again.
      giveBack(this);
      return Reflect.apply(listen!, this, args);
    }
    const callback = typeof args.at(-1) === "function" ? (args.pop() as Call) : null;
    if (callback !== null) (this.once as Call)("listening", callback);
    frontOf(this, network, deliver).listen(...args);
    return this;
  });
  const instead = (name: string, then: (listener: Server, server: Bag, args: unknown[]) => unknown) => {
    const was = prototype[name] as Call;
    set(prototype, name, function (this: Bag, ...args: unknown[]) {
      const front = fronts.get(this);
      return front === undefined ? Reflect.apply(was, this, args) : then(front.listener, this, args);
    });
  };
  instead("address", (listener) => listener.address());
  instead("getConnections", (listener, server, [done]) => {
    listener.getConnections(done as Parameters<Server["getConnections"]>[0]);
    return server;
  });
  instead("close", (listener, server, [done]) => {
    listener.close(done as Parameters<Server["close"]>[0]);
    (server.closeIdleConnections as Call | undefined)?.call(server);
    return server;
  });
}

/** The listener of a server on this host, in this life of it. */
function frontOf(server: Bag, network: Network, deliver: Deliver): Server {
  const found = fronts.get(server);
  if (found?.network === network) return found.listener;
  const listener = network.net.createServer({ allowHalfOpen: true }, (socket) => deliver(server, socket));
  for (const name of ["listening", "error", "close", "drop"])
    listener.on(name, (...args: unknown[]) => (server.emit as Call)(name, ...args));
  Object.defineProperty(listener, "maxConnections", { get: () => server.maxConnections || undefined, set: () => {} });
  const listening = found === undefined ? Object.getOwnPropertyDescriptor(server, "listening") : found.listening;
  Object.defineProperty(server, "listening", { get: () => listener.listening, configurable: true });
  fronts.set(server, { network, listener, listening });
  return listener;
}

function giveBack(server: Bag): void {
  const front = fronts.get(server);
  if (front === undefined) return;
  fronts.delete(server);
  if (front.listening === undefined) delete server.listening;
  else Object.defineProperty(server, "listening", front.listening);
}

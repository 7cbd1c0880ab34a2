import type { NodeNet } from "#node/net";
import type { Bag } from "./globals.ts";

type Call = (...args: unknown[]) => unknown;

/** A server of `node:http` that listens on a stack. */
export function serverOver(net: NodeNet, server: Bag): object {
  const emit = (name: string, ...args: unknown[]) => (server.emit as Call)(name, ...args);
  const front = net.createServer({ allowHalfOpen: true }, (socket) => emit("connection", socket));
  for (const name of ["listening", "error", "close"]) front.on(name, (...args: unknown[]) => emit(name, ...args));
  const methods: Record<string, Call> = {
    listen(...args) {
      (front.listen as Call)(...args);
      return server;
    },
    close(done) {
      (front.close as Call)(done);
      (server.closeIdleConnections as Call | undefined)?.call(server);
      return server;
    },
    address: () => front.address(),
    ref: () => server,
    unref: () => server,
    getConnections: (done) => (front.getConnections as Call)(done),
  };
  for (const [name, value] of Object.entries(methods))
    Object.defineProperty(server, name, { value, writable: true, configurable: true });
  Object.defineProperty(server, "listening", { get: () => front.listening, configurable: true });
  return server;
}

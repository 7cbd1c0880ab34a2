import type { EventEmitter } from "node:events";
import { Server as StackServer } from "#node/server";
import { Socket as StackSocket } from "#node/socket";
import type { Bag } from "../globals.ts";
import { places } from "../place.ts";
import { type Call, type Class, divertClass, divertIn, here, notOfThisWorld, set } from "./divert.ts";
import { divertListen, emitConnection, emitStream } from "./servers.ts";

/** A stream of the process or of a child: Node makes `process.stdout` when it is first used, a `net.Socket` of a descriptor or handle. */
const isOfSystem = ([options]: readonly unknown[]) =>
  typeof options === "object" && options !== null && ("fd" in options || "handle" in options);

/** @param SecureServer `tls.Server` */
export function divertNet(net: Bag, SecureServer: Class): void {
  const { Socket, Server } = net as Record<"Socket" | "Server", Class>;
  for (const name of ["connect", "createConnection", "createServer"] as const)
    divertIn(net, name, (network) => network.net[name] as Call);
  const socket = divertClass(Socket, ({ net: own }, args) => new own.Socket(...(args as [])), {
    own: StackSocket,
    isLocal: isOfSystem,
  });
  set(net, "Socket", socket);
  set(net, "Stream", socket);
  set(
    net,
    "Server",
    divertClass(Server, ({ net: own }, args) => new own.Server(...(args as [])), { own: StackServer }),
  );
  divertListen(Server.prototype as Bag, (server, connection) => {
    const deliver = server instanceof SecureServer ? emitStream : emitConnection;
    deliver(server, connection);
  });
  refuseConnect(Socket.prototype as Bag);
  divertTimeouts(Socket.prototype as Bag);
}

/** The idle timeouts of TLS sockets, which in Node are sockets of the system although they have another one below them, are in virtual time. */
function divertTimeouts(prototype: Bag): void {
  const { setTimeout: was, _unrefTimer: active } = prototype as Record<string, Call | undefined>;
  // In Bun they are timers of the global scope.
  if (was === undefined || active === undefined || "Bun" in globalThis) return;
  const timers = new WeakMap<object, NodeJS.Timeout>();
  set(prototype, "setTimeout", function (this: EventEmitter & Bag, ms: unknown, callback?: () => void) {
    const isRight = typeof ms === "number" && ms >= 0 && Number.isFinite(ms);
    if (!isRight || !places.getStore()?.network) return Reflect.apply(was, this, [ms, callback]);
    Reflect.apply(was, this, [0, callback]);
    this.timeout = ms;
    const before = timers.get(this);
    clearTimeout(before);
    if (before === undefined) this.once("close", () => clearTimeout(timers.get(this)));
    if (ms === 0) return this;
    timers.set(
      this,
      setTimeout(() => (this._onTimeout as Call)(), ms),
    );
    if (callback !== undefined) this.once("timeout", callback);
    return this;
  });
  set(prototype, "_unrefTimer", function (this: Bag) {
    if (this.timeout !== 0) timers.get(this)?.refresh();
    return Reflect.apply(active, this, []);
  });
}

/** What is left of the system's sockets on a host: those of classes that extend them, and of functions that were imported before. */
function refuseConnect(prototype: Bag): void {
  const { connect } = prototype as Record<"connect", Call>;
  set(prototype, "connect", function (this: unknown, ...args: unknown[]) {
    const [first] = args;
    // Bun gives its own call the arguments as an array.
    const options = (Array.isArray(first) ? first[0] : first) as Bag | null | undefined;
    // TLS over another socket.
    const isCarried = typeof options === "object" && options !== null && Boolean(options.socket);
    if (!isCarried && here() !== null)
      throw notOfThisWorld(
        "this net.Socket",
        "net.connect, and import tcpnet/sim before the modules that import net or tls",
      );
    return Reflect.apply(connect, this, args);
  });
}

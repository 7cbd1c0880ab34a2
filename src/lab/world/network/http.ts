/** `node:http` and `node:https`. */
import type { Bag } from "../globals.ts";
import { type Network, places } from "../place.ts";
import { type Call, type Class, divertIn, notOfThisWorld, set } from "./divert.ts";
import { divertListen, emitStream } from "./servers.ts";

/** A runtime whose servers of `node:http` and `node:https` are no servers of `node:net`. */
const isBun = "Bun" in globalThis;

interface Http extends Bag {
  readonly request: Call;
  readonly get: Call;
  readonly createServer: Call;
  readonly Agent: Class;
  readonly Server: Class;
}

export function divertHttp(http: Bag): void {
  const { Agent, Server } = http as unknown as Http;
  divertRequests(http as unknown as Http, ({ agent }) => agent);
  divertIn(Agent.prototype as Bag, "createConnection", ({ net }) => net.createConnection as Call);
  divertNames(Agent.prototype as Bag);
  if (isBun) divertListen(Server.prototype as Bag, emitStream);
}

export function divertHttps(https: Bag, tls: Bag): void {
  const { Agent, Server } = https as unknown as Http;
  divertRequests(https as unknown as Http, ({ secureAgent }) => secureAgent);
  const prototype = Agent.prototype as Bag;
  const connection = prototype.createConnection as Call;
  divertIn(prototype, "createConnection", ({ net }, agent) => (options, ...rest) => {
    const { host, port, lookup, localAddress, localPort, family } = options as Bag;
    const socket = net.connect({ host, port, lookup, localAddress, localPort, family });
    return Reflect.apply(connection, agent, [{ ...(options as Bag), path: undefined, socket }, ...rest]);
  });
  if (Object.hasOwn(prototype, "getName")) divertNames(prototype);
  if (!isBun) return;
  // A server of Bun's node:https takes connections from outside without TLS alone.
  const settings = new WeakMap<object, unknown>();
  const fronts = new WeakMap<object, Bag>();
  const make = (args: unknown[], like: Class) => {
    const server = Reflect.construct(Server, args as never[], like);
    settings.set(server, args[0]);
    return server;
  };
  const recorded: Class = new Proxy(Server, {
    construct: (_, args, like) => make(args, like === recorded ? Server : (like as Class)),
    apply: (_, __, args) => make(args, Server),
  });
  set(https, "Server", recorded);
  set(https, "createServer", (...args: unknown[]) => make(args, Server));
  divertListen(Server.prototype as Bag, (server, connection) => {
    let front = fronts.get(server);
    if (front === undefined) {
      front = (tls.createServer as Call)(settings.get(server), (socket: object) => emitStream(server, socket)) as Bag;
      (front.on as Call)("tlsClientError", (...args: unknown[]) => (server.emit as Call)("tlsClientError", ...args));
      fronts.set(server, front);
    }
    emitStream(front, connection);
  });
}

/** Requests without an agent have that of their host. */
function divertRequests(http: Http, agentOf: (network: Network) => object): void {
  const { Agent } = http;
  for (const name of ["request", "get"] as const) {
    const was = http[name];
    divertIn(http, name, (network) => (...args) => {
      const at = typeof args[0] === "string" || args[0] instanceof URL ? 1 : 0;
      const options = typeof args[at] === "object" && args[at] !== null ? (args[at] as Bag) : null;
      if (options?.socketPath) throw notOfThisWorld("HTTP over a Unix socket", "a host and a port");
      if (options?.agent || options?.createConnection) return was(...args);
      const agent = options?.agent === false ? Reflect.construct(Agent, []) : agentOf(network);
      return was(...args.slice(0, at), { ...options, agent }, ...args.slice(options === null ? at : at + 1));
    });
  }
}

/** Agents of a program that runs on several hosts give none of them a connection of another. */
function divertNames(prototype: Bag): void {
  const { getName } = prototype as Record<"getName", Call>;
  set(prototype, "getName", function (this: unknown, ...args: unknown[]) {
    const name = Reflect.apply(getName, this, args);
    const id = places.getStore()?.network?.id;
    return id === undefined ? name : `${name}:world-${id}`;
  });
}

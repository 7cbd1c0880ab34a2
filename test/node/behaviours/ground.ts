/** Where a behaviour of `net` is tried: Node's own module over loopback, or ours over two stacks and a wire. */
import type * as dgram from "node:dgram";
import { type EventEmitter, once } from "node:events";
import http from "node:http";
import type * as net from "node:net";

export type Net = typeof net;
export type Socket = net.Socket;

/** One implementation of `net`, and addresses for it. */
export interface Ground {
  readonly name: string;
  /** `fetch` of the side that connects. */
  readonly fetch: typeof fetch;
  /** The module of the side that listens. */
  readonly net: Net;
  /** The module of the side that connects. */
  readonly peer: Net;
  /** `node:dgram` of either side. */
  readonly dgram: typeof dgram;
  readonly peerDgram: typeof dgram;
  /** An address of the side that listens, and another one. */
  readonly host: string;
  readonly otherHost: string;
  /** An address that neither side has. */
  readonly foreign: string;
  close(): Promise<void>;
}

/** One thing that `net` does. The body fails by throwing. */
export interface Behaviour {
  readonly name: string;
  run(ground: Ground): Promise<void>;
}

/** Collects the behaviours of a subject. */
export function subject(title: string): {
  readonly all: Behaviour[];
  readonly it: (name: string, run: Behaviour["run"]) => void;
} {
  const all: Behaviour[] = [];
  return { all, it: (name, run) => all.push({ name: `${title}: ${name}`, run }) };
}

/** Listens at any free port of `ground.host`. */
export async function listening(ground: Ground, server: net.Server, host = ground.host): Promise<number> {
  server.listen(0, host);
  await once(server, "listening");
  return (server.address() as net.AddressInfo).port;
}

/** Serves HTTP at any free port, and says where. */
export async function serving(
  ground: Ground,
  server: http.Server,
): Promise<{ url: string; port: number; close(): void }> {
  const sockets = new Set<Socket>();
  const listener = ground.net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    server.emit("connection", socket);
  });
  const port = await listening(ground, listener);
  const close = () => {
    listener.close();
    for (const socket of sockets) socket.destroy();
  };
  return { url: `http://${ground.host}:${port}`, port, close };
}

/** Runs `use` with the address of an HTTP server. */
export async function withServer(
  ground: Ground,
  listener: http.RequestListener,
  use: (url: string) => Promise<void>,
): Promise<void> {
  const served = await serving(ground, http.createServer(listener));
  try {
    await use(served.url);
  } finally {
    served.close();
  }
}

/** Two ends of an open connection, and the server that accepted it. */
export interface Ends {
  readonly client: Socket;
  readonly accepted: Socket;
  readonly server: net.Server;
  readonly port: number;
}

export async function connected(
  ground: Ground,
  serverOptions: net.ServerOpts = {},
  clientOptions: Partial<net.TcpNetConnectOpts & net.SocketConstructorOpts> = {},
): Promise<Ends> {
  const server = ground.net.createServer(serverOptions);
  const port = await listening(ground, server);
  const accepting = once(server, "connection");
  const client = ground.peer.connect({ port, host: ground.host, ...clientOptions });
  const [[accepted]] = await Promise.all([accepting, once(client, "connect")]);
  return { client, accepted: accepted as Socket, server, port };
}

/** Ends everything, and waits until it has ended. */
export async function over({ client, accepted, server }: Ends): Promise<void> {
  const closed = once(server, "close");
  server.close();
  client.destroy();
  accepted.destroy();
  await closed;
}

/** The names of these events, in the order in which they come. */
export function noting(emitter: EventEmitter, ...names: string[]): string[] {
  const seen: string[] = [];
  for (const name of names) emitter.on(name, () => seen.push(name));
  return seen;
}

/** The error that an emitter emits. */
export async function failure(emitter: EventEmitter): Promise<NodeJS.ErrnoException & Record<string, unknown>> {
  return new Promise((resolve) => emitter.once("error", resolve));
}

/** The arguments of the next event of this name, whatever errors there are. */
export function emitted(emitter: EventEmitter, name: string): Promise<unknown[]> {
  return new Promise((resolve) => emitter.once(name, (...args) => resolve(args)));
}

/** Everything that comes until the end, as text; the socket is left as it is. */
export async function heard(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (chunk) => {
    text += String(chunk);
  });
  await once(socket, "end");
  return text;
}

/** Everything that comes until the end, as text, after which the socket is destroyed. */
export async function textOf(socket: Socket): Promise<string> {
  let text = "";
  for await (const chunk of socket) text += String(chunk);
  return text;
}

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
export const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Waits until something is so. */
export async function until(what: () => boolean): Promise<void> {
  while (!what()) await pause(2);
}

/** `n` octets that differ everywhere. */
export function octets(n: number): Buffer {
  const out = Buffer.alloc(n);
  for (let i = 0, x = 1; i < n; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) | 0;
    out[i] = x >>> 24;
  }
  return out;
}

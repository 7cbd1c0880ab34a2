/** A module object in the shape of `node:net`, for a stack. */
import {
  BlockList,
  getDefaultAutoSelectFamily,
  getDefaultAutoSelectFamilyAttemptTimeout,
  SocketAddress,
  setDefaultAutoSelectFamily,
  setDefaultAutoSelectFamilyAttemptTimeout,
} from "node:net";
import type { NetStack } from "#socket/stack-types";
import { checkStack } from "./errors.ts";
import { isIP, isIPv4, isIPv6 } from "./ip.ts";
import { Server, type ServerOptions } from "./server.ts";
import { Socket } from "./socket.ts";
import type { SocketOptions } from "./socket-options.ts";

/** What has nothing to do with a stack, and the settings for all sockets, are Node's own. */
const SHARED = {
  BlockList,
  SocketAddress,
  getDefaultAutoSelectFamily,
  getDefaultAutoSelectFamilyAttemptTimeout,
  setDefaultAutoSelectFamily,
  setDefaultAutoSelectFamilyAttemptTimeout,
};

type Shared = typeof SHARED;
type Without<T> = Omit<T, "stack">;

/** What `nodeNet` gives. */
export interface NodeNet extends Shared {
  readonly Socket: new (options?: Without<SocketOptions>) => Socket;
  /** The same class, by its old name. */
  readonly Stream: NodeNet["Socket"];
  readonly Server: new (
    options?: Without<ServerOptions> | ((socket: Socket) => void),
    onConnection?: (socket: Socket) => void,
  ) => Server;
  /** `connect(options, callback)`, `connect(port, host, callback)`. */
  connect(...args: readonly unknown[]): Socket;
  createConnection(...args: readonly unknown[]): Socket;
  createServer(
    options?: Without<ServerOptions> | ((socket: Socket) => void),
    onConnection?: (socket: Socket) => void,
  ): Server;
  readonly isIP: typeof isIP;
  readonly isIPv4: typeof isIPv4;
  readonly isIPv6: typeof isIPv6;
  readonly default: NodeNet;
}

/** `node:net` with connections of `stack`: give it to whatever takes a `net` module, or mock the module with it. */
export function nodeNet(stack: NetStack): NodeNet {
  checkStack("stack", stack);
  const Bound = class extends Socket {
    constructor(options: Without<SocketOptions> = {}) {
      super({ ...options, stack });
    }
  };
  Object.defineProperty(Bound, "name", { value: "Socket" });
  const BoundServer = class extends Server {
    constructor(
      options?: Without<ServerOptions> | ((socket: Socket) => void),
      onConnection?: (socket: Socket) => void,
    ) {
      if (typeof options === "function") super({ stack }, options, Bound);
      else super({ ...options, stack }, onConnection, Bound);
    }
  };
  Object.defineProperty(BoundServer, "name", { value: "Server" });
  const connect = (...args: readonly unknown[]): Socket => {
    const [first] = args;
    const options =
      typeof first === "object" && first !== null ? (first as Without<SocketOptions> & { timeout?: number }) : {};
    const socket = new Bound(options);
    if (options.timeout) socket.setTimeout(options.timeout);
    return socket.connect(...args);
  };
  const net = {
    ...SHARED,
    Socket: Bound,
    Stream: Bound,
    Server: BoundServer,
    connect,
    createConnection: connect,
    createServer: (
      options?: Without<ServerOptions> | ((socket: Socket) => void),
      onConnection?: (socket: Socket) => void,
    ) => new BoundServer(options, onConnection),
    isIP,
    isIPv4,
    isIPv6,
  };
  return Object.assign(net, { default: net as unknown as NodeNet });
}

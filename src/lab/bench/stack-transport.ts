import type { NetStack } from "#socket/stack-types";
import type { ConnectOptions, Listener, SocketOptions } from "#socket/types";
import type { BenchHandlers, BenchSocket, Transport } from "./transport.ts";

export interface StackTransportOptions {
  readonly stack: NetStack;
  /** The server's address, for a client. */
  readonly hostname?: string;
  readonly port: number;
  /** The only remote that may connect. */
  readonly remote?: string | undefined;
  readonly backlog?: number;
  /** Of every connection. */
  readonly socket: SocketOptions;
  /** How long a connection may take to open, ms. */
  readonly timeout: number;
  readonly listening?: (listener: Listener) => void;
}

/** Connections of a stack of ours. */
export class StackTransport implements Transport {
  readonly #options: StackTransportOptions;
  readonly #connect: ConnectOptions;

  constructor(options: StackTransportOptions) {
    this.#options = options;
    this.#connect = { ...options.socket, timeout: options.timeout };
  }

  connect(handlers: BenchHandlers): BenchSocket {
    const { stack, hostname, port } = this.#options;
    return stack.connect({ hostname: hostname!, port }, { ...this.#connect, socket: handlers });
  }

  listen(handlers: BenchHandlers): () => void {
    const { stack, port, remote, backlog, socket, listening } = this.#options;
    const only = remote === undefined ? {} : { remote };
    const waiting = backlog === undefined ? {} : { backlog };
    const listener = stack.listen({ port, ...only, ...waiting, ...socket, socket: handlers });
    listening?.(listener);
    return () => void listener.close();
  }
}

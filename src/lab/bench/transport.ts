import { ConnectionError } from "#socket/connection-error";
import type { Socket } from "#socket/types";
import type { TcpInfo } from "#tcp/machine/info";

/** What the benchmark asks a connection while it runs. */
export type BenchInfo = Pick<
  TcpInfo,
  "retransTotal" | "cwnd" | "sndWnd" | "rtt" | "rttvar" | "mss" | "congestionControl" | "sendQueue" | "bytesSent"
>;

/** What the benchmark does with a connection: a socket of our stack has it all, one of the kernel's is made to look like it. */
export interface BenchSocket extends Pick<Socket, "write" | "closeWrite" | "abort" | "data" | "remote" | "local"> {
  info(): BenchInfo;
}

/** Handlers of a connection, with the meaning that `SocketHandlers` describes. */
export interface BenchHandlers {
  open(socket: BenchSocket): void;
  data(socket: BenchSocket, bytes: Uint8Array): undefined;
  drain(socket: BenchSocket): void;
  end(socket: BenchSocket): void;
  close(socket: BenchSocket, error: Error | null): void;
  error(socket: BenchSocket, error: unknown): void;
}

/** Where connections come from: a stack of ours, or the kernel. */
export interface Transport {
  /** Connects to the server under test. */
  connect(handlers: BenchHandlers): BenchSocket;
  /** Listens where the server under test listens. Returns what ends that. */
  listen(handlers: BenchHandlers): () => void;
}

/** An object that handles one connection. `DISPATCH` finds it in `socket.data`. */
export interface Connection {
  opened?(): void;
  received(bytes: Uint8Array): void;
  drain(): void;
  ended(): void;
  closed(error: Error | null): void;
}

const of = (socket: BenchSocket) => socket.data as Connection;

/** The handlers of every connection of a benchmark, so that none are made per connection. */
export const DISPATCH: BenchHandlers = {
  open: (socket) => of(socket).opened?.(),
  data(socket, bytes) {
    of(socket).received(bytes);
    return undefined;
  },
  drain: (socket) => of(socket).drain(),
  end: (socket) => of(socket).ended(),
  close: (socket, error) => of(socket).closed(error),
  error: (_, error) => {
    // Something was written to a connection that is over: its `close` follows.
    if (!(error instanceof ConnectionError)) throw error;
  },
};

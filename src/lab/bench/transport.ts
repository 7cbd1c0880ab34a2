import { ConnectionError } from "#socket/connection-error";
import type { Socket } from "#socket/types";
import type { TcpInfo } from "#tcp/machine/info";

/** The state of a connection that the benchmark reads while it runs. */
export type BenchInfo = Pick<
  TcpInfo,
  "retransTotal" | "cwnd" | "sndWnd" | "rtt" | "rttvar" | "mss" | "congestionControl" | "sendQueue" | "bytesSent"
>;

/** The interface of a connection that the benchmark uses. Sockets of our stack have it; for the kernel's there is an adapter. */
export interface BenchSocket extends Pick<Socket, "write" | "closeWrite" | "abort" | "data" | "remote" | "local"> {
  info(): BenchInfo;
  /** Sockets of the runtime cannot change theirs. */
  setOptions?: Socket["setOptions"];
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

/** Makes connections through our stack or the kernel's. */
export interface Transport {
  /** Connects to the server under test. */
  connect(handlers: BenchHandlers): BenchSocket;
  /** Listens at the address of the server under test. Returns a function that stops listening. */
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
    // A write failed because the connection has ended: its `close` follows.
    if (!(error instanceof ConnectionError)) throw error;
  },
};

/** The kernel's TCP through Bun's sockets, for the modes rr and crr, which iperf3 does not have. */
import type { BenchHandlers, BenchInfo, BenchSocket, Transport } from "./transport.ts";

/** Bun's sockets give no access to tcp_info. */
const NO_INFO: BenchInfo = {
  retransTotal: 0,
  cwnd: 0,
  sndWnd: 0,
  rtt: 0,
  rttvar: 0,
  mss: 0,
  congestionControl: "",
  sendQueue: 0,
  bytesSent: 0,
};

type Native = Bun.Socket<KernelSocket>;

/** A connection of the kernel, with the interface that the benchmark uses. */
class KernelSocket implements BenchSocket {
  data: unknown = undefined;
  readonly handlers: BenchHandlers;
  #native: Native | null = null;
  /** Written before the connection was open. */
  #early: Uint8Array[] = [];
  #isFinished = false;
  #isAborted = false;
  isClosed = false;

  constructor(handlers: BenchHandlers) {
    this.handlers = handlers;
  }

  get remote(): { readonly hostname: string; readonly port: number } {
    return { hostname: this.#native?.remoteAddress ?? "", port: this.#native?.remotePort ?? 0 };
  }

  get local(): { readonly hostname: string; readonly port: number } {
    return { hostname: this.#native?.localAddress ?? "", port: this.#native?.localPort ?? 0 };
  }

  opened(native: Native): void {
    this.#native = native;
    if (this.#isAborted) {
      native.terminate();
      return;
    }
    for (const bytes of this.#early) native.write(bytes);
    this.#early = [];
    if (this.#isFinished) native.shutdown();
    this.handlers.open(this);
  }

  write(bytes: Uint8Array, from = 0, n = bytes.length - from): number {
    if (this.#native === null) {
      this.#early.push(bytes.slice(from, from + n));
      return n;
    }
    return Math.max(0, this.#native.write(bytes, from, n));
  }

  closeWrite(): void {
    if (this.#isFinished || this.isClosed) return;
    this.#isFinished = true;
    this.#native?.shutdown();
  }

  abort(): void {
    this.#isAborted = true;
    if (!this.isClosed) this.#native?.terminate();
  }

  info(): BenchInfo {
    return NO_INFO;
  }

  closed(error: Error | null): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.handlers.close(this, error);
  }
}

/** The handlers that Bun calls, for client and server. */
const NATIVE: Bun.SocketHandler<KernelSocket> = {
  open: (native) => native.data.opened(native),
  data: (native, bytes) => void native.data.handlers.data(native.data, bytes),
  drain: (native) => native.data.handlers.drain(native.data),
  end: (native) => native.data.handlers.end(native.data),
  close: (native, error) => native.data.closed(error ?? null),
  error: (native, error) => native.data.closed(error),
  connectError: (native, error) => native.data.closed(error),
};

export class KernelTransport implements Transport {
  readonly #hostname: string;
  readonly #port: number;

  constructor(hostname: string, port: number) {
    this.#hostname = hostname;
    this.#port = port;
  }

  connect(handlers: BenchHandlers): BenchSocket {
    const socket = new KernelSocket(handlers);
    const options = { hostname: this.#hostname, port: this.#port, allowHalfOpen: true, data: socket, socket: NATIVE };
    // `connectError` reports a failure as well.
    Bun.connect(options).catch(() => {});
    return socket;
  }

  listen(handlers: BenchHandlers): () => void {
    const listener = Bun.listen<KernelSocket>({
      hostname: this.#hostname,
      port: this.#port,
      allowHalfOpen: true,
      data: undefined as never,
      socket: {
        ...NATIVE,
        open(native) {
          native.data = new KernelSocket(handlers);
          native.data.opened(native);
        },
      },
    });
    return () => listener.stop(true);
  }
}

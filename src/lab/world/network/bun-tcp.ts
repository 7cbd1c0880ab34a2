/** `Bun.connect` and `Bun.listen` over a stack, whose handlers are alike. TLS is `node:tls`'. */
import { isIP } from "#node/ip";
import type { NetStack } from "#socket/stack-types";
import type { Listener, Socket, SocketHandlers } from "#socket/types";
import type { Bag } from "../globals.ts";
import { invalid } from "../world-error.ts";
import { binaryOf, octetsOf } from "./bun-udp.ts";
import { notOfThisWorld } from "./divert.ts";

type Handler = (socket: BunSocket, ...args: unknown[]) => unknown;
type Handlers = Readonly<
  Partial<Record<"open" | "data" | "drain" | "end" | "close" | "timeout" | "error" | "connectError", Handler>>
> & {
  readonly binaryType?: string;
};

interface Options {
  readonly handlers: Handlers;
  readonly data: unknown;
  readonly hostname: string;
  readonly port: number;
  readonly settings: { readonly allowHalfOpen: boolean; readonly nodelay: true };
}

/** What of the options concerns a stack. @param what "Bun.connect" */
function optionsOf(what: string, given: unknown): Options {
  const { socket, data, hostname = "0.0.0.0", port, allowHalfOpen = false, ...rest } = (given ?? {}) as Bag;
  if (typeof socket !== "object" || socket === null)
    throw invalid(`${what} needs handlers: ${what}({ socket: { data() {} } })`);
  if (rest.tls) throw notOfThisWorld(`${what} with TLS`, "tls.connect and tls.createServer of Node");
  for (const name of ["unix", "fd"])
    if (rest[name] !== undefined) throw notOfThisWorld(`${what} with ${name}`, "a hostname and a port");
  return {
    handlers: socket as Handlers,
    data,
    hostname: String(hostname),
    port: Number(port),
    settings: { allowHalfOpen: Boolean(allowHalfOpen), nodelay: true },
  };
}

/** Resolves with the socket when it is open. */
export async function connect(stack: NetStack, given: unknown): Promise<BunSocket> {
  const { handlers, data, hostname, port, settings } = optionsOf("Bun.connect", given);
  const [address] = isIP(hostname) ? [hostname] : await stack.resolve(hostname);
  return new Promise((resolve, reject) => {
    const socket = new BunSocket(handlers, data, null);
    const opened = () => {
      handlers.open?.(socket);
      resolve(socket);
    };
    const failed = (error: unknown) => {
      handlers.connectError?.(socket, error);
      reject(error);
    };
    socket.carry(
      stack.connect({ hostname: address!, port }, { ...settings, socket: calls(() => socket, opened, failed) }),
    );
  });
}

/** Listens at once. The hostname is an address, or "localhost". */
export function listen(stack: NetStack, given: unknown): BunListener {
  const { handlers, data, hostname, port, settings } = optionsOf("Bun.listen", given);
  const address = hostname === "localhost" ? "127.0.0.1" : hostname;
  if (isIP(address) === 0)
    throw invalid(`Bun.listen on a host listens on an address of it, such as "0.0.0.0", not ${hostname}`);
  const sockets = new WeakMap<Socket, BunSocket>();
  const listener = new BunListener(handlers, data);
  const opened = (carrier: Socket) => {
    const socket = new BunSocket(listener.handlers, listener.data, listener);
    socket.carry(carrier);
    sockets.set(carrier, socket);
    listener.sockets.add(socket);
    listener.handlers.open?.(socket);
  };
  listener.carry(
    stack.listen({
      hostname: address,
      port,
      ...settings,
      socket: calls(
        (carrier) => sockets.get(carrier)!,
        opened,
        () => {},
      ),
    }),
  );
  return listener;
}

/** The handlers of a stack's socket that call Bun's. */
function calls(
  of: (carrier: Socket) => BunSocket,
  opened: (carrier: Socket) => void,
  failed: (error: unknown) => void,
): SocketHandlers {
  return {
    open: opened,
    data(carrier, octets) {
      const socket = of(carrier);
      const { data, binaryType = "buffer" } = socket.handlers;
      void data?.(socket, binaryOf(binaryType, octets));
      return undefined;
    },
    drain: (carrier) => void of(carrier).handlers.drain?.(of(carrier)),
    end(carrier) {
      const socket = of(carrier);
      // As Bun: whoever has ended is told by `close` alone.
      if (!socket.hasEnded) void socket.handlers.end?.(socket);
    },
    timeout: (carrier) => void of(carrier).handlers.timeout?.(of(carrier)),
    error(carrier, error) {
      const { error: handler } = of(carrier).handlers;
      if (handler === undefined) throw error;
      handler(of(carrier), error);
    },
    close(carrier, error) {
      const socket = of(carrier) as BunSocket | undefined;
      if (socket === undefined || carrier.agreed === null) return failed(error);
      socket.isOver = true;
      socket.listener?.sockets.delete(socket);
      socket.handlers.close?.(socket, ...(error === null ? [] : [error]));
      return undefined;
    },
  };
}

export class BunSocket {
  data: unknown;
  handlers: Handlers;
  readonly listener: BunListener | null;
  bytesWritten = 0;
  /** The program has closed its direction. */
  hasEnded = false;
  /** `close` was called back. */
  isOver = false;
  #carrier: Socket | null = null;

  constructor(handlers: Handlers, data: unknown, listener: BunListener | null) {
    this.handlers = handlers;
    this.data = data;
    this.listener = listener;
  }

  carry(carrier: Socket): void {
    this.#carrier = carrier;
  }

  get #open(): Socket {
    return this.#carrier!;
  }

  get remoteAddress(): string {
    return this.#open.remote.hostname;
  }

  get remotePort(): number {
    return this.#open.remote.port;
  }

  get localAddress(): string {
    return this.#open.local.hostname;
  }

  get localPort(): number {
    return this.#open.local.port;
  }

  /** 1: open; -1: closed; -2: our direction is closed; 2: it opens. */
  get readyState(): -2 | -1 | 1 | 2 {
    const { state } = this.#open;
    if (this.isOver || state === "CLOSED") return -1;
    if (state === "ESTABLISHED" || state === "CLOSE-WAIT") return 1;
    return state.startsWith("SYN") ? 2 : -2;
  }

  /** Returns how many octets were taken; -1: our direction is closed. */
  write(data: unknown, offset = 0, length?: number): number {
    if (this.readyState <= 0) return -1;
    const octets = octetsOf(data).subarray(offset, length === undefined ? undefined : offset + length);
    const taken = this.#open.write(octets);
    this.bytesWritten += taken;
    return taken;
  }

  /** Writes, and then closes our direction. */
  end(data?: unknown, offset?: number, length?: number): number {
    const taken = data === undefined ? 0 : this.write(data, offset, length);
    this.shutdown();
    return taken;
  }

  shutdown(): void {
    if (this.readyState <= 0) return;
    this.hasEnded = true;
    this.#open.closeWrite();
  }

  close(): void {
    void this.#open.close();
  }

  terminate(): void {
    this.#open.abort();
  }

  timeout(seconds: number): void {
    this.#open.setOptions({ idleTimeout: seconds * 1_000 });
  }

  setNoDelay(isOn = true): boolean {
    this.#open.setOptions({ nodelay: isOn });
    return true;
  }

  setKeepAlive(isOn = false, idle = 0): boolean {
    this.#open.setOptions({ keepAlive: isOn && idle > 0 ? { idle } : isOn });
    return true;
  }

  reload({ socket }: { readonly socket: Handlers }): void {
    this.handlers = socket;
  }

  pause(): void {
    this.#open.pause();
  }

  resume(): void {
    this.#open.resume();
  }

  flush(): void {}

  ref(): void {
    this.#open.ref();
  }

  unref(): void {
    this.#open.unref();
  }

  [Symbol.dispose](): void {
    this.end();
  }
}

export class BunListener {
  data: unknown;
  handlers: Handlers;
  readonly sockets = new Set<BunSocket>();
  #carrier: Listener | null = null;

  constructor(handlers: Handlers, data: unknown) {
    this.handlers = handlers;
    this.data = data;
  }

  carry(carrier: Listener): void {
    this.#carrier = carrier;
  }

  get hostname(): string {
    return this.#carrier!.address.hostname;
  }

  get port(): number {
    return this.#carrier!.address.port;
  }

  stop(closesConnections = false): void {
    void this.#carrier!.close();
    if (closesConnections) for (const socket of this.sockets) socket.terminate();
  }

  reload({ socket }: { readonly socket: Handlers }): void {
    this.handlers = socket;
  }

  ref(): void {
    this.#carrier!.ref();
  }

  unref(): void {
    this.#carrier!.unref();
  }

  [Symbol.dispose](): void {
    this.stop();
  }
}

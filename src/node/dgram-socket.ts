/** A `dgram.Socket` over a UDP socket of a stack. */
import type { ConnectionError } from "#socket/connection-error";
import type { NetStack } from "#socket/stack-types";
import type { UdpSocket } from "#socket/udp-types";
import type { LookupFunction } from "./call-arguments.ts";
import {
  bindArguments,
  type Callback,
  checkPort,
  remoteArguments,
  type Sending,
  sendArguments,
} from "./dgram-arguments.ts";
import { BUFFER, type DgramOptions, DgramSettings, type RemoteInfo, refused } from "./dgram-settings.ts";
import { coded, systemError } from "./errors.ts";
import { familyOf, isIP } from "./ip.ts";
import { resolveHost, stackLookup } from "./resolve.ts";
import { type AddressInfo, infoOf } from "./socket-options.ts";

/** A UDP socket of a stack as a `dgram.Socket`: same calls, events and errors. Multicast is refused. */
export class DgramSocket extends DgramSettings {
  readonly type: "udp4" | "udp6";
  readonly #stack: NetStack;
  readonly #options: DgramOptions;
  readonly #lookup: LookupFunction;
  /** Null before `bind` and after `close`. */
  #socket: UdpSocket | null = null;
  #state: "new" | "binding" | "bound" | "closed" = "new";
  #connection: "none" | "connecting" | "connected" = "none";
  /** What waits until it is bound. */
  readonly #waiting: (() => void)[] = [];
  #unsent = 0;
  #refers = true;

  constructor(
    stack: NetStack,
    options: DgramOptions | "udp4" | "udp6",
    listener?: (message: Buffer, remote: RemoteInfo) => void,
  ) {
    super();
    const { type, ...rest } = typeof options === "string" ? { type: options } : options;
    if (type !== "udp4" && type !== "udp6")
      throw coded("ERR_SOCKET_BAD_TYPE", "Bad socket type specified. Valid types are: udp4, udp6", TypeError);
    this.type = type;
    this.#stack = stack;
    this.#options = { type, ...rest };
    this.#lookup = this.#options.lookup ?? stackLookup(stack);
    if (typeof listener === "function") this.on("message", listener);
    const { signal } = this.#options;
    if (signal === undefined) return;
    const close = () => {
      if (this.#state !== "closed") this.close();
    };
    if (signal.aborted) close();
    else {
      signal.addEventListener("abort", close, { once: true });
      this.once("close", () => signal.removeEventListener("abort", close));
    }
  }

  // --- Opening -----------------------------------------------------------------------------------------------------

  /** `bind(port, address, callback)`, `bind(options, callback)`. Without a port: any free one. What fails is emitted as "error". */
  bind(...args: readonly unknown[]): this {
    this.#check();
    const [options, callback] = bindArguments(args);
    if (this.#state !== "new") throw coded("ERR_SOCKET_ALREADY_BOUND", "Socket is already bound");
    if (options.fd !== undefined) throw refused("a descriptor");
    const { port = 0, address } = options;
    checkPort(port, 0);
    this.#state = "binding";
    if (callback !== null) this.#onceListening(callback);
    this.#resolve(address || (this.type === "udp4" ? "0.0.0.0" : "::"), (error, found) => {
      if (this.#state !== "binding") return;
      if (error === null) this.#open(Number(port), found);
      else this.#failed(error);
    });
    return this;
  }

  #onceListening(callback: Callback): void {
    const listening = () => {
      this.removeListener("error", failed);
      callback.call(this);
    };
    const failed = () => void this.removeListener("listening", listening);
    this.once("listening", listening);
    this.once("error", failed);
  }

  #open(port: number, address: string): void {
    const { recvBufferSize } = this.#options;
    try {
      this.#socket = this.#stack.bind({
        port,
        address,
        ...(recvBufferSize ? { receiveBuffer: recvBufferSize } : {}),
        socket: {
          data: (_, data, from, remote) => this.#message(Buffer.from(data), from, remote),
          error: (udp, cause) => this.#unreachable(cause, udp.softError),
          close: (_, cause) => {
            if (cause !== null && this.#state !== "closed") this.close();
          },
        },
      });
    } catch (cause) {
      this.#failed(systemError(codeOf(cause), "bind", { address, port, cause, isOfDatagrams: true }));
      return;
    }
    this.#state = "bound";
    if (this.#refers) this.#socket.ref();
    const waiting = this.#waiting.splice(0);
    this.emit("listening");
    for (const each of waiting) each();
  }

  #failed(error: Error): void {
    this.#state = "new";
    this.#waiting.length = 0;
    this.emit("error", error);
  }

  /** Does it now, or when the socket is bound, which is begun if need be. */
  #whenBound(call: () => void): void {
    if (this.#state === "bound") {
      call();
      return;
    }
    this.#waiting.push(call);
    if (this.#state === "new") this.bind({ port: 0, exclusive: true });
  }

  // --- Sending -----------------------------------------------------------------------------------------------------

  /**
   * `send(msg, offset, length, port, address, callback)`; offset and length, address and callback may be left out, of a connected socket the port,
   * too. Without a callback, what fails is emitted as "error".
   */
  send(...args: readonly unknown[]): void {
    this.#check();
    const sending = sendArguments(args, this.#connection === "connected");
    this.#unsent++;
    this.#whenBound(() => {
      if (sending.port === null) return this.#put(sending, undefined);
      this.#resolve(sending.address ?? this.#local, (error, address) => {
        if (this.#state === "closed") return;
        if (error === null) this.#put(sending, address);
        else this.#sent(sending, error);
      });
    });
  }

  #put(sending: Sending, address: string | undefined): void {
    const socket = this.#socket;
    const { octets, port } = sending;
    if (socket === null) return;
    try {
      const isSent = port === null ? socket.send(octets) : socket.send(octets, port, address);
      if (isSent) {
        this.#sent(sending, null);
        return;
      }
    } catch (cause) {
      const place = port === null ? {} : { address, port };
      this.#sent(sending, systemError(codeOf(cause), "send", { ...place, cause }));
      return;
    }
    // The stack's send queue is full.
    socket.drained().then(
      () => this.#put(sending, address),
      () => {},
    );
  }

  #sent({ callback, octets }: Sending, error: Error | null): void {
    this.#unsent--;
    if (callback !== null) process.nextTick(callback, error, ...(error === null ? [octets.length] : []));
    else if (error !== null) process.nextTick(() => this.emit("error", error));
  }

  /** Datagrams that wait to be given to the stack. */
  getSendQueueCount(): number {
    return this.#unsent;
  }

  // --- Receiving ---------------------------------------------------------------------------------------------------

  #message(data: Buffer, port: number, address: string): void {
    const info: RemoteInfo = { address, family: familyOf(address), port, size: data.length };
    this.emit("message", data, info);
  }

  /** An ICMP error about a datagram of this connected socket. What a listener throws, whatever its code is, is the program's to catch. */
  #unreachable(cause: unknown, softError: ConnectionError | null): void {
    if (softError === null || cause !== softError) throw cause;
    const { code } = softError;
    if (code !== "ECONNREFUSED" && code !== "ENOPROTOOPT" && code !== "EACCES") throw cause;
    this.emit("error", systemError(code, "recvmsg", { cause }));
  }

  // --- Connecting --------------------------------------------------------------------------------------------------

  /** `connect(port, address, callback)`: from now on it sends to this remote, and gets only its datagrams. */
  connect(...args: readonly unknown[]): void {
    const [port, address, callback] = remoteArguments(args);
    this.#check();
    if (this.#connection !== "none") throw coded("ERR_SOCKET_DGRAM_IS_CONNECTED", "Already connected");
    this.#connection = "connecting";
    if (callback !== null) this.once("connect", callback);
    const failed = (error: Error) => {
      this.#connection = "none";
      if (callback === null) return void process.nextTick(() => this.emit("error", error));
      this.removeListener("connect", callback);
      process.nextTick(callback, error);
    };
    this.#whenBound(() =>
      this.#resolve(address || this.#local, (error, hostname) => {
        if (this.#socket === null) return;
        if (error !== null) return failed(error);
        try {
          this.#socket.connect({ hostname, port });
        } catch (cause) {
          return failed(systemError(codeOf(cause), "connect", { address: hostname, port, cause }));
        }
        this.#connection = "connected";
        process.nextTick(() => this.emit("connect"));
      }),
    );
  }

  /** Undoes `connect`. */
  disconnect(): void {
    this.#check();
    if (this.#connection !== "connected") throw notConnected();
    this.#socket!.disconnect();
    this.#connection = "none";
  }

  remoteAddress(): AddressInfo {
    this.#check();
    const remote = this.#socket?.remote ?? null;
    if (remote === null || this.#connection !== "connected") throw notConnected();
    return infoOf(remote);
  }

  /** The address and port that it is bound to. */
  address(): AddressInfo {
    this.#check();
    if (this.#socket === null) throw systemError("EBADF", "getsockname");
    return infoOf({ hostname: this.#socket.address, port: this.#socket.port });
  }

  get #local(): string {
    return this.type === "udp4" ? "127.0.0.1" : "::1";
  }

  #resolve(host: string, done: (error: Error | null, address: string) => void): void {
    if (isIP(host) !== 0) return void process.nextTick(done, null, host);
    resolveHost(host, { family: this.type === "udp4" ? 4 : 6, hints: 0, all: true }, this.#lookup, (error, found) =>
      done(error, found[0]?.address ?? ""),
    );
  }

  // --- Settings and the end ------------------------------------------------------------------------------------------------------

  /** Allows sending to broadcast addresses. */
  setBroadcast(isAllowed: unknown): void {
    this.#check();
    if (this.#socket === null) throw systemError("EBADF", "setBroadcast");
    this.#socket.broadcast = Boolean(isAllowed);
  }

  getRecvBufferSize(): number {
    return this.#options.recvBufferSize || BUFFER;
  }

  /** Keeps the program alive while it is open (the default), also if `stack.unref()` was called. */
  ref(): this {
    this.#refers = true;
    this.#socket?.ref();
    return this;
  }

  /** Keeps the program no longer alive. `stack.unref()` is needed as well. */
  unref(): this {
    this.#refers = false;
    this.#socket?.unref();
    return this;
  }

  /** Closes it; `callback` is called at "close". What was given to `send` before is sent if the socket is bound. */
  close(callback?: () => void): this {
    if (typeof callback === "function") this.once("close", callback);
    if (this.#waiting.length > 0) {
      // As Node: what was sent before it was bound comes first.
      this.#waiting.push(() => this.close());
      return this;
    }
    this.#check();
    this.#state = "closed";
    void this.#socket?.close();
    this.#socket = null;
    process.nextTick(() => this.emit("close"));
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === "closed") return Promise.resolve();
    return new Promise((resolve) => this.close(resolve));
  }

  #check(): void {
    if (this.#state === "closed") throw coded("ERR_SOCKET_DGRAM_NOT_RUNNING", "Not running");
  }
}

const codeOf = (cause: unknown) => (cause as { code?: string }).code ?? "EINVAL";

const notConnected = () => coded("ERR_SOCKET_DGRAM_NOT_CONNECTED", "Not connected");

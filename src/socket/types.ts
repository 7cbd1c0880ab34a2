/**
 * The public API: the shape of WinterTC's sockets, and a listener. Where it departs from that draft it does so on purpose:
 * half-close is the rule (`allowHalfOpen` is true), `closed` does not wait for the reader, and there are `abort`, `info`
 * and a way to read and write without streams.
 *
 * Times in options are milliseconds, sizes octets. Calls that are refused throw `CallError` at once (nothing has
 * begun); whatever ends a connection rejects its promises with `ConnectionError`. Nobody need await those promises: an
 * unheard rejection does not end the program.
 */
import type { Trace } from "#base/trace";
import type { Device } from "#device/device";
import type { Engine } from "#driver/engine";
import type { Limits } from "#stack/limits";
import type { Stack } from "#stack/stack";
import type { TcpInfo } from "#tcp/machine/info";
import type { CongestionControlName, TcpParams } from "#tcp/words/params";
import type { ProfileName } from "#tcp/words/profiles";
import type { ConnectionError } from "./connection-error.ts";

/** A host and a port. Printed as `10.0.1.5:7000` or `[fd00::5]:7000`. */
export interface Endpoint {
  /** An IP address as text. */
  readonly hostname: string;
  readonly port: number;
}

/**
 * What drives an engine and tells it the time: a `Driver` in real time, a `SimNode` in virtual time. The socket floor needs
 * nothing else of either.
 */
export interface Host {
  /** Integer µs that never go back. */
  readonly now: () => number;
  /** The application asked the engine for something: it will be polled soon. */
  wake(): void;
  /** Called when the engine has something to tell. The socket floor takes it. */
  onEvents: (() => void) | null;
}

/** What every stack can be told, whatever drives it. */
export interface StackSettings {
  /** "10.0.0.7/24", or several; the first of each family is the default source. Without a prefix length: a single host. */
  readonly address: string | readonly string[];
  /** Addresses of those prefixes that are the kernel's, so never ours: "10.0.0.1". */
  readonly kernelAddress?: string | readonly string[];
  /** A prefix of which every address is ours, but for `kernelAddress`. */
  readonly owned?: string;
  /** Makes everything random a function of it, ISNs included: for simulations and tests. Absent: the system's randomness. */
  readonly seed?: number;
  /** The stack whose rules all connections follow: "linux", "freebsd", "rfc9293", "rfc793". Absent: Linux' rules, with the exceptions that README names. */
  readonly profile?: ProfileName;
  /** Defaults of all connections, on top of the profile's; times here are µs, as in `TcpParams`. */
  readonly params?: Partial<TcpParams>;
  /** How much of everything there may be: `{ connections: 100 }`. */
  readonly limits?: Partial<Limits>;
  /** Records of the event ring between two drains (`NetStack.onTrace`). Default 0: no events. */
  readonly trace?: number;
}

/** A stack on a device, in real time. */
export interface DeviceStackOptions extends StackSettings {
  /** The stack takes it over, and closes it. */
  readonly device: Device;
  /** Integer µs that never go back. Default: the system's monotonic clock. */
  readonly clock?: () => number;
}

/** A stack that something else drives, such as a simulation: `host: (engine) => simulation.node("a", engine)`. */
export interface HostedStackOptions extends StackSettings {
  readonly host: (engine: Engine) => Host;
  /** Octets of the largest IP packet. Default 1500. */
  readonly mtu?: number;
}

/** What `createStack` takes: a device, or a host that drives. */
export type CreateStackOptions = DeviceStackOptions | HostedStackOptions;

/** What a connection can be told when it opens; a listener hands it to each that it accepts. */
export interface SocketOptions {
  /** Small segments are sent at once (no Nagle). Default false. */
  readonly nodelay?: boolean;
  /** Congestion control: "cubic" (default) or "newreno". */
  readonly cc?: CongestionControlName;
  /** Largest payload of a segment that is announced and sent; the path may allow less. */
  readonly mss?: number;
  /**
   * Ends the connection when sent data stays unacknowledged for so long, ms (RFC 9293 USER TIMEOUT). A peer that keeps its window closed but
   * answers is waited for. Default: only R2 does.
   */
  readonly userTimeout?: number;
  /** Probes of an idle connection (RFC 9293 §3.8.4). True: after 2 h, then every 75 s, given up after 9. Times in ms. */
  readonly keepAlive?: boolean | { readonly idle?: number; readonly interval?: number; readonly count?: number };
  /** Octets that may wait unread: the largest window offered. */
  readonly receiveBuffer?: number;
  /** Octets that `write` queues before it takes no more. */
  readonly sendBuffer?: number;
  readonly sack?: boolean;
  /** RFC 7323. "strict" also drops what comes without a timestamp once they are agreed on (§3.2); Linux takes it, and so does true. */
  readonly timestamps?: boolean | "strict";
  readonly windowScale?: boolean;
  /** False closes our direction as soon as the peer closed its own. Default true. */
  readonly allowHalfOpen?: boolean;
  /** Called when something happens on the connection. */
  readonly socket?: SocketHandlers;
  /** Everything else, in the engine's words and units; goes before the options above. */
  readonly params?: Partial<TcpParams>;
}

/**
 * What a connection calls, instead of promises and streams: the fast way, for which nothing is made that nobody asked for. One object
 * serves all connections of a listener; what belongs to one of them goes into `socket.data`. The names are Bun.listen's.
 * Calls come after the engine's turn, never within a call of the socket.
 */
export interface SocketHandlers {
  /** The handshake is over. */
  open?(socket: Socket): void;
  /**
   * Octets in order: a view of the stack's memory that is good during the call; copy what must stay. Returns how many of them it took
   * (undefined: all). What it left keeps the window smaller, and comes again, with what followed, when the send buffer has
   * room again, or after `resume`. Who has this handler does not `read`.
   */
  data?(socket: Socket, bytes: Uint8Array): number | undefined;
  /** After a `write` that took less than it was given: a quarter of the send buffer is free. */
  drain?(socket: Socket): void;
  /** The peer has closed its direction, and all that it sent was taken. */
  end?(socket: Socket): void;
  /** The connection is over, or never opened; nothing is called after that. Null after an orderly end. */
  close?(socket: Socket, error: ConnectionError | null): void;
  /** Another handler threw this. Without this one it is an uncaught exception of the program. The connection goes on. */
  error?(socket: Socket, error: unknown): void;
}

/** What an active OPEN can be told. */
export interface ConnectOptions extends SocketOptions {
  readonly localAddress?: string;
  /** Default: an ephemeral port (RFC 6056). */
  readonly localPort?: number;
  /** Aborts the connection, whenever it fires: while it opens and afterwards. */
  readonly signal?: AbortSignal;
  /** Ends the attempt when it is not open after so long, ms. Default: 7 retransmissions of the SYN, 247 s. */
  readonly timeout?: number;
  /**
   * TCP Fast Open (RFC 7413): octets that are written at once, copied, and go with the SYN where the server gave this stack a cookie
   * before; else after the handshake, which asks for a cookie. The network may deliver a SYN twice, so that the server acts twice upon
   * them: only for requests that may be repeated (RFC 7413 §6). At most what the send buffer holds.
   */
  readonly earlyData?: Uint8Array;
  /** The same for what is written before the current turn of the event loop is over. Default: whether there is `earlyData`. */
  readonly fastOpen?: boolean;
}

/** What a passive OPEN can be told. */
export interface ListenOptions extends SocketOptions {
  readonly port: number;
  /** Absent, "0.0.0.0" or "::": every address of ours. */
  readonly hostname?: string;
  /** Only this remote is let in; others are refused, and `onStranger` hears of it. */
  readonly remote?: string;
  readonly remotePort?: number;
  /** Connections that may wait to be accepted. Default 128. */
  readonly backlog?: number;
  /**
   * TCP Fast Open (RFC 7413): clients are given cookies, and one that shows its cookie is accepted before the handshake is over, with the
   * data of its SYN: `opened` of its socket is still pending then. What is read until `opened` resolves may be a repetition of what
   * was read before (RFC 7413 §6). A number: how many may be pending so, default 128. Default false.
   */
  readonly fastOpen?: boolean | number;
}

/** What the handshake agreed on. */
export interface SocketInfo {
  /** `10.0.1.5:7000`, `[fd00::5]:7000`. */
  readonly remoteAddress: string;
  readonly localAddress: string;
  /** Payload octets of a full segment. */
  readonly mss: number;
  readonly sack: boolean;
  readonly timestamps: boolean;
  /** Shifts of the peer's windows and of ours (RFC 7323), or null where the peer has none. */
  readonly wscale: { readonly send: number; readonly receive: number } | null;
  /** µs that the handshake took to come back, 0 if it could not be measured. */
  readonly rtt: number;
  /** Data on a SYN was taken (Fast Open): the peer's by us, or ours by the peer. */
  readonly synData: boolean;
}

/**
 * One connection. Read it either as a stream or with `read`, write it either as a stream or with `write`; the two ways of
 * one direction exclude each other, which is checked.
 */
export interface Socket extends AsyncDisposable {
  readonly remote: Endpoint;
  readonly local: Endpoint;
  /** `10.0.1.5:7000`, `[fd00::5]:7000`. */
  readonly remoteAddress: string;
  readonly localAddress: string;

  /** The handshake is over. Rejects with ConnectionError where it fails. */
  readonly opened: Promise<SocketInfo>;
  /**
   * The connection is over: both FINs came and are acknowledged (TIME-WAIT goes on inside the stack), or it was reset. Does not
   * wait for the reader: what came in order is kept after an orderly end until it is read, cancelled or closed. Rejects with
   * ConnectionError after anything but an orderly end.
   */
  readonly closed: Promise<void>;

  /** The peer's octets, as a byte stream (BYOB readers too). What is not read closes the window: that is the back-pressure. */
  readonly readable: ReadableStream<Uint8Array>;
  /**
   * Our octets. A write resolves when the send buffer has taken it all. Closing it is `closeWrite`: the FIN follows and
   * reading goes on (`flushed` tells when it arrived). Aborting it is `abort`.
   */
  readonly writable: WritableStream<Uint8Array>;

  /**
   * Reads up to `into.length` octets into `into`, which is the stack's until the promise settles. Answers at once with how
   * many there were, or with a promise for the next ones; 0 is the end of the stream. One read at a time. Rejects with
   * ConnectionError after a reset.
   */
  read(into: Uint8Array): number | Promise<number>;
  /**
   * Queues up to `n` octets of `bytes` from `from` on, copied, so that `bytes` is the caller's again at once. Returns how many
   * were taken: fewer, even 0, when the send buffer is full; then await `drained`. Works before the handshake is over.
   * Throws ConnectionError after `closeWrite` or the end of the connection.
   */
  write(bytes: Uint8Array, from?: number, n?: number): number;
  /** Resolves when at least a quarter of the send buffer is free. Rejects when it ends before. */
  drained(): Promise<void>;
  /** Resolves when the peer has acknowledged everything written so far, the FIN included. Rejects when the connection ends before. */
  flushed(): Promise<void>;
  /** Half-close: the FIN follows what was written; reading goes on. Before the handshake is over it waits for it. */
  closeWrite(): void;

  /**
   * Ends both directions as close(2) does: what was written is delivered, then the FIN; nothing more is read. Where unread
   * octets wait, or more come, the peer gets an RST, so that it knows (RFC 9293 SHLD-3). For an end without that, close
   * the writing side and read to the end. Resolves (never rejects) when the connection is over.
   */
  close(): Promise<void>;
  /**
   * RST: everything queued is thrown away, `closed` rejects with ECONNABORTED. @param reason becomes its `cause`; a
   * ConnectionError takes its place.
   */
  abort(reason?: unknown): void;

  /** A snapshot in the words of `ss -ti` and tcp_info: octets, µs, counts. Works after the end, too. */
  info(): TcpInfo;
  /** The last thing that did not end the connection: an ICMP error, or that delivery is in doubt (RFC 9293 R1). */
  readonly softError: ConnectionError | null;
  onSoftError: ((error: ConnectionError) => void) | null;
  /** Urgent data was announced; `left` octets until its end (RFC 9293 MUST-32, MUST-33). It is read in line, like all else. */
  onUrgent: ((left: number) => void) | null;
  /** What was written so far is urgent (RFC 9293 MUST-30). */
  markUrgent(): void;
  /** Something of the application; the stack does not look at it. */
  data: unknown;
  /** The data handler is not called until `resume`: what comes closes the window. */
  pause(): void;
  resume(): void;
  /** `info().state`. */
  readonly state: TcpInfo["state"];
  /** The small number by which the trace names the connection. */
  readonly id: number;
}

/** A passive OPEN. Iterating it accepts, until it is closed. */
export interface Listener extends AsyncIterable<Socket>, AsyncDisposable {
  /** Where it listens; hostname "0.0.0.0" or "::" stands for every address of ours. */
  readonly address: Endpoint;
  /**
   * The next connection, open already (but see `fastOpen`); null once the listener is closed. Several may wait. Not where the listener was
   * given handlers (`socket`): they get all connections.
   */
  accept(): Promise<Socket | null>;
  /** Called when remotes knocked that are not let in: with the last of each turn (the counter `tcp.rx.stranger` has all). */
  onStranger: ((remote: Endpoint) => void) | null;
  /**
   * Called when SYNs were dropped for want of room: the backlog, or `limits.connections`; with the last of each turn (the
   * counters `tcp.rx.backlog` and `tcp.rx.limit` have all). Their senders try again.
   */
  onFull: ((what: "backlog" | "connections") => void) | null;
  /** Ends it: half-open connections vanish, those that nobody accepted are reset; accepted ones go on. */
  close(): Promise<void>;
}

/** A stack: addresses of its own, and the calls of an application. */
export interface NetStack extends AsyncDisposable {
  /** Our addresses, without prefix lengths. */
  readonly addresses: readonly string[];
  readonly mtu: number;
  /** The engine, for observers. */
  readonly engine: Stack;
  /**
   * Active OPEN of `{ hostname: "10.0.0.7", port: 80 }`, "10.0.0.7:80" or "[fd00::7]:80". @throws CallError: EINVAL (not an IP
   * address, not a host's, an option that there is not), EADDRNOTAVAIL, EADDRINUSE, ENOBUFS.
   */
  connect(remote: Endpoint | string, options?: ConnectOptions): Socket;
  /** Passive OPEN. @throws CallError: EINVAL, EADDRINUSE, EADDRNOTAVAIL. */
  listen(options: ListenOptions): Listener;
  /** Every connection in any state, TIME-WAIT included. */
  connections(): TcpInfo[];
  /**
   * The key under which Fast Open cookies are made from now on, 16 octets: for stacks that serve one another's clients, or keep it over a restart.
   * `previous` stays good for those that have a cookie already. Without this call the key comes from the stack's own secret.
   * @throws CallError EINVAL.
   */
  setFastOpenKey(key: Uint8Array, previous?: Uint8Array): void;
  /** How often each rule of the stack was reached, by its name; those that are not zero. */
  counters(): Record<string, number>;
  /**
   * Called after each turn in which SYNs were refused because nobody listens on their port: with the last one's remote and
   * port, and how many there were.
   */
  onRefused: ((remote: Endpoint, port: number, count: number) => void) | null;
  /** Called with the event ring after each turn that recorded something; the records are forgotten afterwards. */
  onTrace: ((trace: Trace) => void) | null;
  /** Keep the process alive while the stack runs (the default), or not. Nothing where something else drives it. */
  ref(): void;
  unref(): void;
  /**
   * Resolves after `close`. Rejects with ConnectionError ENETDOWN when the device vanished, as its connections do.
   */
  readonly closed: Promise<void>;
  /** Ends everything at once: listeners, then connections by RST, then the driver and the device. */
  close(): Promise<void>;
}

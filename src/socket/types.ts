/**
 * The public API of connections and listeners: WinterTC's sockets, and a listener (`stack-types.ts` has the stack's). It differs from that draft on
 * purpose: half-close is the default (`allowHalfOpen` is true), `closed` does not wait for the reader, and there are `abort`, `info`
 * and a way to read and write without streams.
 *
 * Times in options are milliseconds, sizes octets. Refused calls throw `CallError` at once, before anything has
 * begun. An error that ends a connection rejects its promises with `ConnectionError`. Those promises need not be awaited: an
 * unhandled rejection does not end the program.
 */
import type { TcpInfo } from "#tcp/machine/info";
import type { CongestionControlName, TcpSettings } from "#tcp/words/params";
import type { ConnectionError } from "./connection-error.ts";
import type { SharedBytes } from "./shared-bytes.ts";
import type { TlsOptions, TlsSocket } from "./tls-types.ts";

/** A host and a port. Printed as `10.0.1.5:7000` or `[fd00::5]:7000`. */
export interface Endpoint {
  /** An IP address as text. */
  readonly hostname: string;
  /** 1 to 65,535; 0 where any free port is meant. */
  readonly port: number;
}

/**
 * Finds the addresses of a name: IP addresses as text, best first in each family. Throws if there are none. Such as
 * `async (name) => (await dns.promises.lookup(name, { all: true })).map(({ address }) => address)`.
 */
export type Resolve = (
  name: string,
  options: { readonly signal: AbortSignal },
) => readonly string[] | Promise<readonly string[]>;

/** When an idle connection is probed, and for how long. */
export interface KeepAlive {
  /** Silence before the first probe, ms. Default 2 h. */
  readonly idle?: number;
  /** The time between two probes, ms. Default 75 s. */
  readonly interval?: number;
  /** Unanswered probes that end the connection. Default 9. */
  readonly count?: number;
}

/** Options of a connection. A listener passes them to the connections that it accepts. */
export interface SocketOptions {
  /** Small segments are sent at once (no Nagle). Default false. */
  readonly nodelay?: boolean;
  /**
   * Congestion control: "cubic" (default); "newreno"; "bbr" (v3), which keeps queues short and endures random loss; "bbr1" (Linux's BBR), which
   * takes more than its share beside others; "fixed", a window that never changes, for experiments.
   */
  readonly cc?: CongestionControlName;
  /**
   * Sends evenly instead of in bursts: true: at the pace of cwnd per round trip; a number: also at most so many bits per second, 1000 to 1e12.
   * Default: false. `bbr` and `bbr1` are always paced.
   */
  readonly pacing?: boolean | number;
  /** The largest payload of a segment, announced and sent. The path may allow less. */
  readonly mss?: number;
  /**
   * Ends the connection if sent data stays unacknowledged for so long, ms (RFC 9293 USER TIMEOUT). A peer that answers probes but
   * keeps its window closed does not count. Default: only R2 ends it.
   */
  readonly userTimeout?: number;
  /**
   * Probes of an idle connection (RFC 9293 §3.8.4). True: after 2 h, then every 75 s, 9 probes. Times in ms. The first probe of each connection is
   * delayed by a different part of an eighth of `idle` (`params.keepAliveSpread`), so that thousands do not probe at once.
   * While memory is short, `idle` and `interval` are an eighth of what they are otherwise (`params.keepAliveUnderPressure`).
   */
  readonly keepAlive?: boolean | KeepAlive;
  /**
   * Size of the receive buffer in octets: the largest window offered. Default: it tunes itself, from 512 KiB up to 32 MiB, by what is read per round trip.
   */
  readonly receiveBuffer?: number;
  /** Size of the send buffer in octets. Default: it tunes itself, from 512 KiB up to 32 MiB, by what may be in flight. */
  readonly sendBuffer?: number;
  /** Selective acknowledgments (RFC 2018). Default true. */
  readonly sack?: boolean;
  /** RFC 7323. "strict" also drops segments without a timestamp after timestamps were negotiated (§3.2); true accepts them, as Linux does. */
  readonly timestamps?: boolean | "strict";
  /** Window scale (RFC 7323). Default true. */
  readonly windowScale?: boolean;
  /** False: our direction is closed as soon as the peer closes its own. Default true. */
  readonly allowHalfOpen?: boolean;
  /** Called when something happens on the connection. */
  readonly socket?: SocketHandlers;
  /**
   * Ends the connection with ETIMEDOUT if nothing was sent or received for so long, ms; keep-alive probes do not count. With a `timeout`
   * handler: calls it instead, and again after each such time. 0, the default: never.
   */
  readonly idleTimeout?: number;
  /**
   * How long `close` waits for the peer to acknowledge everything, ms; then the connection is reset. 0: `close` resets it at once, and drops what is queued
   * (SO_LINGER). Default: until retransmissions give up.
   */
  readonly linger?: number;
  /** Other parameters of the engine, in its units. They override the options above. */
  readonly params?: TcpSettings;
}

/** What `Socket.setOptions` changes. The handshake has settled the others. */
export type ChangeableOptions = Pick<
  SocketOptions,
  | "nodelay"
  | "cc"
  | "pacing"
  | "userTimeout"
  | "keepAlive"
  | "receiveBuffer"
  | "sendBuffer"
  | "allowHalfOpen"
  | "idleTimeout"
  | "linger"
>;

/**
 * What a connection calls, instead of promises and streams: the fast way, for which nothing is made that nobody asked for. One object
 * serves all connections of a listener; what belongs to one of them goes into `socket.data`. The names are Bun.listen's.
 * Calls come from the engine's turn, never within a call of the socket.
 */
export interface SocketHandlers {
  /** The handshake is over. */
  open?(socket: Socket): void;
  /**
   * Octets in order: a view of the stack's memory, or of the packet itself, that is good during the call; copy what must stay. Returns how many of them it took
   * (nothing: all). What it left keeps the window smaller, and comes again, with what followed, when the send buffer has
   * room again, or after `resume`. It must not be async: anything else that it returns goes to `error` as a CallError EINVAL. Who has this handler does not
   * `read`.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: `(socket, bytes) => console.log(bytes)` takes all; with `undefined` it would not compile.
  data?(socket: Socket, bytes: Uint8Array): number | void;
  /** After a `write` that took less than it was given, or a `writeFrom` for which there was no room: a quarter of the send buffer is free. */
  drain?(socket: Socket): void;
  /** Nothing was sent or received for `idleTimeout`. The connection goes on, unless this ends it. */
  timeout?(socket: Socket): void;
  /** The peer has closed its direction, and all that it sent was taken. */
  end?(socket: Socket): void;
  /** The connection is over, or never opened; nothing is called after that. Null after an orderly end. */
  close?(socket: Socket, error: ConnectionError | null): void;
  /** Another handler threw this. Without this one it is an uncaught exception of the program. The connection goes on. */
  error?(socket: Socket, error: unknown): void;
}

/** Options of an active OPEN. */
export interface ConnectOptions extends SocketOptions {
  /** One of our addresses. Default: the first one of the family, or of the prefix that has the remote. */
  readonly localAddress?: string;
  /** Default: an ephemeral port (RFC 6056). */
  readonly localPort?: number;
  /** Aborts the connection when it fires, during the handshake and afterwards. */
  readonly signal?: AbortSignal;
  /** Resolves the name of this call, instead of the stack's resolver. */
  readonly resolve?: Resolve;
  /** Gives up if the connection is not open after this time, ms, with the resolution of its name. Default: 7 retransmissions of the SYN, 247 s. */
  readonly timeout?: number;
  /**
   * TCP Fast Open (RFC 7413): octets to send with the SYN, copied at once, if the server has given this stack a cookie; else they
   * are sent after the handshake, which requests a cookie. The network may duplicate a SYN, and the server then acts twice on the
   * octets, so use it only for requests that may be repeated (RFC 7413 §6). At most as many as fit in the send buffer.
   */
  readonly earlyData?: Uint8Array;
  /** The same for data written before the current turn of the event loop ends. Default: true if `earlyData` is given. */
  readonly fastOpen?: boolean;
}

/** Options of a passive OPEN. */
export interface ListenOptions extends SocketOptions {
  /** 0: any free port (RFC 6056); `Listener.address` tells which. */
  readonly port: number;
  /** One of our addresses, or a loopback address. Absent, "0.0.0.0" or "::": every address of ours. */
  readonly hostname?: string;
  /** Only this remote is accepted. Others are refused and reported to `onRemoteRefused`. */
  readonly remote?: string;
  /** Only this port of the remote is accepted. */
  readonly remotePort?: number;
  /** Connections that may wait to be accepted. Default 128. */
  readonly backlog?: number;
  /**
   * TCP Fast Open (RFC 7413): clients get cookies, and a client with a valid cookie is accepted before the handshake is complete,
   * with the data of its SYN; its socket's `opened` is then still pending. Data read before `opened` resolves may be a repetition
   * of an earlier request (RFC 7413 §6). A number: the limit of such pending connections; true: 128. Default false.
   */
  readonly fastOpen?: boolean | number;
}

/** What a write says beside its octets. It applies once all of them are taken. */
export interface WriteOptions {
  /** More follows at once: what is less than a full segment waits for it (MSG_MORE). */
  readonly more?: boolean;
  /** The octets end a record: no segment carries octets from both sides of its end (MSG_EOR). */
  readonly record?: boolean;
  /** Everything written so far is urgent (RFC 9293 MUST-30). */
  readonly urgent?: boolean;
}

/** How far windows are shifted (RFC 7323). */
export interface WindowScale {
  /** The peer's windows. */
  readonly send: number;
  /** Ours. */
  readonly receive: number;
}

/** The results of the handshake. */
export interface SocketInfo {
  /** The remote as text: `10.0.1.5:7000`, `[fd00::5]:7000`. */
  readonly remoteAddress: string;
  /** The local end as text. */
  readonly localAddress: string;
  /** Payload octets of a full segment. */
  readonly mss: number;
  /** Both sides use selective acknowledgments (RFC 2018). */
  readonly sack: boolean;
  /** Both sides use timestamps (RFC 7323). */
  readonly timestamps: boolean;
  /** Shifts of the peer's windows and of ours (RFC 7323); null if the peer does not support it. */
  readonly wscale: WindowScale | null;
  /** Round-trip time of the handshake in µs; 0 if it could not be measured. */
  readonly rtt: number;
  /** Data on a SYN was accepted (Fast Open): the peer's by us, or ours by the peer. */
  readonly synData: boolean;
}

/**
 * One connection. Read it either as a stream or with `read`, write it either as a stream or with `write`; the two ways of
 * one direction exclude each other, which is checked.
 */
export interface Socket extends AsyncDisposable {
  /** The peer's address and port. */
  readonly remote: Endpoint;
  /** Our address and port. */
  readonly local: Endpoint;
  /** The remote as text: `10.0.1.5:7000`, `[fd00::5]:7000`. */
  readonly remoteAddress: string;
  /** The local end as text. */
  readonly localAddress: string;

  /** Resolves when the handshake is complete. Rejects with ConnectionError if it fails. */
  readonly opened: Promise<SocketInfo>;
  /**
   * Resolves when both FINs are received and acknowledged (TIME-WAIT goes on inside the stack). Does not wait for the reader: data
   * received in order is kept after an orderly end until it is read, cancelled or closed. Rejects with ConnectionError after a
   * reset or any other end.
   */
  readonly closed: Promise<void>;

  /** The peer's octets as a byte stream (also for BYOB readers). Unread data closes the window, which is the back-pressure. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /**
   * Our octets. A write resolves when all of it is in the send buffer. Closing it is `closeWrite`: the FIN follows and
   * reading goes on (`flushed` resolves when the FIN is acknowledged). Aborting it is `abort`.
   */
  readonly writable: WritableStream<Uint8Array>;

  /**
   * Reads up to `into.length` octets into `into`, which must not be changed until the promise settles. Returns the number of
   * octets, or a promise of it if none are available; 0 is the end of the stream. One read at a time. Rejects with
   * ConnectionError after a reset.
   */
  read(into: Uint8Array): number | Promise<number>;
  /**
   * Queues a copy of up to `n` octets of `bytes`, beginning at `from`. Returns how many
   * were queued: fewer, even 0, if the send buffer is full; then await `drained`. Works before the handshake is complete.
   * Throws ConnectionError after `closeWrite` or the end of the connection.
   */
  write(bytes: Uint8Array, from?: number, n?: number, options?: WriteOptions): number;
  /**
   * Queues octets that `fill` puts into the send buffer itself, so that they are not copied:
   * `socket.writeFrom((room) => readvSync(fd, room), 65536)`. It gets views of free room for up to `n` octets, to be filled in order and only
   * during the call, and returns how many octets it has put there (none, or a negative number: nothing). It must neither be async nor call
   * the stack. Returns how many were queued. If there is no room, `fill` is not called, and 0 returned; then await `drained`, or wait
   * for the `drain` handler. Throws as `write` does, and what `fill` throws; nothing is queued then.
   */
  writeFrom(fill: (room: Uint8Array[]) => number, n: number): number;
  /**
   * Queues up to `n` of octets that many connections send, beginning at `from`, without copying whole pages of them. Returns how many were
   * queued: fewer, even 0, if the send buffer is full; then await `drained`, or wait for the `drain` handler. Throws as `write` does.
   */
  writeShared(shared: SharedBytes, from?: number, n?: number): number;
  /** Resolves when at least a quarter of the send buffer is free. Rejects if the connection ends before that. */
  drained(): Promise<void>;
  /** Resolves when the peer has acknowledged everything written so far, including the FIN. Rejects if the connection ends before that. */
  flushed(): Promise<void>;
  /** Half-close: the FIN follows the written data, after the handshake; reading goes on. */
  closeWrite(): void;

  /**
   * Ends both directions as close(2) does: written data is delivered, then the FIN; nothing more is read. If unread octets
   * are waiting, or more arrive, the peer gets an RST (RFC 9293 SHLD-3). To avoid that, close
   * the writing side and read to the end. Resolves (never rejects) when the connection is over.
   */
  close(): Promise<void>;
  /**
   * Sends an RST and drops everything queued; `closed` rejects with ECONNABORTED. @param reason becomes its `cause`; if it is a
   * ConnectionError, `closed` rejects with it.
   */
  abort(reason?: unknown): void;

  /** A snapshot with the names of `ss -ti` and tcp_info: octets, µs, counts. Also works after the end. */
  info(): TcpInfo;
  /** The last error that did not end the connection: an ICMP error, or that delivery is in doubt (RFC 9293 R1). */
  readonly softError: ConnectionError | null;
  /** Called with each such error. */
  onSoftError: ((error: ConnectionError) => void) | null;
  /** Called when urgent data is announced; `left` octets until its end (RFC 9293 MUST-32, MUST-33). It is read in line, like other data. */
  onUrgent: ((left: number) => void) | null;
  /** Marks everything written so far as urgent (RFC 9293 MUST-30). */
  markUrgent(): void;
  /** Holds back what is less than a full segment (TCP_CORK) until `uncork`, or for 200 ms if nothing is in flight. */
  cork(): void;
  /** Sends what `cork` held back, as `nodelay` and Nagle's algorithm allow. */
  uncork(): void;
  /**
   * True: ACKs are not delayed as for a user who answers, and one that is waiting goes if everything was read. False: they are delayed,
   * until the timer of delayed ACKs fires (TCP_QUICKACK). A hint for what comes next, not a setting for good.
   */
  quickAck(on: boolean): void;
  /**
   * Changes options of the open connection. A smaller receive buffer applies as data is read: an offered window is never taken back.
   * @throws CallError EINVAL; ENOTCONN if the connection is over.
   */
  setOptions(options: ChangeableOptions): void;
  /** Keeps the program alive while this is open, also after `stack.unref()`. Default: the stack alone decides. */
  ref(): void;
  /** Undoes `ref`. */
  unref(): void;
  /** Copies octets that can be read, and leaves them to be read (MSG_PEEK). @param after octets to pass over first. Returns how many. */
  peek(into: Uint8Array, after?: number): number;
  /**
   * Begins TLS as a client on this connection, by the runtime's node:tls, as WinterTC has it: from now on the connection is read and written by the
   * returned socket. @throws CallError: EALREADY (its streams are locked, or it has a data handler), EOPNOTSUPP (no TLS in this runtime), EINVAL.
   */
  startTls(options?: TlsOptions): TlsSocket;
  /** What the handshake agreed on; null before it is over. `opened` gives the same. */
  readonly agreed: SocketInfo | null;
  /** Something of the application; the stack does not look at it. */
  data: unknown;
  /** The data handler is not called until `resume`: what comes closes the window. */
  pause(): void;
  /** The data handler is called again, first with what came meanwhile. */
  resume(): void;
  /** `info().state`. */
  readonly state: TcpInfo["state"];
  /** The number of the connection in the trace. */
  readonly id: number;
}

/** A passive OPEN. Iterating it accepts connections until it is closed. */
export interface Listener extends AsyncIterable<Socket>, AsyncDisposable {
  /** The local address and port; hostname "0.0.0.0" or "::" means every address of ours. */
  readonly address: Endpoint;
  /**
   * The next connection, open already (but see `fastOpen`); null once the listener is closed. Several may wait. Not where the listener was
   * given handlers (`socket`): they get all connections.
   */
  accept(): Promise<Socket | null>;
  /** Called if remotes were refused, with the last one of each turn (the counter `tcp.rx.remote-refused` has all). */
  onRemoteRefused: ((remote: Endpoint) => void) | null;
  /**
   * Called if SYNs were dropped because the backlog, `limits.connections` or, for their host, `limits.connectionsPerSource` is full, with
   * the reason of the last one of each turn (the counters `tcp.rx.backlog`, `tcp.rx.limit` and `tcp.rx.source-limit` have all). Their
   * senders will retransmit.
   */
  onFull: ((what: "backlog" | "connections" | "source") => void) | null;
  /** Keeps the program alive while this is open, also after `stack.unref()`. Default: the stack alone decides. */
  ref(): void;
  /** Undoes `ref`. */
  unref(): void;
  /** Resolves when it no longer listens: after `close`, or when its stack has ended. */
  readonly closed: Promise<void>;
  /** Stops listening: half-open connections are dropped, connections waiting for `accept` are reset, accepted ones go on. */
  close(): Promise<void>;
}

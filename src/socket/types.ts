/**
 * The public API: WinterTC's sockets, and a listener. It differs from that draft on purpose:
 * half-close is the default (`allowHalfOpen` is true), `closed` does not wait for the reader, and there are `abort`, `info`
 * and a way to read and write without streams.
 *
 * Times in options are milliseconds, sizes octets. Refused calls throw `CallError` at once, before anything has
 * begun. An error that ends a connection rejects its promises with `ConnectionError`. Those promises need not be awaited: an
 * unhandled rejection does not end the program.
 *
 * The file is longer than others, so that whoever uses the library reads one.
 */
import type { Trace } from "#base/trace";
import type { Device } from "#device/device";
import type { Engine } from "#driver/engine";
import type { TraceEvent } from "#observe/events";
import type { Limits } from "#stack/limits";
import type { Stack } from "#stack/stack";
import type { TcpInfo } from "#tcp/machine/info";
import type { CongestionControlName, TcpSettings } from "#tcp/words/params";
import type { ProfileName } from "#tcp/words/profiles";
import type { ConnectionError } from "./connection-error.ts";
import type { Interception, InterceptOptions } from "./intercept-types.ts";
import type { TlsOptions, TlsSocket } from "./tls-types.ts";
import type { BindOptions, PingOptions, PingSummary, UdpSocket } from "./udp-types.ts";

/** A host and a port. Printed as `10.0.1.5:7000` or `[fd00::5]:7000`. */
export interface Endpoint {
  /** An IP address as text. */
  readonly hostname: string;
  /** 1 to 65,535; 0 where any free port is meant. */
  readonly port: number;
}

/**
 * Drives an engine and provides the time: a `Driver` in real time, a `SimNode` in virtual time. This is all that the sockets
 * need of either.
 */
export interface Host {
  /** Monotonic time in integer µs. */
  readonly now: () => number;
  /** Schedules a poll of the engine, after a call of the application. */
  wake(): void;
  /**
   * Called when the engine has events. Set by the sockets. With `beforeSending`, packets are sent next, and then it is called once more; only
   * then is the trace handed over.
   */
  onEvents: ((beforeSending?: boolean) => void) | null;
  /** Called after a packet if `engine.hasText()`, before the packet's memory is used again. Absent: received data is always copied. */
  onText?: (() => void) | null;
}

/**
 * Finds the addresses of a name: IP addresses as text, best first in each family. Throws if there are none. Such as
 * `async (name) => (await dns.promises.lookup(name, { all: true })).map(({ address }) => address)`.
 */
export type Resolve = (
  name: string,
  options: { readonly signal: AbortSignal },
) => readonly string[] | Promise<readonly string[]>;

/** The options of `NetStack.resolve`. */
export interface ResolveOptions {
  /** Ends the search when it fires: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** The DNS client of a stack. */
export interface DnsOptions {
  /**
   * Addresses of DNS servers in order of preference, perhaps with a port: "10.0.0.1", "[fd00::1]:5353". They are asked over the stack. Default: the
   * first three of /etc/resolv.conf that are not loopback addresses.
   */
  readonly servers?: string | readonly string[];
  /** How long each server is waited for, ms. Default 2000. */
  readonly timeout?: number;
  /** Rounds through all servers, 1 to 10. Default 2. */
  readonly attempts?: number;
  /** Whether /etc/hosts is asked first. Default: true on a device, unless the stack has a `seed`. */
  readonly hosts?: boolean;
}

/** Options of every stack. */
export interface StackSettings {
  /** "10.0.0.7/24", or several. The first of each family is the default source. Without a prefix length: a single host. */
  readonly address: string | readonly string[];
  /** The kernel's addresses in those prefixes: "10.0.0.1". They are never ours. */
  readonly kernelAddress?: string | readonly string[];
  /** A prefix of which every address is ours, except `kernelAddress`. */
  readonly owned?: string;
  /** Makes all randomness a function of the seed, including ISNs, for simulations and tests. Absent: the system's randomness. */
  readonly seed?: number;
  /** Follows the rules of another stack: "linux", "freebsd", "rfc9293", "rfc793". Absent: Linux' rules, with the exceptions in the README. */
  readonly profile?: ProfileName;
  /** Resolves names for `connect` and `resolve`, instead of DNS. */
  readonly resolve?: Resolve;
  /**
   * Resolves names by DNS, over the stack. Default: on a device, the servers of /etc/resolv.conf if `kernelAddress` is given, since the kernel is a
   * way out then. False: names are refused.
   */
  readonly dns?: DnsOptions | false;
  /** Defaults of all connections, on top of the profile's; times here are µs, as in `TcpParams`. */
  readonly params?: TcpSettings;
  /** Limits: `{ connections: 100 }`. */
  readonly limits?: Partial<Limits>;
  /** How many events are kept of a turn, for `NetStack.onEvents`; more are lost. Default 0: no events. */
  readonly trace?: number;
}

/** A stack on a device, in real time. */
export interface DeviceStackOptions extends StackSettings {
  /** The stack drives the device and closes it. */
  readonly device: Device;
  /** Integer µs that never go back. Default: the system's monotonic clock. */
  readonly clock?: () => number;
}

/** A stack driven by something else, such as a simulation: `host: (engine) => simulation.node("a", engine)`. */
export interface HostedStackOptions extends StackSettings {
  /** Takes the engine and returns what drives it. */
  readonly host: (engine: Engine) => Host;
  /** Octets of the largest IP packet. Default 1500. */
  readonly mtu?: number;
}

/** The argument of `createStack`: with a device, or with a host. */
export type CreateStackOptions = DeviceStackOptions | HostedStackOptions;

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
   * (undefined: all). What it left keeps the window smaller, and comes again, with what followed, when the send buffer has
   * room again, or after `resume`. Who has this handler does not `read`.
   */
  data?(socket: Socket, bytes: Uint8Array): number | undefined;
  /** After a `write` that took less than it was given: a quarter of the send buffer is free. */
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
  readonly readable: ReadableStream<Uint8Array>;
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
  /** Stops listening: half-open connections are dropped, connections waiting for `accept` are reset, accepted ones go on. */
  close(): Promise<void>;
}

/** A stack with its own addresses, and the calls for an application. */
export interface NetStack extends AsyncDisposable {
  /** Our addresses, without prefix lengths. */
  readonly addresses: readonly string[];
  /** Octets of the largest IP packet. */
  readonly mtu: number;
  /**
   * Active OPEN of `{ hostname: "10.0.0.7", port: 80 }`, "10.0.0.7:80", "[fd00::7]:80" or "example.org:80". Of a name's addresses, several are
   * tried, 250 ms apart, and the first that answers is taken (RFC 8305); until then `remote` is the name, `write` takes nothing, and `info` throws.
   * Connections to our own addresses, 127.0.0.0/8
   * and ::1 stay inside the stack. @throws CallError: EINVAL (not an IP address, not a host's, an unknown option), EADDRNOTAVAIL,
   * EADDRINUSE, ENOBUFS.
   */
  connect(remote: Endpoint | string, options?: ConnectOptions): Socket;
  /**
   * The IP addresses of a name that this stack can reach, by its resolver. "localhost" and names below it are loopback addresses (RFC 6761).
   * Rejects with ConnectionError ENOTFOUND or EAI_AGAIN; with CallError EINVAL if it is not a name, or nothing here resolves names.
   */
  resolve(name: string, options?: ResolveOptions): Promise<string[]>;
  /** Passive OPEN. @throws CallError: EINVAL, EADDRINUSE, EADDRNOTAVAIL. */
  listen(options: ListenOptions): Listener;
  /**
   * Opens a UDP socket (RFC 768). @throws CallError: EINVAL, EADDRINUSE (the port is taken, or none is free), EADDRNOTAVAIL (the address is
   * not ours).
   */
  bind(options?: BindOptions): UdpSocket;
  /**
   * Sends echo requests (RFC 792, RFC 4443) to a host, and resolves when each was answered, has failed or timed out; it does not
   * reject because of that. Rejects with ConnectionError if the stack is closed or its device vanishes. @throws CallError: EINVAL,
   * EADDRNOTAVAIL, ENOBUFS (more than 1,024 at one time).
   */
  ping(address: string, options?: PingOptions): Promise<PingSummary>;
  /**
   * Takes everything that is sent to addresses and ports that nobody here has: connections, datagrams, echo requests, to any address but
   * loopback and group ones. The stack then speaks as their destination: it is the way out for whoever routes to it. Listeners and sockets of
   * this stack come first. @throws CallError: EINVAL, EALREADY (it intercepts already).
   */
  intercept(options: InterceptOptions): Interception;
  /** Every connection in any state, including TIME-WAIT. */
  connections(): TcpInfo[];
  /**
   * Sets the key for Fast Open cookies, 16 octets: for stacks that serve each other's clients, or to keep it over a restart.
   * Cookies made with `previous` stay valid. By default the key comes from the stack's secret.
   * @throws CallError EINVAL.
   */
  setFastOpenKey(key: Uint8Array, previous?: Uint8Array): void;
  /** The counters of all marks that are not zero, by name. */
  counters(): Record<string, number>;
  /**
   * Called after each turn in which SYNs were refused because no program listens on their port, with the last one's remote and
   * port, and their number.
   */
  onRefused: ((remote: Endpoint, port: number, count: number) => void) | null;
  /** Called after each turn in which something happened, with the events in their order, if the option `trace` leaves room for some. */
  onEvents: ((events: readonly TraceEvent[]) => void) | null;
  /**
   * Keep the process alive while the stack runs (the default), or not, unless one of its sockets or listeners does (`Socket.ref`). No effect
   * on a stack with a `host`.
   */
  ref(): void;
  /** The stack does not keep the process alive from now on. */
  unref(): void;
  /**
   * Resolves after `close`. Rejects with ConnectionError ENETDOWN if the device vanished; so do its connections.
   */
  readonly closed: Promise<void>;
  /** Closes everything at once: listeners, then connections by RST, then the driver and the device. */
  close(): Promise<void>;
}

/** The same for this repository's own programs, which see what is below as well. It is not part of the package. */
export interface EngineStack extends NetStack {
  readonly engine: Stack;
  /** Called with the event ring after each turn that recorded something; the records are dropped afterwards. */
  onTrace: ((trace: Trace) => void) | null;
}

/** The public API of a stack: its options and its calls. Times are milliseconds, sizes octets; refused calls throw `CallError` at once. */
import type { Trace } from "#base/trace";
import type { Device } from "#device/device";
import type { Engine } from "#driver/engine";
import type { TraceEvent } from "#observe/events";
import type { Limits } from "#stack/limits";
import type { Stack } from "#stack/stack";
import type { TcpInfo } from "#tcp/machine/info";
import type { TcpSettings } from "#tcp/words/params";
import type { ProfileName } from "#tcp/words/profiles";
import type { Interception, InterceptOptions } from "./intercept-types.ts";
import type { ConnectOptions, Endpoint, Listener, ListenOptions, Resolve, Socket } from "./types.ts";
import type { BindOptions, PingOptions, PingSummary, UdpSocket } from "./udp-types.ts";

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
   * Sends echo requests (RFC 792, RFC 4443) to a host, an IP address or a name, of which the first address is asked. Resolves when each was
   * answered, has failed or timed out; it does not reject because of that. Rejects with ConnectionError if the stack is closed, its device vanishes,
   * or the name is not found. @throws CallError: EINVAL, EADDRNOTAVAIL, ENOBUFS (more than 1,024 at one time); with a name it rejects with the last two.
   */
  ping(host: string, options?: PingOptions): Promise<PingSummary>;
  /**
   * `fetch` whose connections are this stack's: HTTP/1.1 and HTTPS. Names are resolved by the stack. It can be given away without the stack, to
   * whatever takes a `fetch`. The first call loads what it is made of (`node:http`); `nodeFetch` of tcpnet/node is the same with options for all
   * its connections. Rejects with CallError EOPNOTSUPP where the runtime has nothing of Node's, such as in a browser; otherwise as `fetch` does.
   */
  readonly fetch: (input: string | URL | Request, init?: RequestInit) => Promise<Response>;
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
  /** In worlds it is there from the beginning: in virtual time nothing waits for a module. */
  fetch: NetStack["fetch"];
  /** Called with the event ring after each turn that recorded something; the records are dropped afterwards. */
  onTrace: ((trace: Trace) => void) | null;
}

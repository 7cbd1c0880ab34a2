import type { Mark } from "#base/mark";
import type { Syscall } from "../language/ast.ts";
import type { Family } from "../packets/codec.ts";
import type { Attempt, Descriptor, Surroundings } from "./sockets.ts";

/**
 * The system under test, as the interpreter uses it. A `Target` is a stack, above which the interpreter plays the socket API
 * (`targets/stack` adapts tcpnet's, tests use a scripted one). A `SystemTarget` has system calls of its own (`targets/kernel` adapts
 * Linux). Times are passed as arguments, integer microseconds.
 */

export interface TargetSetup {
  readonly profile: Profile;
  readonly family: Family;
  readonly mtu: number;
  /** Addresses of the stack and of the peer, which the script plays. */
  readonly local: Uint8Array;
  readonly remote: Uint8Array;
  /** The seed of everything random in a run. */
  readonly seed: number;
}

export const PROFILE_NAMES = ["linux", "freebsd", "rfc793"] as const;
export type Profile = (typeof PROFILE_NAMES)[number];

export type StateName =
  | "CLOSED"
  | "LISTEN"
  | "SYN-SENT"
  | "SYN-RECEIVED"
  | "ESTABLISHED"
  | "FIN-WAIT-1"
  | "FIN-WAIT-2"
  | "CLOSE-WAIT"
  | "CLOSING"
  | "LAST-ACK"
  | "TIME-WAIT";

/** The value of a setting of the stack (by its own name, see commands.ts) or of a socket option (by the socket API's name). */
export type SettingValue = number | string | boolean;
export type SocketOptions = ReadonlyMap<string, SettingValue>;

/**
 * How this interface passes TCP Fast Open (RFC 7413):
 *
 * Settings (`configure`): `fastOpen`, the bits of net.ipv4.tcp_fastopen (0x1 client, 0x2 server, 0x4 client without cookie, 0x200 server
 * without cookie, 0x400 all listeners; Linux's default is 1); `fastOpenKey`, the text of net.ipv4.tcp_fastopen_key ("x-x-x-x", or two
 * separated by a comma: the second is the backup); `fastOpenPause`, µs of net.ipv4.tcp_fastopen_blackhole_timeout_sec; `cookielessRoute`,
 * the route's fastopen_no_cookie.
 *
 * Socket options, in `options` or by `setOption`: TCP_FASTOPEN (for a listener: how many may be pending; 0: none), TCP_FASTOPEN_NO_COOKIE,
 * TCP_FASTOPEN_KEY (16 or 32 octets as hex digits; `option` returns the same format). TCP_FASTOPEN_CONNECT is handled by the caller:
 * `fastOpenReady` says whether connect() returns 0 at once and leaves the SYN to the first write.
 *
 * sendto(MSG_FASTOPEN), and that first write, call `connect` with `early`. With a cookie (or if none is needed) the SYN carries as many
 * octets as fit, and `early()` of the connection returns how many; the caller must `send` the rest, which it may do at once. Without a
 * cookie the SYN requests one, and `early()` is 0: the call blocks, or fails with EINPROGRESS. A connection that was accepted in
 * SYN-RECEIVED can `send` and `receive` like any other: `opensFast()` distinguishes it from one that must wait.
 */
export type EarlyData = Uint8Array;

/** A refused call, with the errno's name. */
export class Refused {
  constructor(readonly errno: string) {}
}

/** What both kinds have: packets, time, settings. */
export interface Machine {
  readonly profile: Profile;
  /**
   * An IP packet arrives.
   * @param segmentSize payload octets per segment of a super-segment that a device has merged; 0: an ordinary packet
   */
  input(packet: Uint8Array, now: number, segmentSize?: number): void;
  /** Runs what is due. In real time, waits until then, or until a packet is sent. */
  advance(now: number): void;
  /** When `advance` must be called next, or Infinity. */
  nextDeadline(): number;
  /** The next packet that the stack sends now, as on the wire: cut into segments, with complete checksums. */
  output(now: number): Uint8Array | undefined;
  /** Why the packet was sent that `output` gave last, or what the one was that `input` got last; absent, or 0: not known. */
  readonly cause?: Mark;
  /** Changes a setting at any time. False: no such setting. */
  configure(name: string, value: SettingValue, now: number): boolean;
  /** Counters by Linux's names (nstat), as far as the machine has equal ones. */
  counters?(): Readonly<Record<string, number>>;
  /** Listeners and connections. */
  sockets(): readonly MachineSocket[];
  /** Aborts the matching connections, and returns how many there were. */
  drop(which: (socket: MachineSocket) => boolean, now: number): number;
}

export interface MachineSocket {
  readonly state: StateName;
  readonly localPort: number;
  /** 0 for a listener. */
  readonly remotePort: number;
  /** Unread octets, for a listener connections to be accepted; and unacknowledged octets, for a listener its backlog. */
  readonly receiveQueue: number;
  readonly sendQueue: number;
}

/** A stack without a socket API. Nothing here blocks. */
export interface Target extends Machine {
  /** Whether a socket may be given this option before it has a connection: it is then passed in `options` of connect and listen. */
  accepts(name: string, value: SettingValue): boolean;
  /** tcp_info of a socket without a connection, as far as the engine knows it; `listening`: of a listener. */
  information(
    listening: { readonly waiting: number; readonly backlog: number } | undefined,
  ): Readonly<Record<string, number>>;
  /** The maximum of "backlog", SO_RCVBUF and SO_SNDBUF; undefined: no limit. */
  most(name: string): number | undefined;
  /** The value of an option that was never set on a socket without a connection; undefined: unknown. */
  initial(name: string): SettingValue | undefined;
  /** @param early opens with Fast Open, if given. Refused with EOPNOTSUPP if clients may not use it. */
  connect(
    localPort: number,
    remotePort: number,
    options: SocketOptions,
    now: number,
    early?: EarlyData,
  ): TargetConnection | Refused;
  /**
   * Whether a SYN to that port could carry data now: there is a cookie, or none is needed. Refused with EOPNOTSUPP if clients may not use
   * Fast Open.
   */
  fastOpenReady(remotePort: number, options: SocketOptions, now: number): boolean | Refused;
  listen(localPort: number, backlog: number, options: SocketOptions, now: number): TargetListener | Refused;
  openUdp(localPort: number, options: SocketOptions): TargetUdp | Refused;
}

/** A system under test that executes the scripts' calls itself. */
export interface SystemTarget extends Machine {
  /** Its own clock, which runs in real time. */
  now(): number;
  /** A call, ready to be attempted. Throws Unsupported for calls and arguments that are not supported. */
  systemCall(around: Surroundings, syscall: Syscall): Attempt;
  /** tcp_info, field by field. */
  information(descriptor: Descriptor): Readonly<Record<string, number>> | undefined;
  /** Sets a sysctl by its own name. False: unknown name or invalid value. */
  sysctl(name: string, value: string): boolean;
  readSysctl(name: string): string | undefined;
}

export function isSystem(machine: Machine): machine is SystemTarget {
  return "systemCall" in machine;
}

export interface TargetListener {
  readonly localPort: number;
  /** Takes the oldest connection with a complete handshake from the queue. */
  accept(now: number): TargetConnection | undefined;
  /** The number of connections waiting for `accept`. */
  waiting(): number;
  close(now: number): void;
  setOption(name: string, value: SettingValue): boolean;
}

/** MSG_MORE, MSG_OOB and MSG_EOR. Data after an end of record never shares a segment with the data before it. */
export interface SendFlags {
  readonly more: boolean;
  readonly urgent: boolean;
  readonly endOfRecord?: boolean;
}

export interface TargetConnection {
  readonly localPort: number;
  readonly remotePort: number;
  state(): StateName;
  /** Queues octets, and returns how many. */
  send(bytes: Uint8Array, flags: SendFlags, now: number): number;
  /** Octets sent with our SYN. */
  early(): number;
  /** Whether the connection is in SYN-RECEIVED by Fast Open: data is sent before the handshake is over. */
  opensFast(): boolean;
  /** Whether poll() reports it as writable. */
  writable(): boolean;
  /** Copies in-order octets out, and returns how many; `peek` does not consume them. */
  receive(into: Uint8Array, peek: boolean, now: number): number;
  /** Unread in-order octets (SIOCINQ). */
  readable(): number;
  /** Octets not acknowledged yet (SIOCOUTQ), and octets not even sent (SIOCOUTQNSD). */
  unacknowledged(): number;
  unsent(): number;
  /** The peer's FIN has arrived in order. */
  finished(): boolean;
  /** A call waits for the end of the handshake to write. */
  awaitsWriter?(): void;
  /** Unread octets before the octet that the urgent pointer marks; undefined: none ahead. */
  urgentAt?(): number | undefined;
  /** The name of the errno that ended the connection; `takeError` clears it. */
  error(): string | undefined;
  takeError(): string | undefined;
  /** The error of an ICMP message that did not end the connection, returned once. */
  takeSoftError(): string | undefined;
  shutdownRead(now: number): void;
  shutdownWrite(now: number): void;
  close(now: number): void;
  abort(now: number): void;
  /** False: no such option. */
  setOption(name: string, value: SettingValue, now: number): boolean;
  option(name: string): SettingValue | undefined;
  /** Linux's tcp_info, field by field (`tcpi_snd_cwnd`, …), as far as the engine keeps it. */
  info(now: number): Readonly<Record<string, number>>;
}

export interface TargetUdp {
  readonly localPort: number;
  /** The length of the longest possible datagram. */
  readonly longest: number;
  /** From now on only that peer's datagrams, and ICMP errors about it, are received. */
  connect?(remotePort: number): void;
  send(bytes: Uint8Array, remotePort: number, now: number): boolean;
  /** The next datagram, or undefined. */
  receive(): { readonly bytes: Uint8Array; readonly remotePort: number } | undefined;
  waiting(): number;
  /** An ICMP error, returned once; `hasError` says whether there is one. */
  takeError(): string | undefined;
  hasError?(): boolean;
  close(): void;
}

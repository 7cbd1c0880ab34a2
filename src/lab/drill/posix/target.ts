import type { Syscall } from "../language/ast.ts";
import type { Family } from "../packets/codec.ts";
import type { Attempt, Descriptor, Surroundings } from "./sockets.ts";

/**
 * What is under test: all that the interpreter asks of it. A `Target` is a stack, and the interpreter plays the socket API above
 * it (`targets/stack` binds it to tcpnet's, tests to a scripted one). A `SystemTarget` has system calls of its own
 * (`targets/kernel` binds it to Linux). Time is handed in, integer microseconds.
 */

export interface TargetSetup {
  readonly profile: Profile;
  readonly family: Family;
  readonly mtu: number;
  /** Addresses of the stack and of the peer that the script plays. */
  readonly local: Uint8Array;
  readonly remote: Uint8Array;
  /** Everything random in a run comes from it. */
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

/** A setting of the stack (by its own name, see commands.ts) or an option of a socket (by the socket API's name). */
export type SettingValue = number | string | boolean;
export type SocketOptions = ReadonlyMap<string, SettingValue>;

/**
 * TCP Fast Open (RFC 7413) crosses this seam as follows.
 *
 * Settings (`configure`): `fastOpen`, the bits of net.ipv4.tcp_fastopen (0x1 client, 0x2 server, 0x4 client without cookie, 0x200
 * server without cookie, 0x400 listeners that did not ask as well; Linux begins with 1); `fastOpenKey`, the text of
 * net.ipv4.tcp_fastopen_key ("x-x-x-x", or two with a comma between: the second is the backup); `fastOpenPause`, µs of
 * net.ipv4.tcp_fastopen_blackhole_timeout_sec; `cookielessRoute`, the route's fastopen_no_cookie.
 *
 * Socket options, in `options` or by `setOption`: TCP_FASTOPEN (of a listener: how many may be pending; 0: none),
 * TCP_FASTOPEN_NO_COOKIE, TCP_FASTOPEN_KEY (16 or 32 octets as hex digits; `option` gives them so as well). TCP_FASTOPEN_CONNECT is
 * the caller's: `fastOpenReady` says whether connect() returns 0 at once and leaves the SYN to the first write.
 *
 * sendto(MSG_FASTOPEN), and that first write: `connect` with `early`. With a cookie (or where none is needed) the SYN takes as many
 * octets as fit, and `early()` of the connection says how many; the rest is the caller's to `send`, which may be done at once.
 * Without a cookie the SYN asks for one, and `early()` is 0: the call blocks, or is EINPROGRESS. A connection that was accepted in
 * SYN-RECEIVED takes `send` and gives `receive` like any other: `opensFast()` tells it from one that must wait.
 */
export type EarlyData = Uint8Array;

/** A call's refusal is the errno's name. */
export class Refused {
  constructor(readonly errno: string) {}
}

/** What both have: packets, time, settings. */
export interface Machine {
  readonly profile: Profile;
  /**
   * An IP packet arrives.
   * @param segmentSize octets of payload of each segment, of which a device has made this one packet; 0: of none.
   */
  input(packet: Uint8Array, now: number, segmentSize?: number): void;
  /** Runs what is due. Where time is real, it is waited for, or until a packet comes out. */
  advance(now: number): void;
  /** When `advance` has something to do, or Infinity. */
  nextDeadline(): number;
  /** The next packet that the stack wants to send now, as on the wire: cut to segments, checksums final. */
  output(now: number): Uint8Array | undefined;
  /** Changes a setting at any time. False: the engine has no such setting. */
  configure(name: string, value: SettingValue, now: number): boolean;
  /** Counters by the names that Linux gives them (nstat), as far as the machine keeps the same. */
  counters?(): Readonly<Record<string, number>>;
  /** Listeners and connections. */
  sockets(): readonly MachineSocket[];
  /** Aborts the connections that are meant, and says how many there were. */
  drop(which: (socket: MachineSocket) => boolean, now: number): number;
}

export interface MachineSocket {
  readonly state: StateName;
  readonly localPort: number;
  /** 0: of a listener. */
  readonly remotePort: number;
  /** Octets to be read, of a listener connections to be accepted; octets that are not acknowledged, of a listener how many may wait. */
  readonly receiveQueue: number;
  readonly sendQueue: number;
}

/** A stack without a socket API. Nothing here blocks. */
export interface Target extends Machine {
  /** Whether a socket may be given this option before it has a connection: it is then in `options` of connect and listen. */
  accepts(name: string, value: SettingValue): boolean;
  /** tcp_info of a socket without a connection, as far as the engine can say; `listening`: of a listener. */
  information(
    listening: { readonly waiting: number; readonly backlog: number } | undefined,
  ): Readonly<Record<string, number>>;
  /** How much may be asked of "backlog", SO_RCVBUF and SO_SNDBUF; undefined: as much as one likes. */
  most(name: string): number | undefined;
  /** What such an option of a socket is that was never given it and has no connection; undefined: the engine does not say. */
  initial(name: string): SettingValue | undefined;
  /** @param early given: by Fast Open. Refused EOPNOTSUPP where clients may not. */
  connect(
    localPort: number,
    remotePort: number,
    options: SocketOptions,
    now: number,
    early?: EarlyData,
  ): TargetConnection | Refused;
  /** A SYN to that port could carry data now: there is a cookie, or none is needed. Refused EOPNOTSUPP where clients may not. */
  fastOpenReady(remotePort: number, options: SocketOptions, now: number): boolean | Refused;
  listen(localPort: number, backlog: number, options: SocketOptions, now: number): TargetListener | Refused;
  openUdp(localPort: number, options: SocketOptions): TargetUdp | Refused;
}

/** A machine that takes the calls of scripts as they are written. */
export interface SystemTarget extends Machine {
  /** Its own time, which goes on whatever is done meanwhile. */
  now(): number;
  /** The call, ready to be tried. Throws Unsupported for calls and arguments that it does not have. */
  systemCall(around: Surroundings, syscall: Syscall): Attempt;
  /** tcp_info, field by field. */
  information(descriptor: Descriptor): Readonly<Record<string, number>> | undefined;
  /** Sets a sysctl by its own name. False: there is none of that name, or not with that value. */
  sysctl(name: string, value: string): boolean;
  readSysctl(name: string): string | undefined;
}

export function isSystem(machine: Machine): machine is SystemTarget {
  return "systemCall" in machine;
}

export interface TargetListener {
  readonly localPort: number;
  /** The oldest connection whose handshake is complete, taken from the queue. */
  accept(now: number): TargetConnection | undefined;
  /** Connections that wait for `accept`. */
  waiting(): number;
  close(now: number): void;
  setOption(name: string, value: SettingValue): boolean;
}

/** MSG_MORE, MSG_OOB and MSG_EOR: what follows never shares a segment with what an end of record ends. */
export interface SendFlags {
  readonly more: boolean;
  readonly urgent: boolean;
  readonly endOfRecord?: boolean;
}

export interface TargetConnection {
  readonly localPort: number;
  readonly remotePort: number;
  state(): StateName;
  /** Queues octets, and says how many it took. */
  send(bytes: Uint8Array, flags: SendFlags, now: number): number;
  /** Octets that went with our SYN. */
  early(): number;
  /** In SYN-RECEIVED by Fast Open: what is sent goes out before the handshake is over. */
  opensFast(): boolean;
  /** poll() says that it can be written to. */
  writable(): boolean;
  /** Copies in-order octets out, and says how many; `peek` leaves them. */
  receive(into: Uint8Array, peek: boolean, now: number): number;
  /** In-order octets that wait to be read (SIOCINQ). */
  readable(): number;
  /** Octets that are not acknowledged yet (SIOCOUTQ), and those not even sent (SIOCOUTQNSD). */
  unacknowledged(): number;
  unsent(): number;
  /** The peer's FIN has come in order. */
  finished(): boolean;
  /** A call waits for the end of the handshake to write. */
  awaitsWriter?(): void;
  /** Octets to be read before the one that the urgent pointer marks (the one before it); undefined: there is none ahead. */
  urgentAt?(): number | undefined;
  /** The errno's name that ended the connection; taken by `takeError`. */
  error(): string | undefined;
  takeError(): string | undefined;
  /** What an ICMP error left that did not end the connection, told once. */
  takeSoftError(): string | undefined;
  shutdownRead(now: number): void;
  shutdownWrite(now: number): void;
  close(now: number): void;
  abort(now: number): void;
  /** False: the engine has no such option. */
  setOption(name: string, value: SettingValue, now: number): boolean;
  option(name: string): SettingValue | undefined;
  /** Linux's tcp_info, field by field (`tcpi_snd_cwnd`, …), as far as the engine keeps it. */
  info(now: number): Readonly<Record<string, number>>;
}

export interface TargetUdp {
  readonly localPort: number;
  /** Octets of the longest datagram. */
  readonly longest: number;
  /** From now on it hears that peer alone, and of ICMP's errors about it. */
  connect?(remotePort: number): void;
  send(bytes: Uint8Array, remotePort: number, now: number): boolean;
  /** The next datagram, or undefined. */
  receive(): { readonly bytes: Uint8Array; readonly remotePort: number } | undefined;
  waiting(): number;
  /** What ICMP told, told once; `hasError` says whether there is something. */
  takeError(): string | undefined;
  hasError?(): boolean;
  close(): void;
}

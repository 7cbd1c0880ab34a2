import { numeric, symbol } from "../constants/symbols.ts";
import { type Syscall, Unsupported, type Value } from "../language/ast.ts";
import type { Flow } from "../packets/flow.ts";
import type { EpollSocket } from "./epoll.ts";
import { ErrorQueue } from "./error-queue.ts";
import type { FileDescriptor, PipeEnd } from "./files.ts";
import { SEEN_NOTHING, type Seen } from "./observe.ts";
import type { Profile, SettingValue, Target, TargetConnection, TargetListener, TargetUdp } from "./target.ts";
import type { UrgentOctet } from "./urgent.ts";

/** The descriptor table of a script, and what all groups of calls share. */

export interface TcpSocket {
  readonly kind: "tcp";
  /** The system whose socket API it follows. */
  readonly dialect: Profile;
  flow: Flow;
  nonblocking: boolean;
  readonly options: Map<string, SettingValue>;
  port: number;
  listener: TargetListener | undefined;
  /** The backlog given to listen(). */
  backlog: number;
  connection: TargetConnection | undefined;
  /** A non-blocking connect whose result was not asked for yet. */
  connecting: boolean;
  /** Octets of each stream that calls have read and written: the offsets in the pattern. */
  read: number;
  wrote: number;
  readShut: boolean;
  writeShut: boolean;
  linger: { readonly on: boolean; readonly seconds: number };
  /** IP_RECVERR: an ICMP error is an error of the socket; kept here until it is reported. */
  softError: string | undefined;
  /** The source of recvmsg(MSG_ERRQUEUE). */
  readonly errors: ErrorQueue;
  /** The state at the last wake-up of a poller. */
  seen: Seen;
  /** A write failed for lack of room, so wake its caller when there is room (Linux's SOCK_NOSPACE). */
  noSpace: boolean;
  /** The octet announced by the latest URG, until the reader has passed it. */
  urgent: UrgentOctet | undefined;
  /** FreeBSD: a write that named the peer opened the connection. */
  impliedConnect: boolean;
  /** TCP_FASTOPEN_CONNECT: connect() has returned, and the SYN is delayed until the first write. */
  deferred: boolean;
}

export interface UdpSocket {
  readonly kind: "udp";
  nonblocking: boolean;
  readonly options: Map<string, SettingValue>;
  port: number;
  remotePort: number;
  endpoint: TargetUdp | undefined;
  /** The next datagram, if it was peeked at. */
  ahead: { readonly bytes: Uint8Array; readonly remotePort: number } | undefined;
  readShut: boolean;
  writeShut: boolean;
  /** The state at the last wake-up of a poller. */
  seen: { readonly waiting: number; readonly failed: boolean };
}

/** The interpreter's data of a descriptor whose calls it plays itself. */
export type Socket = TcpSocket | UdpSocket | EpollSocket | FileDescriptor | PipeEnd;

/** A descriptor of a system under test with system calls of its own. */
export interface SystemSocket {
  readonly kind: "system";
  /** The system's own descriptor number. */
  readonly fd: number;
  readonly flow: Flow | undefined;
  /** For a UDP socket: its port and its peer's, 0 if it has none. */
  readonly datagramPorts: { readonly local: number; readonly remote: number } | undefined;
}

export type Descriptor = Socket | SystemSocket;

/** The result of a call. `faults`: differences from the arguments in the script. */
export interface Outcome {
  readonly result: number;
  readonly errno: string | undefined;
  readonly faults: readonly string[];
  /** A new descriptor, to be registered under the number that the script expects. */
  readonly opened: Descriptor | undefined;
}

/** One attempt of a call; undefined: it would block. */
export type Attempt = (now: number) => Outcome | undefined;

export function done(result: number, ...faults: string[]): Outcome {
  return { result, errno: undefined, faults, opened: undefined };
}

export function failed(errno: string): Outcome {
  return { result: -1, errno, faults: [], opened: undefined };
}

export function opened(socket: Descriptor): Outcome {
  return { result: 0, errno: undefined, faults: [], opened: socket };
}

/** What calls need from the run. */
export interface Surroundings {
  /** The largest difference, µs, between two times that count as equal. */
  readonly toleranceUsecs: number;
  readonly bindPort: number;
  readonly connectPort: number;
  /** The address as text. */
  readonly localAddress: string;
  readonly remoteAddress: string;
  /** Datagrams sent by calls and not yet seen on the wire. */
  readonly datagrams: Uint8Array[];
  readonly table: Map<number, Descriptor>;
  /** Makes the flow of a new socket the current one. */
  newFlow(): Flow;
  /** A blocked call must be attempted again at that time at the latest (its timeout). */
  wakeAt(time: number): void;
  /** The flow whose peer has this port, if the script knows it. */
  flowOf(localPort: number, remotePort: number): Flow | undefined;
  /** The content of a file that `open` names; undefined: no such file. */
  readFile(path: string): Uint8Array | undefined;
}

/** What calls that are played here need in addition. */
export interface World extends Surroundings {
  readonly engine: Target;
  readonly family: 4 | 6;
  /** A free port of the stack. */
  freePort(): number;
}

export function newTcpSocket(dialect: Profile, flow: Flow, nonblocking: boolean): TcpSocket {
  return {
    kind: "tcp",
    dialect,
    flow,
    nonblocking,
    options: new Map(),
    port: 0,
    listener: undefined,
    backlog: 0,
    connection: undefined,
    connecting: false,
    read: 0,
    wrote: 0,
    readShut: false,
    writeShut: false,
    linger: { on: false, seconds: 0 },
    softError: undefined,
    errors: new ErrorQueue(),
    seen: SEEN_NOTHING,
    noSpace: false,
    urgent: undefined,
    impliedConnect: false,
    deferred: false,
  };
}

/** SO_RCVLOWAT: the octets that a blocked reader waits for. */
export function lowWater(s: TcpSocket): number {
  return Math.max(1, Number(s.options.get("SO_RCVLOWAT") ?? 1));
}

/** Takes over a soft error left by an ICMP message, if the socket asked for such reports. */
export function noteSoftError(s: TcpSocket): void {
  if (s.options.get("IP_RECVERR") || s.options.get("IPV6_RECVERR")) s.softError ??= s.connection?.takeSoftError();
}

/** The pending error, which the next call on the socket returns. */
export function takeError(s: TcpSocket): string | undefined {
  noteSoftError(s);
  const error = s.softError ?? s.connection?.takeError();
  s.softError = undefined;
  return error;
}

/** A call's arguments, and accessors that all calls share. */
export class Arguments {
  constructor(readonly syscall: Syscall) {}

  get name(): string {
    return this.syscall.name;
  }

  unsupported(what: string): never {
    throw new Unsupported(what, this.syscall.position);
  }

  value(index: number): Value {
    return this.syscall.args[index] ?? this.unsupported(`${this.name} with ${this.syscall.args.length} arguments`);
  }

  isNull(index: number): boolean {
    const value = this.syscall.args[index];
    return value?.kind === "word" && value.name === "NULL";
  }

  isEllipsis(index: number): boolean {
    return this.syscall.args[index]?.kind === "ellipsis";
  }

  number(index: number): number {
    return this.numberOf(this.value(index));
  }

  numberOf(value: Value): number {
    const n = numeric(value);
    if (n !== undefined) return n;
    const names =
      value.kind === "word"
        ? [value.name]
        : value.kind === "or"
          ? value.parts.map((p) => (p.kind === "word" ? p.name : ""))
          : [];
    const unknown = names.find((name) => name !== "" && symbol(name) === undefined);
    return this.unsupported(unknown ? `constant ${unknown}` : `argument of kind ${value.kind} of ${this.name}`);
  }

  /** The only number in a list `[n]`; undefined for `...`. */
  listed(index: number): number | undefined {
    const value = this.value(index);
    if (value.kind === "ellipsis") return undefined;
    if (value.kind === "list" && value.items.length === 1) return this.numberOf(value.items[0]!);
    return this.unsupported(`argument ${index + 1} of ${this.name}`);
  }

  /** A field of a `{name=value}` argument, as a number. */
  field(value: Value, ...names: readonly string[]): number | undefined {
    const found = this.fieldValue(value, ...names);
    return found === undefined || found.kind === "ellipsis" ? undefined : this.numberOf(found);
  }

  fieldValue(value: Value, ...names: readonly string[]): Value | undefined {
    if (value.kind !== "struct") return this.unsupported(`${this.name} without {…}`);
    return value.fields.find((field) => field.name !== undefined && names.includes(field.name))?.value;
  }

  /** The name of a constant; the number would be ambiguous, because levels share numbers. */
  word(index: number): string {
    const value = this.value(index);
    return value.kind === "word"
      ? value.name
      : this.unsupported(`${this.name} with a number for argument ${index + 1}`);
  }
}

/** A call that is played here. */
export class Call extends Arguments {
  constructor(
    readonly world: World,
    syscall: Syscall,
  ) {
    super(syscall);
  }

  socket(index: number): Socket | undefined {
    return this.socketOf(this.number(index));
  }

  socketOf(fd: number): Socket | undefined {
    const found = this.world.table.get(fd);
    return found?.kind === "system" ? undefined : found;
  }
}

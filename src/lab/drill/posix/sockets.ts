import { numeric, symbol } from "../constants/symbols.ts";
import { type Syscall, Unsupported, type Value } from "../language/ast.ts";
import type { Flow } from "../packets/flow.ts";
import type { EpollSocket } from "./epoll.ts";
import { ErrorQueue } from "./error-queue.ts";
import type { FileDescriptor, PipeEnd } from "./files.ts";
import { SEEN_NOTHING, type Seen } from "./observe.ts";
import type { Profile, SettingValue, Target, TargetConnection, TargetListener, TargetUdp } from "./target.ts";
import type { UrgentOctet } from "./urgent.ts";

/** The descriptor table of a script, and what the families of calls share. */

export interface TcpSocket {
  readonly kind: "tcp";
  /** Whose socket calls it has. */
  readonly dialect: Profile;
  flow: Flow;
  nonblocking: boolean;
  readonly options: Map<string, SettingValue>;
  port: number;
  listener: TargetListener | undefined;
  /** How many connections may wait at the listener, as listen() was told. */
  backlog: number;
  connection: TargetConnection | undefined;
  /** A non-blocking connect that nobody asked about since it finished. */
  connecting: boolean;
  /** Octets of each stream that went through calls: the places in the pattern. */
  read: number;
  wrote: number;
  readShut: boolean;
  writeShut: boolean;
  linger: { readonly on: boolean; readonly seconds: number };
  /** IP_RECVERR: what ICMP says is an error of the socket; here until somebody asks. */
  softError: string | undefined;
  /** What recvmsg(MSG_ERRQUEUE) gives. */
  readonly errors: ErrorQueue;
  /** What whoever waits was last woken for. */
  seen: Seen;
  /** Somebody wanted to write and could not: he is woken when there is room (Linux' SOCK_NOSPACE). */
  noSpace: boolean;
  /** The octet that URG announced last, until the reader has passed it. */
  urgent: UrgentOctet | undefined;
  /** FreeBSD: the connection was begun by a write that named the peer. */
  impliedConnect: boolean;
  /** TCP_FASTOPEN_CONNECT: connect() returned, and the SYN waits for the first write. */
  deferred: boolean;
}

export interface UdpSocket {
  readonly kind: "udp";
  nonblocking: boolean;
  readonly options: Map<string, SettingValue>;
  port: number;
  remotePort: number;
  endpoint: TargetUdp | undefined;
  /** The next datagram, where somebody has looked at it. */
  ahead: { readonly bytes: Uint8Array; readonly remotePort: number } | undefined;
  readShut: boolean;
  writeShut: boolean;
  /** What whoever waits was last woken for. */
  seen: { readonly waiting: number; readonly failed: boolean };
}

/** What the interpreter keeps of a descriptor whose calls it plays itself. */
export type Socket = TcpSocket | UdpSocket | EpollSocket | FileDescriptor | PipeEnd;

/** A descriptor of a system of its own. */
export interface SystemSocket {
  readonly kind: "system";
  /** The system's number for it. */
  readonly fd: number;
  readonly flow: Flow | undefined;
  /** Of a UDP socket: its port and its peer's, 0 where it has none. */
  readonly datagramPorts: { readonly local: number; readonly remote: number } | undefined;
}

export type Descriptor = Socket | SystemSocket;

/** What a call came to. `faults`: it returned, but not what the arguments in the script say. */
export interface Outcome {
  readonly result: number;
  readonly errno: string | undefined;
  readonly faults: readonly string[];
  /** A descriptor to be known under the number that the script expects. */
  readonly opened: Descriptor | undefined;
}

/** One try at a call; undefined: it would block. */
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

/** What calls need of the run around them. */
export interface Surroundings {
  /** How far apart two times may lie, us, that are to be the same. */
  readonly toleranceUsecs: number;
  readonly bindPort: number;
  readonly connectPort: number;
  /** As people write them. */
  readonly localAddress: string;
  readonly remoteAddress: string;
  /** What was sent as datagrams, until each is seen on the wire. */
  readonly datagrams: Uint8Array[];
  readonly table: Map<number, Descriptor>;
  /** A new socket becomes the one that packets are about. */
  newFlow(): Flow;
  /** A blocked call wants to be tried again at that time at the latest (its timeout). */
  wakeAt(time: number): void;
  /** The flow whose peer has this port, if the script knows it. */
  flowOf(localPort: number, remotePort: number): Flow | undefined;
  /** What `open` finds under that name; undefined: nothing. */
  readFile(path: string): Uint8Array | undefined;
}

/** And what those need that are played here. */
export interface World extends Surroundings {
  readonly engine: Target;
  readonly family: 4 | 6;
  /** A port of the stack that nobody has. */
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

/** SO_RCVLOWAT: octets that a reader waits for. */
export function lowWater(s: TcpSocket): number {
  return Math.max(1, Number(s.options.get("SO_RCVLOWAT") ?? 1));
}

/** Takes over what an ICMP message left, if the socket asked to be told. */
export function noteSoftError(s: TcpSocket): void {
  if (s.options.get("IP_RECVERR") || s.options.get("IPV6_RECVERR")) s.softError ??= s.connection?.takeSoftError();
}

/** The error that the next call on the socket returns, if there is one. */
export function takeError(s: TcpSocket): string | undefined {
  noteSoftError(s);
  const error = s.softError ?? s.connection?.takeError();
  s.softError = undefined;
  return error;
}

/** A call's arguments, and the questions that every call asks of them. */
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

  /** The only number of a list `[n]`; undefined for `...`. */
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

  /** The constant's own name, because levels share numbers. */
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

import type { Family } from "./codec.ts";

/**
 * The stack under test, in the socket API's terms: all that the interpreter asks of it. `stack-engine.ts` binds it to the
 * real one; tests bind it to a scripted one. Time is handed in, integer microseconds; nothing here blocks.
 */

export interface EngineSetup {
  readonly profile: Profile;
  readonly family: Family;
  readonly mtu: number;
  /** Addresses of the stack and of the peer that the script plays. */
  readonly local: Uint8Array;
  readonly remote: Uint8Array;
  /** Everything random in a run comes from it. */
  readonly seed: number;
}

export type Profile = "linux" | "freebsd" | "rfc793";

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

/** A call's refusal is the errno's name. */
export class Refused {
  constructor(readonly errno: string) {}
}

export interface Engine {
  readonly profile: Profile;
  /** An IP packet arrives. */
  input(packet: Uint8Array, now: number): void;
  /** Runs what is due. */
  advance(now: number): void;
  /** When `advance` has something to do, or Infinity. */
  nextDeadline(): number;
  /** The next packet that the stack wants to send now, as on the wire: cut to segments, checksums final. */
  output(now: number): Uint8Array | undefined;
  /** Changes a setting at any time. False: the engine has no such setting. */
  configure(name: string, value: SettingValue, now: number): boolean;
  /** Whether a socket may be given this option before it has a connection: it is then in `options` of connect and listen. */
  accepts(name: string, value: SettingValue): boolean;
  connect(localPort: number, remotePort: number, options: SocketOptions, now: number): EngineConnection | Refused;
  listen(localPort: number, backlog: number, options: SocketOptions, now: number): EngineListener | Refused;
  openUdp(localPort: number, options: SocketOptions): EngineUdp | Refused;
  /** How many connections are in that state: of all, or of those with that port of the stack. */
  count(state: StateName, localPort: number | undefined): number;
  /** Aborts all connections in that state, or all if undefined. */
  drop(state: StateName | undefined, now: number): void;
}

export interface EngineListener {
  readonly localPort: number;
  /** The oldest connection whose handshake is complete, taken from the queue. */
  accept(now: number): EngineConnection | undefined;
  /** Connections that wait for `accept`. */
  waiting(): number;
  close(now: number): void;
  setOption(name: string, value: SettingValue): boolean;
}

/** MSG_MORE and MSG_OOB. */
export interface SendFlags {
  readonly more: boolean;
  readonly urgent: boolean;
}

export interface EngineConnection {
  readonly localPort: number;
  readonly remotePort: number;
  state(): StateName;
  /** Queues octets, and says how many it took. */
  send(bytes: Uint8Array, flags: SendFlags, now: number): number;
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

export interface EngineUdp {
  readonly localPort: number;
  send(bytes: Uint8Array, remotePort: number, now: number): boolean;
  /** The next datagram, or undefined. */
  receive(): { readonly bytes: Uint8Array; readonly remotePort: number } | undefined;
  waiting(): number;
  takeError(): string | undefined;
  close(): void;
}

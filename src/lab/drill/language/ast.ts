/** The tree of a packetdrill script, made by the parser and executed by the runner. Times are integer microseconds. */

export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** An error in the script, with its place and what was expected. */
export class ScriptError extends Error {
  override readonly name = "ScriptError";
  constructor(
    readonly position: Position,
    message: string,
  ) {
    super(message);
  }
}

/** The script is correct but needs a feature that is not supported. Neither a pass nor a failure; counted separately. */
export class Unsupported extends Error {
  override readonly name = "Unsupported";
  constructor(
    readonly feature: string,
    readonly position: Position | undefined = undefined,
  ) {
    super(`unsupported: ${feature}`);
  }
}

export interface Script {
  readonly file: string;
  readonly options: readonly ScriptOption[];
  readonly init: Command | undefined;
  readonly events: readonly Event[];
  readonly cleanup: Command | undefined;
}

/** `--name=value` at the head of a script; a name alone has the value "". */
export interface ScriptOption {
  readonly name: string;
  readonly value: string;
  readonly position: Position;
}

/** `*`, a point in time or a range (`to` is defined), absolute or relative to the previous event. */
export type Time =
  | { readonly kind: "any" }
  | { readonly kind: "absolute" | "relative"; readonly from: number; readonly to: number | undefined };

export interface Event {
  readonly time: Time;
  readonly position: Position;
  /** The event's source text, for reports. */
  readonly text: string;
  readonly body: Packet | Syscall | Command | Code;
}

export interface Command {
  readonly kind: "command";
  readonly text: string;
  readonly position: Position;
}

export interface Code {
  readonly kind: "code";
  readonly text: string;
  readonly position: Position;
}

export interface Syscall {
  readonly kind: "syscall";
  readonly name: string;
  readonly args: readonly Value[];
  readonly result: Value;
  /** The errno's name, if the result has one. */
  readonly errno: string | undefined;
  /** When a blocking call returns, in the same scale as the event's own time; undefined: at once. */
  readonly end: number | undefined;
  readonly position: Position;
}

export type Value =
  | { readonly kind: "ellipsis" }
  | { readonly kind: "integer"; readonly value: number }
  | { readonly kind: "word"; readonly name: string }
  | { readonly kind: "string"; readonly text: string; readonly padded: boolean }
  | { readonly kind: "or"; readonly parts: readonly Value[] }
  | { readonly kind: "list"; readonly items: readonly Value[] }
  | { readonly kind: "struct"; readonly fields: readonly Field[] }
  | { readonly kind: "call"; readonly name: string; readonly args: readonly Value[] };

/** `name = value`, `name(argument) = value`, or a value alone inside braces. */
export interface Field {
  readonly name: string | undefined;
  readonly argument: Value | undefined;
  readonly value: Value;
}

export type Packet = TcpPacket | UdpPacket | IcmpPacket;
/** "<" is injected into the stack under test, ">" is expected from it. */
export type Direction = "<" | ">";

export interface IpInfo {
  readonly ecn: "noecn" | "ect0" | "ect1" | "ect01" | "ce" | undefined;
  readonly tos: number | undefined;
  readonly ttl: number | undefined;
  readonly flowLabel: number | undefined;
}

export interface Ports {
  readonly source: number;
  readonly destination: number;
}

/** `start:end(length)`. */
export interface SequenceRange {
  readonly start: number;
  readonly length: number;
  /** Written with `!`: a live number, not relative to the ISN. */
  readonly absolute: boolean;
  /** Written `...(length)`: any sequence number. */
  readonly any: boolean;
}

export interface TcpPacket {
  readonly kind: "tcp";
  readonly direction: Direction;
  readonly ip: IpInfo;
  readonly ports: Ports | undefined;
  /** The twelve bits after the data offset: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128, AE 256. */
  readonly flags: number;
  readonly sequence: SequenceRange;
  readonly ack: number | undefined;
  readonly ackAbsolute: boolean;
  readonly window: number | undefined;
  readonly urgent: number | undefined;
  /** "any" is `<...>`; an empty list requires that there are none. */
  readonly options: readonly TcpOption[] | "any";
  readonly position: Position;
}

export type TcpOption =
  | { readonly kind: "mss"; readonly value: number }
  | { readonly kind: "wscale"; readonly value: number }
  | { readonly kind: "sackOK" }
  | { readonly kind: "sack"; readonly blocks: readonly (readonly [number, number])[] }
  | { readonly kind: "timestamp"; readonly value: number; readonly echo: number }
  | { readonly kind: "nop" }
  | { readonly kind: "eol" }
  | { readonly kind: "fastopen"; readonly experimental: boolean; readonly cookie: string; readonly name?: string }
  | { readonly kind: "accecn"; readonly order: 0 | 1; readonly counters: readonly number[] }
  | { readonly kind: "md5"; readonly digest: string };

export interface UdpPacket {
  readonly kind: "udp";
  readonly direction: Direction;
  readonly ip: IpInfo;
  readonly ports: Ports | undefined;
  readonly length: number;
  readonly position: Position;
}

export interface IcmpPacket {
  readonly kind: "icmp";
  readonly direction: Direction;
  readonly ip: IpInfo;
  /** A name ("unreachable") or a number. */
  readonly type: string | number;
  readonly code: string | number | undefined;
  readonly mtu: number | undefined;
  readonly id: number | undefined;
  readonly quoted: SequenceRange | { readonly udp: number } | undefined;
  readonly position: Position;
}

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const PSH = 8;
export const ACK = 16;
export const URG = 32;
export const ECE = 64;
export const CWR = 128;
export const AE = 256;

/** Reads the arguments of `dgram`'s calls, which have several forms each, and checks them with Node's errors. */
import { coded, wrongType } from "./errors.ts";

export type Callback = (...args: unknown[]) => void;

/** Options of `bind`. */
export interface DgramBindOptions {
  readonly port?: number | undefined;
  readonly address?: string | undefined;
  readonly exclusive?: boolean | undefined;
  readonly fd?: number | undefined;
}

/** What `send` was asked for. */
export interface Sending {
  readonly octets: Uint8Array;
  /** Null: that of the connected remote. */
  readonly port: number | null;
  readonly address: string | undefined;
  readonly callback: Callback | null;
}

/** `bind(port, address, callback)`, `bind(options, callback)`, and all of these may be left out. */
export function bindArguments(args: readonly unknown[]): [DgramBindOptions, Callback | null] {
  const callback = typeof args.at(-1) === "function" ? (args.at(-1) as Callback) : null;
  const [first, second] = args;
  if (typeof first === "object" && first !== null) return [first as DgramBindOptions, callback];
  const port = typeof first === "function" || first === undefined || first === null ? 0 : (first as number);
  return [typeof second === "string" ? { port, address: second } : { port }, callback];
}

/** `connect(port, address, callback)`. */
export function remoteArguments(args: readonly unknown[]): [number, string | undefined, Callback | null] {
  const [port, address, callback] = typeof args[1] === "function" ? [args[0], undefined, args[1]] : args;
  checkPort(port, 1);
  if (address !== undefined && typeof address !== "string") throw wrongType("address", "of type string", address);
  return [Number(port), address, typeof callback === "function" ? (callback as Callback) : null];
}

/** `send(msg, offset, length, port, address, callback)`; without offset and length, and of a connected socket without port and address. */
export function sendArguments(args: readonly unknown[], isConnected: boolean): Sending {
  const [message, ...rest] = args;
  const callback = rest.find((each) => typeof each === "function") as Callback | undefined;
  const [first, second, third, fourth] = rest.filter((each) => typeof each !== "function");
  const hasRange = isConnected ? typeof second === "number" : Boolean(fourth || third);
  const octets = hasRange ? part(octetsOf(message), Number(first) >>> 0, Number(second) >>> 0) : octetsOf(message);
  if (isConnected) {
    if (hasRange && (third || fourth)) throw coded("ERR_SOCKET_DGRAM_IS_CONNECTED", "Already connected");
    return { octets, port: null, address: undefined, callback: callback ?? null };
  }
  const [port, address] = hasRange ? [third, fourth] : [first, second];
  checkPort(port, 1);
  if (address !== undefined && address !== null && typeof address !== "string")
    throw wrongType("address", "of type string", address);
  return { octets, port: Number(port), address: (address as string) || undefined, callback: callback ?? null };
}

function octetsOf(message: unknown): Uint8Array {
  if (typeof message === "string") return Buffer.from(message);
  if (ArrayBuffer.isView(message)) return new Uint8Array(message.buffer, message.byteOffset, message.byteLength);
  if (Array.isArray(message)) return Buffer.concat(message.map(octetsOf));
  throw wrongType("buffer", "of type string or an instance of Buffer, TypedArray, or DataView", message);
}

function part(octets: Uint8Array, offset: number, length: number): Uint8Array {
  const beyond = offset > octets.length ? "offset" : offset + length > octets.length ? "length" : "";
  if (beyond !== "") throw coded("ERR_BUFFER_OUT_OF_BOUNDS", `"${beyond}" is outside of buffer bounds`, RangeError);
  return octets.subarray(offset, offset + length);
}

export function checkPort(port: unknown, least: 0 | 1): void {
  const number = typeof port === "string" && port.trim() !== "" ? Number(port) : port;
  if (typeof number === "number" && Number.isInteger(number) && number >= least && number <= 65_535) return;
  const range = least === 0 ? ">= 0" : "> 0";
  const received = typeof port === "number" ? `type number (${port})` : String(port);
  throw coded("ERR_SOCKET_BAD_PORT", `Port should be ${range} and < 65536. Received ${received}.`, RangeError);
}

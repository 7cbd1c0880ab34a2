/** Reads the arguments of `connect` and `listen`, which have several forms each, and checks them with Node's errors. */
import { coded, notHere, outOfRange, wrongType } from "./errors.ts";
import { isIP } from "./ip.ts";

/** One address that a name stands for. */
export interface LookupAddress {
  readonly address: string;
  readonly family: number;
}

/** What `lookup` is asked for. */
export interface LookupQuery {
  readonly family: number;
  readonly hints: number;
  readonly all: boolean;
}

/** A resolver in the shape of Node's `dns.lookup`. */
export type LookupFunction = (
  hostname: string,
  options: LookupQuery,
  callback: (error: Error | null, address: string | readonly LookupAddress[], family?: number) => void,
) => void;

/** Options of `connect`, with Node's names. */
export interface TcpConnectOptions {
  readonly port?: number | string | undefined;
  /** A name or an address. Default: "localhost". */
  readonly host?: string | undefined;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  /** 4, 6, or 0 for both. */
  readonly family?: number | string | undefined;
  readonly hints?: number | undefined;
  readonly lookup?: LookupFunction | undefined;
  readonly noDelay?: boolean | undefined;
  readonly keepAlive?: boolean | undefined;
  readonly keepAliveInitialDelay?: number | undefined;
  /** Tries the addresses of a name one after another, both families in turn. Default true. */
  readonly autoSelectFamily?: boolean | undefined;
  /** Time for each of those attempts, ms, 10 at least. Default 250. */
  readonly autoSelectFamilyAttemptTimeout?: number | undefined;
  readonly timeout?: number | undefined;
}

/** Options of `listen`, with Node's names. Those of sharing a port between processes change nothing. */
export interface TcpListenOptions {
  readonly port?: number | string | undefined;
  readonly host?: string | undefined;
  readonly backlog?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly exclusive?: boolean | undefined;
  readonly reusePort?: boolean | undefined;
  readonly ipv6Only?: boolean | undefined;
}

type Callback = (...args: unknown[]) => void;

/** `(options, callback)`, `(port, host, callback)`. */
export function connectArguments(args: readonly unknown[]): [TcpConnectOptions, Callback | null] {
  const callback = lastFunction(args);
  const [first, second] = args;
  if (typeof first === "object" && first !== null) {
    if ("path" in first && first.path !== undefined && first.path !== null) throw notHere("path of connect");
    return [first as TcpConnectOptions, callback];
  }
  if (first === undefined || typeof first === "function") return [{}, callback];
  if (typeof first === "string" && Number.isNaN(Number(first))) throw notHere(`connect to the path "${first}"`);
  const host = typeof second === "string" ? { host: second } : {};
  return [{ port: first as number | string, ...host }, callback];
}

/** `(options, callback)`, `(port, host, backlog, callback)`, `(callback)`, and `()`. */
export function listenArguments(args: readonly unknown[]): [TcpListenOptions, Callback | null] {
  const callback = lastFunction(args);
  const [first, second, third] = args;
  if (typeof first === "object" && first !== null) return [listenOptions(first), callback];
  if (first === undefined || first === null || typeof first === "function") return [{ port: 0 }, callback];
  if (typeof first === "string" && Number.isNaN(Number(first))) throw notHere(`listen at the path "${first}"`);
  const host = typeof second === "string" ? { host: second } : {};
  const backlog = typeof second === "number" ? second : typeof third === "number" ? third : undefined;
  return [
    { port: checkedPort("options.port", first), ...host, ...(backlog === undefined ? {} : { backlog }) },
    callback,
  ];
}

function listenOptions(given: object): TcpListenOptions {
  const options = given as TcpListenOptions & { path?: unknown; fd?: unknown };
  if (options.port !== undefined && options.port !== null) {
    return { ...options, port: checkedPort("options.port", options.port) };
  }
  if (typeof options.path === "string") throw notHere(`listen at the path "${options.path}"`);
  if (typeof options.fd === "number" || "_handle" in options) throw notHere("listen on a descriptor or handle");
  if ("port" in options && !("path" in options)) return { ...options, port: 0 };
  const message = `The argument 'options' must have the property "port" or "path"`;
  throw coded("ERR_INVALID_ARG_VALUE", message, TypeError);
}

function lastFunction(args: readonly unknown[]): Callback | null {
  const last = args.at(-1);
  return typeof last === "function" ? (last as Callback) : null;
}

/** A port as a number or as text. @throws ERR_SOCKET_BAD_PORT */
export function checkedPort(name: string, value: unknown): number {
  const isText = typeof value === "string" && value.trim() !== "";
  const port = typeof value === "number" || isText ? Number(value) : Number.NaN;
  if (Number.isInteger(port) && port >= 0 && port < 65_536) return port;
  const received = typeof value === "string" ? `'${value}'` : String(value);
  throw coded("ERR_SOCKET_BAD_PORT", `${name} should be >= 0 and < 65536. Received ${received}.`, RangeError);
}

/** @throws ERR_MISSING_ARGS, ERR_INVALID_ARG_TYPE, ERR_SOCKET_BAD_PORT, ERR_INVALID_IP_ADDRESS, ERR_OUT_OF_RANGE */
export function checkConnect(options: TcpConnectOptions): void {
  const { port, localAddress, localPort, autoSelectFamilyAttemptTimeout: attempt } = options;
  if (port === undefined) {
    throw coded("ERR_MISSING_ARGS", 'The "options" or "port" or "path" argument must be specified', TypeError);
  }
  if (typeof port !== "number" && typeof port !== "string") {
    throw wrongType("options.port", "of type number or string", port);
  }
  checkedPort("Port", port);
  if (localAddress !== undefined && isIP(localAddress) === 0) {
    throw coded("ERR_INVALID_IP_ADDRESS", `Invalid IP address: ${localAddress}`, TypeError);
  }
  if (localPort !== undefined && typeof localPort !== "number") {
    throw wrongType("options.localPort", "of type number", localPort);
  }
  if (options.autoSelectFamily !== undefined && typeof options.autoSelectFamily !== "boolean") {
    throw wrongType("options.autoSelectFamily", "of type boolean", options.autoSelectFamily);
  }
  if (attempt !== undefined) checkCount("options.autoSelectFamilyAttemptTimeout", attempt, 1);
}

/** An integer from `least` on. @throws ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE */
export function checkCount(name: string, value: unknown, least: number): number {
  if (typeof value !== "number") throw wrongType(name, "of type number", value);
  if (!Number.isInteger(value) || value < least) throw outOfRange(name, `an integer >= ${least}`, value);
  return value;
}

/** The longest time that a timer can wait. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** A time in ms for a timer, which is cut to what a timer can do. @throws ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE */
export function checkedMs(name: string, value: unknown): number {
  if (typeof value !== "number") throw wrongType(name, "of type number", value);
  if (!(value >= 0 && Number.isFinite(value))) throw outOfRange(name, "a non-negative finite number", value);
  return Math.min(value, TIMER_MAX_MS);
}

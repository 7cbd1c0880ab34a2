/** Errors with the codes, fields and words of Node's own, since programs look at them. */
import { constants } from "node:os";

/** An error of the system, as Node's `net` reports it. */
export interface SystemError extends Error {
  /** "ECONNREFUSED", "EADDRINUSE" … */
  code: string;
  /** The system's number for `code`, negative, as libuv has it. */
  errno: number;
  /** "connect", "read", "write", "listen", "bind" or "getaddrinfo". */
  syscall: string;
  /** The remote address, for "listen" and "bind" the local one. */
  address?: string;
  port?: number;
  localAddress?: string;
  localPort?: number;
}

/** An error of the caller or of the state, with a code such as "ERR_SERVER_NOT_RUNNING". */
export interface CodedError extends Error {
  code: string;
}

/** Where it happened. */
export interface Place {
  readonly address?: string | undefined;
  readonly port?: number | undefined;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  /** Of "bind" of a datagram socket, where Node adds no words to the code. */
  readonly isOfDatagrams?: boolean;
  /** What ended the connection, in the stack's words. */
  readonly cause?: unknown;
}

/** libuv's words, which Node puts into the messages of "listen" and "bind". */
const WORDS: Readonly<Record<string, string>> = {
  EADDRINUSE: "address already in use",
  EADDRNOTAVAIL: "address not available",
  EINVAL: "invalid argument",
  ENOBUFS: "no buffer space available",
  EACCES: "permission denied",
};

const NUMBERS: Readonly<Record<string, number | undefined>> = constants.errno;

/** "connect ECONNREFUSED 10.0.0.7:80", "read ECONNRESET", "listen EADDRINUSE: address already in use 10.0.0.7:80". */
export function systemError(code: string, syscall: string, place: Place = {}): SystemError {
  const { address, port, localAddress, localPort, cause, isOfDatagrams = false } = place;
  const words = syscall === "listen" || (syscall === "bind" && !isOfDatagrams) ? `: ${WORDS[code] ?? code}` : "";
  const where = address === undefined ? "" : ` ${address}${port ? `:${port}` : ""}`;
  const from = localAddress === undefined || localPort === undefined ? "" : ` - Local (${localAddress}:${localPort})`;
  const text = `${syscall} ${code}${words}${where}${from}`;
  const error = new Error(text, cause === undefined ? undefined : { cause }) as SystemError;
  error.errno = -(NUMBERS[code] ?? 0);
  error.code = code;
  error.syscall = syscall;
  if (address !== undefined) error.address = address;
  if (port) error.port = port;
  if (localAddress !== undefined) error.localAddress = localAddress;
  if (localPort !== undefined) error.localPort = localPort;
  return error;
}

/** An error of a name's resolution. */
export interface NameError extends SystemError {
  hostname: string;
}

/** A name that nobody knows: "getaddrinfo ENOTFOUND db.example". */
export const notFound = (hostname: string, cause?: unknown) => nameError("ENOTFOUND", -3008, hostname, cause);

/** The servers of names did not answer. */
export const tryAgain = (hostname: string, cause?: unknown) => nameError("EAI_AGAIN", -3001, hostname, cause);

/** @param errno libuv's number: the errors of getaddrinfo are none of the system's */
function nameError(code: string, errno: number, hostname: string, cause: unknown): NameError {
  const text = `getaddrinfo ${code} ${hostname}`;
  const error = new Error(text, cause === undefined ? undefined : { cause }) as NameError;
  error.errno = errno;
  error.code = code;
  error.syscall = "getaddrinfo";
  error.hostname = hostname;
  return error;
}

/** An error with a code of Node's, such as ERR_SOCKET_CLOSED. */
export function coded(code: string, message: string, Kind: ErrorConstructor = Error): CodedError {
  const error = new Kind(message) as CodedError;
  error.code = code;
  return error;
}

/** A wrong type of an argument. */
export function wrongType(name: string, expected: string, value: unknown): CodedError {
  const of = value === null || value === undefined ? String(value) : `type ${typeof value} (${shown(value)})`;
  const message = `The "${name}" argument must be ${expected}. Received ${of}`;
  return coded("ERR_INVALID_ARG_TYPE", message, TypeError);
}

/** @throws TypeError ERR_INVALID_ARG_TYPE if it is not a stack. @param name of the argument */
export function checkStack(name: string, value: unknown): void {
  const { connect, then } = (value ?? {}) as Partial<Record<"connect" | "then", unknown>>;
  if (typeof connect === "function") return;
  if (typeof then !== "function") throw wrongType(name, "a stack of createStack", value);
  const message = `The "${name}" argument must be a stack. Received a promise: write await createStack(…)`;
  throw coded("ERR_INVALID_ARG_TYPE", message, TypeError);
}

/** @throws TypeError ERR_INVALID_ARG_VALUE if the options have a name that does not exist. @param what "nodeFetch" */
export function checkNames(what: string, options: object, names: readonly string[]): void {
  const wrong = Object.keys(options).find((name) => !names.includes(name));
  if (wrong === undefined) return;
  const message = `${what} has no option "${wrong}": use ${names.join(", ")}; ca and other options of tls.connect go into tls`;
  throw coded("ERR_INVALID_ARG_VALUE", message, TypeError);
}

/** A number beyond its range. */
export function outOfRange(name: string, range: string, value: unknown): CodedError {
  const message = `The value of "${name}" is out of range. It must be ${range}. Received ${shown(value)}`;
  return coded("ERR_OUT_OF_RANGE", message, RangeError);
}

/** A name pipe, a file descriptor, a handle: what a stack does not have. */
export function notHere(what: string): CodedError {
  return coded("ERR_FEATURE_UNAVAILABLE_ON_PLATFORM", `${what}: a tcpnet stack has TCP only, use a host and a port`);
}

function shown(value: unknown): string {
  if (typeof value === "string") return `'${value.length > 25 ? `${value.slice(0, 25)}...` : value}'`;
  if (typeof value === "object") return "an object";
  return String(value);
}

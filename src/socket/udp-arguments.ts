/** Checks the arguments of the calls of UDP sockets and of `ping`. */
import { checkObject, invalid, type Kind, shown } from "./checks.ts";
import type { BindOptions, PingOptions, UdpHandlers } from "./udp-types.ts";

const BIND = {
  address: "a text",
  port: "a number",
  connect: "a text or an object",
  socket: "an object",
  receiveBuffer: "a number",
  broadcast: "true or false",
} satisfies Record<keyof BindOptions, Kind>;

const HANDLERS = {
  data: "a function",
  drain: "a function",
  error: "a function",
  close: "a function",
} satisfies Record<keyof UdpHandlers, Kind>;

const PING = {
  count: "a number",
  interval: "a number",
  size: "a number",
  timeout: "a number",
  localAddress: "a text",
  signal: "an AbortSignal",
  onResult: "a function",
} satisfies Record<keyof PingOptions, Kind>;

/** @throws CallError EINVAL. */
export function checkBindOptions(options: unknown): asserts options is BindOptions {
  checkObject("bind's argument", options, BIND, "{ port: 5353 }");
  const { socket } = options as BindOptions;
  if (socket !== undefined) checkObject("socket", socket, HANDLERS, "{ data(socket, bytes, port, address) {} }");
}

/** @throws CallError EINVAL. */
export function checkPingOptions(options: unknown): asserts options is PingOptions {
  checkObject("ping's second argument", options, PING, "{ count: 3 }");
}

/** The address of a datagram or a ping. @throws CallError EINVAL. */
export function checkAddress(value: unknown): asserts value is string {
  if (typeof value !== "string") throw invalid(`address must be a text such as "10.0.0.7", not ${shown(value)}`);
}

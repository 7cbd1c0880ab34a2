/** Node's `net` and `dgram`, agents for HTTP and `fetch` over a stack, for programs and packages that were written for Node. */
export {
  httpAgent,
  httpsAgent,
  type UndiciConnectOptions,
  type UndiciConnectSettings,
  undiciConnect,
} from "./agents.ts";
export type {
  LookupAddress,
  LookupFunction,
  LookupQuery,
  TcpConnectOptions,
  TcpListenOptions,
} from "./call-arguments.ts";
export { type NodeDgram, nodeDgram } from "./dgram.ts";
export type { DgramOptions, RemoteInfo } from "./dgram-settings.ts";
export { DgramSocket } from "./dgram-socket.ts";
export type { CodedError, NameError, SystemError } from "./errors.ts";
export { type FetchOptions, nodeFetch, type StackFetch } from "./fetch.ts";
export { isIP, isIPv4, isIPv6 } from "./ip.ts";
export { type NodeNet, nodeNet } from "./net.ts";
export { type DroppedConnection, Server, type ServerOptions } from "./server.ts";
export { Socket } from "./socket.ts";
export type { AddressInfo, OnReadOptions, SocketOptions } from "./socket-options.ts";

/**
 * `tcpnet`: a TCP/IP stack in user space as a library. It needs nothing of the system, so it runs in Bun, Node.js, Deno and browsers; what
 * does need something has entries of its own (`package/entries.ts` lists all).
 */
import { createStack as createEngineStack } from "#socket/create-stack";
import type { CreateStackOptions, NetStack } from "#socket/types";

export type { Packet } from "#base/packet";
export type { PacketMemory } from "#base/packet-memory";
export type { Device, Offload, Wakeable } from "#device/device";
export { type PairDevice, type PairOptions, pair } from "#device/pair";
export type { Engine } from "#driver/engine";
export type { TraceEvent } from "#observe/events";
export { ConnectionError, type ConnectionErrorCode } from "#socket/connection-error";
export { ImpairedDevice, type ImpairedDeviceOptions, type LinkCounts } from "#socket/impaired-device";
export type {
  Attempt,
  EchoRequest,
  Interception,
  InterceptOptions,
  UdpFlow,
  UdpFlowHandlers,
  Unreachable,
} from "#socket/intercept-types";
export type { TlsInfo, TlsOptions, TlsSocket } from "#socket/tls-types";
export type {
  ChangeableOptions,
  ConnectOptions,
  CreateStackOptions,
  DeviceStackOptions,
  DnsOptions,
  Endpoint,
  Host,
  HostedStackOptions,
  Listener,
  ListenOptions,
  NetStack,
  Resolve,
  ResolveOptions,
  Socket,
  SocketHandlers,
  SocketInfo,
  SocketOptions,
  StackSettings,
  WriteOptions,
} from "#socket/types";
export type {
  BindOptions,
  Datagram,
  PingOptions,
  PingResult,
  PingSummary,
  UdpHandlers,
  UdpSocket,
} from "#socket/udp-types";
export { CallError } from "#stack/call-error";
export type { Limits } from "#stack/limits";
export { registerController } from "#tcp/congestion/congestion";
export type { AckEvent, Congestion, Controller, ControllerKind, Flow } from "#tcp/congestion/user-control";
export type { TcpInfo } from "#tcp/machine/info";
export type { CongestionControlName, TcpParams, TcpSettings } from "#tcp/words/params";
export type { ProfileName } from "#tcp/words/profiles";

/**
 * Makes a stack on a device, or on a host such as a node of the simulator, which drives it. @throws CallError EINVAL for an
 * address that no host can have, and for other invalid arguments.
 */
export const createStack: (options: CreateStackOptions) => Promise<NetStack> = createEngineStack;

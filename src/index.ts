/**
 * `tcpnet`: a TCP/IP stack in user space as a library. It needs nothing of the system, so it runs in Bun, Node.js, Deno and browsers; what
 * does need something has entries of its own (`package/entries.ts` lists all).
 */
import { createStack as createEngineStack } from "#socket/create-stack";
import type { CreateStackOptions, NetStack } from "#socket/stack-types";

export type { Counters } from "#base/counters";
export {
  CSUM_NONE,
  CSUM_PARTIAL,
  CSUM_VALID,
  GSO_NONE,
  GSO_TCP4,
  GSO_TCP6,
  HEADROOM,
  PACKET_MAX,
  type Packet,
} from "#base/packet";
export type { PacketMemory } from "#base/packet-memory";
export { NEVER } from "#base/time";
export {
  CHECKSUM_OFFLOAD,
  type Device,
  type FloodFilter,
  type FlowKey,
  FULL_OFFLOAD,
  NO_OFFLOAD,
  type Offload,
  RX_GONE,
  RX_NONE,
  TX_AGAIN,
  TX_GONE,
  TX_OK,
  TX_REFUSED,
  type Wakeable,
} from "#device/device";
export type { PairDevice, PairOptions } from "#device/pair";
export type { Engine } from "#driver/engine";
export type { LimitName, TraceEvent } from "#observe/events";
export type { PacketFields } from "#observe/packet-fields";
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
export { pair } from "#socket/pair";
export { SharedBytes } from "#socket/shared-bytes";
export type {
  CreateStackOptions,
  DeviceStackOptions,
  DnsOptions,
  Host,
  HostedStackOptions,
  NetStack,
  ResolveOptions,
  StackSettings,
} from "#socket/stack-types";
export {
  fromMessages,
  fromStreams,
  fromWebSocket,
  type MessageDeviceOptions,
  type PacketDevice,
  type PacketStreams,
  type PacketWebSocket,
  type StreamDeviceOptions,
} from "#socket/stream-device";
export type { TlsInfo, TlsOptions, TlsSocket } from "#socket/tls-types";
export type {
  ChangeableOptions,
  ConnectOptions,
  Endpoint,
  KeepAlive,
  Listener,
  ListenOptions,
  Resolve,
  Socket,
  SocketHandlers,
  SocketInfo,
  SocketOptions,
  WindowScale,
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
export { type ControlDetails, registerController } from "#tcp/congestion/congestion";
export type { AckEvent, Congestion, Controller, ControllerKind, Flow } from "#tcp/congestion/user-control";
export type { TcpInfo } from "#tcp/machine/info";
export type { TcpErrorName } from "#tcp/words/error";
export type {
  BuiltInControl,
  CongestionControlName,
  Parameters,
  Policies,
  PolicyFields,
  TcpParams,
  TcpSettings,
} from "#tcp/words/params";
export type { Acceptance } from "#tcp/words/policies/acceptance";
export type { Acknowledging } from "#tcp/words/policies/acknowledging";
export type { Buffering } from "#tcp/words/policies/buffering";
export type { Ending } from "#tcp/words/policies/ending";
export type { Growing } from "#tcp/words/policies/growing";
export type { IcmpErrors } from "#tcp/words/policies/icmp-errors";
export type { Opening } from "#tcp/words/policies/opening";
export type { Resetting } from "#tcp/words/policies/resetting";
export type { Retransmitting } from "#tcp/words/policies/retransmitting";
export type { ProfileName } from "#tcp/words/profiles";
export type { StateName } from "#tcp/words/state";

/**
 * Makes a stack on a device, or on a host such as a node of the simulator, which drives it. @throws CallError EINVAL for an
 * address that no host can have, and for other invalid arguments.
 */
export const createStack: (options: CreateStackOptions) => Promise<NetStack> = createEngineStack;

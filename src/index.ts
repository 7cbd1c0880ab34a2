/** tcpnet as a library: a TCP/IP stack in user space for any Bun program. */
export { CaptureDevice } from "#device/capture";
export type { Device } from "#device/device";
export { pair } from "#device/pair";
export { openTun } from "#device/tun";
export { CaptureFile } from "#observe/capture-file";
export { ConnectionError, type ConnectionErrorCode } from "#socket/connection-error";
export { createStack } from "#socket/create-stack";
export type {
  Attempt,
  EchoRequest,
  Interception,
  InterceptOptions,
  UdpFlow,
  UdpFlowHandlers,
  Unreachable,
} from "#socket/intercept-types";
export { joinStackGroup, type QueuePlace } from "#socket/join-stack-group";
export { createStackGroup, type GroupConnection, type StackGroup, type StackGroupOptions } from "#socket/stack-group";
export type {
  ConnectOptions,
  CreateStackOptions,
  DeviceStackOptions,
  Endpoint,
  Host,
  HostedStackOptions,
  Listener,
  ListenOptions,
  NetStack,
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
export { registerController } from "#tcp/congestion/congestion";
export type { AckEvent, Congestion, Controller, ControllerKind, Flow } from "#tcp/congestion/user-control";
export type { TcpInfo } from "#tcp/machine/info";
export type { TcpParams, TcpSettings } from "#tcp/words/params";

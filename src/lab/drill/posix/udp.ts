import { symbol } from "../constants/symbols.ts";
import { pattern } from "../packets/codec.ts";
import { addressFaults, checkPeer, portOf } from "./addresses.ts";
import { messageFaults } from "./messages.ts";
import { type Call, done, failed, type Outcome, type UdpSocket } from "./sockets.ts";
import { patternFaults } from "./stream.ts";
import { Refused, type TargetUdp } from "./target.ts";
import type { Transfer } from "./transfer.ts";

/** Calls on UDP sockets. Every datagram that the script injects contains the pattern from its beginning. */

const TRUNC = symbol("MSG_TRUNC")!;
const PEEK = symbol("MSG_PEEK")!;
const OOB = symbol("MSG_OOB")!;
const ERRQUEUE = symbol("MSG_ERRQUEUE")!;

/** The bound endpoint of a socket, bound to a free port if it was not bound; or the errno. */
function endpointOf(call: Call, s: UdpSocket): TargetUdp | string {
  if (s.endpoint) return s.endpoint;
  const endpoint = call.world.engine.openUdp(s.port, s.options);
  if (endpoint instanceof Refused) return endpoint.errno;
  s.endpoint = endpoint;
  s.port = endpoint.localPort;
  return endpoint;
}

export function bindUdp(call: Call, s: UdpSocket): Outcome {
  const endpoint = endpointOf(call, s);
  return typeof endpoint === "string" ? failed(endpoint) : done(0);
}

export function connectUdp(call: Call, s: UdpSocket, port: number): Outcome {
  const endpoint = endpointOf(call, s);
  if (typeof endpoint === "string") return failed(endpoint);
  s.remotePort = port;
  endpoint.connect?.(port);
  return done(0);
}

export function shutdownUdp(s: UdpSocket, how: number): Outcome {
  if (s.remotePort === 0) return failed("ENOTCONN");
  s.readShut ||= how !== 1;
  s.writeShut ||= how !== 0;
  return done(0);
}

export function readUdp(call: Call, s: UdpSocket, t: Transfer): Outcome | undefined {
  if (t.flags & ERRQUEUE) return failed("EAGAIN");
  const error = s.endpoint?.takeError();
  if (error) return failed(error);
  s.ahead ??= s.endpoint?.receive();
  const datagram = s.ahead;
  if (!datagram) return s.readShut ? done(0) : undefined;
  if ((t.flags & PEEK) === 0) s.ahead = undefined;
  const { bytes, remotePort } = datagram;
  const faults = patternFaults(bytes, 0);
  if (call.name === "recvfrom" && call.syscall.args.length > 4)
    faults.push(...addressFaults(call, call.value(4), remotePort, call.world.remoteAddress));
  const cut = bytes.length > t.count;
  if (t.message) faults.push(...messageFaults(call, t.message, cut ? TRUNC : 0, [], 0));
  return done(t.flags & TRUNC ? bytes.length : Math.min(t.count, bytes.length), ...faults);
}

export function writeUdp(call: Call, s: UdpSocket, t: Transfer, now: number): Outcome | undefined {
  if (t.flags & OOB) return failed("EOPNOTSUPP");
  const error = s.endpoint?.takeError();
  if (error) return failed(error);
  if (s.writeShut) return failed("EPIPE");
  const addressed = call.name === "sendto" && call.syscall.args.length > 4;
  const port = addressed ? portOf(call, 4, s.remotePort || call.world.connectPort) : s.remotePort;
  if (port === 0) return failed("EDESTADDRREQ");
  if (addressed) checkPeer(call, 4, call.world.remoteAddress);
  if (t.nowhere && t.count > 0) return failed("EFAULT");
  const endpoint = endpointOf(call, s);
  if (typeof endpoint === "string") return failed(endpoint);
  if (t.count > endpoint.longest) return failed("EMSGSIZE");
  const bytes = t.text ?? pattern(0, t.count);
  if (!endpoint.send(bytes, port, now)) return undefined;
  call.world.datagrams.push(bytes);
  return done(t.count);
}

import { symbol } from "../constants/symbols.ts";
import { pattern } from "../packets/codec.ts";
import { checkPeer, portOf } from "./addresses.ts";
import { type Call, done, failed, type Outcome, type TcpSocket, takeError } from "./sockets.ts";
import { opening } from "./stream.ts";
import { Refused, type TargetConnection } from "./target.ts";
import type { Transfer } from "./transfer.ts";

/** Writes that open the connection themselves: sendto(MSG_FASTOPEN), and the first write after TCP_FASTOPEN_CONNECT (RFC 7413). */

const ZEROCOPY = symbol("MSG_ZEROCOPY")!;
/** FreeBSD's MSG_EOF: the write ends the stream. */
const FIN = symbol("MSG_EOF")!;

/** The progress of the write. */
interface Opening {
  octets: number;
  /** The SYN was sent. */
  opened?: boolean;
  readonly nonblocking: boolean;
}

/** The effect of MSG_EOF after the last octet. */
export function shutWrite(s: TcpSocket, now: number): void {
  s.writeShut = true;
  s.connection?.shutdownWrite(now);
}

/** Connects the socket. */
export function attach(s: TcpSocket, connection: TargetConnection): void {
  s.connection = connection;
  s.connecting = true;
  s.flow.kind = "active";
  s.flow.localPort = connection.localPort;
  s.flow.remotePort = connection.remotePort;
}

/** One attempt of such a write. "go on": the handshake is over, and the rest is sent as by any write. */
export function early(
  call: Call,
  s: TcpSocket,
  t: Transfer,
  progress: Opening,
  now: number,
): Outcome | undefined | "go on" {
  if (!progress.opened) return open(call, s, t, progress, now);
  const error = takeError(s);
  // Octets that were sent with the SYN are not reported: the call returns the error.
  if (error) return failed(error);
  if (!opening(s)) return "go on";
  if (progress.octets < t.count) s.connection?.awaitsWriter?.();
  return undefined;
}

function open(call: Call, s: TcpSocket, t: Transfer, progress: Opening, now: number): Outcome | undefined | "go on" {
  const { engine } = call.world;
  const port = s.deferred ? s.flow.remotePort : portOf(call, 4, call.world.connectPort);
  if (s.connection || s.listener) {
    const ready = engine.fastOpenReady(port, s.options, now);
    if (ready instanceof Refused) return failed(ready.errno);
    if (opening(s)) return failed("EALREADY");
    if (!s.connecting || s.listener) return failed("EISCONN");
    // This write also reports the end of the handshake, in place of connect().
    s.connecting = false;
    progress.opened = true;
    return "go on";
  }
  // The call must name a peer.
  if (!s.deferred && !(call.name === "sendto" && call.syscall.args.length > 4) && call.name !== "sendmsg")
    return failed("EINVAL");
  // An unreadable buffer does not go into the SYN; the error is reported when the data is needed.
  const bytes = t.nowhere ? new Uint8Array(0) : (t.text ?? pattern(0, t.count));
  const connection = engine.connect(s.port, port, s.options, now, bytes);
  if (connection instanceof Refused) return failed(connection.errno);
  attach(s, connection);
  s.deferred = false;
  progress.opened = true;
  const n = connection.early();
  s.flow.wrote(0, bytes.subarray(0, n));
  s.wrote = n;
  progress.octets = n;
  if (n > 0 && t.flags & ZEROCOPY && s.options.get("SO_ZEROCOPY")) s.errors.copied();
  if (!progress.nonblocking) return undefined;
  return n > 0 ? done(n) : failed("EINPROGRESS");
}

/**
 * FreeBSD: a write that names the peer connects the socket, and queues its octets at once. With TCP_FASTOPEN the SYN carries as many as
 * fit. Undefined: this write does not connect.
 */
export function impliedConnect(call: Call, s: TcpSocket, t: Transfer, now: number): Outcome | undefined {
  const addressed = call.name === "sendto" && call.syscall.args.length > 4;
  if (s.dialect !== "freebsd" || !addressed || s.connection || s.listener) return undefined;
  const { engine } = call.world;
  const bytes = t.text ?? pattern(0, t.count);
  const opensFast = s.options.get("TCP_FASTOPEN") && !(engine.fastOpenReady(0, s.options, now) instanceof Refused);
  const port = portOf(call, 4, call.world.connectPort);
  checkPeer(call, 4, call.world.remoteAddress);
  const connection = engine.connect(s.port, port, s.options, now, opensFast ? bytes : undefined);
  if (connection instanceof Refused) return failed(connection.errno);
  attach(s, connection);
  s.impliedConnect = true;
  const early = opensFast ? connection.early() : 0;
  const rest = bytes.subarray(early);
  const n = early + (rest.length > 0 ? connection.send(rest, { more: false, urgent: false }, now) : 0);
  s.flow.wrote(0, bytes.subarray(0, n));
  s.wrote = n;
  if (t.flags & FIN) return call.unsupported("MSG_EOF with the octets that open a connection");
  return done(n);
}

/** connect() with TCP_FASTOPEN_CONNECT: whether to delay the SYN until the first write, because it could carry data. */
export function defers(call: Call, s: TcpSocket, port: number, now: number): boolean {
  if (!s.options.get("TCP_FASTOPEN_CONNECT")) return false;
  const ready = call.world.engine.fastOpenReady(port, s.options, now);
  return ready === true;
}

/** connect() with TCP_FASTOPEN_CONNECT, or on FreeBSD with TCP_FASTOPEN, requests a cookie: early data of length 0. */
export function earlyOf(s: TcpSocket): Uint8Array | undefined {
  const asks = s.options.get("TCP_FASTOPEN_CONNECT") || (s.dialect === "freebsd" && s.options.get("TCP_FASTOPEN"));
  return asks ? new Uint8Array(0) : undefined;
}

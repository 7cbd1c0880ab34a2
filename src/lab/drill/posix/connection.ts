import { symbol } from "../constants/symbols.ts";
import type { Syscall } from "../language/ast.ts";
import { Unsupported } from "../language/ast.ts";
import { addressFaults, checkPeer, isElsewhere, portOf, refusesAddress } from "./addresses.ts";
import { forget, WAKE_ALL, wake } from "./epoll.ts";
import { attach, defers, earlyOf } from "./fast-open.ts";
import { closePipe, fileCall } from "./files.ts";
import { ioCall } from "./io.ts";
import { controlCall } from "./ioctl.ts";
import { SEEN_NOTHING } from "./observe.ts";
import { optionCall } from "./options.ts";
import { pollCall } from "./poll.ts";
import {
  type Attempt,
  Call,
  done,
  failed,
  newTcpSocket,
  type Outcome,
  opened,
  type Socket,
  type TcpSocket,
  takeError,
  type World,
} from "./sockets.ts";
import { isOver } from "./stream.ts";
import { Refused, type TargetConnection } from "./target.ts";
import { bindUdp, connectUdp, shutdownUdp } from "./udp.ts";

const NONBLOCK = symbol("O_NONBLOCK")!;
/** States before the handshake is complete; in all others connect() has succeeded. */
const BEFORE = new Set(["SYN-SENT", "SYN-RECEIVED"]);

/** A system call of a script, ready to be attempted. Throws Unsupported for calls and arguments that are not supported. */
export function systemCall(world: World, syscall: Syscall): Attempt {
  const call = new Call(world, syscall);
  const attempt =
    connectionCall(call) ?? ioCall(call) ?? optionCall(call) ?? controlCall(call) ?? pollCall(call) ?? fileCall(call);
  if (!attempt) throw new Unsupported(`system call ${syscall.name}`, syscall.position);
  return attempt;
}

function connectionCall(call: Call): Attempt | undefined {
  switch (call.name) {
    case "socket":
      return socket(call);
    case "bind":
      return () => onSocket(call, (s) => bind(call, s));
    case "listen":
      return (now) => onSocket(call, (s) => listen(call, s, now));
    case "connect":
      return connect(call);
    case "accept":
    case "accept4":
      return accept(call);
    case "shutdown":
      return (now) => onSocket(call, (s) => shutdown(call, s, now));
    case "close":
      return close(call);
    case "getsockname":
    case "getpeername":
      return () => onSocket(call, (s) => name(call, s));
    default:
      return undefined;
  }
}

function onSocket(call: Call, act: (socket: Socket) => Outcome | undefined): Outcome | undefined {
  const found = call.socket(0);
  return found ? act(found) : failed("EBADF");
}

function socket(call: Call): Attempt {
  const type = call.number(1) & 15;
  const nonblocking = (call.number(1) & NONBLOCK) !== 0;
  const protocol = call.number(2);
  if (type === symbol("SOCK_DGRAM") && (protocol === 0 || protocol === symbol("IPPROTO_UDP"))) {
    return () =>
      opened({
        kind: "udp",
        nonblocking,
        options: new Map(),
        port: 0,
        remotePort: 0,
        endpoint: undefined,
        seen: { waiting: 0, failed: false },
        ahead: undefined,
        readShut: false,
        writeShut: false,
      });
  }
  if (type !== symbol("SOCK_STREAM") || (protocol !== 0 && protocol !== symbol("IPPROTO_TCP"))) {
    return call.unsupported(`socket of type ${type} and protocol ${protocol}`);
  }
  return () => opened(newTcpSocket(call.world.engine.profile, call.world.newFlow(), nonblocking));
}

function name(call: Call, s: Socket): Outcome {
  if (s.kind !== "tcp" && s.kind !== "udp") return failed("ENOTSOCK");
  const connected =
    s.kind === "udp"
      ? s.remotePort !== 0
      : s.connection && !isOver(s.connection) && s.connection.state() !== "SYN-SENT";
  const { localAddress, remoteAddress } = call.world;
  if (call.name === "getsockname") {
    const port = s.kind === "tcp" ? (s.connection?.localPort ?? s.port) : s.port;
    return done(0, ...addressFaults(call, call.value(1), port, localAddress));
  }
  if (!connected) return failed("ENOTCONN");
  const port = s.kind === "tcp" ? s.connection!.remotePort : s.remotePort;
  return done(0, ...addressFaults(call, call.value(1), port, remoteAddress));
}

function bind(call: Call, s: Socket): Outcome {
  if (s.kind !== "tcp" && s.kind !== "udp") return failed("ENOTSOCK");
  if (s.port !== 0 || (s.kind === "tcp" && s.connection && !isOver(s.connection))) return failed("EINVAL");
  const refused = refusesAddress(call, 1, call.world.family);
  if (refused) return failed(refused);
  if (isElsewhere(call, call.value(1), call.world.localAddress)) return failed("EADDRNOTAVAIL");
  s.port = portOf(call, 1, call.world.bindPort);
  if (s.kind === "tcp") s.flow.localPort = s.port;
  return s.kind === "udp" ? bindUdp(call, s) : done(0);
}

function listen(call: Call, s: Socket, now: number): Outcome {
  if (s.kind !== "tcp") return failed(s.kind === "udp" ? "EOPNOTSUPP" : "ENOTSOCK");
  if (s.connection) return failed("EINVAL");
  if (s.listener) return done(0);
  if (s.port === 0) {
    s.port = call.world.freePort();
    s.flow.localPort = s.port;
  }
  // As unsigned, a negative number is the largest.
  const backlog = Math.min(call.number(1) >>> 0, call.world.engine.most("backlog") ?? 0x7fffffff);
  const listener = call.world.engine.listen(s.port, backlog, s.options, now);
  if (listener instanceof Refused) return failed(listener.errno);
  s.listener = listener;
  s.backlog = backlog;
  s.flow.kind = "listening";
  return done(0);
}

function connect(call: Call): Attempt {
  let begun = false;
  return (now) =>
    onSocket(call, (s) => {
      if (s.kind !== "tcp" && s.kind !== "udp") return failed("ENOTSOCK");
      const port = portOf(call, 1, call.world.connectPort);
      const refused = refusesAddress(call, 1, call.world.family);
      if (refused) return failed(refused);
      checkPeer(call, 1, call.world.remoteAddress);
      if (s.kind === "udp") return connectUdp(call, s, port);
      if (dissolves(call)) return dissolve(s, now);
      if (s.listener || s.deferred) return failed("EISCONN");
      if (s.connection) return connectAgain(s, s.connection, begun);
      begun = true;
      return connectNew(call, s, port, now);
    });
}

function connectNew(call: Call, s: TcpSocket, port: number, now: number): Outcome | undefined {
  // A socket that was connected before starts a new connection.
  if (s.flow.kind === "active" || s.flow.kind === "passive") s.flow = call.world.newFlow();
  if (defers(call, s, port, now)) {
    s.deferred = true;
    s.flow.remotePort = port;
    return done(0);
  }
  const { engine } = call.world;
  const fast = engine.connect(s.port, port, s.options, now, earlyOf(s));
  // If the client may not use Fast Open, it opens in the usual way.
  const connection =
    fast instanceof Refused && fast.errno === "EOPNOTSUPP" ? engine.connect(s.port, port, s.options, now) : fast;
  if (connection instanceof Refused) return failed(connection.errno);
  attach(s, connection);
  return s.nonblocking ? failed("EINPROGRESS") : undefined;
}

function connectAgain(s: TcpSocket, connection: TargetConnection, begun: boolean): Outcome | undefined {
  const error = takeError(s);
  if (error) {
    forgetConnection(s);
    return failed(error);
  }
  if (BEFORE.has(connection.state())) return s.nonblocking && !begun ? failed("EALREADY") : undefined;
  if (!s.connecting) return failed("EISCONN");
  s.connecting = false;
  if (connection.state() !== "CLOSED") return done(0);
  forgetConnection(s);
  return failed("ECONNABORTED");
}

/** Whether this is `connect(fd, AF_UNSPEC, ...)`, or has an address of that family. */
function dissolves(call: Call): boolean {
  const address = call.value(1);
  const family = address.kind === "struct" ? call.field(address, "sa_family", "sin_family") : undefined;
  return address.kind === "struct"
    ? family === symbol("AF_UNSPEC")
    : address.kind === "word" && address.name === "AF_UNSPEC";
}

/** Resets the socket to its state after socket(), except its port and options. */
function forgetConnection(s: TcpSocket): void {
  s.connection = undefined;
  s.connecting = false;
  s.deferred = false;
  s.readShut = false;
  s.writeShut = false;
  s.read = 0;
  s.wrote = 0;
  s.urgent = undefined;
  s.seen = SEEN_NOTHING;
  s.errors.purge();
}

/** Ends a connection, or a listener, at once; the socket can be used again. A connected peer gets an RST. */
function dissolve(s: TcpSocket, now: number): Outcome {
  if (s.listener) unlisten(s, now);
  const connection = s.connection;
  if (!connection) return done(0);
  const wasOpen = !isOver(connection);
  if (wasOpen) connection.abort(now);
  else connection.close(now);
  forgetConnection(s);
  if (wasOpen) s.softError = "ECONNRESET";
  return done(0);
}

function unlisten(s: TcpSocket, now: number): void {
  s.listener?.close(now);
  s.listener = undefined;
  s.flow.kind = "open";
}

function accept(call: Call): Attempt {
  return (now) =>
    onSocket(call, (s) => {
      if (s.kind !== "tcp") return failed(s.kind === "udp" ? "EOPNOTSUPP" : "ENOTSOCK");
      if (!s.listener) return failed("EINVAL");
      const connection = s.listener.accept(now);
      if (!connection) return s.nonblocking ? failed("EAGAIN") : undefined;
      const flow = call.world.flowOf(connection.localPort, connection.remotePort);
      // On FreeBSD accept() passes O_NONBLOCK on to the new socket; accept4() never does.
      const inherited = s.dialect === "freebsd" && s.nonblocking;
      const nonblocking = call.name === "accept4" ? (call.number(3) & NONBLOCK) !== 0 : inherited;
      const child = newTcpSocket(s.dialect, flow ?? s.flow, nonblocking);
      child.connection = connection;
      child.port = connection.localPort;
      child.linger = s.linger;
      child.errors.flags = s.errors.flags;
      for (const [name, value] of s.options) child.options.set(name, value);
      const faults = addressFaults(call, call.value(1), connection.remotePort, call.world.remoteAddress);
      if (!flow) faults.push(`accepted a connection from port ${connection.remotePort}, which the script never made`);
      return { ...opened(child), faults };
    });
}

function shutdown(call: Call, s: Socket, now: number): Outcome {
  if (s.kind !== "tcp" && s.kind !== "udp") return failed("ENOTSOCK");
  const how = call.number(1);
  if (how < 0 || how > 2) return failed("EINVAL");
  if (s.kind === "udp") return shutdownUdp(s, how);
  if (s.listener) {
    // Linux: the socket returns to its state before listen(); a blocked accept ends.
    if (how !== 1) unlisten(s, now);
    return done(0);
  }
  if (!s.connection || isOver(s.connection)) {
    // Linux returns an error, but shuts the direction all the same.
    s.readShut ||= how !== 1;
    s.writeShut ||= how !== 0;
    return failed("ENOTCONN");
  }
  if (s.connection.state() === "SYN-SENT" && call.world.engine.profile === "linux") return dissolve(s, now);
  // Linux: the earlier connect() is over, even if its result was not asked for.
  if (s.connection.state() !== "SYN-RECEIVED") s.connecting = false;
  if (how !== 1) {
    s.readShut = true;
    s.connection.shutdownRead(now);
  }
  if (how !== 0 && !s.writeShut) {
    s.writeShut = true;
    s.connection.shutdownWrite(now);
  }
  wake(call.world.table, s, WAKE_ALL);
  return done(0);
}

function close(call: Call): Attempt {
  let closing: { readonly connection: TargetConnection; readonly until: number } | undefined;
  return (now) => {
    if (closing) return lingered(closing.connection) || now >= closing.until ? done(0) : undefined;
    const s = call.socket(0);
    if (!s) return failed("EBADF");
    call.world.table.delete(call.number(0));
    forget(call.world.table, s);
    if (s.kind === "udp") s.endpoint?.close();
    if (s.kind === "pipe") closePipe(s);
    if (s.kind !== "tcp") return done(0);
    s.listener?.close(now);
    if (!s.connection) return done(0);
    if (s.linger.on && s.linger.seconds === 0) s.connection.abort(now);
    else s.connection.close(now);
    if (!s.linger.on || s.linger.seconds === 0 || s.nonblocking || lingered(s.connection)) return done(0);
    closing = { connection: s.connection, until: now + s.linger.seconds * 1e6 };
    call.world.wakeAt(closing.until);
    return undefined;
  };
}

/** close() with SO_LINGER returns when all data and the FIN are acknowledged, or can no longer be. */
function lingered(connection: TargetConnection): boolean {
  return ["FIN-WAIT-2", "TIME-WAIT", "CLOSED"].includes(connection.state());
}

import type { Syscall } from "../ast.ts";
import { Unsupported } from "../ast.ts";
import { type EngineConnection, Refused } from "../engine.ts";
import { symbol } from "../symbols.ts";
import { ioCall } from "./io.ts";
import { optionCall } from "./options.ts";
import { pollCall } from "./poll.ts";
import {
  type Attempt,
  Call,
  done,
  failed,
  newTcpSocket,
  opened,
  type Socket,
  type TcpSocket,
  takeError,
  type World,
} from "./sockets.ts";

const NONBLOCK = symbol("O_NONBLOCK")!;
/** States in which connect() has done its work: the handshake is over, whatever came after it. */
const BEFORE = new Set(["SYN-SENT", "SYN-RECEIVED"]);

/** A system call of a script, ready to be tried. Throws Unsupported for calls and arguments we do not have. */
export function systemCall(world: World, syscall: Syscall): Attempt {
  const call = new Call(world, syscall);
  const attempt = connectionCall(call) ?? ioCall(call) ?? optionCall(call) ?? pollCall(call);
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

function onSocket(call: Call, act: (socket: Socket) => ReturnType<Attempt>): ReturnType<Attempt> {
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
        read: 0,
        wrote: 0,
      });
  }
  if (type !== symbol("SOCK_STREAM") || (protocol !== 0 && protocol !== symbol("IPPROTO_TCP"))) {
    return call.unsupported(`socket of type ${type} and protocol ${protocol}`);
  }
  return () => opened(newTcpSocket(call.world.newFlow(), nonblocking));
}

/** Addresses are fixed here: only whether there is one can be asked. */
function name(call: Call, s: Socket): ReturnType<Attempt> {
  if (!call.isEllipsis(1)) return call.unsupported(`${call.name} with an address`);
  if (s.kind === "epoll") return failed("ENOTSOCK");
  const connected = s.kind === "udp" ? s.remotePort !== 0 : s.connection && s.connection.state() !== "CLOSED";
  return call.name === "getpeername" && !connected ? failed("ENOTCONN") : done(0);
}

/** The port of a written address, or the script's own. */
function port(call: Call, otherwise: number): number {
  const address = call.value(1);
  return address.kind === "ellipsis" ? otherwise : (call.field(address, "sin_port", "sin6_port") ?? otherwise);
}

function bind(call: Call, s: Socket): ReturnType<Attempt> {
  if (s.kind === "epoll") return failed("ENOTSOCK");
  if (s.port !== 0) return failed("EINVAL");
  s.port = port(call, call.world.bindPort);
  if (s.kind === "tcp") s.flow.localPort = s.port;
  if (s.kind !== "udp") return done(0);
  const endpoint = call.world.engine.openUdp(s.port, s.options);
  if (endpoint instanceof Refused) return failed(endpoint.errno);
  s.endpoint = endpoint;
  return done(0);
}

function listen(call: Call, s: Socket, now: number): ReturnType<Attempt> {
  if (s.kind !== "tcp") return failed(s.kind === "udp" ? "EOPNOTSUPP" : "ENOTSOCK");
  if (s.connection) return failed("EINVAL");
  if (s.port === 0) return call.unsupported("listen without bind");
  if (s.listener) return done(0);
  const listener = call.world.engine.listen(s.port, call.number(1), s.options, now);
  if (listener instanceof Refused) return failed(listener.errno);
  s.listener = listener;
  s.flow.kind = "listening";
  return done(0);
}

function connect(call: Call): Attempt {
  let begun = false;
  return (now) =>
    onSocket(call, (s) => {
      if (s.kind === "epoll") return failed("ENOTSOCK");
      if (s.kind === "udp") {
        s.remotePort = port(call, call.world.connectPort);
        return done(0);
      }
      if (s.listener) return failed("EISCONN");
      if (!s.connection) {
        const connection = call.world.engine.connect(s.port, port(call, call.world.connectPort), s.options, now);
        if (connection instanceof Refused) return failed(connection.errno);
        begun = true;
        s.connection = connection;
        s.connecting = true;
        s.flow.kind = "active";
        s.flow.localPort = connection.localPort;
        s.flow.remotePort = connection.remotePort;
        return s.nonblocking ? failed("EINPROGRESS") : undefined;
      }
      return connectAgain(s, s.connection, begun);
    });
}

function connectAgain(s: TcpSocket, connection: EngineConnection, begun: boolean): ReturnType<Attempt> {
  const error = takeError(s);
  if (error) {
    s.connecting = false;
    return failed(error);
  }
  if (BEFORE.has(connection.state())) return s.nonblocking && !begun ? failed("EALREADY") : undefined;
  if (!s.connecting) return failed("EISCONN");
  s.connecting = false;
  return connection.state() === "CLOSED" ? failed("ECONNABORTED") : done(0);
}

function accept(call: Call): Attempt {
  return (now) =>
    onSocket(call, (s) => {
      if (s.kind !== "tcp") return failed(s.kind === "udp" ? "EOPNOTSUPP" : "ENOTSOCK");
      if (!s.listener) return failed("EINVAL");
      const connection = s.listener.accept(now);
      if (!connection) return s.nonblocking ? failed("EAGAIN") : undefined;
      const flow = call.world.flowOf(connection.localPort, connection.remotePort);
      const nonblocking = call.name === "accept4" && (call.number(3) & NONBLOCK) !== 0;
      const child = newTcpSocket(flow ?? s.flow, nonblocking);
      child.connection = connection;
      child.port = connection.localPort;
      child.linger = s.linger;
      for (const [name, value] of s.options) child.options.set(name, value);
      const outcome = opened(child);
      return flow
        ? outcome
        : {
            ...outcome,
            faults: [`accepted a connection from port ${connection.remotePort}, which the script never made`],
          };
    });
}

function shutdown(call: Call, s: Socket, now: number): ReturnType<Attempt> {
  if (s.kind !== "tcp") return failed(s.kind === "udp" ? "ENOTCONN" : "ENOTSOCK");
  const how = call.number(1);
  if (how < 0 || how > 2) return failed("EINVAL");
  if (s.listener) {
    // Linux: the socket is as before listen(); a blocked accept ends.
    if (how !== 1) {
      s.listener.close(now);
      s.listener = undefined;
      s.flow.kind = "open";
    }
    return done(0);
  }
  const state = s.connection?.state();
  if (!s.connection || state === "CLOSED") return failed("ENOTCONN");
  if (how !== 1) {
    s.readShut = true;
    s.connection.shutdownRead(now);
  }
  if (how !== 0 && !s.writeShut) {
    s.writeShut = true;
    s.connection.shutdownWrite(now);
  }
  return done(0);
}

function close(call: Call): Attempt {
  let closing: { readonly connection: EngineConnection; readonly until: number } | undefined;
  return (now) => {
    if (closing) return lingered(closing.connection) || now >= closing.until ? done(0) : undefined;
    const s = call.socket(0);
    if (!s) return failed("EBADF");
    call.world.table.delete(call.number(0));
    if (s.kind === "udp") s.endpoint?.close();
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

/** SO_LINGER's close returns when all data and the FIN are acknowledged, or nobody will acknowledge them. */
function lingered(connection: EngineConnection): boolean {
  return ["FIN-WAIT-2", "TIME-WAIT", "CLOSED"].includes(connection.state());
}

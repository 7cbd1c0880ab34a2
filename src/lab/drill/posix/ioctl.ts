import { symbol } from "../constants/symbols.ts";
import { type Attempt, type Call, done, failed, type Outcome, type Socket, type TcpSocket } from "./sockets.ts";
import { opening } from "./stream.ts";
import { atMark, readableToMark } from "./urgent.ts";

/** fcntl and ioctl. */
export function controlCall(call: Call): Attempt | undefined {
  const act = { fcntl, ioctl }[call.name];
  if (!act) return undefined;
  return () => {
    const s = call.socket(0);
    return s ? act(call, s) : failed("EBADF");
  };
}

const NONBLOCK = symbol("O_NONBLOCK")!;
/** FreeBSD's value of O_NONBLOCK. */
const ITS_NONBLOCK = 4;
/** O_LARGEFILE, which a 64-bit kernel always sets. */
const LARGE = 0o100000;
const READ_WRITE = symbol("O_RDWR")!;

function fcntl(call: Call, s: Socket): Outcome {
  const command = call.word(1);
  if (command === "F_GETFD" || command === "F_SETFD") return done(0);
  const freebsd = call.world.engine.profile === "freebsd";
  switch (command) {
    case "F_GETFL":
      return done(accessOf(s) | (isNonblocking(s) ? (freebsd ? ITS_NONBLOCK : NONBLOCK) : 0));
    case "F_SETFL": {
      const isNumber = call.value(2).kind === "integer";
      setNonblocking(s, (call.number(2) & (freebsd && isNumber ? ITS_NONBLOCK : NONBLOCK)) !== 0);
      return done(0);
    }
    default:
      return call.unsupported(`fcntl ${command}`);
  }
}

function accessOf(s: Socket): number {
  if (s.kind === "file") return s.access | LARGE;
  if (s.kind === "pipe") return s.end === "read" ? 0 : 1;
  return READ_WRITE;
}

function isNonblocking(s: Socket): boolean {
  return s.kind !== "epoll" && s.kind !== "file" && s.nonblocking;
}

/** For files and epoll descriptors the flag has no visible effect. */
function setNonblocking(s: Socket, on: boolean): void {
  if (s.kind !== "epoll" && s.kind !== "file") s.nonblocking = on;
}

function ioctl(call: Call, s: Socket): Outcome {
  const request = call.word(1);
  if (request === "FIONBIO") {
    setNonblocking(s, call.listed(2) !== 0);
    return done(0);
  }
  if (request === "FIOASYNC" || request === "FIOCLEX" || request === "FIONCLEX") return done(0);
  const answer = answered(call, s, request);
  if (typeof answer === "string") return failed(answer);
  const wanted = call.listed(2);
  return wanted === undefined || wanted === answer ? done(0) : done(0, `${request} is ${answer}, not ${wanted}`);
}

const INQ = new Set(["SIOCINQ", "FIONREAD"]);
const OUTQ = new Set(["SIOCOUTQ", "TIOCOUTQ", "FIONWRITE"]);

/** The result: a number, or an errno. */
function answered(call: Call, s: Socket, request: string): number | string {
  const known = INQ.has(request) || OUTQ.has(request) || /^(SIOCOUTQNSD|SIOCATMARK|FIONSPACE)$/.test(request);
  if (!known) return call.unsupported(`ioctl ${request}`);
  switch (s.kind) {
    case "epoll":
      return "EINVAL";
    case "file":
      return "ENOTTY";
    case "pipe":
      return INQ.has(request) ? s.pipe.octets : "ENOTTY";
    case "udp":
      if (INQ.has(request)) return s.ahead?.bytes.length ?? 0;
      return OUTQ.has(request) ? 0 : "ENOTTY";
    case "tcp":
      if (s.listener && request !== "SIOCATMARK") return "EINVAL";
      return ofConnection(s, request);
  }
}

function ofConnection(s: TcpSocket, request: string): number {
  const c = opening(s) ? undefined : s.connection;
  if (request === "SIOCATMARK") return Number(atMark(s));
  if (!c) return 0;
  if (INQ.has(request)) return readableToMark(s);
  return request === "SIOCOUTQNSD" ? c.unsent() : c.unacknowledged();
}

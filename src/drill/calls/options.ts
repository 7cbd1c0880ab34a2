import type { Value } from "../ast.ts";
import type { SettingValue } from "../engine.ts";
import { ERRNO as ERRNO_NAMES, symbol } from "../symbols.ts";
import { OF_THE_CALLS, refusal, told, UNSET, WITHOUT_EFFECT } from "./option-values.ts";
import {
  type Arguments,
  type Attempt,
  type Call,
  done,
  failed,
  type Socket,
  type TcpSocket,
  takeError,
} from "./sockets.ts";

/** getsockopt, setsockopt, fcntl, ioctl. */
export function optionCall(call: Call): Attempt | undefined {
  const act = { getsockopt, setsockopt, fcntl, ioctl }[call.name];
  if (!act) return undefined;
  return (now) => {
    const s = call.socket(0);
    return s ? act(call, s, now) : failed("EBADF");
  };
}

function getsockopt(call: Call, s: Socket, now: number): ReturnType<Attempt> {
  if (s.kind === "epoll") return failed("ENOTSOCK");
  const name = call.word(2);
  if (name === "TCP_INFO" && s.kind === "tcp") return information(call, s, now);
  const actual = optionValue(s, name);
  if (actual === undefined) return call.unsupported(`getsockopt ${name}`);
  const expected = call.value(3);
  if (expected.kind === "ellipsis") return done(0);
  if (name === "SO_LINGER") return linger(call, s);
  if (expected.kind === "string")
    return expected.text === actual ? done(0) : done(0, `${name} is "${actual}", not "${expected.text}"`);
  const wanted = call.listed(3);
  // FreeBSD does not double what was asked for, and its own sizes are none of a packet's business.
  if (name === "SO_RCVBUF" && call.world.engine.profile === "freebsd") return done(0);
  return wanted === Number(actual)
    ? done(0)
    : done(0, `${name} is ${shownOption(name, Number(actual))}, not ${shownOption(name, wanted ?? 0)}`);
}

/** `{tcpi_state=TCP_ESTABLISHED, tcpi_rto=…}`: only what is written is compared. */
function information(call: Call, s: TcpSocket, now: number): ReturnType<Attempt> {
  const expected = call.value(3);
  if (expected.kind === "ellipsis") return done(0);
  if (!s.connection) return call.unsupported("TCP_INFO of a socket without a connection");
  return done(0, ...informationFaults(call, expected, s.connection.info(now)));
}

/** Where tcp_info is not as `{…}` says. */
export function informationFaults(call: Arguments, expected: Value, info: Readonly<Record<string, number>>): string[] {
  if (expected.kind !== "struct") return call.unsupported("TCP_INFO without {…}");
  const faults: string[] = [];
  for (const { name } of expected.fields) {
    if (name === undefined) return call.unsupported("TCP_INFO with a nameless field");
    const wanted = call.field(expected, name);
    const actual = info[name];
    if (actual === undefined) return call.unsupported(name);
    if (wanted !== undefined && actual !== wanted) faults.push(`${name} is ${actual}, not ${wanted}`);
  }
  return faults;
}

export function shownOption(name: string, value: number): string {
  if (name !== "SO_ERROR" || value === 0) return String(value);
  return `${Object.entries(ERRNO_NAMES).find(([, n]) => n === value)?.[0] ?? value}`;
}

function linger(call: Call, s: Socket): ReturnType<Attempt> {
  if (s.kind !== "tcp") return call.unsupported("SO_LINGER of UDP");
  const on = call.field(call.value(3), "onoff", "l_onoff");
  const seconds = call.field(call.value(3), "linger", "l_linger");
  const same = on === Number(s.linger.on) && seconds === s.linger.seconds;
  return same ? done(0) : done(0, `SO_LINGER is {onoff=${Number(s.linger.on)}, linger=${s.linger.seconds}}`);
}

function optionValue(s: Exclude<Socket, { kind: "epoll" }>, name: string): SettingValue | undefined {
  switch (name) {
    case "SO_ERROR": {
      const error = s.kind === "udp" ? s.endpoint?.takeError() : (takeError(s) ?? s.connection?.takeSoftError());
      return error === undefined ? 0 : (symbol(error) ?? 0);
    }
    case "SO_TYPE":
      return s.kind === "udp" ? 2 : 1;
    case "SO_PROTOCOL":
      return s.kind === "udp" ? 17 : 6;
    case "SO_ACCEPTCONN":
      return s.kind === "tcp" && s.listener ? 1 : 0;
    case "SO_LINGER":
      return 0;
  }
  const set = s.options.get(name);
  if (s.kind === "tcp" && s.connection && !name.startsWith("SO_RCVBUF")) {
    const value = s.connection.option(name);
    if (value !== undefined) return value;
  }
  return set === undefined ? UNSET[name] : told(name, set);
}

function setsockopt(call: Call, s: Socket, now: number): ReturnType<Attempt> {
  if (s.kind === "epoll") return failed("ENOTSOCK");
  const name = call.word(2);
  const value = call.value(3);
  if (name === "SO_LINGER" && s.kind === "tcp") {
    const on = call.field(value, "onoff", "l_onoff") ?? 0;
    s.linger = { on: on !== 0, seconds: call.field(value, "linger", "l_linger") ?? 0 };
    return done(0);
  }
  if (value.kind !== "string" && value.kind !== "list" && value.kind !== "ellipsis")
    return call.unsupported(`setsockopt ${name} of kind ${value.kind}`);
  const setting =
    value.kind === "string" ? value.text : (call.listed(3) ?? call.unsupported(`setsockopt ${name} with ...`));
  if (typeof setting === "number" && call.syscall.args.length > 4 && call.number(4) < 4) return failed("EINVAL");
  const refused = refusal(name, setting);
  if (refused) return failed(refused);
  if (!WITHOUT_EFFECT.has(name) && !OF_THE_CALLS.has(name)) {
    if (s.kind !== "tcp") return call.unsupported(`setsockopt ${name} of UDP`);
    const known =
      s.connection?.setOption(name, setting, now) ??
      s.listener?.setOption(name, setting) ??
      call.world.engine.accepts(name, setting);
    if (!known) return call.unsupported(`setsockopt ${name}`);
  }
  s.options.set(name, setting);
  return done(0);
}

function fcntl(call: Call, s: Socket): ReturnType<Attempt> {
  if (s.kind === "epoll") return call.unsupported("fcntl on an epoll descriptor");
  const nonblock = symbol("O_NONBLOCK")!;
  switch (call.word(1)) {
    case "F_GETFL":
      return done(2 | (s.nonblocking ? (call.world.engine.profile === "freebsd" ? 4 : nonblock) : 0));
    case "F_SETFL":
      s.nonblocking = (call.number(2) & nonblock) !== 0;
      return done(0);
    case "F_GETFD":
    case "F_SETFD":
      return done(0);
    default:
      return call.unsupported(`fcntl ${call.word(1)}`);
  }
}

function ioctl(call: Call, s: Socket): ReturnType<Attempt> {
  const request = call.word(1);
  if (s.kind !== "tcp") return call.unsupported(`ioctl ${request} of ${s.kind}`);
  if (request === "FIONBIO") {
    s.nonblocking = call.listed(2) !== 0;
    return done(0);
  }
  const c = s.connection;
  const questions: Readonly<Record<string, () => number>> = {
    SIOCINQ: () => c?.readable() ?? 0,
    FIONREAD: () => c?.readable() ?? 0,
    SIOCOUTQ: () => c?.unacknowledged() ?? 0,
    TIOCOUTQ: () => c?.unacknowledged() ?? 0,
    SIOCOUTQNSD: () => c?.unsent() ?? 0,
  };
  const question = questions[request];
  if (!question) return call.unsupported(`ioctl ${request}`);
  if (s.listener) return failed("EINVAL");
  const wanted = call.listed(2);
  const actual = question();
  return wanted === undefined || wanted === actual ? done(0) : done(0, `${request} is ${actual}, not ${wanted}`);
}

import { errnoText, symbol } from "../constants/symbols.ts";
import type { Value } from "../language/ast.ts";
import { information } from "./information.ts";
import { acknowledgedOctets } from "./observe.ts";
import type { OptionRule } from "./option-rule.ts";
import { levelOf, NAMES, OF_THE_CONNECTION, optionRule, readBack } from "./option-values.ts";
import {
  type Arguments,
  type Attempt,
  type Call,
  done,
  failed,
  type Outcome,
  type Socket,
  type TcpSocket,
  takeError,
  type UdpSocket,
} from "./sockets.ts";
import { isOver } from "./stream.ts";
import type { SettingValue } from "./target.ts";

/** getsockopt and setsockopt. */
export function optionCall(call: Call): Attempt | undefined {
  const act = { getsockopt, setsockopt }[call.name];
  if (!act) return undefined;
  return (now) => {
    const s = call.socket(0);
    return s ? act(call, s, now) : failed("EBADF");
  };
}

/** Levels share option numbers, so the name must belong to the level. */
function optionName(call: Call): string {
  const name = call.word(2);
  const level = levelOf(name);
  if (level !== undefined && call.number(1) !== level)
    return call.unsupported(`${call.name} ${name} with a wrong level`);
  return name;
}

function isNull(value: Value): boolean {
  return value.kind === "word" && value.name === "NULL";
}

function getsockopt(call: Call, s: Socket, now: number): Outcome {
  if (s.kind !== "tcp" && s.kind !== "udp") return failed("ENOTSOCK");
  const name = optionName(call);
  const expected = call.value(3);
  if (s.kind === "udp" && name.startsWith("TCP_")) return failed("EOPNOTSUPP");
  if (isNull(expected)) return failed("EFAULT");
  if (name === "TCP_INFO" && s.kind === "tcp") return information(call, s, now);
  if (name === "TCP_SAVED_SYN" && s.kind === "tcp") return savedSyn(call, s);
  if (name === "IP_MTU" || name === "IPV6_MTU") {
    if (s.kind === "udp" ? s.remotePort === 0 : !s.connection) return failed("ENOTCONN");
  }
  // FreeBSD's scripts do not depend on the size of its buffer, which may grow.
  if (name === "SO_RCVBUF" && call.world.engine.profile === "freebsd") return done(0);
  if (name === "TCP_FUNCTION_BLK") return functionBlock(call, expected);
  const only = call.isEllipsis(3) ? answerWithoutValue(call, s, name) : undefined;
  if (only) return only;
  const actual = optionValue(call, s, name);
  if (actual === undefined) return call.unsupported(`getsockopt ${name}`);
  const faults = lengthFaults(call, name);
  if (expected.kind === "ellipsis") return done(0, ...faults);
  if (name === "SO_LINGER") return linger(call, s);
  if (name === "SO_RCVTIMEO" || name === "SO_SNDTIMEO") return patience(call, name, Number(actual));
  if (expected.kind === "string")
    return expected.text === actual ? done(0) : done(0, `${name} is "${actual}", not "${expected.text}"`);
  const wanted = call.listed(3);
  const isTruth = optionRule(name, call.world.engine.profile)?.isTruth === true;
  const same = isTruth
    ? (wanted !== 0) === (actual !== 0)
    : wanted === Number(actual) || (wanted !== undefined && wanted >>> 0 === Number(actual) >>> 0);
  if (!same) faults.push(`${name} is ${shownOption(name, Number(actual))}, not ${shownOption(name, wanted ?? 0)}`);
  return done(0, ...faults);
}

/** Structures and names of which a script can only check that they exist. */
function answerWithoutValue(call: Call, s: TcpSocket | UdpSocket, name: string): Outcome | undefined {
  switch (name) {
    case "SO_PEERCRED":
    case "SO_COOKIE":
    case "SO_BINDTODEVICE":
    case "SO_MEMINFO":
    case "TCP_CC_INFO":
    case "TCP_TIMESTAMP":
    case "TCP_ULP":
      return done(0);
    case "SO_PEERSEC":
      return failed("ENOPROTOOPT");
    case "TCP_REPAIR_QUEUE":
      return failed("EINVAL");
    case "SO_PEERNAME": {
      const connected = s.kind === "udp" ? s.remotePort !== 0 : s.connection !== undefined;
      const size = call.world.family === 6 ? 28 : 16;
      if (!connected) return failed("ENOTCONN");
      return (call.listed(4) ?? 0) > size ? failed("EINVAL") : done(0);
    }
    default:
      return undefined;
  }
}

/** The returned length is the smaller of the room and the option's size. */
function lengthFaults(call: Call, name: string): string[] {
  const room = call.syscall.args[4];
  if (room?.kind !== "list" || room.items.length !== 1) return [];
  const n = call.numberOf(room.items[0]!);
  const size =
    name === "SO_LINGER" || name === "SO_TIMESTAMPING" || name === "SO_MAX_PACING_RATE" ? 8 : NAMES[name] ? 16 : 4;
  return n > size && !/TIMEO$/.test(name) ? [`the length of ${name} is ${size}, not ${n}`] : [];
}

/** The headers of the SYN, returned once. A script can only check their length. */
function savedSyn(call: Call, s: TcpSocket): Outcome {
  if (!call.isEllipsis(3)) return call.unsupported("TCP_SAVED_SYN with a value");
  const length = s.options.get("TCP_SAVE_SYN") ? s.flow.synHeaders : 0;
  const room = call.listed(4) ?? length;
  if (room < length) return failed("EINVAL");
  s.options.delete("TCP_SAVE_SYN");
  return room === length ? done(0) : done(0, `the length of TCP_SAVED_SYN is ${length}, not ${room}`);
}

export function shownOption(name: string, value: number): string {
  if (name !== "SO_ERROR" || value === 0) return String(value);
  return errnoText(value);
}

function linger(call: Call, s: Socket): Outcome {
  if (s.kind !== "tcp") return call.unsupported("SO_LINGER of UDP");
  const on = call.field(call.value(3), "onoff", "l_onoff");
  const seconds = call.field(call.value(3), "linger", "l_linger");
  // For an enabled option FreeBSD returns the flag's own bit.
  const same = (on !== 0) === s.linger.on && seconds === s.linger.seconds;
  return same ? done(0) : done(0, `SO_LINGER is {onoff=${Number(s.linger.on)}, linger=${s.linger.seconds}}`);
}

/** `struct timeval`, us. */
function timeval(call: Arguments, value: Value): number {
  if (value.kind === "list" && value.items.length === 2)
    return call.numberOf(value.items[0]!) * 1e6 + call.numberOf(value.items[1]!);
  return (call.field(value, "tv_sec") ?? 0) * 1e6 + (call.field(value, "tv_usec") ?? 0);
}

function patience(call: Call, name: string, actual: number): Outcome {
  const wanted = timeval(call, call.value(3));
  return wanted === actual ? done(0) : done(0, `${name} is ${actual} us, not ${wanted} us`);
}

function optionValue(call: Call, s: TcpSocket | UdpSocket, name: string): SettingValue | undefined {
  const { engine, family } = call.world;
  const freebsd = engine.profile === "freebsd";
  switch (name) {
    case "SO_DOMAIN":
      return symbol(family === 6 ? "AF_INET6" : "AF_INET");
    case "SO_ERROR": {
      // FreeBSD does not report ICMP errors of an open connection (t_softerror).
      const soft = () => (s.kind === "tcp" && !freebsd ? s.connection?.takeSoftError() : undefined);
      const error = s.kind === "udp" ? s.endpoint?.takeError() : (takeError(s) ?? soft());
      return error === undefined ? 0 : (symbol(error) ?? 0);
    }
    case "SO_TYPE":
      return s.kind === "udp" ? 2 : 1;
    case "SO_PROTOCOL":
      return s.kind === "udp" ? 17 : 6;
    case "SO_ACCEPTCONN":
      return s.kind === "tcp" && s.listener ? 1 : 0;
    case "SO_LISTENQLIMIT":
      return s.kind === "tcp" ? s.backlog : undefined;
    case "SO_LISTENQLEN":
      return s.kind === "tcp" ? (s.listener?.waiting() ?? 0) : undefined;
    case "SO_LISTENINCQLEN":
    case "SO_LINGER":
      return 0;
  }
  const set = s.options.get(name);
  const known = s.kind === "tcp" ? s.connection?.option(name) : undefined;
  if (known !== undefined && (set === undefined || OF_THE_CONNECTION.has(name))) return known;
  if (set !== undefined) return readBack(name, set, engine.profile);
  const unset = s.kind === "tcp" && !s.connection ? engine.initial(name) : undefined;
  return unset ?? optionRule(name, engine.profile)?.initial ?? NAMES[name];
}

function setsockopt(call: Call, s: Socket, now: number): Outcome {
  if (s.kind !== "tcp" && s.kind !== "udp") return failed("ENOTSOCK");
  const name = optionName(call);
  const value = call.value(3);
  if (s.kind === "udp" && name.startsWith("TCP_")) return failed("ENOPROTOOPT");
  if (isNull(value)) return failed(call.syscall.args.length > 4 && call.number(4) >= 4 ? "EFAULT" : "EINVAL");
  if (name === "SO_LINGER" && s.kind === "tcp") {
    const on = call.field(value, "onoff", "l_onoff") ?? 0;
    s.linger = { on: on !== 0, seconds: call.field(value, "linger", "l_linger") ?? 0 };
    return done(0);
  }
  if (name === "SO_RCVTIMEO" || name === "SO_SNDTIMEO") {
    s.options.set(name, timeval(call, value));
    return done(0);
  }
  if (name === "TCP_FUNCTION_BLK") return functionBlock(call, value);
  if (name === "TCP_FASTOPEN" && value.kind === "struct") return fastOpen(call, s, value, now);
  if (value.kind === "string") return setText(call, s, name, value.text, now);
  if (value.kind !== "list") return call.unsupported(`setsockopt ${name} of kind ${value.kind}`);
  const number = call.listed(3) ?? call.unsupported(`setsockopt ${name} with ...`);
  // Options of IPv4 also accept a single octet.
  if (call.syscall.args.length > 4 && call.number(4) < (name.startsWith("IP_") ? 1 : 4)) return failed("EINVAL");
  return setNumber(call, s, name, number, now);
}

/** `{enable=1, psk=...}`: FreeBSD's struct tcp_fastopen. Only the form without a shared secret is supported. */
function fastOpen(call: Call, s: TcpSocket | UdpSocket, value: Value, now: number): Outcome {
  const secret = call.fieldValue(value, "psk");
  if (secret && !isNull(secret)) return call.unsupported("TCP_FASTOPEN with a shared secret");
  return setNumber(call, s, "TCP_FASTOPEN", call.field(value, "enable") ?? 0, now);
}

function setNumber(call: Call, s: TcpSocket | UdpSocket, name: string, number: number, now: number): Outcome {
  const closed = s.kind === "tcp" && (!s.connection || isOver(s.connection)) && !s.listener;
  if (name === "TCP_QUEUE_SEQ") return failed(closed ? "EINVAL" : "EPERM");
  const rule = optionRule(name, call.world.engine.profile);
  if (!rule) return call.unsupported(`setsockopt ${name}`);
  if (s.kind === "udp" && name === "IP_MULTICAST_TTL") return done(0);
  const taken = rule.take(atMost(call, name, number | 0));
  if (typeof taken !== "number") return failed(taken.errno);
  if (s.kind === "tcp" && untimely(s, name, taken, rule.when)) return failed("EINVAL");
  if (rule.concerns === "nobody yet" && taken !== rule.initial) return call.unsupported(`setsockopt ${name}`);
  // Buffer sizes and similar options of a UDP socket have no effect here.
  if (rule.concerns === "stack" && !(s.kind === "udp" && name.startsWith("SO_"))) tellStack(call, s, name, taken, now);
  if (name === "SO_TIMESTAMPING" && s.kind === "tcp") s.errors.setTimestamping(taken, s.wrote, acknowledgedOctets(s));
  // SO_SNDBUFFORCE sets the same option, for privileged users.
  s.options.set(name.replace(/FORCE$/, ""), taken);
  return done(0);
}

/** Linux limits buffer sizes to net.core.rmem_max and wmem_max. */
function atMost(call: Call, name: string, value: number): number {
  const { engine } = call.world;
  const most = engine.profile === "linux" ? engine.most(name) : undefined;
  return most === undefined ? value : Math.min(value >>> 0, most);
}

/** Whether the option may not be set in this state of the socket. */
function untimely(s: TcpSocket, name: string, value: number, when: OptionRule["when"]): boolean {
  const open = s.connection !== undefined && !isOver(s.connection);
  if (when !== "ever" && (open || (when === "closed" && s.listener !== undefined))) return true;
  if (name === "TCP_WINDOW_CLAMP") return value === 0 && (open || s.listener !== undefined);
  // Identifiers count from the connection's position in the stream, so there must be a connection.
  return name === "SO_TIMESTAMPING" && !open && (value & OPT_ID) !== 0 && (s.errors.flags & OPT_ID) === 0;
}

const OPT_ID = symbol("SOF_TIMESTAMPING_OPT_ID")!;

/** Names for which the kernel has modules, which are not supported here. */
const MODULES =
  /^(bic|cdg|dctcp|highspeed|htcp|hybla|illinois|lp|nv|scalable|vegas|veno|westwood|yeah|tls|smc|mptcp|espintcp)$/;

/** FreeBSD's TCP_FUNCTION_BLK, which selects a TCP implementation. There is one here. */
function functionBlock(call: Call, value: Value): Outcome {
  if (value.kind === "ellipsis") return done(0);
  const name = call.fieldValue(value, "function_set_name");
  const wanted = name?.kind === "string" ? name.text : "";
  return wanted === "freebsd" ? done(0) : call.unsupported(`TCP_FUNCTION_BLK ${wanted}`);
}

/** Options with a text value: names, and the keys of Fast Open as hex digits. */
function setText(call: Call, s: TcpSocket | UdpSocket, name: string, text: string, now: number): Outcome {
  const isName = name === "TCP_CONGESTION" || name === "TCP_ULP";
  if (isName && !/^(reno|newreno|cubic|bbr)$/.test(text) && !MODULES.test(text)) return failed("ENOENT");
  tellStack(call, s, name, text, now);
  s.options.set(name, text);
  return done(0);
}

function tellStack(call: Call, s: TcpSocket | UdpSocket, name: string, value: SettingValue, now: number): void {
  if (s.kind !== "tcp") call.unsupported(`setsockopt ${name} of UDP`);
  const known =
    s.connection?.setOption(name, value, now) ??
    s.listener?.setOption(name, value) ??
    call.world.engine.accepts(name, value);
  if (!known) call.unsupported(`setsockopt ${name}`);
}

import * as libc from "#ffi/libc";
import * as sockets from "#ffi/sockets";
import { symbol } from "../../../constants/symbols.ts";
import type { Value } from "../../../language/ast.ts";
import { informationFaults } from "../../../posix/information.ts";
import { shownOption } from "../../../posix/options.ts";
import { type Attempt, done, type Outcome } from "../../../posix/sockets.ts";
import { TCP_INFO_MAX, tcpInfoOf } from "../tcp-info.ts";
import { answered, type KernelCall, type KernelSocket } from "./connection.ts";

const NONBLOCK = symbol("O_NONBLOCK")!;
const SOL_TCP = symbol("SOL_TCP")!;
const TCP_INFO = symbol("TCP_INFO")!;
const TCP_CC_INFO = symbol("TCP_CC_INFO")!;
/** Room for any option, if the script does not say how much there is. */
const OPTION_MAX = 256;
/** Options whose value is a struct of two numbers: the names of its fields, and their width. */
const STRUCTS: Readonly<Record<string, readonly [readonly string[], readonly string[], 4 | 8]>> = {
  SO_LINGER: [["onoff", "l_onoff"], ["linger", "l_linger"], 4],
  SO_RCVTIMEO: [["tv_sec"], ["tv_usec"], 8],
  SO_SNDTIMEO: [["tv_sec"], ["tv_usec"], 8],
};

export function optionCall(call: KernelCall): Attempt | undefined {
  switch (call.name) {
    case "getsockopt":
      return call.on((s) => getsockopt(call, s));
    case "setsockopt":
      return call.on((s) => setsockopt(call, s));
    case "fcntl":
      return call.on((s) => fcntl(call, s));
    case "ioctl":
      return call.on((s) => ioctl(call, s));
    default:
      return undefined;
  }
}

/** tcp_info of the socket; undefined for a socket that is not TCP. */
export function information(fd: number): Readonly<Record<string, number>> | undefined {
  const bytes = new Uint8Array(TCP_INFO_MAX);
  const n = sockets.getOption(fd, SOL_TCP, TCP_INFO, bytes);
  return n < 0 ? undefined : { ...tcpInfoOf(bytes.subarray(0, n)), ...bbrInfo(fd) };
}

/** TCP_CC_INFO, if the socket's congestion control is BBR: others tell nothing, or less. */
function bbrInfo(fd: number): Readonly<Record<string, number>> {
  const bytes = new Uint8Array(BBR_INFO.length * 4);
  if (sockets.getOption(fd, SOL_TCP, TCP_CC_INFO, bytes) !== bytes.length) return {};
  const view = new DataView(bytes.buffer);
  return Object.fromEntries(BBR_INFO.map((name, i) => [name, view.getUint32(4 * i, true)]));
}

/** The fields of struct tcp_bbr_info. */
const BBR_INFO = ["bbr_bw_lo", "bbr_bw_hi", "bbr_min_rtt", "bbr_pacing_gain", "bbr_cwnd_gain"] as const;

const isNull = (value: Value | undefined): boolean => value?.kind === "word" && value.name === "NULL";

function getsockopt(call: KernelCall, s: KernelSocket): Outcome {
  const name = call.word(2);
  const expected = call.value(3);
  if (isNull(expected)) return answered(sockets.getOptionNowhere(s.fd, call.number(1), call.number(2)));
  if (name === "TCP_INFO") {
    if (expected.kind === "ellipsis") return done(0);
    return done(0, ...informationFaults(call, expected, information(s.fd) ?? {}, "linux"));
  }
  const room = call.syscall.args.length > 4 && !call.isEllipsis(4) ? (call.listed(4) ?? OPTION_MAX) : OPTION_MAX;
  const bytes = new Uint8Array(OPTION_MAX);
  const n = sockets.getOption(s.fd, call.number(1), call.number(2), bytes, Math.min(room, OPTION_MAX));
  if (n < 0) return answered(n);
  if (expected.kind === "ellipsis") return done(0);
  const view = new DataView(bytes.buffer);
  if (STRUCTS[name]) return done(0, ...structFaults(call, name, view));
  if (expected.kind === "string") {
    const actual = new TextDecoder().decode(bytes.subarray(0, n)).replace(/\0.*$/s, "");
    return done(0, ...(actual === expected.text ? [] : [`${name} is "${actual}", not "${expected.text}"`]));
  }
  const wanted = call.listed(3) ?? 0;
  const actual = n === 1 ? view.getUint8(0) : view.getInt32(0, true);
  const same = actual === wanted || actual >>> 0 === wanted;
  return done(0, ...(same ? [] : [`${name} is ${shownOption(name, actual)}, not ${shownOption(name, wanted)}`]));
}

/** The struct that the script specifies. */
function structOf(call: KernelCall, name: string): Uint8Array {
  const [first, second, width] = STRUCTS[name]!;
  const view = new DataView(new ArrayBuffer(2 * width));
  for (const [i, names] of [first, second].entries())
    view.setInt32(i * width, call.field(call.value(3), ...names) ?? 0, true);
  return new Uint8Array(view.buffer);
}

function structFaults(call: KernelCall, name: string, view: DataView): string[] {
  const [first, second, width] = STRUCTS[name]!;
  const actual = [view.getInt32(0, true), view.getInt32(width, true)];
  const wanted = [first, second].map((names) => call.field(call.value(3), ...names));
  if (wanted.every((each, i) => each === undefined || each === actual[i])) return [];
  return [`${name} is {${first[0]}=${actual[0]}, ${second[0]}=${actual[1]}}`];
}

function setsockopt(call: KernelCall, s: KernelSocket): Outcome {
  const name = call.word(2);
  const value = call.value(3);
  const level = call.number(1);
  const option = call.number(2);
  if (isNull(value)) return answered(sockets.setOption(s.fd, level, option, null, call.number(4)));
  if (STRUCTS[name]) return answered(sockets.setOption(s.fd, level, option, structOf(call, name)));
  if (value.kind === "string")
    return answered(sockets.setOption(s.fd, level, option, new TextEncoder().encode(value.text)));
  if (value.kind !== "list") return call.unsupported(`setsockopt ${name} of kind ${value.kind}`);
  const number = call.listed(3) ?? call.unsupported(`setsockopt ${name} with ...`);
  const bytes = new Uint8Array(new Int32Array([number]).buffer);
  const length = call.syscall.args.length > 4 ? Math.min(call.number(4), bytes.length) : bytes.length;
  return answered(sockets.setOption(s.fd, level, option, bytes, length));
}

/** The script sees the O_NONBLOCK flag that it has set itself. */
function fcntl(call: KernelCall, s: KernelSocket): Outcome {
  switch (call.word(1)) {
    case "F_GETFL": {
      const flags = libc.fcntl(s.fd, symbol("F_GETFL")!, 0);
      return flags < 0 ? answered(flags) : done((flags & ~NONBLOCK) | (s.nonblocking ? NONBLOCK : 0));
    }
    case "F_SETFL":
      s.nonblocking = (call.number(2) & NONBLOCK) !== 0;
      return answered(libc.fcntl(s.fd, symbol("F_SETFL")!, call.number(2) | NONBLOCK));
    case "F_GETFD":
    case "F_SETFD":
      return done(0);
    default:
      return call.unsupported(`fcntl ${call.word(1)}`);
  }
}

function ioctl(call: KernelCall, s: KernelSocket): Outcome {
  const request = call.word(1);
  if (request === "FIONBIO") {
    s.nonblocking = call.listed(2) !== 0;
    return done(0);
  }
  const number = symbol(request);
  if (number === undefined || !/^(SIOC|TIOC|FION)/.test(request)) return call.unsupported(`ioctl ${request}`);
  const bytes = new Uint8Array(8);
  const result = libc.ioctl(s.fd, number, bytes);
  if (result < 0) return answered(result);
  const actual = new DataView(bytes.buffer).getInt32(0, true);
  const wanted = call.listed(2);
  return wanted === undefined || wanted === actual ? done(0) : done(0, `${request} is ${actual}, not ${wanted}`);
}

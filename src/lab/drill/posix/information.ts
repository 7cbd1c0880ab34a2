import { ITS_OWN } from "../constants/freebsd.ts";
import { symbol } from "../constants/symbols.ts";
import type { Value } from "../language/ast.ts";
import { type Arguments, type Call, done, failed, type Outcome, type TcpSocket } from "./sockets.ts";
import type { Profile, Target } from "./target.ts";

/** tcp_info: in getsockopt(TCP_INFO), and as the variables of code blocks. */

export type Information = Readonly<Record<string, number>>;

/** `{tcpi_state=TCP_ESTABLISHED, tcpi_rto=…}`: only what is written is compared. */
export function information(call: Call, s: TcpSocket, now: number): Outcome {
  // FreeBSD has let go of what ended.
  if (s.dialect === "freebsd" && s.connection?.state() === "CLOSED") return failed("ECONNRESET");
  const expected = call.value(3);
  if (expected.kind === "ellipsis") return done(0);
  return done(0, ...informationFaults(call, expected, informationOf(call.world.engine, s, now), s.dialect));
}

/** What the machine knows of the socket's connection, or of a socket without one. */
export function informationOf(engine: Target, s: TcpSocket, now: number): Information {
  if (s.connection) return s.connection.info(now);
  return engine.information(s.listener && { waiting: s.listener.waiting(), backlog: s.backlog });
}

/** Where tcp_info is not as `{…}` says. */
export function informationFaults(call: Arguments, expected: Value, info: Information, dialect: Profile): string[] {
  if (expected.kind !== "struct") return call.unsupported("TCP_INFO without {…}");
  const faults: string[] = [];
  for (const { name, value } of expected.fields) {
    if (name === undefined) return call.unsupported("TCP_INFO with a nameless field");
    const actual = info[name];
    if (actual === undefined) return call.unsupported(name);
    if (value.kind === "ellipsis") continue;
    const wanted = (value.kind === "word" ? constantIn(dialect, value.name) : undefined) ?? call.numberOf(value);
    if (actual !== wanted) faults.push(`${name} is ${actual}, not ${wanted}`);
  }
  return faults;
}

/** A constant that tcp_info is compared with: a few have other values on FreeBSD. */
export function constantIn(dialect: Profile, name: string): number | undefined {
  return (dialect === "freebsd" ? ITS_OWN.get(name) : undefined) ?? symbol(name);
}

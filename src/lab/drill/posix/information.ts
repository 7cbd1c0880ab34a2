import { ITS_OWN } from "../constants/freebsd.ts";
import { symbol } from "../constants/symbols.ts";
import type { Value } from "../language/ast.ts";
import { type Arguments, type Call, done, failed, type Outcome, type TcpSocket } from "./sockets.ts";
import type { Profile, Target } from "./target.ts";

/** tcp_info: for getsockopt(TCP_INFO), and as variables of code blocks. */

export type Information = Readonly<Record<string, number>>;

/** `{tcpi_state=TCP_ESTABLISHED, tcpi_rto=…}`: only the fields in the script are compared. */
export function information(call: Call, s: TcpSocket, now: number): Outcome {
  // FreeBSD detaches the socket from an ended connection.
  if (s.dialect === "freebsd" && s.connection?.state() === "CLOSED") return failed("ECONNRESET");
  const expected = call.value(3);
  if (expected.kind === "ellipsis") return done(0);
  return done(0, ...informationFaults(call, expected, informationOf(call.world.engine, s, now), s.dialect));
}

/** tcp_info of the socket's connection, or of a socket without one. */
export function informationOf(engine: Target, s: TcpSocket, now: number): Information {
  if (s.connection) return s.connection.info(now);
  return engine.information(s.listener && { waiting: s.listener.waiting(), backlog: s.backlog });
}

/** Differences between tcp_info and the expected `{…}`. */
export function informationFaults(call: Arguments, expected: Value, info: Information, dialect: Profile): string[] {
  if (expected.kind !== "struct") return call.unsupported("TCP_INFO without {…}");
  const faults: string[] = [];
  for (const { name, value } of expected.fields) {
    if (name === undefined) return call.unsupported("TCP_INFO with a field without a name");
    const actual = info[name];
    if (actual === undefined) return call.unsupported(name);
    if (value.kind === "ellipsis") continue;
    const wanted = (value.kind === "word" ? constantIn(dialect, value.name) : undefined) ?? call.numberOf(value);
    if (actual !== wanted) faults.push(`${name} is ${actual}, not ${wanted}`);
  }
  return faults;
}

/** The value of a constant in a comparison with tcp_info: a few have other values on FreeBSD. */
export function constantIn(dialect: Profile, name: string): number | undefined {
  return (dialect === "freebsd" ? ITS_OWN.get(name) : undefined) ?? symbol(name);
}

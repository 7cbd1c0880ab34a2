import { maskText, symbol } from "../constants/symbols.ts";
import type { Value } from "../language/ast.ts";
import { EpollSocket, type Happened } from "./epoll.ts";
import {
  type Arguments,
  type Attempt,
  type Call,
  done,
  failed,
  lowWater,
  noteSoftError,
  opened,
  type Socket,
  type Surroundings,
  type TcpSocket,
} from "./sockets.ts";
import { opening } from "./stream.ts";
import { urgentReady } from "./urgent.ts";

/** poll and epoll, whose masks have the same bits. */

const mask = (...names: string[]): number => names.reduce((bits, name) => bits | symbol(name)!, 0);
const IN = mask("POLLIN", "POLLRDNORM");
const OUT = mask("POLLOUT", "POLLWRNORM");
const URGENT = mask("POLLPRI");
const HANG_UP = mask("POLLHUP");
const ERROR = mask("POLLERR");
const PEER_SHUT = mask("POLLRDHUP");
const INVALID = mask("POLLNVAL");

export function pollCall(call: Call): Attempt | undefined {
  switch (call.name) {
    case "poll":
      return poll(call);
    case "epoll_create":
      return () => (call.syscall.args.length > 0 && call.number(0) <= 0 ? failed("EINVAL") : epoll());
    case "epoll_create1":
      return epoll;
    case "epoll_ctl":
      return () => control(call);
    case "epoll_wait":
    case "epoll_pwait":
      return wait(call);
    default:
      return undefined;
  }
}

function epoll(): ReturnType<Attempt> {
  return opened(new EpollSocket(readiness));
}

/** The current events of a descriptor, as in Linux's tcp_poll. */
function readiness(s: Socket): number {
  switch (s.kind) {
    case "epoll":
      return s.anyReady ? IN : 0;
    case "udp":
      return (s.endpoint?.waiting() || s.ahead || s.readShut ? IN : 0) | (s.endpoint?.hasError?.() ? ERROR : 0) | OUT;
    case "file":
      return IN | OUT;
    case "pipe":
      if (s.end === "write") return (s.pipe.room > 0 ? OUT : 0) | (s.pipe.closedForReading ? ERROR : 0);
      return (s.pipe.octets > 0 ? IN : 0) | (s.pipe.closedForWriting ? HANG_UP : 0);
    case "tcp":
      if (s.listener) return s.listener.waiting() > 0 ? IN : 0;
      return connectionReadiness(s);
  }
}

function connectionReadiness(s: TcpSocket): number {
  const c = s.connection;
  if (!c) return (s.deferred ? OUT : OUT | HANG_UP) | (s.readShut ? IN | PEER_SHUT : 0);
  const state = c.state();
  noteSoftError(s);
  const readOver = c.finished() || s.readShut || state === "CLOSED";
  const writeOver = s.writeShut || state === "CLOSED";
  let bits = c.error() || s.softError !== undefined || s.errors.length > 0 ? ERROR : 0;
  if (readOver && writeOver) bits |= HANG_UP;
  if (readOver) bits |= IN | PEER_SHUT;
  if (opening(s)) return bits;
  if (c.readable() > 0 && (c.readable() >= lowWater(s) || readOver)) bits |= IN;
  if (urgentReady(s)) bits |= URGENT;
  if (writeOver || c.writable()) bits |= OUT;
  else s.noSpace = true;
  return bits;
}

function poll(call: Call): Attempt {
  const list = call.value(0);
  const timeout = call.number(2);
  if (list.kind !== "list") return call.unsupported("poll without a list");
  let began: number | undefined;
  return (now) => {
    began = begin(call.world, began, now, timeout);
    const faults: string[] = [];
    let ready = 0;
    for (const entry of list.items) {
      const wanted = (call.field(entry, "events") ?? 0) | HANG_UP | ERROR | INVALID;
      const fd = call.field(entry, "fd") ?? -1;
      const s = call.socketOf(fd);
      // A negative descriptor is ignored.
      const actual = s ? readiness(s) & wanted : fd < 0 ? 0 : INVALID;
      const expected = call.field(entry, "revents") ?? 0;
      if (actual !== 0) ready++;
      if (actual !== expected) faults.push(`revents is ${maskText(actual, "POLL")}, not ${maskText(expected, "POLL")}`);
    }
    if (ready > 0 || timeout === 0 || (timeout > 0 && now >= began + timeout * 1_000)) return done(ready, ...faults);
    return undefined;
  };
}

/** Returns when the call began, and schedules a wake-up at its timeout. */
export function begin(around: Surroundings, began: number | undefined, now: number, timeout: number): number {
  if (began === undefined && timeout > 0) around.wakeAt(now + timeout * 1_000);
  return began ?? now;
}

function control(call: Call): ReturnType<Attempt> {
  const from = call.socket(0);
  const target = call.socket(2);
  if (!from || !target) return failed("EBADF");
  if (from.kind !== "epoll") return failed("EINVAL");
  const operation = call.word(1);
  if (target.kind === "file") return failed("EPERM");
  if (operation === "EPOLL_CTL_DEL") return result(from.remove(target));
  const event = call.value(3);
  const events = call.field(event, "events") ?? 0;
  const data = call.field(event, "fd", "ptr", "u32", "u64") ?? 0;
  if (operation === "EPOLL_CTL_ADD") return result(from.add(target, events, data));
  if (operation === "EPOLL_CTL_MOD") return result(from.modify(target, events, data));
  return call.unsupported(`epoll_ctl ${operation}`);
}

function result(errno: string | undefined): ReturnType<Attempt> {
  return errno === undefined ? done(0) : failed(errno);
}

function wait(call: Call): Attempt {
  const expected = call.value(1);
  const room = call.number(2);
  const timeout = call.number(3);
  let began: number | undefined;
  return (now) => {
    began = begin(call.world, began, now, timeout);
    const from = call.socket(0);
    if (!from) return failed("EBADF");
    if (from.kind !== "epoll" || room <= 0) return failed("EINVAL");
    const events = from.collect(room);
    const over = timeout === 0 || (timeout > 0 && now >= began + timeout * 1_000);
    if (events.length === 0 && !over) return undefined;
    return done(events.length, ...eventFaults(call, expected, events));
  };
}

export function eventFaults(call: Arguments, expected: Value, events: readonly Happened[]): string[] {
  if (expected.kind === "ellipsis") return [];
  const list = expected.kind === "list" ? expected.items : [expected];
  return events.flatMap((event, i) => {
    const item = list[i];
    if (!item) return [];
    const bits = call.field(item, "events");
    const data = call.field(item, "fd", "ptr", "u32", "u64");
    const faults: string[] = [];
    if (bits !== undefined && bits !== event.events)
      faults.push(`events are ${maskText(event.events, "EPOLL")}, not ${maskText(bits, "EPOLL")}`);
    if (data !== undefined && data !== event.data) faults.push(`data is ${event.data}, not ${data}`);
    return faults;
  });
}

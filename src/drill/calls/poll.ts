import type { Value } from "../ast.ts";
import { maskText, symbol } from "../symbols.ts";
import {
  type Arguments,
  type Attempt,
  type Call,
  done,
  failed,
  type Interest,
  lowWater,
  noteSoftError,
  opened,
  type Socket,
  type Surroundings,
  type TcpSocket,
} from "./sockets.ts";

/** poll and epoll. Their masks have the same bits. */

const mask = (...names: string[]): number => names.reduce((bits, name) => bits | symbol(name)!, 0);
const IN = mask("POLLIN", "POLLRDNORM");
const OUT = mask("POLLOUT", "POLLWRNORM");
const HANG_UP = mask("POLLHUP");
const ERROR = mask("POLLERR");
const PEER_SHUT = mask("POLLRDHUP");
const INVALID = mask("POLLNVAL");
const EDGE = 2 ** 31;
const ONCE = 2 ** 30;

export function pollCall(call: Call): Attempt | undefined {
  switch (call.name) {
    case "poll":
      return poll(call);
    case "epoll_create":
    case "epoll_create1":
      return () => opened({ kind: "epoll", interests: new Map() });
    case "epoll_ctl":
      return () => control(call);
    case "epoll_wait":
    case "epoll_pwait":
      return wait(call);
    default:
      return undefined;
  }
}

/** What is true of a descriptor now, as Linux's tcp_poll says it. */
export function readiness(s: Socket): number {
  if (s.kind === "epoll") return 0;
  if (s.kind === "udp") return (s.endpoint && s.endpoint.waiting() > 0 ? IN : 0) | OUT;
  if (s.listener) return s.listener.waiting() > 0 ? IN : 0;
  return connectionReadiness(s);
}

function connectionReadiness(s: TcpSocket): number {
  const c = s.connection;
  if (!c) return OUT | HANG_UP;
  const state = c.state();
  noteSoftError(s);
  const readOver = c.finished() || s.readShut || state === "CLOSED";
  const writeOver = s.writeShut || state === "CLOSED";
  let bits = c.error() || s.softError !== undefined ? ERROR : 0;
  if (readOver && writeOver) bits |= HANG_UP;
  if (readOver) bits |= IN | PEER_SHUT;
  if (state === "SYN-SENT" || state === "SYN-RECEIVED") return bits;
  if (c.readable() > 0 && c.readable() >= lowWater(s)) bits |= IN;
  if (writeOver || c.writable()) bits |= OUT;
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
      const s = call.socketOf(call.field(entry, "fd") ?? -1);
      const actual = s ? readiness(s) & wanted : INVALID;
      const expected = call.field(entry, "revents") ?? 0;
      if (actual !== 0) ready++;
      if (actual !== expected) faults.push(`revents is ${maskText(actual, "POLL")}, not ${maskText(expected, "POLL")}`);
    }
    if (ready > 0 || timeout === 0 || (timeout > 0 && now >= began + timeout * 1_000)) return done(ready, ...faults);
    return undefined;
  };
}

/** When the call began; a timeout wakes it. */
export function begin(around: Surroundings, began: number | undefined, now: number, timeout: number): number {
  if (began === undefined && timeout > 0) around.wakeAt(now + timeout * 1_000);
  return began ?? now;
}

function control(call: Call): ReturnType<Attempt> {
  const epoll = call.socket(0);
  const fd = call.number(2);
  if (!epoll || !call.world.table.has(fd)) return failed("EBADF");
  if (epoll.kind !== "epoll") return failed("EINVAL");
  const operation = call.word(1);
  const known = epoll.interests.has(fd);
  if (operation === "EPOLL_CTL_DEL") return epoll.interests.delete(fd) ? done(0) : failed("ENOENT");
  if (operation !== "EPOLL_CTL_ADD" && operation !== "EPOLL_CTL_MOD") return call.unsupported(`epoll_ctl ${operation}`);
  if (known !== (operation === "EPOLL_CTL_MOD")) return failed(known ? "EEXIST" : "ENOENT");
  const event = call.value(3);
  const data = call.field(event, "fd", "ptr", "u32", "u64") ?? 0;
  epoll.interests.set(fd, { fd, mask: call.field(event, "events") ?? 0, data, reported: "", spent: false });
  return done(0);
}

function wait(call: Call): Attempt {
  const expected = call.value(1);
  const room = call.number(2);
  const timeout = call.number(3);
  let began: number | undefined;
  return (now) => {
    began = begin(call.world, began, now, timeout);
    const epoll = call.socket(0);
    if (!epoll) return failed("EBADF");
    if (epoll.kind !== "epoll") return failed("EINVAL");
    const events = collect(call, epoll.interests, room);
    const over = timeout === 0 || (timeout > 0 && now >= began + timeout * 1_000);
    if (events.length === 0 && !over) return undefined;
    return done(events.length, ...eventFaults(call, expected, events));
  };
}

interface Happened {
  readonly events: number;
  readonly data: number;
}

function collect(call: Call, interests: ReadonlyMap<number, Interest>, room: number): Happened[] {
  const events: Happened[] = [];
  for (const interest of interests.values()) {
    const s = call.socketOf(interest.fd);
    if (!s || interest.spent || events.length === room) continue;
    const bits = readiness(s) & (interest.mask | HANG_UP | ERROR);
    const activity = `${bits} ${arrived(s)}`;
    const edge = (interest.mask & EDGE) !== 0;
    if (bits === 0) interest.reported = "";
    if (bits === 0 || (edge && activity === interest.reported)) continue;
    interest.reported = activity;
    interest.spent = (interest.mask & ONCE) !== 0;
    events.push({ events: bits, data: interest.data });
  }
  return events;
}

/** Octets or connections that ever arrived: what makes a new edge although the mask is the old one. */
function arrived(s: Socket): number {
  if (s.kind === "tcp") return s.read + (s.connection?.readable() ?? 0) + (s.listener?.waiting() ?? 0);
  return s.kind === "udp" ? s.read + (s.endpoint?.waiting() ?? 0) : 0;
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

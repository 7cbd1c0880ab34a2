import * as sockets from "#ffi/sockets";
import { maskText } from "../../../constants/symbols.ts";
import type { Value } from "../../../language/ast.ts";
import { eventFaults } from "../../../posix/poll.ts";
import { type Attempt, done, failed, type Outcome, opened } from "../../../posix/sockets.ts";
import { answered, type KernelCall, KernelSocket } from "./connection.ts";

export function pollCall(call: KernelCall): Attempt | undefined {
  switch (call.name) {
    case "poll":
      return poll(call);
    case "epoll_create":
    case "epoll_create1":
      return epollCreate;
    case "epoll_ctl":
      return call.on((s) => control(call, s));
    case "epoll_wait":
    case "epoll_pwait":
      return wait(call);
    default:
      return undefined;
  }
}

function epollCreate(): Outcome {
  const fd = sockets.epollCreate();
  return fd < 0 ? answered(fd) : opened(new KernelSocket(fd, undefined, false, "epoll"));
}

/** A poll without waiting; `waiting.ts` makes those with a timeout. */
function poll(call: KernelCall): Attempt {
  const timeout = call.number(2);
  return () => {
    const bits = sockets.wait(entriesOf(call), 0);
    const none = typeof bits !== "number" && bits.every((each) => each === 0);
    return none && timeout !== 0 ? undefined : polled(call, bits);
  };
}

function entriesOf(call: KernelCall): sockets.PollEntry[] {
  return itemsOf(call).map((entry) => ({
    fd: kernelNumber(call, call.field(entry, "fd") ?? -1),
    events: call.field(entry, "events") ?? 0,
  }));
}

function itemsOf(call: KernelCall): readonly Value[] {
  const list = call.value(0);
  return list.kind === "list" ? list.items : call.unsupported("poll without a list");
}

export function polling(call: KernelCall): sockets.Prepared<number[] | number> {
  return sockets.waiting(entriesOf(call), call.number(2) * 1_000);
}

export function polled(call: KernelCall, bits: readonly number[] | number): Outcome {
  if (typeof bits === "number") return answered(bits);
  const faults = itemsOf(call).flatMap((entry, i) => {
    const expected = call.field(entry, "revents") ?? 0;
    const actual = bits[i]!;
    return actual === expected ? [] : [`revents is ${maskText(actual, "POLL")}, not ${maskText(expected, "POLL")}`];
  });
  return done(bits.filter((each) => each !== 0).length, ...faults);
}

/** poll() ignores a negative descriptor; a descriptor that the script does not have is certainly closed. */
function kernelNumber(call: KernelCall, fd: number): number {
  return fd < 0 ? fd : (call.socketOf(fd)?.fd ?? NOBODY);
}

const NOBODY = 1_000_000;

function control(call: KernelCall, epoll: KernelSocket): Outcome {
  const target = call.socketOf(call.number(2));
  if (!target) return failed("EBADF");
  const operation = call.number(1);
  const removes = call.word(1) === "EPOLL_CTL_DEL";
  const event = call.value(3);
  const mask = removes ? 0 : (call.field(event, "events") ?? 0);
  const data = removes ? 0 : (call.field(event, "fd", "ptr", "u32", "u64") ?? 0);
  return answered(sockets.epollControl(epoll.fd, operation, target.fd, mask, data));
}

function wait(call: KernelCall): Attempt {
  const timeout = call.number(3);
  return call.on((epoll) => {
    const events = sockets.epollEvents(epoll.fd, call.number(2));
    const none = typeof events !== "number" && events.length === 0;
    return none && timeout !== 0 ? undefined : waited(call, events);
  });
}

export function waitingForEvents(
  call: KernelCall,
  epoll: KernelSocket,
): sockets.Prepared<sockets.EpollEvent[] | number> {
  return sockets.epollWaiting(epoll.fd, call.number(2), call.number(3));
}

export function waited(call: KernelCall, events: readonly sockets.EpollEvent[] | number): Outcome {
  if (typeof events === "number") return answered(events);
  return done(events.length, ...eventFaults(call, call.value(1), events));
}

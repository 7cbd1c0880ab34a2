import { begin, eventFaults } from "#drill/calls/poll";
import { type Attempt, done, failed, type Outcome, opened } from "#drill/calls/sockets";
import { maskText, symbol } from "#drill/symbols";
import * as sockets from "#ffi/sockets";
import { answered, type KernelCall, KernelSocket } from "./connection.ts";

const INTERRUPTED = symbol("EINTR")!;

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
  return fd < 0 ? answered(fd) : opened(new KernelSocket(fd, undefined, false));
}

function poll(call: KernelCall): Attempt {
  const list = call.value(0);
  const timeout = call.number(2);
  if (list.kind !== "list") return call.unsupported("poll without a list");
  let began: number | undefined;
  return (now) => {
    began = begin(call.around, began, now, timeout);
    const entries = list.items.map((entry) => ({
      fd: kernelNumber(call, call.field(entry, "fd") ?? -1),
      events: call.field(entry, "events") ?? 0,
    }));
    const bits = sockets.wait(entries, 0);
    if (typeof bits === "number") return bits === -INTERRUPTED ? undefined : answered(bits);
    const ready = bits.filter((each) => each !== 0).length;
    const over = timeout === 0 || (timeout > 0 && now >= began + timeout * 1_000);
    if (ready === 0 && !over) return undefined;
    const faults = list.items.flatMap((entry, i) => {
      const expected = call.field(entry, "revents") ?? 0;
      const actual = bits[i]!;
      return actual === expected ? [] : [`revents is ${maskText(actual, "POLL")}, not ${maskText(expected, "POLL")}`];
    });
    return done(ready, ...faults);
  };
}

/** A negative one poll() passes over; one that the script does not have is surely closed. */
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
  const expected = call.value(1);
  const room = call.number(2);
  const timeout = call.number(3);
  let began: number | undefined;
  return (now) => {
    began = begin(call.around, began, now, timeout);
    const epoll = call.socket(0);
    if (!epoll) return failed("EBADF");
    const events = sockets.epollEvents(epoll.fd, room);
    if (typeof events === "number") return events === -INTERRUPTED ? undefined : answered(events);
    const over = timeout === 0 || (timeout > 0 && now >= began + timeout * 1_000);
    if (events.length === 0 && !over) return undefined;
    return done(events.length, ...eventFaults(call, expected, events));
  };
}

import type { CallThread } from "#ffi/call-thread";
import * as files from "#ffi/files";
import * as libc from "#ffi/libc";
import * as sockets from "#ffi/sockets";
import { symbol } from "../../../constants/symbols.ts";
import type { Attempt, Outcome } from "../../../posix/sockets.ts";
import { failed } from "../../../posix/sockets.ts";
import { transferOf } from "../../../posix/transfer.ts";
import { accepted, answered, connects, type KernelCall, type KernelSocket, peerAddress } from "./connection.ts";
import { moved, sendingFile, splicing } from "./files.ts";
import { reads, receivingFor, sendingFor, sends } from "./io.ts";
import { polled, polling, waited, waitingForEvents } from "./poll.ts";

/**
 * Calls that the script expects to block: they block in the kernel, on a thread of their own, while the script continues. So the kernel
 * decides when they return, which repeated attempts could not test.
 */

const NONBLOCK = symbol("O_NONBLOCK")!;
const DONTWAIT = symbol("MSG_DONTWAIT")!;
const FASTOPEN = symbol("MSG_FASTOPEN")!;

/** A blocking call of the kernel, and its result. */
interface Waiting {
  readonly prepared: sockets.Prepared<unknown>;
  /** Called once it has begun. */
  readonly began: () => void;
  readonly outcome: (answer: number, now: number) => Outcome;
}

function waiting<T>(
  prepared: sockets.Prepared<T>,
  outcome: (result: T, now: number) => Outcome,
  began: () => void = () => {},
): Waiting {
  return { prepared, began, outcome: (answer, now) => outcome(prepared.finish(answer), now) };
}

/** @param otherwise makes the call if the script's descriptor is non-blocking */
export function waitingCall(call: KernelCall, otherwise: Attempt): Attempt | undefined {
  const prepare = PREPARE[call.name];
  if (!prepare) return undefined;
  let running: Running | undefined;
  let attempt: Attempt | undefined;
  return (now) => {
    if (attempt) return attempt(now);
    const s = call.name === "poll" ? undefined : call.socket(0);
    if (call.name !== "poll" && !s) return failed("EBADF");
    const prepared = s?.nonblocking ? undefined : prepare(call, s as KernelSocket);
    if (prepared) running = new Running(call, prepared, s);
    attempt = running ? (at) => running!.look(at) : otherwise;
    return attempt(now);
  };
}

class Running {
  readonly #thread: CallThread;
  readonly #waiting: Waiting;
  /** Descriptors that are set to blocking until the call is over. */
  readonly #blocking: readonly number[];

  constructor(call: KernelCall, prepared: Waiting, s: KernelSocket | undefined) {
    this.#thread = call.thread();
    this.#waiting = prepared;
    // A pipe in the same call has a blocking descriptor of its own.
    const others = call.name === "splice" ? [call.socket(2)] : call.name === "sendfile" ? [call.socket(1)] : [];
    const blocking = [s, ...others].filter((each) => each !== undefined && !each.nonblocking).map((each) => each!.fd);
    for (const fd of blocking) setBlocking(fd, true);
    this.#blocking = call.name === "close" ? [] : blocking;
    this.#thread.begin(prepared.prepared);
    prepared.began();
  }

  look(now: number): Outcome | undefined {
    const answer = this.#thread.answer();
    if (answer === undefined) return undefined;
    for (const fd of this.#blocking) setBlocking(fd, false);
    return this.#waiting.outcome(answer, now);
  }
}

function setBlocking(fd: number, blocking: boolean): void {
  const flags = libc.fcntl(fd, symbol("F_GETFL")!, 0);
  libc.fcntl(fd, symbol("F_SETFL")!, blocking ? flags & ~NONBLOCK : flags | NONBLOCK);
}

type Prepare = (call: KernelCall, s: KernelSocket) => Waiting | undefined;

const read: Prepare = (call, s) => {
  const t = transferOf(call);
  if (t.flags & DONTWAIT) return undefined;
  if (s.type === "file" || (t.count === 0 && call.name.startsWith("read")))
    return waiting(files.reading(s.fd, t.count), (n) => {
      s.content?.take(n);
      return answered(n);
    });
  const place = receivingFor(s, t);
  return waiting(sockets.receiving(s.fd, t.count, t.flags, t.nowhere), (received, now) =>
    reads(call, s, t, place, received, now),
  );
};

const write: Prepare = (call, s) => {
  const t = transferOf(call);
  if (t.flags & DONTWAIT) return undefined;
  const { bytes, prepared } = sendingFor(call, s, t);
  return waiting(
    prepared,
    (n) => sends(call, s, bytes, n),
    () => {
      if (t.flags & FASTOPEN && s.flow?.kind === "open") connects(call, s, 4);
    },
  );
};

const accept: Prepare = (call, s) => waiting(sockets.accepting(s.fd), (fd) => accepted(call, s, fd));
const epoll: Prepare = (call, s) => waiting(waitingForEvents(call, s), (events) => waited(call, events));

function moving(call: KernelCall, prepared: sockets.Prepared<number> | undefined): Waiting | undefined {
  return prepared && waiting(prepared, (n) => moved(call, n));
}

const PREPARE: Readonly<Record<string, Prepare>> = {
  accept,
  accept4: accept,
  connect: (call, s) => waiting(sockets.connecting(s.fd, peerAddress(call)), answered, () => connects(call, s)),
  close: (call, s) => {
    call.around.table.delete(call.number(0));
    return waiting(sockets.closing(s.fd), answered);
  },
  read,
  readv: read,
  recv: read,
  recvfrom: read,
  recvmsg: read,
  write,
  writev: write,
  send: write,
  sendto: write,
  sendmsg: write,
  splice: (call) => moving(call, splicing(call)),
  sendfile: (call) => moving(call, sendingFile(call)),
  poll: (call) => waiting(polling(call), (bits) => polled(call, bits)),
  epoll_wait: epoll,
  epoll_pwait: epoll,
};

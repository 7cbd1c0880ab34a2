import { symbol } from "../constants/symbols.ts";
import type { Value } from "../language/ast.ts";
import { type Attempt, type Call, done, failed, type Outcome, opened, type Socket, type TcpSocket } from "./sockets.ts";
import { queue, take } from "./stream.ts";

/** The calls on files and pipes that scripts use with connections: open, pipe, sendfile, splice. */

export interface FileDescriptor {
  readonly kind: "file";
  /** /dev/zero is endless, /dev/null is empty. */
  readonly content: Uint8Array | "zero" | "null";
  readonly access: number;
  offset: number;
}

export interface PipeEnd {
  readonly kind: "pipe";
  readonly end: "read" | "write";
  readonly pipe: Pipe;
  nonblocking: boolean;
}

/** A pipe on Linux has this many buffers, each of which holds one write. */
const BUFFERS = 16;

export class Pipe {
  readonly #buffers: Uint8Array[] = [];
  closedForWriting = false;
  closedForReading = false;

  get octets(): number {
    return this.#buffers.reduce((sum, each) => sum + each.length, 0);
  }

  get room(): number {
    return BUFFERS - this.#buffers.length;
  }

  put(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#buffers.push(bytes);
  }

  /** Up to `count` octets from the front, without consuming them. */
  front(count: number): Uint8Array {
    const all = Uint8Array.from(this.#buffers.flatMap((each) => [...each]));
    return all.slice(0, count);
  }

  drop(count: number): void {
    let left = count;
    while (left > 0 && this.#buffers.length > 0) {
      const first = this.#buffers[0]!;
      if (first.length > left) this.#buffers[0] = first.subarray(left);
      else this.#buffers.shift();
      left -= first.length;
    }
  }
}

const constant = (name: string): number => symbol(name)!;
const ACCESS = 3;
const WRITE_ONLY = constant("O_WRONLY");
const NONBLOCK = constant("O_NONBLOCK");
const SPLICE_NONBLOCK = constant("SPLICE_F_NONBLOCK");
const SPLICE_MORE = constant("SPLICE_F_MORE");

export function fileCall(call: Call): Attempt | undefined {
  switch (call.name) {
    case "open":
      return () => open(call);
    case "pipe":
    case "pipe2":
      return () => pipe(call);
    case "sendfile":
      return sendfile(call);
    case "splice":
      return splice(call);
    default:
      return undefined;
  }
}

export const DEVICE_FILES: Readonly<Record<string, "zero" | "null">> = { "/dev/zero": "zero", "/dev/null": "null" };

function open(call: Call): Outcome {
  const path = call.value(0);
  if (path.kind !== "string") return call.unsupported("open without a file name");
  const access = call.number(1) & ACCESS;
  const content = DEVICE_FILES[path.text] ?? call.world.readFile(path.text);
  if (content === undefined) return call.unsupported(`open of ${path.text}`);
  if (access !== 0 && typeof content !== "string") return call.unsupported("opening a file for writing");
  return opened({ kind: "file", content, access, offset: 0 });
}

/** `pipe([5, 6])`: the script chooses the descriptors. */
function pipe(call: Call): Outcome {
  const list = call.value(0);
  if (list.kind !== "list" || list.items.length !== 2) return call.unsupported("pipe without [READ, WRITE]");
  const nonblocking = call.name === "pipe2" && (call.number(1) & NONBLOCK) !== 0;
  const shared = new Pipe();
  for (const [item, end] of [
    [list.items[0]!, "read"],
    [list.items[1]!, "write"],
  ] as const) {
    const fd = call.numberOf(item);
    call.world.table.set(fd, { kind: "pipe", end, pipe: shared, nonblocking });
  }
  return done(0);
}

export function closePipe({ pipe: shared, end }: PipeEnd): void {
  if (end === "read") shared.closedForReading = true;
  else shared.closedForWriting = true;
}

// ---- contents of files and pipes

/** The octets that a read of the file returns. */
export function fileOctets(file: FileDescriptor, offset: number, count: number): Uint8Array {
  if (file.content === "zero") return new Uint8Array(count);
  return file.content === "null" ? new Uint8Array(0) : file.content.slice(offset, offset + count);
}

/** read(2) of a file or a pipe; the octets are not compared. */
export function readFrom(s: FileDescriptor | PipeEnd, count: number): Outcome | undefined {
  if (s.kind === "file") {
    if (s.access === WRITE_ONLY) return failed("EBADF");
    const n = fileOctets(s, s.offset, count).length;
    s.offset += n;
    return done(n);
  }
  if (s.end === "write") return failed("EBADF");
  const n = Math.min(count, s.pipe.octets);
  if (n === 0) return s.pipe.closedForWriting || count === 0 ? done(0) : s.nonblocking ? failed("EAGAIN") : undefined;
  s.pipe.drop(n);
  return done(n);
}

export function writeTo(s: FileDescriptor | PipeEnd, bytes: Uint8Array): Outcome | undefined {
  if (s.kind === "file") return s.access === 0 ? failed("EBADF") : done(bytes.length);
  if (s.end === "read") return failed("EBADF");
  if (s.pipe.closedForReading) return failed("EPIPE");
  if (s.pipe.room === 0) return s.nonblocking ? failed("EAGAIN") : undefined;
  const page = 4096;
  const most = Math.min(bytes.length, s.pipe.room * page);
  for (let o = 0; o < most; o += page) s.pipe.put(bytes.slice(o, Math.min(o + page, most)));
  return done(most);
}

// ---- transfers between files, pipes and connections

/** `sendfile(to, from, [offset] or NULL, count)` */
function sendfile(call: Call): Attempt {
  let sent = 0;
  const count = call.number(3);
  return (now) => {
    const [to, from] = [call.socket(0), call.socket(1)];
    if (!to || !from) return failed("EBADF");
    const at = offsetOf(call, call.value(2));
    if (from.kind === "pipe" && from.end === "write") return failed("EBADF");
    if (from.kind !== "file") return failed(at === undefined ? "EINVAL" : "ESPIPE");
    if (from.access === WRITE_ONLY || (to.kind === "file" && to.access === 0)) return failed("EBADF");
    if (to.kind === "pipe" && to.end === "read") return failed("EBADF");
    if (to.kind === "epoll") return failed("EINVAL");
    if (to.kind === "pipe")
      return ended(from, at, writeTo(to, fileOctets(from, at ?? from.offset, count))?.result ?? 0);
    if (to.kind !== "tcp") return call.unsupported("sendfile to something other than a connection");
    const written = offsetOf(call, call.value(2));
    const bytes = fileOctets(from, (written ?? from.offset) + sent, count - sent);
    const outcome = queue(to, bytes, { more: false, urgent: false }, now);
    if (typeof outcome === "string") return sent > 0 ? ended(from, written, sent) : failed(outcome);
    sent += outcome;
    if (outcome === bytes.length) return ended(from, written, sent);
    if (!to.nonblocking) return undefined;
    return sent > 0 ? ended(from, written, sent) : failed("EAGAIN");
  };
}

/** A call without an offset of its own advances the file's position. */
function ended(from: FileDescriptor, written: number | undefined, sent: number): Outcome {
  if (written === undefined) from.offset += sent;
  return done(sent);
}

function offsetOf(call: Call, value: Value): number | undefined {
  if (value.kind === "word" && value.name === "NULL") return undefined;
  if (value.kind === "list" && value.items.length === 1) return call.numberOf(value.items[0]!);
  return call.numberOf(value) === 0 ? undefined : call.unsupported(`an offset of ${call.name}`);
}

/** `splice(from, NULL, to, NULL, count, flags)`: one of the two must be a pipe. */
function splice(call: Call): Attempt {
  const [count, flags] = [call.number(4), call.number(5)];
  return (now) => {
    const [from, to] = [call.socket(0), call.socket(2)];
    if (!from || !to) return failed("EBADF");
    if (from.kind === "pipe" && to.kind === "pipe") return betweenPipes(call, from, to, count);
    if (from.kind === "tcp" && to.kind === "pipe") {
      if (to.end !== "write") return failed("EBADF");
      return offsetOf(call, call.value(1)) === undefined ? intoPipe(from, to, count, flags) : failed("ESPIPE");
    }
    if (from.kind === "pipe" && to.kind === "tcp") {
      if (from.end !== "read") return failed("EBADF");
      return offsetOf(call, call.value(3)) === undefined ? outOfPipe(from, to, count, flags, now) : failed("ESPIPE");
    }
    return neither(call, from, to);
  };
}

function betweenPipes(call: Call, from: PipeEnd, to: PipeEnd, count: number): Outcome {
  if (from.end !== "read" || to.end !== "write") return failed("EBADF");
  if (from.pipe === to.pipe) return failed("EINVAL");
  if (from.pipe.octets === 0 || to.pipe.room === 0) return call.unsupported("splice between pipes that has to wait");
  const bytes = from.pipe.front(count);
  from.pipe.drop(bytes.length);
  to.pipe.put(bytes);
  return done(bytes.length);
}

function neither(call: Call, from: Socket, to: Socket): Outcome {
  if (from.kind === "epoll" || to.kind === "epoll") return failed("EINVAL");
  return from.kind === "pipe" || to.kind === "pipe"
    ? call.unsupported(`splice from ${from.kind} to ${to.kind}`)
    : failed("EINVAL");
}

function intoPipe(from: TcpSocket, to: PipeEnd, count: number, flags: number): Outcome | undefined {
  const waits = !from.nonblocking && !to.nonblocking && (flags & SPLICE_NONBLOCK) === 0;
  if (to.pipe.room === 0) return waits ? undefined : failed("EAGAIN");
  const taken = take(from, count, to.pipe.room);
  if (typeof taken === "string") return failed(taken);
  if (taken === undefined) return waits ? undefined : failed("EAGAIN");
  for (const piece of taken.pieces) to.pipe.put(piece);
  return done(taken.octets, ...taken.faults);
}

function outOfPipe(from: PipeEnd, to: TcpSocket, count: number, flags: number, now: number): Outcome | undefined {
  const waits = !to.nonblocking && !from.nonblocking && (flags & SPLICE_NONBLOCK) === 0;
  const bytes = from.pipe.front(count);
  if (bytes.length === 0) return from.pipe.closedForWriting ? done(0) : waits ? undefined : failed("EAGAIN");
  const outcome = queue(to, bytes, { more: (flags & SPLICE_MORE) !== 0, urgent: false }, now);
  if (typeof outcome === "string") return failed(outcome);
  from.pipe.drop(outcome);
  if (outcome === 0) return to.nonblocking || !waits ? failed("EAGAIN") : undefined;
  return done(outcome);
}

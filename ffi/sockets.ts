import { ENAMETOOLONG } from "./errno.ts";
import { libraryOf, pin, resultOf, unpin } from "./libc.ts";
import { SystemError } from "./system-error.ts";
import { IOVEC, putIovec } from "./virtio.ts";

/**
 * The kernel's own sockets. Every function returns the call's result, or the negated error number. Addresses are `struct sockaddr_in` and
 * `sockaddr_in6`, options the bytes of their structures. Descriptors close on exec and do not block: to wait, use `wait`, or let another
 * thread make a prepared call.
 */

/** Calls that block if their descriptor does. */
export const WAITING = {
  accept4: { args: ["i32", "ptr", "ptr", "i32"], returns: "i32" },
  connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
  read: { args: ["i32", "ptr", "u32"], returns: "i32" },
  write: { args: ["i32", "ptr", "u32"], returns: "i32" },
  sendmsg: { args: ["i32", "ptr", "i32"], returns: "i32" },
  recvmsg: { args: ["i32", "ptr", "i32"], returns: "i32" },
  splice: { args: ["i32", "ptr", "i32", "ptr", "u32", "u32"], returns: "i32" },
  sendfile: { args: ["i32", "i32", "ptr", "u32"], returns: "i32" },
  ppoll: { args: ["ptr", "u32", "ptr", "ptr"], returns: "i32" },
  epoll_wait: { args: ["i32", "ptr", "i32", "i32"], returns: "i32" },
} as const;

const SYMBOLS = {
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
  listen: { args: ["i32", "i32"], returns: "i32" },
  shutdown: { args: ["i32", "i32"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
  getsockname: { args: ["i32", "ptr", "ptr"], returns: "i32" },
  getpeername: { args: ["i32", "ptr", "ptr"], returns: "i32" },
  epoll_create1: { args: ["i32"], returns: "i32" },
  epoll_ctl: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" },
  ...WAITING,
} as const;

const libc = libraryOf(SYMBOLS);

/** A prepared call that may block: make it at once, or hand it to another thread (`call-thread.ts`). */
export interface Prepared<T> {
  readonly name: keyof typeof WAITING;
  readonly args: readonly number[];
  /** Turns the call's return value into its result. Call it only once: it releases the memory. */
  finish(answer: number): T;
}

/** Makes the call. */
export function call(name: keyof typeof WAITING, args: readonly number[]): number {
  return resultOf((libc()[name] as (...args: readonly unknown[]) => number)(...args));
}

export function made<T>({ name, args, finish }: Prepared<T>): T {
  return finish(call(name, args));
}

/** Memory whose addresses are given to the kernel, pinned until the call is over. */
export class Memory {
  readonly #buffers: ArrayBuffer[] = [];

  address({ buffer, byteOffset }: Uint8Array | Uint32Array | DataView): number {
    this.#buffers.push(buffer as ArrayBuffer);
    return pin(buffer as ArrayBuffer) + byteOffset;
  }

  release(): void {
    for (const buffer of this.#buffers.splice(0)) unpin(buffer);
  }
}

export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const SOL_SOCKET = 1;
const EPOLL_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;

export function socket(family: number, type: number, protocol: number): number {
  return resultOf(libc().socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
}

export function bind(fd: number, address: Uint8Array): number {
  return resultOf(libc().bind(fd, address, address.length));
}

export function listen(fd: number, backlog: number): number {
  return resultOf(libc().listen(fd, backlog));
}

/** Bytes of the largest address: struct sockaddr_in6. */
export const ADDRESS = 28;

/** Returns the new descriptor. */
export function accept(fd: number): number {
  return made(accepting(fd));
}

export function accepting(fd: number): Prepared<number> {
  return { name: "accept4", args: [fd, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC], finish: (answer) => answer };
}

export function connect(fd: number, address: Uint8Array): number {
  return made(connecting(fd, address));
}

export function connecting(fd: number, address: Uint8Array): Prepared<number> {
  const memory = new Memory();
  return { name: "connect", args: [fd, memory.address(address), address.length], finish: answered(memory) };
}

export function closing(fd: number): Prepared<number> {
  return { name: "close", args: [fd], finish: (answer) => answer };
}

export const answered = (memory: Memory) => (answer: number) => {
  memory.release();
  return answer;
};

/**
 * A broken pipe is reported as an error, never by a signal.
 * @param bytes several arrays are several buffers; a number is that many octets at an invalid address
 */
export function send(
  fd: number,
  bytes: Uint8Array | readonly Uint8Array[] | number,
  flags: number,
  address: Uint8Array | null = null,
): number {
  return made(sending(fd, bytes, flags, address));
}

export function sending(
  fd: number,
  bytes: Uint8Array | readonly Uint8Array[] | number,
  flags: number,
  address: Uint8Array | null = null,
): Prepared<number> {
  const memory = new Memory();
  const pieces = typeof bytes === "number" ? [] : bytes instanceof Uint8Array ? [bytes] : bytes;
  const vector = new Uint32Array((IOVEC / 4) * Math.max(1, pieces.length));
  if (typeof bytes === "number") putIovec(vector, 0, 0, bytes);
  // An empty array has no address.
  for (const [i, piece] of pieces.entries())
    putIovec(vector, i, piece.length === 0 ? 0 : memory.address(piece), piece.length);
  const message = messageOf(memory, address, vector, Math.max(1, pieces.length), undefined);
  return {
    name: "sendmsg",
    args: [fd, memory.address(message), flags | MSG_NOSIGNAL],
    finish: answered(memory),
  };
}

/** struct msghdr: name and its length, iovecs and their number, control messages and their length, flags. */
export function messageOf(
  memory: Memory,
  name: Uint8Array | null,
  vector: Uint32Array,
  pieces: number,
  control: Uint8Array | undefined,
): DataView {
  const message = new DataView(new ArrayBuffer(MSGHDR));
  if (name !== null) message.setBigUint64(0, BigInt(memory.address(name)), true);
  message.setUint32(8, name?.length ?? 0, true);
  message.setBigUint64(16, BigInt(memory.address(vector)), true);
  message.setBigUint64(24, BigInt(pieces), true);
  if (control) message.setBigUint64(32, BigInt(memory.address(control)), true);
  message.setBigUint64(40, BigInt(control?.length ?? 0), true);
  return message;
}

/** The result of recvmsg. */
export interface Received {
  /** Octets, or the negated error number. */
  readonly n: number;
  readonly bytes: Uint8Array;
  /** Flags that the kernel set (MSG_TRUNC, …). */
  readonly flags: number;
  /** Control messages. */
  readonly control: Uint8Array;
  /** The sender's port if the socket is not connected; else 0. */
  readonly port: number;
}

const MSGHDR = 56;
const CONTROL_MAX = 256;

/** @param nowhere pass an invalid address, to get EFAULT */
export function receive(fd: number, room: number, flags: number, nowhere = false): Received {
  return made(receiving(fd, room, flags, nowhere));
}

export function receiving(fd: number, room: number, flags: number, nowhere = false): Prepared<Received> {
  const memory = new Memory();
  const bytes = new Uint8Array(Math.max(1, room));
  const control = new Uint8Array(CONTROL_MAX);
  const name = new Uint8Array(ADDRESS);
  const vector = new Uint32Array(IOVEC / 4);
  putIovec(vector, 0, nowhere ? 0 : memory.address(bytes), room);
  const message = messageOf(memory, name, vector, 1, control);
  return {
    name: "recvmsg",
    args: [fd, memory.address(message), flags],
    finish: (n) => {
      memory.release();
      return {
        port: new DataView(name.buffer).getUint16(2),
        n,
        bytes: bytes.subarray(0, nowhere ? 0 : Math.max(0, Math.min(n, room))),
        flags: message.getInt32(48, true),
        control: control.subarray(0, n < 0 ? 0 : message.getUint32(40, true)),
      };
    },
  };
}

/** read(2) of 0 octets. */
export function readNothing(fd: number): number {
  return call("read", [fd, 0, 0]);
}

export function shutdown(fd: number, how: number): number {
  return resultOf(libc().shutdown(fd, how));
}

/** @param value null: pass an invalid address */
export function setOption(
  fd: number,
  level: number,
  name: number,
  value: Uint8Array | null,
  length = value?.length ?? 0,
): number {
  return resultOf(libc().setsockopt(fd, level, name, value, length));
}

/** Returns the length of the option. `into` receives its value; the kernel is told that it has `room` bytes. */
export function getOption(fd: number, level: number, name: number, into: Uint8Array, room = into.length): number {
  const length = new Uint32Array([room]);
  const result = resultOf(libc().getsockopt(fd, level, name, into, length));
  return result < 0 ? result : length[0]!;
}

/** getsockopt with an invalid address for the value. */
export function getOptionNowhere(fd: number, level: number, name: number): number {
  return resultOf(libc().getsockopt(fd, level, name, null, null));
}

/** The port of the socket's own address, or of the peer's. */
export function localPort(fd: number): number {
  const address = new Uint8Array(ADDRESS);
  const result = resultOf(libc().getsockname(fd, address, new Uint32Array([ADDRESS])));
  return result < 0 ? result : (address[2]! << 8) | address[3]!;
}

export function peerPort(fd: number): number {
  const address = new Uint8Array(ADDRESS);
  const result = resultOf(libc().getpeername(fd, address, new Uint32Array([ADDRESS])));
  return result < 0 ? result : (address[2]! << 8) | address[3]!;
}

/** struct sockaddr_in or sockaddr_in6, chosen by the length of the address. */
export function socketAddress(address: Uint8Array, port: number): Uint8Array {
  const six = address.length === 16;
  const bytes = new Uint8Array(six ? ADDRESS : 16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, six ? 10 : 2, true);
  view.setUint16(2, port);
  bytes.set(address, six ? 8 : 4);
  return bytes;
}

/** The longest path: sun_path without the final zero. */
const UNIX_PATH_MAX = 107;

/** struct sockaddr_un. Throws if the path is too long. */
export function unixAddress(path: string): Uint8Array {
  const name = new TextEncoder().encode(path);
  if (name.length > UNIX_PATH_MAX) {
    const hint = `The path of a socket has at most ${UNIX_PATH_MAX} bytes.`;
    throw new SystemError({ call: "bind", target: path, errno: ENAMETOOLONG, hint });
  }
  const bytes = new Uint8Array(2 + name.length + 1);
  new DataView(bytes.buffer).setUint16(0, 1, true);
  bytes.set(name, 2);
  return bytes;
}

export const POLLIN = 1;

export interface PollEntry {
  readonly fd: number;
  readonly events: number;
}

/** poll(2): the events of each descriptor, or the negated error number. Waits at most so many microseconds. */
export function wait(entries: readonly PollEntry[], usecs: number): number[] | number {
  return made(waiting(entries, usecs));
}

/** @param usecs negative: no timeout */
export function waiting(entries: readonly PollEntry[], usecs: number): Prepared<number[] | number> {
  const memory = new Memory();
  const set = new DataView(new ArrayBuffer(Math.max(8, 8 * entries.length)));
  for (const [i, { fd, events }] of entries.entries()) {
    set.setInt32(8 * i, fd, true);
    set.setUint16(8 * i + 4, events, true);
  }
  const timeout = new DataView(new ArrayBuffer(16));
  timeout.setUint32(0, Math.floor(Math.max(0, usecs) / 1e6), true);
  timeout.setUint32(8, (Math.max(0, usecs) % 1e6) * 1_000, true);
  return {
    name: "ppoll",
    args: [memory.address(set), entries.length, usecs < 0 ? 0 : memory.address(timeout), 0],
    finish: (answer) => {
      memory.release();
      return answer < 0 ? answer : entries.map((_, i) => set.getUint16(8 * i + 6, true));
    },
  };
}

/** struct epoll_event is packed only on x86-64. */
const EPOLL_EVENT = process.arch === "x64" ? 12 : 16;
const EPOLL_DATA = EPOLL_EVENT - 8;

export function epollCreate(): number {
  return resultOf(libc().epoll_create1(EPOLL_CLOEXEC));
}

export function epollControl(fd: number, operation: number, target: number, events: number, data: number): number {
  const event = new DataView(new ArrayBuffer(EPOLL_EVENT));
  event.setUint32(0, events, true);
  event.setBigUint64(EPOLL_DATA, BigInt(data), true);
  return resultOf(libc().epoll_ctl(fd, operation, target, new Uint8Array(event.buffer)));
}

export interface EpollEvent {
  readonly events: number;
  readonly data: number;
}

/** The pending events, without waiting; or the negated error number. */
export function epollEvents(fd: number, room: number): EpollEvent[] | number {
  return made(epollWaiting(fd, room, 0));
}

/** @param milliseconds -1: no timeout */
export function epollWaiting(fd: number, room: number, milliseconds: number): Prepared<EpollEvent[] | number> {
  const memory = new Memory();
  const events = new DataView(new ArrayBuffer(EPOLL_EVENT * Math.max(1, room)));
  return {
    name: "epoll_wait",
    args: [fd, memory.address(events), room, milliseconds],
    finish: (n) => {
      memory.release();
      if (n < 0) return n;
      return Array.from({ length: n }, (_, i) => ({
        events: events.getUint32(EPOLL_EVENT * i, true),
        data: Number(events.getBigUint64(EPOLL_EVENT * i + EPOLL_DATA, true)),
      }));
    },
  };
}

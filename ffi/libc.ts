import { readFileSync } from "node:fs";
import { dlopen, hasFfi, type Pointer, read as peek, ptr } from "./bun-ffi.ts";
import { ELIBACC } from "./errno.ts";
import { SystemError } from "./system-error.ts";

/**
 * The C library's system calls. Every function returns the call's result, or the negated error number (-EAGAIN), as the kernel itself
 * does: nothing is thrown and nothing allocated, so the packet path can use them.
 *
 * **Invariant**: only this folder imports bun:ffi, and addresses are used only here and in `device/tun`. If the kernel keeps an address
 * after the call that passed it, the memory is `pin`ned here, so that the garbage collector does not free it.
 */

const SYMBOLS = {
  open: { args: ["ptr", "i32", "i32"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
  ioctl: { args: ["i32", "u32", "ptr"], returns: "i32" },
  fcntl: { args: ["i32", "i32", "ptr"], returns: "i32" },
  // Sizes are below 2 GiB here: 32 bits are enough for them and for the result, without BigInt.
  read: { args: ["i32", "ptr", "u32"], returns: "i32" },
  readv: { args: ["i32", "ptr", "i32"], returns: "i32" },
  write: { args: ["i32", "ptr", "u32"], returns: "i32" },
  writev: { args: ["i32", "ptr", "i32"], returns: "i32" },
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  gettid: { args: [], returns: "i32" },
  setpriority: { args: ["i32", "u32", "i32"], returns: "i32" },
  __errno_location: { args: [], returns: "ptr" },
} as const;

type Symbols = Parameters<typeof dlopen>[1];
type Library<S extends Symbols> = ReturnType<typeof dlopen<S>>["symbols"];
type Libc = Library<typeof SYMBOLS>;

let libc: Libc | undefined;

/** Opens the library on first use, so that a command that needs no system call never pays for it. */
function load(): Libc {
  return (libc = openLibrary(SYMBOLS));
}

function openLibrary<S extends Symbols>(symbols: S): Library<S> {
  if (!hasFfi) {
    const hint = "TUN devices need Bun on Linux: this runtime has no bun:ffi.";
    throw new SystemError({ call: "dlopen", target: "the C library", errno: ELIBACC, hint });
  }
  try {
    return dlopen(mappedLibrary(readFileSync("/proc/self/maps", "utf8")), symbols).symbols;
  } catch {
    const hint = "tcpnet's devices need Linux with glibc or musl, and /proc.";
    throw new SystemError({ call: "dlopen", target: "the C library", errno: ELIBACC, hint });
  }
}

/**
 * The full path of the C library that this process runs with: glibc's, or musl's loader. Never give `dlopen` a bare name: if the system
 * has no library of that name, Bun loads one from the current directory.
 * @param maps the text of /proc/self/maps. Throws if no C library is listed there.
 */
export function mappedLibrary(maps: string): string {
  const path = /\s(\/\S.*\/(?:libc\.so\.6|libc-[\d.]+\.so|(?:ld-musl|libc\.musl)-\w+\.so\.1))$/m.exec(maps)?.[1];
  if (path === undefined) throw new Error("no C library is mapped");
  return path;
}

/** A number that the kernel reads as an address. It is valid only while its memory is pinned. */
export type Address = number;

const pinned = new Map<ArrayBuffer, number>();

/** Returns the address of a buffer and keeps the buffer alive until `unpin` was called as often as `pin`. Bun never moves a buffer. */
export function pin(buffer: ArrayBuffer): Address {
  pinned.set(buffer, (pinned.get(buffer) ?? 0) + 1);
  return ptr(buffer);
}

export function unpin(buffer: ArrayBuffer): void {
  const n = pinned.get(buffer) ?? 0;
  if (n > 1) pinned.set(buffer, n - 1);
  else pinned.delete(buffer);
}

/** How many buffers are pinned; for tests. */
export function pinnedBuffers(): number {
  return pinned.size;
}

/** The call's result, or the negated error number, read before anything else can change errno. */
function result(l: Libc, n: number): number {
  return n >= 0 ? n : -peek.i32(l.__errno_location()!, 0);
}

/** Further functions of the library, for another file of this folder; opened on first use. */
export function libraryOf<S extends Symbols>(symbols: S): () => Library<S> {
  let library: Library<S> | undefined;
  return () => {
    // Load it now and not when `resultOf` needs it: opening a library changes errno.
    if (library === undefined) load();
    return (library ??= openLibrary(symbols));
  };
}

/** The result of a call of such a library, or the negated error number. Must be called right after the call. */
export function resultOf(n: number): number {
  return result(libc!, n);
}

export const O_RDONLY = 0;
export const O_RDWR = 2;
export const O_NONBLOCK = 0o4000;
export const O_ASYNC = 0o20000;
export const O_CLOEXEC = 0o2000000;

export function open(path: string, flags: number): number {
  const l = libc ?? load();
  return result(l, l.open(cstring(path), flags, 0));
}

export function close(fd: number): number {
  const l = libc ?? load();
  return result(l, l.close(fd));
}

/** `argument` is a number passed by value, or memory that the kernel reads and writes during the call. */
export function ioctl(fd: number, request: number, argument: number | Uint8Array): number {
  const l = libc ?? load();
  return result(l, l.ioctl(fd, request, argument as Pointer | Uint8Array));
}

/** A command of `fcntl`: another descriptor of the same file, not less than the argument. */
export const F_DUPFD_CLOEXEC = 1030;

export function fcntl(fd: number, command: number, argument: number | Uint8Array): number {
  const l = libc ?? load();
  return result(l, l.fcntl(fd, command, argument as Pointer | Uint8Array));
}

export function read(fd: number, address: Address, n: number): number {
  const l = libc ?? load();
  return result(l, l.read(fd, address as Pointer, n));
}

export function readv(fd: number, iovecs: Address, count: number): number {
  const l = libc ?? load();
  return result(l, l.readv(fd, iovecs as Pointer, count));
}

export function write(fd: number, address: Address, n: number): number {
  const l = libc ?? load();
  return result(l, l.write(fd, address as Pointer, n));
}

export function writev(fd: number, iovecs: Address, count: number): number {
  const l = libc ?? load();
  return result(l, l.writev(fd, iovecs as Pointer, count));
}

export const AF_INET = 2;
export const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;

/** A datagram socket, on which interfaces are configured. */
export function datagramSocket(family: number): number {
  const l = libc ?? load();
  return result(l, l.socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

/** The id of the calling thread, to which signals can be sent. */
export function gettid(): number {
  return (libc ?? load()).gettid();
}

const PRIO_PROCESS = 0;

/** Sets the nice value of the calling thread and of those it starts: -20 to 19. Values below 0 need a privilege: -EACCES or -EPERM. */
export function setNiceness(niceness: number): number {
  const l = libc ?? load();
  return result(l, l.setpriority(PRIO_PROCESS, 0, niceness));
}

/** With the final zero that C expects. */
export function cstring(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}

import { libraryOf, O_CLOEXEC, O_NONBLOCK, resultOf } from "./libc.ts";
import { answered, Memory, made, type Prepared } from "./sockets.ts";

/** Pipes, files in memory, and the calls that move octets between them and sockets. */

const SYMBOLS = {
  pipe2: { args: ["ptr", "i32"], returns: "i32" },
  memfd_create: { args: ["ptr", "u32"], returns: "i32" },
  lseek: { args: ["i32", "i64", "i32"], returns: "i64" },
} as const;

const libc = libraryOf(SYMBOLS);

/** read(2) of a file or pipe; the octets are discarded. */
export function reading(fd: number, room: number): Prepared<number> {
  const memory = new Memory();
  return {
    name: "read",
    args: [fd, memory.address(new Uint8Array(Math.max(1, room))), room],
    finish: answered(memory),
  };
}

export function writing(fd: number, bytes: Uint8Array): Prepared<number> {
  const memory = new Memory();
  const address = bytes.length === 0 ? 0 : memory.address(bytes);
  return { name: "write", args: [fd, address, bytes.length], finish: answered(memory) };
}

/** Returns both ends of a pipe, or the negated error number. They close on exec and do not block. */
export function pipe(): readonly [number, number] | number {
  const ends = new Int32Array(2);
  const result = resultOf(libc().pipe2(ends, O_NONBLOCK | O_CLOEXEC));
  return result < 0 ? result : [ends[0]!, ends[1]!];
}

const MEMFD_CLOEXEC = 1;

/** Returns a file in memory that contains these octets, positioned at its beginning; or the negated error number. */
export function fileOf(bytes: Uint8Array): number {
  const fd = resultOf(libc().memfd_create(new TextEncoder().encode("drill\0"), MEMFD_CLOEXEC));
  if (fd < 0) return fd;
  for (let o = 0; o < bytes.length; ) {
    const n = made(writing(fd, bytes.subarray(o, o + FILE_PIECE)));
    if (n <= 0) return n;
    o += n;
  }
  libc().lseek(fd, 0, 0);
  return fd;
}

const FILE_PIECE = 1 << 20;

/** splice(2), from the current position of both descriptors. */
export function splicing(from: number, to: number, n: number, flags: number): Prepared<number> {
  return { name: "splice", args: [from, 0, to, 0, n, flags], finish: (answer) => answer };
}

/**
 * sendfile(2).
 * @param offset where to begin; undefined: at the file's own position, which then advances
 */
export function sendingFile(to: number, from: number, offset: number | undefined, n: number): Prepared<number> {
  if (offset === undefined) return { name: "sendfile", args: [to, from, 0, n], finish: (answer) => answer };
  const memory = new Memory();
  const at = new Uint32Array(2);
  at[0] = offset;
  return { name: "sendfile", args: [to, from, memory.address(at), n], finish: answered(memory) };
}

/** Files without a name: text in memory, and pipes. Both close on exec. */
import { writeSync } from "node:fs";
import { libraryOf, O_CLOEXEC, resultOf } from "./libc.ts";
import { check } from "./system-error.ts";

const libc = libraryOf({
  memfd_create: { args: ["ptr", "u32"], returns: "i32" },
  pipe2: { args: ["ptr", "i32"], returns: "i32" },
} as const);
const MFD_CLOEXEC = 1;

/** A file in memory that contains this text, positioned at its beginning. Throws SystemError. */
export function memoryFile(text: string): number {
  const name = new TextEncoder().encode("tcpnet\0");
  const fd = check(resultOf(libc().memfd_create(name, MFD_CLOEXEC)), "memfd_create", "a file in memory");
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, at);
  return fd;
}

/** Both ends of a pipe. Throws SystemError. */
export function pipe(): { readonly readEnd: number; readonly writeEnd: number } {
  const ends = new Int32Array(2);
  check(resultOf(libc().pipe2(ends, O_CLOEXEC)), "pipe2", "a pipe");
  return { readEnd: ends[0]!, writeEnd: ends[1]! };
}

/** Memory shared with the kernel: mmap(2), and the kernel's clock that goes with it. */
import { type Pointer, ptr, toArrayBuffer } from "./bun-ffi.ts";
import { libraryOf, resultOf } from "./libc.ts";

const libc = libraryOf({
  mmap: { args: ["ptr", "u64", "i32", "i32", "i32", "i64"], returns: "i64" },
  munmap: { args: ["ptr", "u64"], returns: "i32" },
  clock_gettime: { args: ["i32", "ptr"], returns: "i32" },
} as const);

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const CLOCK_MONOTONIC = 1;

/** The `n` octets behind a descriptor, or null if they cannot be mapped. Ends with `unmapMemory`. */
export function mapMemory(fd: number, n: number): ArrayBuffer | null {
  const at = Number(libc().mmap(null, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  // MAP_FAILED is -1.
  return at < 0 ? null : toArrayBuffer(at as Pointer, 0, n);
}

/** Nobody may use the memory, or a view of it, afterwards. */
export function unmapMemory(memory: ArrayBuffer): void {
  resultOf(libc().munmap(ptr(memory), memory.byteLength));
}

const time = new BigInt64Array(2);

/** CLOCK_MONOTONIC, ns: the clock of bpf_ktime_get_ns. */
export function kernelClockNs(): bigint {
  resultOf(libc().clock_gettime(CLOCK_MONOTONIC, ptr(time)));
  return time[0]! * 1_000_000_000n + time[1]!;
}

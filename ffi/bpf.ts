/** bpf(2), as far as a packet filter with one table needs it (linux/bpf.h). Each call returns a descriptor or 0, or the negated error number. */
import { type Address, cstring, libraryOf, pin, resultOf, unpin } from "./libc.ts";

const libc = libraryOf({
  syscall: { args: ["i64", "i64", "ptr", "i64"], returns: "i32" },
} as const);

/** The number of bpf(2) on the machines that Bun runs on. */
const SYS_BPF = process.arch === "arm64" ? 280 : 321;

const MAP_CREATE = 0;
const PROG_LOAD = 5;
const PROG_TEST_RUN = 10;

const MAP_TYPE_ARRAY = 2;
/** The array's values can be mapped into memory. */
const F_MMAPABLE = 1 << 10;
const PROG_TYPE_SOCKET_FILTER = 1;

/** Octets of the kernel's union bpf_attr that are given. The rest counts as zero. */
const ATTRIBUTES = 80;

/** Octets of an instruction. */
export const INSTRUCTION = 8;

function bpf(command: number, attributes: DataView): number {
  return resultOf(libc().syscall(SYS_BPF, command, new Uint8Array(attributes.buffer), attributes.byteLength));
}

function attributes(): DataView {
  return new DataView(new ArrayBuffer(ATTRIBUTES));
}

function putName(attr: DataView, at: number, name: string): void {
  new TextEncoder().encodeInto(name, new Uint8Array(attr.buffer, at, 15));
}

function putAddress(attr: DataView, at: number, address: Address): void {
  attr.setBigUint64(at, BigInt(address), true);
}

/** An array with one value of `size` octets, all zero, that can be mapped into memory. */
export function createTable(name: string, size: number): number {
  const attr = attributes();
  attr.setUint32(0, MAP_TYPE_ARRAY, true);
  attr.setUint32(4, 4, true);
  attr.setUint32(8, size, true);
  attr.setUint32(12, 1, true);
  attr.setUint32(16, F_MMAPABLE, true);
  putName(attr, 28, name);
  return bpf(MAP_CREATE, attr);
}

/** Loads a socket filter, which the kernel verifies. Needs CAP_BPF where the administrator has not allowed it to everybody. */
export function loadSocketFilter(name: string, code: Uint8Array): number {
  const license = cstring("MIT");
  const attr = attributes();
  attr.setUint32(0, PROG_TYPE_SOCKET_FILTER, true);
  attr.setUint32(4, code.length / INSTRUCTION, true);
  return withAddresses([code, license], ([codeAt, licenseAt]) => {
    putAddress(attr, 8, codeAt!);
    putAddress(attr, 16, licenseAt!);
    putName(attr, 48, name);
    return bpf(PROG_LOAD, attr);
  });
}

/**
 * Runs a loaded filter once on a packet, which the kernel prefixes with nothing: `frame` begins with an Ethernet header, which the program
 * does not see. Returns what the program returned (unsigned), or the negated error number. For tests.
 */
export function testRun(program: number, frame: Uint8Array): number {
  const attr = attributes();
  attr.setUint32(0, program, true);
  attr.setUint32(8, frame.length, true);
  const result = withAddresses([frame], ([at]) => {
    putAddress(attr, 16, at!);
    return bpf(PROG_TEST_RUN, attr);
  });
  return result < 0 ? result : attr.getUint32(4, true);
}

/** Keeps memory where it is while the kernel reads it during a call. */
function withAddresses(parts: readonly Uint8Array[], call: (addresses: readonly Address[]) => number): number {
  const buffers = parts.map((part) => part.slice().buffer as ArrayBuffer);
  try {
    return call(buffers.map(pin));
  } finally {
    buffers.forEach(unpin);
  }
}

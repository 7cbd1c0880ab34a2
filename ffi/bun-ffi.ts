import type * as BunFfi from "bun:ffi";

/**
 * Bun's foreign functions. The module is asked for by name when this one is loaded and not by an import, so that what needs them can also
 * be loaded by runtimes without them (Node.js, Deno), and by bundlers; there `hasFfi` is false and `libc` refuses every call in words.
 */
const ffi = typeof Bun === "undefined" ? undefined : (process.getBuiltinModule("bun:ffi") as unknown as typeof BunFfi);

/** Whether this runtime can call functions of the C library. */
export const hasFfi = ffi !== undefined;

export const { dlopen, ptr, read, toArrayBuffer } = ffi ?? ({} as typeof BunFfi);

export type Pointer = BunFfi.Pointer;

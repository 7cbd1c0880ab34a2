/** Types of `net.Socket`'s arguments and results. */
import type { NetStack } from "#socket/stack-types";
import { familyOf } from "./ip.ts";

/** Reads into one buffer, instead of making one for each chunk: `callback` gets the number of octets and the buffer. */
export interface OnReadOptions {
  readonly buffer: Uint8Array | (() => Uint8Array);
  /** Returning false pauses the socket. */
  callback(octets: number, buffer: Uint8Array): boolean | undefined;
}

/** Options of `new Socket`, with Node's names. */
export interface SocketOptions {
  /** The stack that connects. */
  readonly stack: NetStack;
  /** False: our direction is closed as soon as the peer has closed its own. Default false. */
  readonly allowHalfOpen?: boolean | undefined;
  /** Destroys the socket when it fires. */
  readonly signal?: AbortSignal | undefined;
  readonly onread?: OnReadOptions | null | undefined;
  /** Octets that wait in each direction of the stream. */
  readonly highWaterMark?: number | undefined;
  readonly noDelay?: boolean | undefined;
  readonly keepAlive?: boolean | undefined;
  /** ms */
  readonly keepAliveInitialDelay?: number | undefined;
}

/** An address as `address()` gives it. */
export interface AddressInfo {
  readonly address: string;
  readonly family: "IPv4" | "IPv6";
  readonly port: number;
}

/** An endpoint of the stack's as Node shows it. */
export function infoOf({ hostname, port }: { readonly hostname: string; readonly port: number }): AddressInfo {
  return { address: hostname, family: familyOf(hostname), port };
}

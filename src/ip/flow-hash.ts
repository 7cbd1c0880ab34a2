/**
 * Keyed hashes of a flow, of a port and of a source, as `FloodFilter` counts them. The filter's program computes the same in the kernel
 * (`device/filter/program`), so it consists of few instructions. Whoever does not know the key cannot find packets with the hash of a flow.
 */

/** The key of the hashes: two int32. */
export interface FlowKey {
  /** Any. */
  readonly k0: number;
  /** Odd. */
  readonly k1: number;
}

/** The multipliers and shifts of the rounds: those of MurmurHash3's finalizer. */
export const M0 = 0x85ebca6b;
export const M1 = 0xc2b2ae35;

/** The hash of a flow: the local address with its words combined by XOR, the words of the remote one, and `local port << 16 | remote port`. */
export function flowHash(
  { k0, k1 }: FlowKey,
  local: number,
  remote: { readonly a: number; readonly b: number; readonly c: number; readonly d: number },
  ports: number,
): number {
  let h = Math.imul(ports ^ k0, M0) ^ k1;
  h = Math.imul(h ^ (h >>> 15) ^ remote.d, M1);
  h = Math.imul(h ^ (h >>> 13) ^ remote.c, k1);
  h = Math.imul(h ^ (h >>> 16) ^ remote.b, M0);
  h = Math.imul(h ^ (h >>> 15) ^ remote.a, M1);
  h = Math.imul(h ^ (h >>> 16) ^ local, k1);
  return h ^ (h >>> 14);
}

/** Changes the hash of a flow, by XOR, into that of one for which the ACK of a cookie is expected: its segments pass, but no further SYN. */
export const EXPECTED = 0x2aaaa;

const NOWHERE = { a: 0, b: 0, c: 0, d: 0 };

/** The hash of a port on which somebody listens. No connection has it: none has the remote port 0. */
export function portHash(key: FlowKey, protocol: number, port: number): number {
  return flowHash(key, protocol, NOWHERE, port << 16);
}

/** The hash of a remote host that has a connection. No connection has it: none has port 0. */
export function sourceHash(
  key: FlowKey,
  remote: { readonly a: number; readonly b: number; readonly c: number; readonly d: number },
): number {
  return flowHash(key, 0, remote, 0);
}

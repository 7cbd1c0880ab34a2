import type { Address } from "#ip/address";
import type { Prefix } from "#ip/prefix";

/** Host number of the mirror address, if it is free. */
const OFFSET = 2;

/** The mirror address in `kernel`'s prefix: it represents the kernel's address on the other device. */
export function mirrorAddress(kernel: Prefix): Address {
  return kernel.neighbour(OFFSET);
}

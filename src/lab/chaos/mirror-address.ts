import type { Address } from "#ip/address";
import type { Prefix } from "#ip/prefix";

/** Host offset of the address that stands for the other side, where it is free. */
const OFFSET = 2;

/** The address in `kernel`'s prefix that stands for the kernel's address on the other device. */
export function mirrorAddress(kernel: Prefix): Address {
  return kernel.neighbour(OFFSET);
}

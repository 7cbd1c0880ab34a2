import type { Address } from "#ip/address";
import type { Prefix } from "#ip/prefix";

/** Host offset of the address that stands for the other side, where it is free. */
const OFFSET = 2;

/**
 * The address in `kernel`'s prefix that stands for the kernel's address on the other device: the second of the prefix, or
 * the last one that is not the kernel's own.
 */
export function mirrorAddress(kernel: Prefix): Address {
  const second = kernel.hostAt(OFFSET);
  if (second !== null && kernel.isUsable(second) && !second.equals(kernel.address)) return second;
  const last = kernel.lastUsable();
  if (!last.equals(kernel.address)) return last;
  return kernel.hostAt(1)!;
}

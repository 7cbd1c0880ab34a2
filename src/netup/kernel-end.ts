import type { Prefix } from "#ip/prefix";

/** What is wrong with an argument, why, and what to type instead. */
export interface Unfit {
  readonly what: string;
  readonly why: string;
  readonly fix: string;
}

/** The shortest prefix that a device may have: a shorter one would route a large part of all addresses to it. */
const SHORTEST = 8;

/** Why a prefix cannot be given to the kernel's end of a device; null if it can. */
export function unfitForKernel(prefix: Prefix): Unfit | null {
  const { address, bits, family } = prefix;
  const longest = family === 4 ? 30 : 126;
  if (!address.isUnicast) {
    const why = "it is a loopback, group or unspecified address";
    return {
      what: `${address} is not a host address`,
      why,
      fix: `for example ${family === 4 ? "10.0.0.1/24" : "fd00:a::1/64"}`,
    };
  }
  if (bits > longest) {
    const why = "the kernel and the stack need one address each";
    return { what: `${prefix} has no room for the stack`, why, fix: `use /${longest} or shorter` };
  }
  if (bits < SHORTEST) {
    const why = "a large part of the machine's packets would go to the device";
    return {
      what: `${prefix} is too large a subnet for a device`,
      why,
      fix: `use /${SHORTEST} or longer, such as ${address}/24`,
    };
  }
  if (!prefix.isUsable(address)) {
    const why = "it is the first or the last address of its prefix";
    return { what: `${prefix} is not a host address`, why, fix: `for example ${prefix.hostAt(1)}/${bits}` };
  }
  return null;
}

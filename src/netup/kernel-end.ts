import type { Prefix } from "#ip/prefix";

/** What is wrong with something typed, why, and what to type instead. */
export interface Unfit {
  readonly what: string;
  readonly why: string;
  readonly fix: string;
}

/** The shortest prefix that a device may have: more would take a large part of all addresses away from the machine. */
const SHORTEST = 8;

/** Why a prefix cannot be that of the kernel's end of a device, with a stack behind it; null where it can. */
export function unfitForKernel(prefix: Prefix): Unfit | null {
  const { address, bits, family } = prefix;
  const longest = family === 4 ? 30 : 126;
  if (!address.isUnicast) {
    const why = "it is a loopback, group or unspecified address";
    return {
      what: `${address} is no address of a host`,
      why,
      fix: `for example ${family === 4 ? "10.0.0.1/24" : "fd00:a::1/64"}`,
    };
  }
  if (bits > longest) {
    const why = "kernel and stack need an address each";
    return { what: `${prefix} has no room for the stack`, why, fix: `use /${longest} or shorter` };
  }
  if (bits < SHORTEST) {
    const why = "the machine would send a large part of all its packets to the device";
    return {
      what: `${prefix} is too much for a device`,
      why,
      fix: `use /${SHORTEST} or longer, such as ${address}/24`,
    };
  }
  if (!prefix.isUsable(address)) {
    const why = "it is the first or the last address of its prefix";
    return { what: `${prefix} is no address of a host`, why, fix: `for example ${prefix.hostAt(1)}/${bits}` };
  }
  return null;
}

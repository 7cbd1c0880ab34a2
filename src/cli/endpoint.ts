import { interfacesWith } from "#device/tun-config";
import { type Address, addressBytes, parseAddress } from "#ip/address";
import { addressHint, addressReason, Prefix, parsePrefix } from "#ip/prefix";
import { unfitForKernel } from "#netup/kernel-end";
import { type Role, STACK_OFFSET } from "#netup/roles";
import { usageError } from "./cli-error.ts";
import { programName } from "./program.ts";

export type { Role };

/** The addresses that the three arguments of `host` and `peer` give. */
export interface Endpoint {
  readonly role: Role;
  readonly tun: string;
  /** The kernel's address on the device, with its prefix. */
  readonly kernel: Prefix;
  /** The stack's own address. */
  readonly local: Address;
  /** The other stack: peer connects to it, host accepts only it; null: host accepts everybody. */
  readonly remote: Address | null;
  /** Whether the remote is the kernel itself. */
  readonly toKernel: boolean;
  /** The other stack is in this program, without the kernel in between. */
  readonly inMemory?: boolean;
  /** This program made the device. */
  readonly isNewDevice?: boolean;
}

export interface EndpointWords {
  readonly tun: string;
  readonly cidr: string;
  readonly remote: string;
  readonly local?: string | undefined;
  /** Accept everybody. */
  readonly any?: boolean;
  /** The remote may be the kernel's own address. */
  readonly kernel?: boolean;
}

/** Reads the three arguments. Throws CliError, which names the mistake. */
export function endpoint(
  role: Role,
  words: EndpointWords,
  kernelAddresses: KernelAddresses = machineAddresses,
): Endpoint {
  const tun = readTun(words.tun);
  const kernel = readPrefix(words.cidr);
  const far = readAddress(words.remote, "<remote>");
  const example = `for example: ${programName} ${role} ${tun} ${role === "host" ? "10.0.0.1/24 10.0.1.5" : "10.0.1.1/24 10.0.0.7"}`;
  if (far.family !== kernel.family) {
    throw usageError(
      `${far} and ${kernel} are of different IP versions`,
      `the device has IPv${kernel.family}, the remote is IPv${far.family}`,
      example,
    );
  }
  const owner = far.equals(kernel.address) ? tun : kernelAddresses(far);
  if (owner !== undefined && words.kernel !== true) throw kernelsOwn(role, far, owner, kernel);
  if (owner === undefined && words.kernel === true) {
    const why = "--kernel connects to a program on this machine";
    throw usageError(`${far} is not an address of this machine`, why, `leave out --kernel, or use ${kernel.address}`);
  }
  const inside = kernel.contains(far) && owner === undefined;
  if (inside && role === "peer") {
    throw usageError(
      `${far} is in this side's own subnet, ${kernel.subnet}`,
      "peer connects to the stack on the other device",
      example,
    );
  }
  if (inside && words.local !== undefined) {
    throw usageError(`${far} and --local both name the stack's own address`, `${far} is in ${kernel.subnet}`, example);
  }
  const own = words.local ?? (inside ? words.remote : undefined);
  const local = own === undefined ? defaultLocal(kernel, role) : readLocal(own, kernel, role);
  const remote = inside || (words.any === true && role === "host") ? null : far;
  if (remote?.equals(local)) throw usageError(`${remote} is the stack's own address`, "", example);
  return { role, tun, kernel, local, remote, toKernel: owner !== undefined };
}

/** The device of this machine with that address, or undefined. */
export type KernelAddresses = (address: Address) => string | undefined;

/** Also finds the other device of netup while no program has it open. */
export const machineAddresses: KernelAddresses = (address) => interfacesWith(addressBytes(address))[0];

function kernelsOwn(role: Role, far: Address, owner: string, kernel: Prefix): Error {
  const other = role === "host" ? "peer" : "host";
  const guess =
    kernel.family === 4 ? (role === "host" ? "10.0.1.5" : "10.0.0.7") : `fd00:${role === "host" ? "b::5" : "a::7"}`;
  return usageError(
    `${far} is the kernel's own address on ${owner}, not the other stack's`,
    role === "peer"
      ? "the kernel itself would answer, or a program on this machine"
      : "packets of the other stack come from that stack's address, not the kernel's",
    `give the address of the ${other}'s stack, such as ${guess}; or add --kernel to talk to a program on this machine`,
  );
}

/** A device name that the kernel accepts (`dev_valid_name`; "%" would be a pattern), without control characters. */
export function readTun(text: string): string {
  const bytes = Buffer.byteLength(text);
  if (bytes > 0 && bytes < 16 && !/[/:%\s\p{Cc}]/u.test(text) && text !== "." && text !== "..") return text;
  const why = "a name has 1 to 15 bytes, without blanks, control characters, slashes, colons and percent signs";
  throw usageError(`"${text}" is not a valid device name`, why, "for example tun0");
}

/** @param name of the argument in the usage line. @throws CliError if the prefix cannot be the kernel's end of a device */
export function readPrefix(text: string, name = "cidr"): Prefix {
  const prefix = parsePrefix(text);
  if (!(prefix instanceof Prefix))
    throw usageError(
      prefix.reason,
      `<${name}> is the kernel's address on the device, with its prefix length`,
      `use ${prefix.hint}`,
    );
  const unfit = unfitForKernel(prefix);
  if (unfit !== null) throw usageError(unfit.what, unfit.why, unfit.fix);
  return prefix;
}

function readAddress(text: string, name: string): Address {
  const address = parseAddress(text);
  if (address === null) throw notAnAddress(text, name);
  if (!address.isUnicast) {
    throw usageError(`${name} ${address} is not the address of another host`, "", "for example 10.0.1.5");
  }
  return address;
}

function notAnAddress(text: string, name: string): Error {
  const [, alone, port] = /^([\d.]+|\[.*\]):(\d+)$/.exec(text) ?? [];
  if (port !== undefined) {
    const bare = alone!.replace(/^\[|\]$/g, "");
    return usageError(`${name} "${text}" has a port`, "only an address belongs here", `use ${bare} --port ${port}`);
  }
  if (text.includes("/")) {
    const bare = text.slice(0, text.indexOf("/"));
    return usageError(`${name} "${text}" has a prefix length`, "only an address belongs here", `use ${bare}`);
  }
  return usageError(`${name} "${text}" ${addressReason(text)}`, "", `use ${addressHint(text)}`);
}

function readLocal(text: string, kernel: Prefix, role: Role): Address {
  const local = readAddress(text, "--local");
  const example = `for example --local ${defaultLocal(kernel, role)}`;
  if (local.equals(kernel.address)) {
    throw usageError(`${local} is the kernel's own address`, "the stack needs another address in the subnet", example);
  }
  if (!kernel.contains(local)) {
    const why = "the kernel sends only that subnet's packets to this device";
    throw usageError(`--local ${local} is not in ${kernel.subnet}`, why, example);
  }
  if (!kernel.isUsable(local)) {
    throw usageError(
      `--local ${local} is the first or the last address of ${kernel.subnet}`,
      "no host can use it",
      example,
    );
  }
  return local;
}

/** The stack's default address. */
export function defaultLocal(kernel: Prefix, role: Role): Address {
  return kernel.neighbour(STACK_OFFSET[role]);
}

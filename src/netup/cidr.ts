import { isIPv4, isIPv6 } from "node:net";
import { formatIPv4, formatIPv6 } from "#wire/address-text";
import { usage } from "./errors.ts";

/** An address with its prefix, as `10.0.0.1/24` or `fd00:a::1/64` has it. `value` is the whole address as an integer. */
export interface Cidr {
  readonly family: 4 | 6;
  readonly value: bigint;
  readonly prefix: number;
}

/** Strict: no leading zeros, no short forms, no zone, and the prefix length must be there. */
export function parseCidr(text: string): Cidr | null {
  const match = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text);
  if (match === null) return null;
  const address = match[1]!;
  const prefix = Number(match[2]);
  const value = parseAddress(address);
  if (value === null) return null;
  const family = isIPv4(address) ? 4 : 6;
  return prefix <= bits(family) ? { family, value, prefix } : null;
}

/** As `parseCidr`, but what is none is a usage error in words. */
export function cidrOf(text: string, name: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr !== null) return cidr;
  const strict = "an address without leading zeros, a slash, and a prefix length of 0 to 32 (IPv6: 128)";
  const why = text.includes("/") ? strict : "the prefix length is missing";
  throw usage(
    `${name} ${text} cannot be read`,
    why,
    `for example ${name === "subnet" ? "10.77.0.0/16" : "10.0.0.1/24"}`,
  );
}

export function bits(family: 4 | 6): number {
  return family === 4 ? 32 : 128;
}

/** The address as an integer, or null. */
export function parseAddress(text: string): bigint | null {
  if (isIPv4(text)) return text.split(".").reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
  if (!isIPv6(text) || text.includes("%")) return null;
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const hex = dotted === null ? text : dotted[1] + groupsOfIPv4(dotted[2]!);
  const [head, tail] = hex.split("::");
  const before = head === "" ? [] : head!.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = new Array<string>(8 - before.length - after.length).fill("0");
  return [...before, ...zeros, ...after].reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n);
}

function groupsOfIPv4(text: string): string {
  const value = parseAddress(text)!;
  return `${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`;
}

export function addressText(family: 4 | 6, value: bigint): string {
  if (family === 4) return formatIPv4(word(value, 0));
  return formatIPv6(word(value, 96), word(value, 64), word(value, 32), word(value, 0));
}

/** 32 bits of an address as an int32, `shift` bits from its end. */
export function word(value: bigint, shift: number): number {
  return Number((value >> BigInt(shift)) & 0xffff_ffffn) | 0;
}

export function cidrText(cidr: Cidr): string {
  return `${addressText(cidr.family, cidr.value)}/${cidr.prefix}`;
}

/** The prefix with all host bits zero. */
export function network(cidr: Cidr): Cidr {
  const host = BigInt(bits(cidr.family) - cidr.prefix);
  return { ...cidr, value: (cidr.value >> host) << host };
}

export function networkText(cidr: Cidr): string {
  return cidrText(network(cidr));
}

/** Whether the two prefixes have an address in common. */
export function overlap(a: Cidr, b: Cidr): boolean {
  if (a.family !== b.family) return false;
  const host = BigInt(bits(a.family) - Math.min(a.prefix, b.prefix));
  return a.value >> host === b.value >> host;
}

/**
 * The address that the stack takes in the kernel's prefix: `offset` in it, or, where that is not a free usable address,
 * the highest usable one that is not the kernel's. The same rule as `host` and `peer` follow without `--local`.
 */
export function stackAddress(cidr: Cidr, offset: number): bigint {
  const first = network(cidr).value;
  const last = first + (1n << BigInt(bits(cidr.family) - cidr.prefix)) - 1n;
  const usable = (value: bigint) => value > first && value < last && value !== cidr.value;
  const wanted = first + BigInt(offset);
  if (usable(wanted)) return wanted;
  return last - 1n === cidr.value ? last - 2n : last - 1n;
}

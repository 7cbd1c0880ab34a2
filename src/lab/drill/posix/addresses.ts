import { parseAddress } from "#ip/address";
import { symbol } from "../constants/symbols.ts";
import type { Field, Value } from "../language/ast.ts";
import type { Arguments } from "./sockets.ts";

/**
 * `{sa_family = AF_INET, sin_port = htons(8080), sin_addr = inet_addr("192.0.2.1")}`, and the same for IPv6. In FreeBSD's dialect the
 * address is written `inet_pton(AF_INET6, "::1", &sin6_addr)`, without a field name before it.
 */

const PORTS = ["sin_port", "sin6_port", "sa_port"];
const ADDRESSES = ["sin_addr", "sin6_addr", "s_addr", "sa_addr"];

/** Addresses that have names. */
const NAMED: Readonly<Record<string, string>> = {
  INADDR_ANY: "0.0.0.0",
  INADDR_LOOPBACK: "127.0.0.1",
  INADDR_BROADCAST: "255.255.255.255",
  in6addr_any: "::",
  in6addr_loopback: "::1",
  IN6ADDR_ANY_INIT: "::",
  IN6ADDR_LOOPBACK_INIT: "::1",
};

/** The port of an address in the script, or `otherwise` if it has none. */
export function portOf(call: Arguments, index: number, otherwise: number): number {
  const address = call.syscall.args[index];
  return address?.kind === "struct" ? (call.field(address, ...PORTS) ?? otherwise) : otherwise;
}

/** The text of an address in the script; undefined if it has none. */
export function addressOf(call: Arguments, value: Value): string | undefined {
  const field = value.kind === "struct" ? (call.fieldValue(value, ...ADDRESSES) ?? unnamed(value.fields)) : undefined;
  if (field === undefined || field.kind === "ellipsis") return undefined;
  const written = field.kind === "call" ? field.args.find((arg) => arg.kind === "string" || isNamed(arg)) : field;
  if (written?.kind === "string") return written.text;
  if (written !== undefined && isNamed(written)) return NAMED[written.name];
  if (written !== undefined && call.numberOf(written) === symbol("INADDR_ANY")) return "0.0.0.0";
  return call.unsupported(`an address of ${call.name}`);
}

function isNamed(value: Value): value is Value & { readonly kind: "word" } {
  return value.kind === "word" && value.name in NAMED;
}

/** The field written as `inet_pton(AF_INET, "…", &sin_addr)`. */
function unnamed(fields: readonly Field[]): Value | undefined {
  return fields.find(({ name, value }) => name === undefined && value.kind === "call" && /^inet_/.test(value.name))
    ?.value;
}

/** Whether two texts are the same address, in any notation, also mapped into IPv6. */
export function isSameAddress(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => parseAddress(text.replace(/^::ffff:(?=\d+\.)/i, "")));
  return left && right ? left.equals(right) : a === b;
}

function isAny(address: string): boolean {
  return address === "0.0.0.0" || address === "::";
}

/** Whether the call asks for a local address that the stack does not have. */
export function isElsewhere(call: Arguments, value: Value, own: string): boolean {
  const address = addressOf(call, value);
  return address !== undefined && !isAny(address) && !isSameAddress(address, own);
}

/** Only the script's own peer can be played. */
export function checkPeer(call: Arguments, index: number, remote: string): void {
  const value = call.syscall.args[index];
  if (value?.kind === "struct" && isElsewhere(call, value, remote))
    call.unsupported(`${call.name} to another address than the script's peer`);
}

const FAMILIES = ["sa_family", "sin_family", "sin6_family"];

/** The errno for an address of another family or a truncated one. */
export function refusesAddress(call: Arguments, index: number, family: 4 | 6): string | undefined {
  const value = call.syscall.args[index];
  if (value?.kind !== "struct") return undefined;
  const written = call.field(value, ...FAMILIES);
  const own = symbol(family === 6 ? "AF_INET6" : "AF_INET");
  if (written !== undefined && written !== own && written !== symbol("AF_UNSPEC")) return "EAFNOSUPPORT";
  const length = call.syscall.args[index + 1];
  const least = family === 6 ? 24 : 16;
  return length?.kind === "integer" && length.value < least ? "EINVAL" : undefined;
}

/** Differences between the address that a call returned and the expected one. */
export function addressFaults(call: Arguments, value: Value, port: number, address: string): string[] {
  if (value.kind !== "struct") return [];
  const [wantedPort, wanted] = [call.field(value, ...PORTS), addressOf(call, value)];
  const faults: string[] = [];
  if (wantedPort !== undefined && wantedPort !== port) faults.push(`the port is ${port}, not ${wantedPort}`);
  if (wanted !== undefined && !isSameAddress(wanted, address)) faults.push(`the address is ${address}, not ${wanted}`);
  return faults;
}

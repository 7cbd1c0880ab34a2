import type { Value } from "../ast.ts";
import { symbol } from "../symbols.ts";
import type { Arguments } from "./sockets.ts";

/** `{sa_family = AF_INET, sin_port = htons(8080), sin_addr = inet_addr("192.0.2.1")}`, and the same of IPv6. */

/** The port of a written address, or the script's own. */
export function portOf(call: Arguments, index: number, otherwise: number): number {
  const address = call.syscall.args[index];
  if (address?.kind !== "struct") return otherwise;
  return call.field(address, "sin_port", "sin6_port") ?? otherwise;
}

/** What is written for the address: `inet_addr("…")`, `inet_pton(…, "…")`, "…", or INADDR_ANY; undefined: nothing. */
export function addressOf(call: Arguments, value: Value): string | undefined {
  const field = call.fieldValue(value, "sin_addr", "sin6_addr");
  if (field === undefined || field.kind === "ellipsis") return undefined;
  const written = field.kind === "call" ? field.args.at(-1) : field;
  if (written?.kind === "string") return written.text;
  if (written !== undefined && call.numberOf(written) === symbol("INADDR_ANY")) return "0.0.0.0";
  return call.unsupported(`an address of ${call.name}`);
}

/** The socket is to have an address that the stack does not have. */
export function isElsewhere(call: Arguments, value: Value, own: string): boolean {
  if (value.kind !== "struct") return false;
  const address = addressOf(call, value);
  return address !== undefined && address !== own && address !== "0.0.0.0" && address !== "::";
}

/** Where the address that a call tells is not the written one. */
export function addressFaults(call: Arguments, value: Value, port: number, address: string): string[] {
  if (value.kind !== "struct") return [];
  const [wantedPort, wanted] = [call.field(value, "sin_port", "sin6_port"), addressOf(call, value)];
  const faults: string[] = [];
  if (wantedPort !== undefined && wantedPort !== port) faults.push(`the port is ${port}, not ${wantedPort}`);
  if (wanted !== undefined && wanted !== address) faults.push(`the address is ${address}, not ${wanted}`);
  return faults;
}

import type { Value } from "../language/ast.ts";
import { FREEBSD } from "./freebsd.ts";
import { ERRNO, INPUT_OUTPUT, LINUX } from "./linux.ts";

/** The constants of the socket API, by the names that scripts use and errors print. Their values are Linux's. */

const ALL: ReadonlyMap<string, number> = new Map([...FREEBSD, ...LINUX].flatMap((table) => Object.entries(table)));

/** The value of a constant's name, or undefined. */
export function symbol(name: string): number | undefined {
  return ALL.get(name);
}

/** Whether only FreeBSD has a constant of this name. */
export function isFreeBsdOnly(name: string): boolean {
  return FREEBSD.some((table) => name in table) && !LINUX.some((table) => name in table);
}

/** The name of an error number. */
export function errnoText(value: number): string {
  return Object.entries(ERRNO).find(([, n]) => n === value)?.[0] ?? String(value);
}

/** The names with this prefix and value. */
export function namesOf(prefix: string, value: number): string[] {
  return [...ALL].filter(([name, n]) => n === value && name.startsWith(prefix)).map(([name]) => name);
}

/** The flags of an EPOLL or POLL mask, as text. */
export function maskText(mask: number, prefix: "EPOLL" | "POLL"): string {
  const names = Object.entries(INPUT_OUTPUT).filter(
    ([name, bit]) => name.startsWith(prefix) && !name.includes("_") && (mask & bit) !== 0,
  );
  return names.length === 0 ? "0" : names.map(([name]) => name).join("|");
}

/** The value of a number, a constant, or several of them joined by `|`; undefined if a word is unknown or it is another kind of value. */
export function numeric(value: Value | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (value.kind === "integer") return value.value;
  if (value.kind === "word") return symbol(value.name);
  if (value.kind === "call" && (value.name === "htons" || value.name === "htonl")) return numeric(value.args[0]);
  if (value.kind !== "or") return undefined;
  let bits = 0;
  for (const part of value.parts) {
    const n = numeric(part);
    if (n === undefined) return undefined;
    bits = (bits | n) >>> 0;
  }
  return bits;
}

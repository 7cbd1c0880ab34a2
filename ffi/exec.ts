import { ptr } from "./bun-ffi.ts";
import { fcntl, libraryOf, resultOf } from "./libc.ts";

const libc = libraryOf({ execve: { args: ["ptr", "ptr", "ptr"], returns: "i32" } } as const);

/**
 * execve(2): replaces this program by another, which keeps the process id, the terminal and open descriptors (except those that close on
 * exec). Returns only if that failed, with the negated error number.
 */
export function exec(path: string, argv: readonly string[], env: Readonly<Record<string, string | undefined>>): number {
  const variables = Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
  const words = [path, ...argv, ...variables].map((text) => new TextEncoder().encode(`${text}\0`));
  const addresses = (from: number, n: number) =>
    BigUint64Array.from([...words.slice(from, from + n).map((word) => BigInt(ptr(word))), 0n]);
  const given = addresses(1, argv.length);
  const environment = addresses(1 + argv.length, variables.length);
  return resultOf(libc().execve(ptr(words[0]!), ptr(given), ptr(environment)));
}

const F_SETFD = 2;
const FD_CLOEXEC = 1;

/** Sets whether `exec` closes this descriptor. Returns 0, or the negated error number. */
export function closeOnExec(fd: number, closes: boolean): number {
  return fcntl(fd, F_SETFD, closes ? FD_CLOEXEC : 0);
}

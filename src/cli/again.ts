import { ownEnvironment } from "#ffi/environment";
import { exec } from "#ffi/exec";
import { variablesInside } from "./isolation.ts";
import { selfCommand } from "./program.ts";

/**
 * Replaces this process by executing the running program file again, even if its path now leads to another file. Returns only if
 * that failed, with the negated error number.
 */
export function executeAgain(args: readonly string[], variables: Readonly<Record<string, string>>): number {
  return exec("/proc/self/exe", selfCommand(args), ownEnvironment({ ...variablesInside(), ...variables }));
}

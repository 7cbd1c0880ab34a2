import { ownEnvironment } from "#ffi/environment";
import { exec } from "#ffi/exec";
import { variablesInside } from "./isolation.ts";
import { selfCommand } from "./program.ts";

/**
 * Executes this very program again, in its own place: the file that runs, whatever its name leads to by now. Comes back only if
 * that failed, with the negated error number.
 */
export function executeAgain(args: readonly string[], told: Readonly<Record<string, string>>): number {
  return exec("/proc/self/exe", selfCommand(args), ownEnvironment({ ...variablesInside(), ...told }));
}

import { compiled } from "./program.ts";

const OPTION = "BUN_JSC_useFTLJIT";

/**
 * Executes the program again, in the same process, without the engine's last compiler (FTL). FTL pays off only after
 * seconds of computing; if packets move between two processes on few processors, its threads take processor time from the first
 * second of a transfer, and its code is not faster there (docs/adr/0050). The engine reads its options only when it
 * starts. If the user has set the option, or execve fails, the program goes on unchanged.
 */
export async function withoutLastCompiler(args: readonly string[]): Promise<void> {
  if (!compiled || process.env[OPTION] !== undefined) return;
  const { executeAgain } = await import("./again.ts");
  executeAgain(args, withoutLastCompilerOption());
}

/** The variables for the same, for a program that executes itself again anyway. */
export function withoutLastCompilerOption(): Record<string, string> {
  return compiled && process.env[OPTION] === undefined ? { [OPTION]: "0" } : {};
}

import { compiled } from "./program.ts";

const OPTION = "BUN_JSC_useFTLJIT";

/**
 * Starts the program once more, in its own place, without the last of the engine's compilers (FTL). That one pays off in
 * seconds of computing; where packets flow between two processes on few processors its threads take the time that the first
 * second of a transfer needs, and what they make is no faster there (docs/adr/0050). The engine reads its options only when it
 * starts. Whoever has set the option is left alone; where it cannot be done, all goes on as it is.
 */
export async function withoutLastCompiler(args: readonly string[]): Promise<void> {
  if (!compiled || process.env[OPTION] !== undefined) return;
  const { executeAgain } = await import("./again.ts");
  executeAgain(args, withoutLastCompilerOption());
}

/** The same for a program that starts itself again anyway: what to tell it. */
export function withoutLastCompilerOption(): Record<string, string> {
  return compiled && process.env[OPTION] === undefined ? { [OPTION]: "0" } : {};
}

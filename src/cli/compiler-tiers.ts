import { wholeEnvironment } from "#ffi/environment";
import { compiled, selfCommand } from "./program.ts";

const OPTION = "BUN_JSC_useFTLJIT";

/**
 * Executes the program again, in the same process, without the engine's last compiler (FTL). FTL pays off only after
 * seconds of computing; if packets move between two processes on few processors, its threads take processor time from the first
 * second of a transfer, and its code is not faster there (docs/adr/0050). The engine reads its options only when it
 * starts. If the user has set the option, or execve fails, the program goes on unchanged.
 */
export async function withoutLastCompiler(args: readonly string[]): Promise<void> {
  const variables = withoutLastCompilerOption(args);
  if (Object.keys(variables).length === 0) return;
  const { executeAgain } = await import("./again.ts");
  executeAgain(args, variables);
}

/** The variables for the same, for a program that executes itself again anyway; none for one that computes as long as it runs. */
export function withoutLastCompilerOption(args: readonly string[]): Record<string, string> {
  return compiled && process.env[OPTION] === undefined && !answers(args) ? { [OPTION]: "0" } : {};
}

/** A server of small messages: for each of them the stack computes, and the kernel moves only a few octets. */
const answers = (args: readonly string[]) => args.includes("--echo");

/** Set if this program, and not its user, has set the option. */
const CHOSEN = "TCPNET_CHOSE_COMPILERS";

/** The same for a program that starts a command of the user, which gets the whole environment (`withoutChoice`). */
export async function withoutLastCompilerBeside(args: readonly string[]): Promise<void> {
  if (!compiled || process.env[OPTION] !== undefined) return;
  const { exec } = await import("#ffi/exec");
  exec("/proc/self/exe", selfCommand(args), { ...wholeEnvironment(), [OPTION]: "0", [CHOSEN]: "1" });
}

/** The environment of the user, without what `withoutLastCompilerBeside` has added. */
export function withoutChoice(env: Readonly<Record<string, string>>): Record<string, string> {
  const added = env[CHOSEN] === undefined ? [] : [CHOSEN, OPTION];
  return Object.fromEntries(Object.entries(env).filter(([name]) => !added.includes(name)));
}

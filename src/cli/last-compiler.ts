import { wholeEnvironment } from "#ffi/environment";
import { compiled, selfCommand } from "./program.ts";

const OPTION = "BUN_JSC_useFTLJIT";
/** Set if this program, and not its user, has set the option. */
const CHOSEN = "TCPNET_CHOSE_COMPILERS";

/**
 * Executes `run` again, in the same process, without the engine's last compiler (FTL): beside a command and its
 * peer, its threads take more processor time than its code saves (docs/adr/0050). The engine reads its options only when it
 * starts. The command gets the whole environment (`withoutChoice`). If the user has set the option, or execve fails, the program goes on unchanged.
 */
export async function withoutLastCompiler(args: readonly string[]): Promise<void> {
  if (!compiled || process.env[OPTION] !== undefined) return;
  const { exec } = await import("#ffi/exec");
  exec("/proc/self/exe", selfCommand(args), { ...wholeEnvironment(), [OPTION]: "0", [CHOSEN]: "1" });
}

/** The environment of the user, without what `withoutLastCompiler` has added. */
export function withoutChoice(env: Readonly<Record<string, string>>): Record<string, string> {
  const added = env[CHOSEN] === undefined ? [] : [CHOSEN, OPTION];
  return Object.fromEntries(Object.entries(env).filter(([name]) => !added.includes(name)));
}

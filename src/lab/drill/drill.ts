import { configure, readScript } from "./interpreter/config.ts";
import { type Result, run } from "./interpreter/runner.ts";
import { ScriptError, Unsupported } from "./language/ast.ts";
import { filesBeside, optionsAbove } from "./language/script-files.ts";
import type { Profile, SystemTarget, Target, TargetSetup } from "./posix/target.ts";
import type { Reported } from "./report.ts";

export interface DrillOptions {
  /** The profile that the scripts are written for; undefined: the one that the script or its folder names, or Linux. */
  readonly profile: Profile | undefined;
  /** The only profile of the machine under test; undefined: any. */
  readonly only?: Profile;
  /** Words with a replacement, and names for `#ifdef`. */
  readonly defines: ReadonlyMap<string, string>;
  /** Options from outside, by name; they override those at the head of a script. */
  readonly options: ReadonlyMap<string, string>;
  /** Unexpected packets make a script fail. */
  readonly strict: boolean;
  readonly seed: number;
  /** How far a packet may be from its expected time, if neither the script nor an option says; microseconds. */
  readonly toleranceUsecs?: number | undefined;
  readonly newTarget: (setup: TargetSetup) => Target | SystemTarget;
}

/** Runs the text of one script. Never throws for errors of the script or the stack. */
export function drill(source: string, file: string, options: DrillOptions): Reported {
  const { only, newTarget } = options;
  try {
    const script = readScript(source, file, { ...options, folders: optionsAbove(file) });
    const { profile } = script;
    if (only !== undefined && profile !== only)
      throw new Unsupported(`a script for ${profile}, but the kernel is ${only}`);
    const config = configure(script, { ...options, profile, readFile: filesBeside(file) });
    return { file, result: run(script, config, newTarget) };
  } catch (error) {
    return { file, result: unread(error) };
  }
}

/** The result of a script that could not be started. */
function unread(error: unknown): Result {
  if (!(error instanceof ScriptError || error instanceof Unsupported)) throw error;
  const isError = error instanceof ScriptError;
  return {
    status: isError ? "error" : "unsupported",
    position: error.position,
    message: isError ? error.message : error.feature,
    details: [],
    notes: [],
    packets: [],
    virtualUsecs: 0,
  };
}

import { configure, readScript } from "./interpreter/config.ts";
import { type Result, run } from "./interpreter/runner.ts";
import { ScriptError, Unsupported } from "./language/ast.ts";
import { filesBeside, optionsAbove } from "./language/script-files.ts";
import type { Profile, SystemTarget, Target, TargetSetup } from "./posix/target.ts";
import type { Reported } from "./report.ts";

export interface DrillOptions {
  /** The stack that scripts are written for; undefined: what they, or their folders, say, or Linux. */
  readonly profile: Profile | undefined;
  /** The only stack that the machine under test can be; undefined: any. */
  readonly only?: Profile;
  /** Words of scripts, and names for `#ifdef`. */
  readonly defines: ReadonlyMap<string, string>;
  /** Options from outside, by name: they go before those at the head of a script. */
  readonly options: ReadonlyMap<string, string>;
  /** Packets that no expectation reads are a failure. */
  readonly strict: boolean;
  readonly seed: number;
  /** How far a packet may be from its time, where neither the script nor an option says it; microseconds. */
  readonly toleranceUsecs?: number | undefined;
  readonly newTarget: (setup: TargetSetup) => Target | SystemTarget;
}

/** Runs the text of one script. Never throws for what the script or the stack does wrong. */
export function drill(source: string, file: string, options: DrillOptions): Reported {
  const { only, newTarget } = options;
  try {
    const script = readScript(source, file, { ...options, folders: optionsAbove(file) });
    const { profile } = script;
    if (only !== undefined && profile !== only)
      throw new Unsupported(`a script for ${profile}, in a kernel of ${only}`);
    const config = configure(script, { ...options, profile, readFile: filesBeside(file) });
    return { file, result: run(script, config, newTarget) };
  } catch (error) {
    return { file, result: unread(error) };
  }
}

/** A script that did not even begin. */
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

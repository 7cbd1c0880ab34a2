import { ScriptError, Unsupported } from "./ast.ts";
import { configure, readScript } from "./config.ts";
import type { Engine, EngineSetup, Profile, System } from "./engine.ts";
import type { Reported } from "./report.ts";
import { type Result, run } from "./runner.ts";
import { filesBeside } from "./script-files.ts";

export interface DrillOptions {
  readonly profile: Profile;
  /** Words of scripts, and names for `#ifdef`. */
  readonly defines: ReadonlyMap<string, string>;
  /** Options from outside, by name: they go before those at the head of a script. */
  readonly options: ReadonlyMap<string, string>;
  /** Packets that no expectation reads are a failure. */
  readonly strict: boolean;
  readonly seed: number;
  /** How far a packet may be from its time, where neither the script nor an option says it; microseconds. */
  readonly toleranceUsecs?: number | undefined;
  readonly newEngine: (setup: EngineSetup) => Engine | System;
}

/** Runs the text of one script. Never throws for what the script or the stack does wrong. */
export function drill(source: string, file: string, options: DrillOptions): Reported {
  const { profile, defines, newEngine } = options;
  try {
    const script = readScript(source, file, profile, defines, options.options);
    return { file, result: run(script, configure(script, { ...options, readFile: filesBeside(file) }), newEngine) };
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

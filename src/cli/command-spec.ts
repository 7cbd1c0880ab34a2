import type { Flag } from "./argv.ts";
import type { Flags } from "./flags.ts";

/** What a command is called with. */
export interface Call {
  readonly args: readonly string[];
  readonly flags: Flags;
}

/** A module in ./commands: runs the command and answers the exit code. */
export interface CommandModule {
  run(call: Call): Promise<number>;
}

export interface FlagGroup {
  readonly title: string;
  readonly flags: readonly Flag[];
}

/** Two columns under a title. */
export interface HelpSection {
  readonly title: string;
  readonly rows: readonly (readonly [string, string])[];
  /** The right column is to be copied: it stands on lines of its own, and is not broken. */
  readonly commands?: boolean;
}

export interface CommandSpec {
  readonly name: string;
  /** Its positional arguments, in cac's form. */
  readonly args: string;
  readonly summary: string;
  /** The first three things to copy. */
  readonly examples: readonly [string, string, string];
  /** A few sentences behind the examples. */
  readonly about: string;
  readonly groups: readonly FlagGroup[];
  /** What else its help explains. */
  readonly sections?: readonly HelpSection[];
  /** Where its exit codes are not those of a conversation. */
  readonly exits?: readonly (readonly [string, string])[];
  /** It moves packets between processes: see compiler-tiers.ts. */
  readonly movesPackets?: boolean;
  /** Loaded only when the command runs, so that help and version answer at once. */
  readonly load: () => Promise<CommandModule>;
}

/** Flags under a title, each as cac and the help have it. */
export function group(title: string, ...flags: (readonly [string, string])[]): FlagGroup {
  return { title, flags: flags.map(([raw, text]) => ({ raw, text })) };
}

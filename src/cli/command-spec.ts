import type { Flag } from "./argv.ts";
import type { Flags } from "./flags.ts";

/** The arguments and flags of a call. */
export interface Call {
  readonly args: readonly string[];
  readonly flags: Flags;
}

/** A module in ./commands: runs the command and returns the exit code. */
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
  /** The right column has commands to copy: they get their own lines and are not wrapped. */
  readonly commands?: boolean;
}

export interface CommandSpec {
  readonly name: string;
  /** Its positional arguments, in cac's form. */
  readonly args: string;
  readonly summary: string;
  /** Left out of what `tcpnet` alone prints, which fits the smallest terminal; `--help` has it. */
  readonly isAside?: boolean;
  /** Three examples to copy. */
  readonly examples: readonly [string, string, string];
  /** A few sentences after the examples. */
  readonly about: string;
  readonly groups: readonly FlagGroup[];
  /** Further sections of its help. */
  readonly sections?: readonly HelpSection[];
  /** Its exit codes, if they are not those of host and peer. */
  readonly exits?: readonly (readonly [string, string])[];
  /** Forms of its usage line, if `args` alone does not show them. */
  readonly usage?: readonly string[];
  /** Its first argument is a program: the words behind it are that program's, flags included. */
  readonly startsProgram?: boolean;
  /** Whether it moves packets between processes, always or if it is called so: it gives up root then (privileges.ts). */
  readonly movesPackets?: boolean | ((call: Call) => boolean);
  /** Loaded only when the command runs, so that --help and --version are fast. */
  readonly load: () => Promise<CommandModule>;
}

/** Flags under a title, in the form for cac and the help. */
export function group(title: string, ...flags: (readonly [string, string])[]): FlagGroup {
  return { title, flags: flags.map(([raw, text]) => ({ raw, text })) };
}

/** Makes the script that completes the program's words in a shell, from the table of commands. */
import { type FlagShape, shapeOf } from "./argv.ts";
import type { CommandSpec } from "./command-spec.ts";
import { flagsOf } from "./commands.ts";

export const SHELLS = ["bash", "zsh"] as const;
export type Shell = (typeof SHELLS)[number];

/** Words that can be completed, beside the names of commands and flags. */
export interface Vocabulary {
  /** Values of flags: "sim --cc" or, for every command that has the flag, "--cc". */
  readonly values: Readonly<Record<string, readonly string[]>>;
  /** First arguments of commands. */
  readonly first: Readonly<Record<string, readonly string[]>>;
}

/** Where words are devices, and where the kernel's address on the device before them. bench has -s or -c in front of both. */
const DEVICES_AT = '"host 2" | "peer 2" | "bench 3" | "chaos 2" | "chaos 4"';
const ADDRESSES_AT = '"host 3" | "peer 3" | "bench 4" | "chaos 3" | "chaos 5"';

export function completionScript(shell: Shell, commands: readonly CommandSpec[], words: Vocabulary): string {
  const names = commands.map(({ name }) => name);
  const lines = [
    "# Completes the commands and flags of tcpnet; made by `tcpnet completion`.",
    ...(shell === "zsh" ? ZSH : []),
    // A name of a file may have blanks in it.
    "_tcpnet_files() {",
    "  local IFS=$'\\n'",
    '  COMPREPLY=($(compgen -f -- "$cur"))',
    "}",
    "_tcpnet() {",
    // "--cc=bbr" is three words for bash.
    `  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" command="\${COMP_WORDS[1]}"`,
    `  if [ "$cur" = "=" ]; then cur=""; elif [ "$prev" = "=" ]; then prev="\${COMP_WORDS[COMP_CWORD-2]}"; fi`,
    "  COMPREPLY=()",
    '  if [ "$COMP_CWORD" = 1 ]; then',
    `    ${reply([...names, "help", "--help", "--version"])}`,
    "    return",
    "  fi",
    '  case "$command $prev" in',
    ...commands.flatMap((command) => valueCases(command, words.values)),
    `  "run --") ${PROGRAMS}; return ;;`,
    "  esac",
    '  case "$cur" in',
    '  -*) case "$command" in',
    ...commands.map((command) => `    ${command.name}) ${reply(flagWords(flagsOf(command).map(shapeOf)))} ;;`),
    "    esac",
    "    return ;;",
    "  esac",
    '  case "$command $COMP_CWORD" in',
    `  "help 2") ${reply(names)}; return ;;`,
    `  "run 2") ${PROGRAMS}; return ;;`,
    `  ${DEVICES_AT}) ${reply(["$(sed -n 's/^ *\\([^: ]*\\):.*/\\1/p' /proc/net/dev)"])}; return ;;`,
    `  ${ADDRESSES_AT}) ${reply([`$(ip -4 -o addr show dev "$prev" 2>/dev/null | awk '{ print $4 }')`])}; return ;;`,
    ...Object.entries(words.first).map(([name, known]) => `  "${name} 2") ${reply(known)}; return ;;`),
    "  esac",
    "  _tcpnet_files",
    "}",
    "complete -o filenames -F _tcpnet tcpnet",
  ];
  return `${lines.join("\n")}\n`;
}

/** zsh runs bash's completions once it is told to. */
const ZSH = ["autoload -Uz compinit bashcompinit", `[ -n "\${_comps+set}" ] || compinit`, "bashcompinit"];

function reply(words: readonly string[]): string {
  return `COMPREPLY=($(compgen -W "${words.join(" ")}" -- "$cur"))`;
}

function flagWords(shapes: readonly FlagShape[]): string[] {
  return shapes.flatMap(({ name, short }) => [`--${name}`, ...(short === "" ? [] : [`-${short}`])]);
}

/** What stands behind a flag: known words, a user, a file; for other values there is nothing to complete. */
function valueCases(command: CommandSpec, values: Vocabulary["values"]): string[] {
  const flags = flagsOf(command).map((flag) => ({ raw: flag.raw, ...shapeOf(flag) }));
  const patterns = new Map<string, string[]>();
  for (const { raw, name, short } of flags.filter(({ takesValue, isOptional }) => takesValue && !isOptional)) {
    const known = values[`${command.name} --${name}`] ?? values[`--${name}`];
    const other = name === "user" ? USERS : /<(?:file|path)/.test(raw) ? "_tcpnet_files" : ":";
    const action = known === undefined ? other : reply(known);
    const words = [`"${command.name} --${name}"`, ...(short === "" ? [] : [`"${command.name} -${short}"`])];
    patterns.set(action, [...(patterns.get(action) ?? []), ...words]);
  }
  return [...patterns].map(([action, words]) => `  ${words.join(" | ")}) ${action}; return ;;`);
}

const PROGRAMS = 'COMPREPLY=($(compgen -c -- "$cur"))';
const USERS = 'COMPREPLY=($(compgen -u -- "$cur"))';

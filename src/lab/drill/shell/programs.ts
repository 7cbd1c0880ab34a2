import { type Answer, NO, OK, said } from "./answer.ts";
import { awk } from "./awk.ts";
import { basic } from "./basic.ts";
import { counterProgram } from "./counters.ts";
import type { ShellHost } from "./host.ts";
import { networkProgram } from "./network.ts";
import { sed } from "./sed.ts";
import { defaults, isDefaultsScript, isRestoringScript, sysctl } from "./settings.ts";
import { socketProgram } from "./sockets.ts";
import { condition } from "./test.ts";
import { textProgram } from "./text.ts";

/** The programs that a script may call, as far as they concern the machine under test or process text. */

/** What programs remember from one command to the next. */
export interface Memory {
  /** Counters as of the last `nstat`. */
  readonly counted: Map<string, number>;
}

export interface Context {
  readonly host: ShellHost;
  readonly input: string;
  readonly memory: Memory;
}

/** Undefined: no such program, or an unsupported use of it. */
export type Program = (args: readonly string[], context: Context) => Answer | undefined;

/** Words that may precede a program. */
const PREFIXES: ReadonlySet<string> = new Set(["sudo", "env", "exec", "command", "nohup", "time", "stdbuf", "nice"]);

export function programOf(words: readonly string[], context: Context): Answer | undefined {
  const [first = "", ...rest] = words;
  if (PREFIXES.has(first))
    return first === "command" && rest[0] === "-v" ? which(rest.slice(1)) : programOf(withoutFlags(rest), context);
  if (/^(ba|da)?sh$|^\.$|^source$/.test(first) && rest.length > 0 && !rest[0]!.startsWith("-"))
    return programOf(rest, context);
  if (isDefaultsScript(first)) return defaults(context.host);
  if (isRestoringScript(words.join(" "))) return OK;
  const name = first.replace(/^.*\//, "");
  const program = PROGRAMS[name];
  if (program) return program(rest, context);
  return (
    basic(name, rest, context) ??
    textProgram(name, rest, context) ??
    networkProgram(name, rest, context) ??
    socketProgram(name, rest, context) ??
    counterProgram(name, rest, context)
  );
}

/** Flags, and `NAME=value`, between `env` and its program. */
function withoutFlags(words: readonly string[]): readonly string[] {
  const at = words.findIndex((word) => !/^-|^\w+=/.test(word));
  return at < 0 ? ["true"] : words.slice(at);
}

const PROGRAMS: Readonly<Record<string, Program>> = {
  test: condition,
  "[": condition,
  "[[": condition,
  awk,
  gawk: awk,
  mawk: awk,
  sed,
  sysctl,
  "set_sysctls.py": sysctl,
  which: (args) => which(args),
};

const KNOWN = /^(ip|tc|ethtool|sysctl|nstat|ss|netstat|sockstat|tcpdrop|ifconfig|grep|awk|sed|cat|wc|dd)$/;

/** Scripts check whether a tool is installed. */
function which(args: readonly string[]): Answer {
  const found = args.filter((arg) => KNOWN.test(arg));
  return found.length === args.length ? said(found.map((name) => `/usr/bin/${name}`)) : NO;
}

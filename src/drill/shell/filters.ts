import type { SimpleCommand } from "./parse.ts";

/** Programs that read text and answer with text and an exit status: what scripts put behind a pipe. */

export interface Answer {
  readonly lines: readonly string[];
  readonly status: number;
}

export type Filter = (lines: readonly string[]) => Answer;

/** Undefined: it is not understood. */
export function filterOf({ words, into }: SimpleCommand): Filter | undefined {
  if (into.length > 0) return undefined;
  const [name, ...args] = words;
  switch (name) {
    case "grep":
    case "egrep":
    case "fgrep":
      return grep(name, args);
    case "wc":
      return args.join() === "-l" ? (lines) => ({ lines: [String(lines.length)], status: 0 }) : undefined;
    case "head":
    case "tail":
      return end(name, args);
    case "cat":
    case "sort":
      if (args.length > 0) return undefined;
      return (lines) => ({ lines: name === "sort" ? [...lines].sort() : lines, status: 0 });
    case "tr":
      return squeeze(args);
    case "awk":
      return column(args);
    default:
      return undefined;
  }
}

function grep(name: string, args: readonly string[]): Filter | undefined {
  let flags = name === "egrep" ? "E" : name === "fgrep" ? "F" : "";
  const patterns: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "-e" || arg === "--") patterns.push(args[++i] ?? "");
    else if (/^-[a-zA-Z]+$/.test(arg)) flags += arg.slice(1);
    else if (patterns.length === 0) patterns.push(arg);
    else return undefined;
  }
  if (patterns.length === 0 || /[^EFGPciovqwxsh]/.test(flags)) return undefined;
  const expressions = patterns.map((pattern) => expression(pattern, flags));
  if (expressions.some((each) => each === undefined)) return undefined;
  const inverted = flags.includes("v");
  return (lines) => {
    const found = lines.filter((line) => expressions.some((each) => each!.test(line)) !== inverted);
    const status = found.length > 0 ? 0 : 1;
    if (flags.includes("q")) return { lines: [], status };
    if (flags.includes("c")) return { lines: [String(found.length)], status };
    if (!flags.includes("o")) return { lines: found, status };
    return {
      lines: found.flatMap((line) =>
        expressions.map((each) => each!.exec(line)?.[0]).filter((text) => text !== undefined),
      ),
      status,
    };
  };
}

/** The basic syntax has its special characters behind a backslash, the extended one without. */
function expression(pattern: string, flags: string): RegExp | undefined {
  let source = pattern;
  if (flags.includes("F")) source = source.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  else if (!/[EP]/.test(flags))
    source = source.replace(/\\([+?(){}|])|([+?(){}|])/g, (_, escaped, plain) => escaped ?? `\\${plain}`);
  source = source
    .replaceAll("[[:space:]]", "\\s")
    .replaceAll("[[:digit:]]", "\\d")
    .replace(/\\[<>]/g, "\\b");
  if (source.includes("[[:")) return undefined;
  if (flags.includes("w")) source = `\\b(?:${source})\\b`;
  if (flags.includes("x")) source = `^(?:${source})$`;
  try {
    return new RegExp(source, flags.includes("i") ? "i" : "");
  } catch {
    return undefined;
  }
}

function end(name: string, args: readonly string[]): Filter | undefined {
  const n = args.length === 0 ? 10 : Number(/^-n?(\d+)$/.exec(args.join(""))?.[1] ?? Number.NaN);
  if (Number.isNaN(n)) return undefined;
  return (lines) => ({ lines: name === "head" ? lines.slice(0, n) : n === 0 ? [] : lines.slice(-n), status: 0 });
}

/** `tr -s ' '` */
function squeeze(args: readonly string[]): Filter | undefined {
  if (args[0] !== "-s" || args[1]?.length !== 1 || args.length > 2) return undefined;
  const runs = new RegExp(`(${args[1].replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")})\\1+`, "g");
  return (lines) => ({ lines: lines.map((line) => line.replace(runs, "$1")), status: 0 });
}

/** `awk '{print $2}'` */
function column(args: readonly string[]): Filter | undefined {
  const n = /^\{\s*print\s+\$(\d+)\s*;?\s*\}$/.exec(args[0] ?? "")?.[1];
  if (n === undefined || args.length !== 1) return undefined;
  return (lines) => ({
    lines: lines.map((line) => (n === "0" ? line : (line.trim().split(/\s+/)[Number(n) - 1] ?? ""))),
    status: 0,
  });
}

/** Runs text through filters; the exit status is the last one's. */
export function piped(lines: readonly string[], filters: readonly Filter[]): Answer {
  return filters.reduce<Answer>((answer, filter) => filter(answer.lines), { lines, status: 0 });
}

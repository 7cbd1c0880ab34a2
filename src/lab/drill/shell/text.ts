import { type Answer, linesOf, OK, said } from "./answer.ts";
import { size } from "./basic.ts";
import type { Context } from "./programs.ts";
import { readSetting } from "./settings.ts";
import { socketsFile } from "./sockets.ts";

/** Programs that process text, which scripts use in pipelines. */

export function textProgram(name: string, args: readonly string[], context: Context): Answer | undefined {
  switch (name) {
    case "grep":
    case "egrep":
    case "fgrep":
      return grep(name, args, context);
    case "cat":
      return textOf(
        args.filter((arg) => arg !== "-"),
        context,
      );
    case "wc":
      return count(args, context);
    case "head":
    case "tail":
      return end(name, args, context);
    case "sort":
      return sort(args, context);
    case "uniq":
      return unique(args, context);
    case "tr":
      return translate(args, context);
    case "cut":
      return cut(args, context);
    case "tee":
      return tee(args, context);
    case "tac":
      return args.length > 0 ? undefined : said(linesOf(context.input).reverse());
    case "rev":
      return args.length > 0 ? undefined : said(linesOf(context.input).map((line) => [...line].reverse().join("")));
    case "xargs":
      return args.length > 1 || (args[0] ?? "echo") !== "echo"
        ? undefined
        : said([context.input.trim().split(/\s+/).join(" ")]);
    case "column":
      return args.join() === "-t" ? { text: context.input, status: 0 } : undefined;
    default:
      return undefined;
  }
}

/** The concatenated text of files; without files, the input. Undefined: no such file. */
export function textOf(paths: readonly string[], context: Context): Answer | undefined {
  if (paths.length === 0) return { text: context.input, status: 0 };
  let text = "";
  for (const path of paths) {
    const part = fileText(path, context);
    if (part === undefined) return undefined;
    text += part;
  }
  return { text, status: 0 };
}

function fileText(path: string, { host, input }: Context): string | undefined {
  if (path === "-" || path === "/dev/stdin") return input;
  if (path === "/dev/null") return "";
  const sockets = socketsFile(path, host);
  if (sockets !== undefined) return sockets;
  if (path.startsWith("/proc/sys/")) {
    const value = readSetting(host, path.slice("/proc/sys/".length));
    return value === undefined ? undefined : `${value}\n`;
  }
  const bytes = host.files.get(path) ?? host.readFile(path);
  return bytes && new TextDecoder().decode(bytes);
}

/** Separates flags with a dash from other words. */
function sorted(args: readonly string[]): { flags: string; rest: string[] } {
  const rest = args.filter((arg) => arg === "-" || !arg.startsWith("-"));
  const flags = args.filter((arg) => arg.length > 1 && arg.startsWith("-")).map((arg) => arg.slice(1));
  return { flags: flags.join(""), rest };
}

interface Search {
  flags: string;
  readonly patterns: string[];
  readonly files: string[];
  /** -m and -A, -B, -C. */
  most: number;
  before: number;
  after: number;
}

const LONG: Readonly<Record<string, string>> = {
  "--quiet": "q",
  "--silent": "q",
  "--count": "c",
  "--invert-match": "v",
  "--ignore-case": "i",
  "--only-matching": "o",
  "--extended-regexp": "E",
  "--fixed-strings": "F",
  "--word-regexp": "w",
  "--line-regexp": "x",
};

function searchOf(name: string, args: readonly string[]): Search | undefined {
  const search: Search = {
    flags: name === "egrep" ? "E" : name === "fgrep" ? "F" : "",
    patterns: [],
    files: [],
    most: Number.POSITIVE_INFINITY,
    before: 0,
    after: 0,
  };
  let onlyWords = false;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    const numbered = /^-([mABC])(\d*)$/.exec(arg);
    if (!onlyWords && arg === "--") onlyWords = true;
    else if (!onlyWords && arg === "-e") search.patterns.push(args[++i] ?? "");
    else if (!onlyWords && numbered) {
      const n = Number(numbered[2] || args[++i]);
      if (!Number.isInteger(n)) return undefined;
      if (numbered[1] === "m") search.most = n;
      if (numbered[1] === "A" || numbered[1] === "C") search.after = n;
      if (numbered[1] === "B" || numbered[1] === "C") search.before = n;
    } else if (!onlyWords && LONG[arg]) search.flags += LONG[arg];
    else if (!onlyWords && /^--color(=\w+)?$|^--line-buffered$/.test(arg)) continue;
    else if (!onlyWords && /^-[a-zA-Z]+$/.test(arg)) search.flags += arg.slice(1);
    else if (search.patterns.length === 0) search.patterns.push(arg);
    else search.files.push(arg);
  }
  return search.patterns.length === 0 || /[^EFGPciovqwxshna]/.test(search.flags) ? undefined : search;
}

function grep(name: string, args: readonly string[], context: Context): Answer | undefined {
  const search = searchOf(name, args);
  const given = search && textOf(search.files, context);
  if (!search || !given) return undefined;
  const { flags } = search;
  const expressions = search.patterns.flatMap((pattern) => pattern.split("\n")).map((each) => expression(each, flags));
  if (expressions.some((each) => each === undefined)) return undefined;
  const lines = linesOf(given.text);
  const hits: number[] = [];
  lines.forEach((line, i) => {
    if (hits.length < search.most && expressions.some((each) => each!.test(line)) !== flags.includes("v")) hits.push(i);
  });
  const status = hits.length > 0 ? 0 : 1;
  if (flags.includes("q")) return { text: "", status };
  if (flags.includes("c")) return said([String(hits.length)], status);
  const shown = (i: number) => (flags.includes("n") ? `${i + 1}:${lines[i]}` : lines[i]!);
  if (!flags.includes("o")) return said(around(hits, lines.length, search).map(shown), status);
  const everywhere = expressions.map((each) => new RegExp(each!.source, `${each!.flags}g`));
  return said(
    hits.flatMap((i) => everywhere.flatMap((each) => lines[i]!.match(each) ?? [])).filter((text) => text !== ""),
    status,
  );
}

/** The hits, each with the lines before and after it. */
function around(hits: readonly number[], length: number, { before, after }: Search): number[] {
  const shown = new Set<number>();
  for (const hit of hits)
    for (let i = Math.max(0, hit - before); i <= Math.min(length - 1, hit + after); i++) shown.add(i);
  return [...shown].sort((a, b) => a - b);
}

const CLASSES: Readonly<Record<string, string>> = {
  space: "\\s",
  blank: " \\t",
  digit: "0-9",
  alpha: "A-Za-z",
  alnum: "A-Za-z0-9",
  upper: "A-Z",
  lower: "a-z",
  xdigit: "0-9A-Fa-f",
  punct: "!-/:-@\\[-`{-~",
};

/** A regular expression in the syntax of grep and sed: basic (special characters have a backslash) or extended. */
export function expression(pattern: string, flags: string): RegExp | undefined {
  let source = pattern;
  if (flags.includes("F")) source = source.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  else if (!/[EP]/.test(flags))
    source = source.replace(/\\([+?(){}|])|([+?(){}|])/g, (_, escaped, plain) => escaped ?? `\\${plain}`);
  source = source.replace(/\[:(\w+):\]/g, (all, name: string) => CLASSES[name] ?? all).replace(/\\[<>]/g, "\\b");
  if (source.includes("[:")) return undefined;
  if (flags.includes("w")) source = `(?<!\\w)(?:${source})(?!\\w)`;
  if (flags.includes("x")) source = `^(?:${source})$`;
  try {
    return new RegExp(source, flags.includes("i") ? "i" : "");
  } catch {
    return undefined;
  }
}

function count(args: readonly string[], context: Context): Answer | undefined {
  const { flags, rest } = sorted(args);
  const given = textOf(rest, context);
  if (!given || rest.length > 1 || !/^[lwcm]?$/.test(flags)) return undefined;
  const { text } = given;
  const counts: Readonly<Record<string, number>> = {
    l: text.split("\n").length - 1,
    w: text.split(/\s+/).filter((word) => word !== "").length,
    c: new TextEncoder().encode(text).length,
    m: text.length,
  };
  const name = rest.length > 0 ? ` ${rest[0]}` : "";
  const all = `      ${counts.l}       ${counts.w}       ${counts.c}`;
  return said([(flags === "" ? all : String(counts[flags])) + name]);
}

/** `head -n 3`, `head -3`, `head -c 500 /dev/zero`, `tail -n +2` */
function end(name: string, args: readonly string[], context: Context): Answer | undefined {
  const found = /^(?:-?(n|c)?\s*)?([-+]?)(\d+[kKMG]?)?\s*(.*)$/.exec(args.join(" "));
  const [, unit = "n", sign = "", digits = "10", path = ""] = found ?? [];
  const n = size(digits);
  if (!found || n === undefined || path.includes(" ")) return undefined;
  if (unit === "c") return octets(name, n, path, context);
  const given = textOf(path === "" ? [] : [path], context);
  if (!given) return undefined;
  const lines = linesOf(given.text);
  if (name === "head") return said(sign === "-" ? lines.slice(0, Math.max(0, lines.length - n)) : lines.slice(0, n));
  return said(sign === "+" ? lines.slice(n - 1) : n === 0 ? [] : lines.slice(-n));
}

function octets(name: string, n: number, path: string, context: Context): Answer | undefined {
  if (name === "head" && path === "/dev/zero") return { text: "\0".repeat(n), status: 0 };
  const given = textOf(path === "" ? [] : [path], context);
  return given && { text: name === "head" ? given.text.slice(0, n) : given.text.slice(-n), status: 0 };
}

function sort(args: readonly string[], context: Context): Answer | undefined {
  const { flags, rest } = sorted(args);
  const given = textOf(rest, context);
  if (!given || /[^nru]/.test(flags)) return undefined;
  const number = (line: string) => Number.parseFloat(line) || 0;
  const lines = linesOf(given.text).sort((a, b) =>
    flags.includes("n") ? number(a) - number(b) : a < b ? -1 : Number(a > b),
  );
  if (flags.includes("r")) lines.reverse();
  return said(flags.includes("u") ? [...new Set(lines)] : lines);
}

function unique(args: readonly string[], context: Context): Answer | undefined {
  const { flags, rest } = sorted(args);
  const given = textOf(rest, context);
  if (!given || /[^c]/.test(flags)) return undefined;
  const runs: { line: string; n: number }[] = [];
  for (const line of linesOf(given.text)) {
    const last = runs.at(-1);
    if (last?.line === line) last.n++;
    else runs.push({ line, n: 1 });
  }
  return said(runs.map(({ line, n }) => (flags.includes("c") ? `${String(n).padStart(7)} ${line}` : line)));
}

/** `tr -s ' '`, `tr -d ' \n'`, `tr a-z A-Z` */
function translate(args: readonly string[], { input }: Context): Answer | undefined {
  const { flags, rest } = sorted(args);
  const [from, to] = rest.map(setOf);
  if (from === undefined || /[^sdc]/.test(flags) || (flags.includes("c") && !flags.includes("d"))) return undefined;
  const isIn = (c: string) => from.includes(c) !== flags.includes("c");
  if (flags.includes("d")) return { text: [...input].filter((c) => !isIn(c)).join(""), status: 0 };
  const changed = [...input].map((c) =>
    to === undefined || !isIn(c) ? c : to[Math.min(from.indexOf(c), to.length - 1)]!,
  );
  if (!flags.includes("s")) return to === undefined ? undefined : { text: changed.join(""), status: 0 };
  const squeezed = to ?? from;
  return { text: changed.filter((c, i) => c !== changed[i - 1] || !squeezed.includes(c)).join(""), status: 0 };
}

function setOf(text: string): string {
  return text
    .replace(
      /\[:(\w+):\]/g,
      (_, name: string) =>
        ({ space: " \t\n\r", digit: "0-9", alpha: "a-zA-Z", upper: "A-Z", lower: "a-z" })[name] ?? "",
    )
    .replaceAll("\\n", "\n")
    .replaceAll("\\t", "\t")
    .replace(/(.)-(.)/g, (_, a: string, b: string) => {
      const [low, high] = [a.charCodeAt(0), b.charCodeAt(0)];
      return String.fromCharCode(...Array.from({ length: Math.max(0, high - low + 1) }, (_each, i) => low + i));
    });
}

/** `cut -d: -f2`, `cut -c1-3` */
function cut(args: readonly string[], context: Context): Answer | undefined {
  let [delimiter, fields, characters] = ["\t", "", ""];
  for (let i = 0; i < args.length; i++) {
    const found = /^-([dfc])(.*)$/s.exec(args[i]!);
    if (!found) return undefined;
    const value = found[2] === "" ? (args[++i] ?? "") : found[2]!;
    if (found[1] === "d") delimiter = value;
    else if (found[1] === "f") fields = value;
    else characters = value;
  }
  const wanted = places(fields || characters);
  if (!wanted || (fields === "") === (characters === "")) return undefined;
  return said(
    linesOf(context.input).map((line) => {
      if (fields !== "" && !line.includes(delimiter)) return line;
      const parts = fields === "" ? [...line] : line.split(delimiter);
      return parts.filter((_, i) => wanted(i + 1)).join(fields === "" ? "" : delimiter);
    }),
  );
}

function places(text: string): ((n: number) => boolean) | undefined {
  const ranges = text.split(",").map((part) => /^(\d*)(-?)(\d*)$/.exec(part));
  if (text === "" || ranges.some((each) => each === null)) return undefined;
  return (n) =>
    ranges.some((each) => {
      const [, from, dash, to] = each!;
      return dash ? n >= Number(from || 1) && n <= Number(to || n) : n === Number(from);
    });
}

function tee(args: readonly string[], { host, input }: Context): Answer | undefined {
  const paths = args.filter((arg) => !arg.startsWith("-"));
  if (paths.some((path) => /^\/(proc|sys)\//.test(path))) return undefined;
  for (const path of paths) host.files.set(path, new TextEncoder().encode(input));
  return { ...OK, text: input };
}

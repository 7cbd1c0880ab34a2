import { type Answer, NO, OK, said } from "./answer.ts";
import { ArithmeticProblem, arithmetic } from "./arithmetic.ts";
import { escapes } from "./parse.ts";
import type { Context } from "./programs.ts";

/** Programs that do not depend on the machine under test. */

export function basic(name: string, args: readonly string[], context: Context): Answer | undefined {
  switch (name) {
    case "true":
    case ":":
    case "sync":
    case "modprobe":
    case "ulimit":
    case "chmod":
    case "mkdir":
    case "alias":
      return OK;
    case "false":
      return NO;
    case "echo":
      return echo(args);
    case "printf":
      return printf(args);
    case "sleep":
    case "usleep":
      return sleep(name, args, context);
    case "seq":
      return sequence(args);
    case "expr":
      return expression(args);
    case "basename":
      return said([
        (args[0] ?? "")
          .replace(/\/+$/, "")
          .replace(/^.*\//, "")
          .replace(args[1] ?? "", ""),
      ]);
    case "dirname":
      return said([(args[0] ?? "").includes("/") ? args[0]!.replace(/\/[^/]*$/, "") || "/" : "."]);
    case "uname":
      return uname(args, context);
    case "id":
      return args.join() === "-u" ? said(["0"]) : undefined;
    case "rm":
    case "touch":
    case "dd":
    case "truncate":
    case "fallocate":
      return files(name, args, context);
    case "kldload":
    case "kldunload":
    case "kldstat":
      // The congestion controls and statistics of FreeBSD's kernel; another TCP is chosen by a sysctl.
      return /^(cc_\w+|siftr|tcp_\w+|-\w+)$/.test(args.at(-1) ?? "") ? OK : undefined;
    default:
      return undefined;
  }
}

function echo(args: readonly string[]): Answer {
  const flags = args.findIndex((arg) => !/^-[neE]+$/.test(arg));
  const [options, words] = flags < 0 ? [args, []] : [args.slice(0, flags), args.slice(flags)];
  const all = options.join("");
  const text = all.includes("e") ? escapes(words.join(" ")) : words.join(" ");
  return { text: all.includes("n") ? text : `${text}\n`, status: 0 };
}

/** `%s %d %i %u %x %X %o %c %%`, with widths; the format is repeated until all arguments are used. */
function printf([format = "", ...args]: readonly string[]): Answer | undefined {
  const rest = [...args];
  let text = "";
  do {
    const before = rest.length;
    text += escapes(format).replace(
      /%([-0+ ]*)(\d*)(?:\.(\d+))?([a-zA-Z%])/g,
      (_, flags, width, precision, kind: string) =>
        kind === "%" ? "%" : padded(converted(kind, rest.shift() ?? "", precision), flags, Number(width || 0)),
    );
    if (rest.length === before) break;
  } while (rest.length > 0);
  return { text, status: 0 };
}

function converted(kind: string, value: string, precision: string | undefined): string {
  const number = Math.trunc(Number(value || 0));
  switch (kind) {
    case "d":
    case "i":
    case "u":
      return String(number);
    case "x":
      return number.toString(16);
    case "X":
      return number.toString(16).toUpperCase();
    case "o":
      return number.toString(8);
    case "c":
      return value.slice(0, 1);
    case "f":
      return Number(value || 0).toFixed(precision === undefined ? 6 : Number(precision));
    default:
      return precision === undefined ? value : value.slice(0, Number(precision));
  }
}

function padded(text: string, flags: string, width: number): string {
  if (flags.includes("-")) return text.padEnd(width);
  return text.padStart(width, flags.includes("0") ? "0" : " ");
}

const UNITS: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, h: 3600 };

function sleep(name: string, args: readonly string[], { host }: Context): Answer | undefined {
  const found = args.map((arg) => /^(\d*\.?\d+)([smh]?)$/.exec(arg));
  if (args.length === 0 || found.some((each) => each === null)) return undefined;
  const seconds = found.reduce((sum, each) => sum + Number(each![1]) * UNITS[each![2]!]!, 0);
  host.sleep(Math.round(seconds * (name === "usleep" ? 1 : 1e6)));
  return OK;
}

const SEQUENCE_MAX = 100_000;

function sequence(args: readonly string[]): Answer | undefined {
  const numbers = args.map(Number);
  if (args.length === 0 || args.length > 3 || numbers.some(Number.isNaN)) return undefined;
  const [from, step, to] =
    numbers.length === 1 ? [1, 1, numbers[0]!] : numbers.length === 2 ? [numbers[0]!, 1, numbers[1]!] : numbers;
  const n = Math.floor((to! - from!) / step!) + 1;
  if (!(n <= SEQUENCE_MAX)) return undefined;
  return said(Array.from({ length: Math.max(0, n) }, (_, i) => String(from! + i * step!)));
}

/** Sums and comparisons; `length TEXT`, `TEXT : PATTERN`. Status 1 if the result is empty or 0. */
function expression(args: readonly string[]): Answer | undefined {
  const expressionAnswer = (text: string): Answer => said([text], text === "" || text === "0" ? 1 : 0);
  if (args[0] === "length" && args.length === 2) return expressionAnswer(String(args[1]!.length));
  if (args.length === 3 && (args[1] === "=" || args[1] === "!="))
    return expressionAnswer(String(Number((args[0] === args[2]) === (args[1] === "="))));
  if (args.length === 3 && args[1] === ":") {
    const source = args[2]!.replace(/\\([(){}+?|])/g, "$1");
    const found = new RegExp(`^(?:${source})`).exec(args[0]!);
    return expressionAnswer(found ? (found[1] ?? String(found[0].length)) : "0");
  }
  try {
    return expressionAnswer(String(arithmetic(args.join(" "), { get: () => "x", set: () => {} })));
  } catch (error) {
    if (error instanceof ArithmeticProblem) return undefined;
    throw error;
  }
}

function uname(args: readonly string[], { host }: Context): Answer | undefined {
  const system = host.profile === "freebsd" ? "FreeBSD" : "Linux";
  return args.length === 0 || args.join() === "-s" ? said([system]) : undefined;
}

/** Creates files of zeros, and deletes files. */
function files(name: string, args: readonly string[], { host }: Context): Answer | undefined {
  if (name === "rm") {
    for (const path of args.filter((arg) => !arg.startsWith("-"))) host.files.delete(path);
    return OK;
  }
  if (name === "touch") {
    for (const path of args) if (!host.files.has(path)) host.files.set(path, new Uint8Array(0));
    return OK;
  }
  const made = name === "dd" ? copied(args) : sized(args);
  if (!made) return undefined;
  host.files.set(made.path, new Uint8Array(made.octets));
  return OK;
}

/** `truncate -s N FILE`, `fallocate -l N FILE` */
function sized(args: readonly string[]): { path: string; octets: number } | undefined {
  const octets = args[0] === "-s" || args[0] === "-l" ? size(args[1] ?? "") : undefined;
  return octets === undefined || args.length !== 3 ? undefined : { path: args[2]!, octets };
}

/** `dd if=/dev/zero of=FILE bs=N count=N` */
function copied(args: readonly string[]): { path: string; octets: number } | undefined {
  const given = new Map(args.map((arg) => arg.split("=", 2) as [string, string]));
  const [block, count, path] = [size(given.get("bs") ?? "512"), size(given.get("count") ?? "1"), given.get("of")];
  if (given.get("if") !== "/dev/zero" || path === undefined || block === undefined || count === undefined)
    return undefined;
  return block * count <= FILE_MAX ? { path, octets: block * count } : undefined;
}

const FILE_MAX = 64 << 20;

/** A size such as "10k". */
export function size(text: string): number | undefined {
  const found = /^(\d+)([kKMG])?B?$/.exec(text);
  if (!found) return undefined;
  const unit = { k: 1 << 10, K: 1 << 10, M: 1 << 20, G: 1 << 30 }[found[2] ?? ""] ?? 1;
  const octets = Number(found[1]) * unit;
  return octets <= FILE_MAX ? octets : undefined;
}

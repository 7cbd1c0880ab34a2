import { suggest } from "#base/suggest";
import { usageError } from "./cli-error.ts";

/** A flag in the command table: "-w, --write <file>", "--any", "--no-offload", "--web [port]". */
export interface Flag {
  readonly raw: string;
  readonly text: string;
}

/** A flag, parsed from its text. */
export interface FlagShape {
  /** The long name, without dashes: "loss-ge", "no-offload". */
  readonly name: string;
  readonly short: string;
  readonly takesValue: boolean;
  /** Its value, a number, may be left out: then it is "". */
  readonly isOptional: boolean;
  /** Whether it may be given several times: "--define <name=value...>". */
  readonly repeats: boolean;
}

export function shapeOf(flag: Flag): FlagShape {
  const names = [...flag.raw.matchAll(/(?:^|\s)(-{1,2})([a-zA-Z][\w-]*|\d(?=,))/g)];
  const long = names.find((match) => match[1] === "--")![2]!;
  const short = names.find((match) => match[1] === "-")?.[2] ?? "";
  const isOptional = flag.raw.includes("[");
  return {
    name: long,
    short,
    takesValue: flag.raw.includes("<") || isOptional,
    isOptional,
    repeats: flag.raw.includes("...>"),
  };
}

/**
 * Put before every value that goes through cac, which otherwise turns texts into numbers ("080" 80, "10e3" 10000,
 * a file called "007" 7). An argument cannot contain it: arguments end at a zero byte.
 */
const SHIELD = "\0";

/** The value as it was typed. */
export function unshield(value: string): string {
  return value.startsWith(SHIELD) ? value.slice(SHIELD.length) : value;
}

/** Finds the other commands that have a flag ("--any"), for the error message. */
export type KnownElsewhere = (flag: string) => readonly string[];

/**
 * Normalizes the arguments for cac: `--name=value` for every flag
 * with a value, `--name=true` for those without. Throws CliError for mistakes that cac would accept: a value that is given twice,
 * missing or empty, or given to a flag that takes none. Flags may be anywhere, `--` ends them; "-1%" and "-" are not flags.
 * @param most after so many arguments the flags end: what follows are another program's
 */
export function shield(
  argv: readonly string[],
  flags: readonly Flag[],
  elsewhere: KnownElsewhere = () => [],
  most = Number.POSITIVE_INFINITY,
): string[] {
  const shapes = flags.map(shapeOf);
  const out: string[] = [];
  const seen = new Set<string>();
  const words = [...argv];
  let args = 0;
  while (words.length > 0) {
    if (args === most) words.unshift("--");
    const word = words.shift()!;
    if (word === "--") {
      out.push(...words.map(positional));
      break;
    }
    const isNumber = /^-[\d.]/.test(word) && !shapes.some(({ short }) => word === `-${short}`);
    if (!word.startsWith("-") || word === "-" || isNumber) {
      out.push(positional(word));
      args++;
      continue;
    }
    const { shape, value, rest } = split(word, shapes, elsewhere);
    if (rest !== "") words.unshift(`-${rest}`);
    if (seen.has(shape.name) && shape.takesValue && !shape.repeats)
      throw usageError(`--${shape.name} is given twice`, "", "give it once");
    const again = seen.has(shape.name);
    seen.add(shape.name);
    if (!shape.takesValue) {
      if (value !== undefined) throw usageError(`--${shape.name} takes no value`, `but "${word}" has one`);
      if (!again) out.push(shape.name.startsWith("no-") ? `--${shape.name}` : `--${shape.name}=true`);
      continue;
    }
    if (shape.isOptional && value === undefined) {
      // What follows may be an argument.
      out.push(`--${shape.name}=${SHIELD}${/^\d+$/.test(words[0] ?? "") ? words.shift() : ""}`);
      continue;
    }
    const given = value ?? words.shift();
    if (given === undefined || (value === undefined && (given === "--" || isFlag(given, shapes)))) {
      const why = given === undefined ? "" : given === "--" ? '"--" ends the flags' : `"${given}" is another flag`;
      throw lacksValue(flags[shapes.indexOf(shape)]!, why);
    }
    if (given === "") throw lacksValue(flags[shapes.indexOf(shape)]!, "the given value is empty");
    out.push(`--${shape.name}=${SHIELD}${given}`);
  }
  return out;
}

/** The fix is the flag's line in the help. */
function lacksValue(flag: Flag, why: string): Error {
  const form = flag.raw.replace(/^.*(?=--)/, "");
  return usageError(`--${shapeOf(flag).name} needs a value`, why, `${form}: ${flag.text}`);
}

interface Split {
  readonly shape: FlagShape;
  readonly value: string | undefined;
  /** Letters after the first one of a cluster, "-qw". */
  readonly rest: string;
}

function split(word: string, shapes: readonly FlagShape[], elsewhere: KnownElsewhere): Split {
  const equals = word.indexOf("=");
  const name = equals < 0 ? word : word.slice(0, equals);
  const value = equals < 0 ? undefined : word.slice(equals + 1);
  if (word.startsWith("--")) {
    const shape = shapes.find((each) => `--${each.name}` === name);
    if (shape !== undefined) return { shape, value, rest: "" };
    throw unknownOption(name, shapes, elsewhere);
  }
  const shape = shapes.find((each) => each.short !== "" && each.short === word[1]);
  if (shape === undefined) throw unknownOption(word.slice(0, 2), shapes, elsewhere);
  const behind = word.slice(2);
  if (behind === "") return { shape, value: undefined, rest: "" };
  if (shape.takesValue || behind.startsWith("=")) return { shape, value: behind.replace(/^=/, ""), rest: "" };
  return { shape, value: undefined, rest: behind };
}

/** So many of the commands that have an unknown option are named. */
const NAMED_MAX = 3;

function unknownOption(name: string, shapes: readonly FlagShape[], elsewhere: KnownElsewhere): Error {
  const commands = elsewhere(name);
  const more = commands.length - NAMED_MAX;
  const all = more > 1 ? `${commands.slice(0, NAMED_MAX).join(", ")} and ${more} more` : commands.join(", ");
  const why = commands.length === 0 ? "" : `${all} ${commands.length === 1 ? "has" : "have"} it`;
  const names = shapes.map((each) => each.name);
  const near = name.startsWith("--") && why === "" ? suggest(name.slice(2), names) : undefined;
  return usageError(`unknown option ${name}`, why, near === undefined ? "see --help" : `did you mean --${near}?`);
}

function isFlag(word: string, shapes: readonly FlagShape[]): boolean {
  if (word === "-" || !word.startsWith("-")) return false;
  const name = word.split("=")[0]!;
  return shapes.some((each) => `--${each.name}` === name || `-${each.short}` === name);
}

/** Shields arguments that look like flags. */
function positional(word: string): string {
  return word.startsWith("-") ? SHIELD + word : word;
}

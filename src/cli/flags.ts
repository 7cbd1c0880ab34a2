import { unshield } from "./argv.ts";
import { usageError } from "./cli-error.ts";

/** A command's flags as they were typed, read with a type each. What is wrong is told with the flag's name. */
export class Flags {
  readonly #values: Readonly<Record<string, unknown>>;

  /** @param values cac's, with camel-cased names. */
  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  /** The text, or undefined where the flag was not given. */
  text(name: string): string | undefined {
    const value = this.#values[camel(name)];
    return typeof value === "string" ? unshield(value) : undefined;
  }

  /** The texts of a flag that may be said several times, in their order. */
  texts(name: string): string[] {
    const value = this.#values[camel(name)];
    const all: unknown[] = Array.isArray(value) ? value : [value];
    return all.filter((each) => typeof each === "string").map(unshield);
  }

  /** Whether a flag without value was given. `has("offload")` is false after --no-offload and true without it. */
  has(name: string): boolean {
    const value = this.#values[camel(name)];
    // cac knows only names without dashes as flags that take no value; of the others it hands over the text.
    return value === true || value === "true";
  }

  /** A whole number between both bounds, written with digits alone. */
  whole(name: string, least: number, most: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = /^(0|[1-9]\d{0,14})$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    const what = Number.isNaN(value) ? "is not a number" : "is out of range";
    throw usageError(`--${name} ${text} ${what}`, "", `a whole number from ${least} to ${most}`);
  }

  /** Microseconds from "20ms", "1.5s", "2min"; a bare number is seconds. At most 500 h: what timers can wait for. */
  time(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const match = /^(\d{1,9}(?:\.\d{1,6})?)(us|ms|s|min|h)?$/.exec(text);
    if (match === null) throw usageError(`--${name} ${text} is not a time`, "", "say 30s, 500ms or 2min");
    const time = Math.round(Number(match[1]) * TIMES[match[2] ?? "s"]!);
    if (time <= TIME_MAX) return time;
    throw usageError(`--${name} ${text} is too long`, "", "say 500h or less");
  }

  /** Bytes from "64M", "10k", "1G", "1500": powers of 1024. */
  size(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const match = /^(\d{1,15}(?:\.\d{1,6})?)([kmgt]?)(?:i?b)?$/i.exec(text);
    if (match === null) throw usageError(`--${name} ${text} is not a size`, "", "say 64M, 10k or 1500");
    const size = Math.round(Number(match[1]) * SIZES[match[2]!.toLowerCase()]!);
    if (size <= SIZE_MAX) return size;
    throw usageError(`--${name} ${text} is too much`, "", "say 1000T or less");
  }
}

const TIMES: Readonly<Record<string, number>> = { us: 1, ms: 1e3, s: 1e6, min: 60e6, h: 3600e6 };
const SIZES: Readonly<Record<string, number>> = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

const TIME_MAX = 500 * TIMES.h!;
const SIZE_MAX = 1000 * SIZES.t!;

function camel(name: string): string {
  return name.replaceAll(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

import { type Read, readSize, readTime } from "#device/link-units";
import { unshield } from "./argv.ts";
import { usageError } from "./cli-error.ts";

/** Reads a command's flags with their types. Error messages name the flag. */
export class Flags {
  readonly #values: Readonly<Record<string, unknown>>;

  /** @param values cac's, with camel-cased names. */
  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  /** All of them, to make the same object in another thread. */
  get values(): Readonly<Record<string, unknown>> {
    return this.#values;
  }

  /** The text, or undefined if the flag was not given. */
  text(name: string): string | undefined {
    const value = this.#values[camel(name)];
    return typeof value === "string" ? unshield(value) : undefined;
  }

  /** The texts of a flag that may be given several times, in order. */
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

  /** A whole number within both bounds, digits only. */
  whole(name: string, least: number, most: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = /^(0|[1-9]\d{0,14})$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    const what = Number.isNaN(value) ? "is not a number" : "is out of range";
    throw usageError(`--${name} ${text} ${what}`, "", `use a whole number from ${least} to ${most}`);
  }

  /** Microseconds from "20ms", "1.5s", "2min". The unit is required. At most 500 h, the limit of timers. */
  time(name: string): number | undefined {
    return this.#read(name, readTime);
  }

  /** Bytes from "64M" (64,000,000), "64Mi" (67,108,864), "10kB", "1500". */
  size(name: string): number | undefined {
    return this.#read(name, readSize);
  }

  #read(name: string, reader: (text: string) => Read): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const read = reader(text);
    if ("value" in read) return read.value;
    throw usageError(`--${name} ${text} ${read.wrong}`, "", `use ${read.say}`);
  }
}

function camel(name: string): string {
  return name.replaceAll(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

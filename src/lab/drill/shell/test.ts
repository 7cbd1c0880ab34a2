import { type Answer, NO, OK } from "./answer.ts";
import type { Context, Program } from "./programs.ts";

/** `test`, `[ … ]` and `[[ … ]]`. Status 2 for an invalid expression, as in a shell. */
export const condition: Program = (words, context) => {
  const args = words.at(-1) === "]" || words.at(-1) === "]]" ? words.slice(0, -1) : words;
  const parser = new Condition(args, context);
  const value = parser.either();
  if (parser.asksUnknown) return undefined;
  return value === undefined || !parser.isOver ? { text: "", status: 2 } : answer(value);
};

function answer(value: boolean): Answer {
  return value ? OK : NO;
}

const NUMBERS: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  "-eq": (a, b) => a === b,
  "-ne": (a, b) => a !== b,
  "-lt": (a, b) => a < b,
  "-le": (a, b) => a <= b,
  "-gt": (a, b) => a > b,
  "-ge": (a, b) => a >= b,
};

class Condition {
  #at = 0;
  /** The expression asks about a file that is not known here. */
  asksUnknown = false;

  constructor(
    readonly args: readonly string[],
    readonly context: Context,
  ) {}

  get isOver(): boolean {
    return this.#at >= this.args.length;
  }

  either(): boolean | undefined {
    let value = this.#both();
    while (this.#accept("-o") || this.#accept("||")) {
      const right = this.#both();
      value = value === undefined || right === undefined ? undefined : value || right;
    }
    return value;
  }

  #both(): boolean | undefined {
    let value = this.#not();
    while (this.#accept("-a") || this.#accept("&&")) {
      const right = this.#not();
      value = value === undefined || right === undefined ? undefined : value && right;
    }
    return value;
  }

  #not(): boolean | undefined {
    if (this.args.length - this.#at > 1 && this.#accept("!")) {
      const value = this.#not();
      return value === undefined ? undefined : !value;
    }
    if (this.args.length - this.#at > 2 && this.args[this.#at] === "(") {
      this.#at++;
      const value = this.either();
      return this.#accept(")") ? value : undefined;
    }
    return this.#one();
  }

  #one(): boolean | undefined {
    const [left, operator, right] = this.args.slice(this.#at, this.#at + 3);
    if (left === undefined) return false;
    if (operator !== undefined && right !== undefined) {
      const value = this.#compared(left, operator, right);
      if (value !== undefined) {
        this.#at += 3;
        return value;
      }
    }
    if (/^-[a-zA-Z]$/.test(left) && operator !== undefined) {
      this.#at += 2;
      return this.#asked(left, operator);
    }
    this.#at++;
    return left !== "";
  }

  #compared(left: string, operator: string, right: string): boolean | undefined {
    const numbers = NUMBERS[operator];
    if (numbers) {
      const [a, b] = [left, right].map((text) => (/^\s*[-+]?\d+\s*$/.test(text) ? Number(text) : Number.NaN));
      return Number.isNaN(a) || Number.isNaN(b) ? undefined : numbers(a!, b!);
    }
    switch (operator) {
      case "=":
        return left === right;
      case "==":
        return new RegExp(
          `^${right
            .replace(/[\\^$.+()[\]{}|]/g, "\\$&")
            .replaceAll("*", ".*")
            .replaceAll("?", ".")}$`,
          "s",
        ).test(left);
      case "!=":
        return left !== right;
      case "<":
        return left < right;
      case ">":
        return left > right;
      case "=~":
        return new RegExp(right).test(left);
      default:
        return undefined;
    }
  }

  #asked(flag: string, operand: string): boolean | undefined {
    const { files } = this.context.host;
    switch (flag) {
      case "-z":
        return operand === "";
      case "-n":
        return operand !== "";
      case "-e":
      case "-f":
      case "-r":
      case "-w":
        return (
          files.has(operand) ||
          this.context.host.readFile(operand) !== undefined ||
          /^\/proc\/(sys|net)\//.test(operand)
        );
      case "-s":
        return (files.get(operand)?.length ?? 0) > 0;
      case "-d":
        return /^\/[a-z]*$/.test(operand);
      default:
        this.asksUnknown = true;
        return undefined;
    }
  }

  #accept(word: string): boolean {
    if (this.args[this.#at] !== word) return false;
    this.#at++;
    return true;
  }
}

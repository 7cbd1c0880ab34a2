/** Shell as far as scripts use it: lists of pipelines of simple commands. Nothing is ever run. */

export interface SimpleCommand {
  readonly words: readonly string[];
  /** Files that the output goes to; what goes to a descriptor is forgotten. */
  readonly into: readonly string[];
}

/** A pipeline, and what it depends on: nothing, or that the one before it succeeded or failed. */
export interface Step {
  readonly after: "any" | "success" | "failure";
  /** `!` before it. */
  readonly inverted: boolean;
  readonly stages: readonly SimpleCommand[];
}

/** Undefined: it is more shell than is understood here. */
export function parseShell(text: string): Step[] | undefined {
  return new ShellParser(text).all();
}

/** Words that begin what is no simple command. */
const KEYWORDS = new Set([
  "if",
  "then",
  "else",
  "fi",
  "for",
  "while",
  "until",
  "do",
  "done",
  "case",
  "esac",
  "function",
  "{",
  "}",
  "(",
  ")",
]);

class ShellParser {
  readonly #text: string;
  #at = 0;
  #understood = true;

  constructor(text: string) {
    this.#text = text.replace(/\\\n/g, " ");
  }

  all(): Step[] | undefined {
    const steps: Step[] = [];
    let after: Step["after"] = "any";
    while (this.#understood) {
      this.#blanks();
      if (this.#at >= this.#text.length) break;
      const step = this.#pipeline(after);
      if (step) steps.push(step);
      const separator = this.#take(/&&|\|\||;|\n/y);
      after = separator === "&&" ? "success" : separator === "||" ? "failure" : "any";
      if (!step && after !== "any") this.#understood = false;
      if (separator === undefined && this.#at < this.#text.length) this.#understood = false;
    }
    return this.#understood && after === "any" ? steps : undefined;
  }

  #pipeline(after: Step["after"]): Step | undefined {
    const stages: SimpleCommand[] = [];
    let inverted = false;
    do {
      const command = this.#simple();
      if (stages.length === 0 && command.words[0] === "!") {
        inverted = true;
        stages.push({ ...command, words: command.words.slice(1) });
      } else if (command.words.length > 0) stages.push(command);
      else if (stages.length > 0) this.#understood = false;
    } while (this.#take(/\|(?!\|)/y) !== undefined);
    return stages.length > 0 ? { after, inverted, stages } : undefined;
  }

  #simple(): SimpleCommand {
    const words: string[] = [];
    const into: string[] = [];
    for (;;) {
      this.#blanks();
      const redirect = this.#take(/(?:\d|&)?>>?(?:&\d|&-)?/y);
      if (redirect !== undefined) {
        if (!redirect.includes(">&") || redirect.endsWith("&")) into.push(this.#word() ?? "");
        continue;
      }
      if (this.#take(/<\s*\/dev\/null/y) !== undefined) continue;
      const word = this.#word();
      if (word === undefined) break;
      if (words.length === 0 && KEYWORDS.has(word)) this.#understood = false;
      words.push(word);
    }
    return { words, into: into.filter((file) => file !== "/dev/null") };
  }

  /** Blanks and comments; the line's end is no blank. */
  #blanks(): void {
    this.#take(/[ \t\r]*(?:#[^\n]*)?/y);
  }

  /** A word without its quotes. */
  #word(): string | undefined {
    this.#blanks();
    let word: string | undefined;
    for (;;) {
      const piece = this.#piece();
      if (piece === undefined) return word;
      word = (word ?? "") + piece;
    }
  }

  #piece(): string | undefined {
    const single = this.#take(/'[^']*'/y);
    if (single !== undefined) return single.slice(1, -1);
    const double = this.#take(/"(?:[^"\\]|\\.)*"/sy);
    if (double !== undefined) return this.#expanded(double.slice(1, -1).replace(/\\(["\\$`])/g, "$1"));
    if (this.#text.startsWith("$(", this.#at)) return this.#substitution();
    // A variable stays as it is written: only commands that do not look at it are understood.
    const variable = this.#take(/\$\{\w+\}|\$\w+/y);
    if (variable !== undefined) return variable;
    const escaped = this.#take(/\\./y);
    if (escaped !== undefined) return escaped[1];
    return this.#take(/[^\s'"\\$|&;<>()]+/y);
  }

  /** `$((expression))`, alone or in double quotes. */
  #substitution(): string {
    const found = this.#take(/\$\(\((?:[^()]|\([^()]*\))*\)\)/y);
    if (found === undefined) this.#at = this.#text.length;
    return this.#expanded(found ?? "$(");
  }

  #expanded(text: string): string {
    const all = text.replace(/\$\(\(((?:[^()]|\([^()]*\))*)\)\)/g, (_, expression: string) => {
      const value = arithmetic(expression);
      if (value === undefined) this.#understood = false;
      return String(value);
    });
    if (/\$\(|`/.test(all)) this.#understood = false;
    return all;
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found === undefined) return undefined;
    this.#at += found.length;
    return found;
  }
}

/** Sums and products of whole numbers, with parentheses; undefined: something else. */
export function arithmetic(text: string): number | undefined {
  const inner = text.replace(/\(([^()]*)\)/g, (_, part: string) => String(arithmetic(part)));
  if (!/^\s*-?\d+(\s*(<<|[-+*/%])\s*-?\d+)*\s*$/.test(inner)) return undefined;
  const parts = inner.match(/<<|[-+*/%]|\d+/g)!;
  const sign = parts[0] === "-" ? -1 : 1;
  if (sign < 0) parts.shift();
  const terms = [sign * Number(parts.shift())];
  for (
    let [operator, right] = [parts.shift(), Number(parts.shift())];
    operator;
    operator = parts.shift(), right = Number(parts.shift())
  ) {
    const last = terms.at(-1)!;
    if (operator === "+" || operator === "-") terms.push(operator === "+" ? right : -right);
    else if (operator === "<<") return terms.length === 1 && parts.length === 0 ? last * 2 ** right : undefined;
    else if (right === 0 && operator !== "*") return undefined;
    else
      terms[terms.length - 1] =
        operator === "*" ? last * right : operator === "/" ? Math.trunc(last / right) : last % right;
  }
  return terms.reduce((sum, term) => sum + term, 0);
}

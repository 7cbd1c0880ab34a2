import type { Answer } from "./answer.ts";
import { arithmetic } from "./arithmetic.ts";
import type { Node, Piece, Word } from "./tree.ts";

/** Expands words before a command runs (XCU §2.6): variables, the output of commands, arithmetic, and splitting. */

/** The command uses an unsupported feature. */
export class NotUnderstood extends Error {
  override readonly name = "NotUnderstood";
}

/** The longest sequence like `{1..5}`. */
const NUMBERS_MAX = 10_000;

export class Expansion {
  readonly variables = new Map<string, string>();
  /** Positional parameters of the running function. */
  parameters: readonly string[] = [];
  /** `$?` */
  status = 0;

  /** @param run runs the commands in `$(…)` */
  constructor(readonly run: (body: Node) => Answer) {}

  readonly names = {
    get: (name: string): string => this.#variable(name) ?? "",
    set: (name: string, value: string): void => {
      this.variables.set(name, value);
    },
  };

  #variable(name: string): string | undefined {
    switch (name) {
      case "?":
        return String(this.status);
      case "#":
        return String(this.parameters.length);
      case "@":
      case "*":
        return this.parameters.join(" ");
      case "$":
      case "PPID":
        return "4711";
      case "0":
        return "sh";
      default:
        return /^\d$/.test(name) ? this.parameters[Number(name) - 1] : this.variables.get(name);
    }
  }

  /** Expands a word to one text. */
  text(word: Word): string {
    return word.map((piece) => this.#expanded(piece)).join("");
  }

  /** Expands a word to several words: unquoted expansions are split at blanks. */
  words(word: Word): string[] {
    if (word.length === 1 && word[0]!.kind === "variable" && word[0]!.name === "@" && word[0]!.quoted)
      return [...this.parameters];
    const words: string[] = [];
    let open: string | undefined;
    for (const piece of braces(word)) {
      const text = this.#expanded(piece);
      if (piece.quoted || piece.kind === "text") {
        open = (open ?? "") + text;
        continue;
      }
      const parts = text.split(/[ \t\n]+/);
      parts.forEach((part, i) => {
        if (i > 0) {
          if (open !== undefined) words.push(open);
          open = undefined;
        }
        if (part !== "") open = (open ?? "") + part;
      });
    }
    if (open !== undefined) words.push(open);
    return words;
  }

  #expanded(piece: Piece): string {
    switch (piece.kind) {
      case "text":
        return piece.text;
      case "command": {
        const { text, status } = this.run(piece.body);
        this.status = status;
        return text.replace(/\n+$/, "");
      }
      case "arithmetic":
        return String(arithmetic(this.text(piece.text), this.names));
      case "variable":
        return this.#parameter(piece);
    }
  }

  #parameter({ name, otherwise }: Piece & { kind: "variable" }): string {
    const value = this.#variable(name);
    const { operator = "", word = [] } = otherwise ?? {};
    const missing = operator.startsWith(":") ? !value : value === undefined;
    switch (operator.replace(":", "")) {
      case "-":
        return missing ? this.text(word) : value!;
      case "=":
        if (missing) this.variables.set(name, this.text(word));
        return this.#variable(name)!;
      case "+":
        return missing ? "" : this.text(word);
      case "?":
        if (missing) throw new NotUnderstood(`the variable ${name}`);
        return value!;
      case "length":
        return String((value ?? "").length);
    }
    // The environment of the person who runs packetdrill is not known here.
    if (value === undefined && !/^\d$/.test(name)) throw new NotUnderstood(`the variable ${name} of the environment`);
    return operator === ""
      ? (value ?? "")
      : trimmed(
          value ?? "",
          operator,
          globOf(word, (each) => this.text(each)),
        );
  }
}

/** `${name#pattern}` and the like: removes the shortest or longest match of the pattern at either end. */
function trimmed(value: string, operator: string, pattern: RegExp): string {
  const lengths = [...Array(value.length + 1).keys()];
  if (operator.length === 2) lengths.reverse();
  for (const n of lengths) {
    const [part, rest] = operator.startsWith("#")
      ? [value.slice(0, n), value.slice(n)]
      : [value.slice(value.length - n), value.slice(0, value.length - n)];
    if (pattern.test(part)) return rest;
  }
  return value;
}

/** A pattern (`*`, `?`, `[…]`) as a regular expression; quoted characters are literal. */
export function globOf(word: Word, text: (word: Word) => string): RegExp {
  const source = word.map((piece) => {
    const plain = text([piece]);
    if (piece.quoted) return plain.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
    return plain
      .replace(/[\\^$.+(){}|]/g, "\\$&")
      .replaceAll("*", ".*")
      .replaceAll("?", ".")
      .replaceAll("[!", "[^");
  });
  return new RegExp(`^(?:${source.join("")})$`, "s");
}

/** `{1..5}` alone as a word: bash's sequence. */
function braces(word: Word): Word {
  const [only] = word;
  if (word.length !== 1 || only?.kind !== "text" || only.quoted) return word;
  const found = /^\{(-?\d+)\.\.(-?\d+)\}$/.exec(only.text);
  if (!found) return word;
  const [from, to] = [Number(found[1]), Number(found[2])];
  const n = Math.min(Math.abs(to - from) + 1, NUMBERS_MAX);
  const numbers = Array.from({ length: n }, (_, i) => from + (to < from ? -i : i));
  return [
    {
      kind: "variable",
      name: "",
      quoted: false,
      otherwise: { operator: "-", word: [{ kind: "text", text: numbers.join(" "), quoted: false }] },
    },
  ];
}

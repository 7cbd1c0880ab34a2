import { LinkSyntaxError } from "./link-error.ts";
import { isPercent, type Read, readPercent, wrongText } from "./link-units.ts";

/** Every word that may follow the first one of a clause; `tcpnet link --help` explains each. */
export const KEYWORDS = [
  "distribution",
  "overtakes",
  "random",
  "gemodel",
  "nth",
  "pattern",
  "gap",
  "target",
  "interval",
  "ecn",
  "silent",
  "every",
] as const;

export type Keyword = (typeof KEYWORDS)[number];

/** Reads words one after another, and keeps the column of each for error messages. */
export class Words {
  readonly text: string;
  readonly #words: { readonly word: string; readonly column: number }[] = [];
  #next = 0;

  constructor(text: string) {
    this.text = text;
    for (const match of text.matchAll(/\S+/g)) this.#words.push({ word: match[0], column: match.index + 1 });
  }

  peek(): string | undefined {
    return this.#words[this.#next]?.word;
  }

  take(): string | undefined {
    return this.#words[this.#next++]?.word;
  }

  peekSecond(): string | undefined {
    return this.#words[this.#next + 1]?.word;
  }

  /** Takes the next word if it is this one. */
  takeIf(word: Keyword): boolean {
    if (this.peek() !== word) return false;
    this.#next++;
    return true;
  }

  /** Takes a required word and reads it as a number. */
  read(clause: string, wanted: string, reader: (word: string) => Read): number {
    const word = this.take();
    if (word === undefined) this.fail(`"${clause}" needs ${wanted}`);
    const read = reader(word);
    if ("wrong" in read) this.fail(`${clause}: ${wrongText(word, read)}`);
    return read.value;
  }

  /** A percentage, if the next word looks like one. */
  percentOr(clause: string, otherwise: number): number {
    return isPercent(this.peek()) ? this.read(clause, "a percentage", readPercent) : otherwise;
  }

  /** The column of the next word. */
  get column(): number {
    return this.#words[this.#next]?.column ?? this.text.length + 1;
  }

  /** Throws an error at `column`; default: at the word taken last, or after the end of the text. */
  fail(message: string, column = this.#words[this.#next - 1]?.column ?? this.text.length + 1): never {
    throw new LinkSyntaxError(`${message} (column ${column})`, this.text, column);
  }
}

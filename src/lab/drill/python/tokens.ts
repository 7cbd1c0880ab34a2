/** Python's tokens, with its lines and indentation. */

export type TokenKind = "number" | "string" | "name" | "operator" | "newline" | "indent" | "dedent" | "end";

export interface Token {
  readonly kind: TokenKind;
  /** The source text; for a string, its value. */
  readonly text: string;
  /** An f-string: the parts between braces are not parsed yet. */
  readonly formatted: boolean;
  readonly from: number;
  readonly to: number;
}

/** The text is not Python, or uses a feature that this interpreter does not have. */
export class NotUnderstood extends Error {
  override readonly name = "NotUnderstood";
}

const BLANK = /(?:[ \t\r\f]|\\\r?\n|#[^\n]*)*/y;
const NUMBER = /0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:\d[\d_]*\.[\d_]*|\.\d[\d_]*|\d[\d_]*)(?:[eE][+-]?\d+)?/y;
const NAME = /[A-Za-z_]\w*/y;
const STRING = /([rRbBuUfF]{0,2})("""|'''|"|')/y;
const OPERATOR = /\*\*=|\/\/=|<<=|>>=|\*\*|\/\/|<<|>>|<=|>=|==|!=|<>|[-+*/%&|^]=|[-+*/%&|^~<>()[\]{},:.=;]/y;
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", "0": "\0", "\n": "" };

export function tokens(source: string): Token[] {
  return new Scanner(dedented(source)).all();
}

/** Removes a block's indentation; it may begin right after its opening brace. */
function dedented(source: string): string {
  const lines = source.replace(/\t/g, "        ").split("\n");
  const written = (line: string) => /^ *[^ #\r]/.test(line);
  const margin = (line: string) => /^ */.exec(line)![0].length;
  if (!written(lines[0]!)) return cut(lines, Math.min(...lines.filter(written).map(margin)));
  const [first = "", ...rest] = lines;
  const opens = /:\s*(#.*)?$/.test(first);
  return `${first.trimStart()}\n${cut(rest, opens ? 0 : Math.min(...rest.filter(written).map(margin)))}`;
}

function cut(lines: readonly string[], margin: number): string {
  return lines
    .map((line) => (/^ */.exec(line)![0].length >= margin ? line.slice(margin) : line.trimStart()))
    .join("\n");
}

class Scanner {
  readonly #found: Token[] = [];
  readonly #indents = [0];
  #at = 0;
  #depth = 0;
  #freshLine = true;

  constructor(readonly source: string) {}

  all(): Token[] {
    while (this.#at < this.source.length) {
      if (this.#freshLine && this.#depth === 0 && !this.#indentation()) continue;
      this.#match(BLANK);
      if (this.#at < this.source.length) this.#one();
    }
    if (!this.#freshLine) this.#push("newline", this.#at);
    while (this.#indents.length > 1) {
      this.#indents.pop();
      this.#push("dedent", this.#at);
    }
    this.#push("end", this.#at);
    return this.#found;
  }

  /** Reads the indentation of a statement. False: the line is empty, and was skipped. */
  #indentation(): boolean {
    const blanks = /[ \r]*/y;
    blanks.lastIndex = this.#at;
    const width = blanks.exec(this.source)![0].length;
    const next = this.source[this.#at + width];
    if (next === undefined || next === "\n" || next === "#") {
      const end = this.source.indexOf("\n", this.#at);
      this.#at = end < 0 ? this.source.length : end + 1;
      return false;
    }
    this.#at += width;
    if (width > this.#indents.at(-1)!) {
      this.#indents.push(width);
      this.#push("indent", this.#at);
    }
    while (width < this.#indents.at(-1)!) {
      this.#indents.pop();
      this.#push("dedent", this.#at);
    }
    if (width !== this.#indents.at(-1)) throw new NotUnderstood("indentation that matches no line above");
    this.#freshLine = false;
    return true;
  }

  #one(): void {
    const from = this.#at;
    if (this.source[from] === "\n") {
      this.#at++;
      if (this.#depth > 0) return;
      this.#push("newline", from);
      this.#freshLine = true;
      return;
    }
    const opening = this.#match(STRING);
    if (opening !== undefined) this.#string(from, opening);
    else this.#plain(from);
  }

  #plain(from: number): void {
    for (const [pattern, kind] of [
      [NUMBER, "number"],
      [NAME, "name"],
      [OPERATOR, "operator"],
    ] as const) {
      const text = this.#match(pattern);
      if (text === undefined) continue;
      if ("([{".includes(text)) this.#depth++;
      if (")]}".includes(text)) this.#depth--;
      this.#push(kind, from, text);
      return;
    }
    throw new NotUnderstood(`"${this.source[from]}"`);
  }

  #string(from: number, opening: string): void {
    const quote = /["']+$/.exec(opening)![0];
    const prefix = opening.slice(0, -quote.length).toLowerCase();
    const raw = prefix.includes("r");
    let text = "";
    for (;;) {
      const c = this.source[this.#at];
      if (c === undefined || (c === "\n" && quote.length === 1)) throw new NotUnderstood("a string without an end");
      if (this.source.startsWith(quote, this.#at)) break;
      this.#at++;
      if (c !== "\\") text += c;
      else {
        const escaped = this.source[this.#at++] ?? "";
        text += raw ? `\\${escaped}` : this.#escape(escaped);
      }
    }
    this.#at += quote.length;
    this.#push("string", from, text, prefix.includes("f"));
  }

  #escape(c: string): string {
    if (c !== "x") return ESCAPES[c] ?? c;
    const digits = this.source.slice(this.#at, this.#at + 2);
    this.#at += 2;
    return String.fromCharCode(Number.parseInt(digits, 16));
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.source)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #push(kind: TokenKind, from: number, text = "", formatted = false): void {
    this.#found.push({ kind, text, formatted, from, to: this.#at });
  }
}

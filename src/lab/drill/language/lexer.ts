import { type Position, ScriptError } from "./ast.ts";

export type TokenKind = "number" | "word" | "string" | "command" | "code" | "ellipsis" | "punctuation" | "end";

export interface Token {
  readonly kind: TokenKind;
  /** The word, the punctuation, the number as written, or the text between the quotes. */
  readonly text: string;
  readonly position: Position;
  /** The token's start in the source; `to` is its end. */
  readonly from: number;
  readonly to: number;
}

const BLANK = /(?:\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y;
const NUMBER = /0[xX][0-9a-fA-F]+|[0-9]+\.[0-9]+|[0-9]+|\.[0-9]+/y;
const WORD = /[A-Za-z_][A-Za-z0-9_]*/y;
const CLOSED: ReadonlyMap<string, { readonly close: string; readonly kind: TokenKind; readonly what: string }> =
  new Map([
    ['"', { close: '"', kind: "string", what: "string" }],
    ["`", { close: "`", kind: "command", what: "command" }],
    ["%{", { close: "}%", kind: "code", what: "code block" }],
  ]);

/**
 * Words, numbers and quoted texts of a script, read on demand: the meaning of some characters depends on their place (the flags `S.` or
 * `.`, a cookie in hex), so the parser can also read raw text.
 */
export class Lexer {
  readonly source: string;
  readonly file: string;
  readonly #defines: ReadonlyMap<string, string>;
  readonly #lineStarts: number[] = [0];
  #at = 0;
  #ahead: Token | undefined;

  /** @param defines words with a replacement: an integer, a word, "a string" or `a command` */
  constructor(source: string, file: string, defines: ReadonlyMap<string, string>) {
    this.file = file;
    this.#defines = defines;
    this.source = selectBranches(source, file, defines);
    for (let i = this.source.indexOf("\n"); i >= 0; i = this.source.indexOf("\n", i + 1)) this.#lineStarts.push(i + 1);
  }

  position(offset: number): Position {
    let low = 0;
    let high = this.#lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#lineStarts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return { file: this.file, line: low + 1, column: offset - this.#lineStarts[low]! + 1 };
  }

  peek(): Token {
    this.#ahead ??= this.#scan();
    return this.#ahead;
  }

  next(): Token {
    const token = this.peek();
    this.#ahead = undefined;
    this.#at = token.to;
    return token;
  }

  /** The offset of the next token. */
  get offset(): number {
    return this.peek().from;
  }

  /** Moves to an offset that `offset` returned. */
  seek(offset: number): void {
    this.#at = offset;
    this.#ahead = undefined;
  }

  /** Takes the text at the next token if it matches the sticky pattern; undefined if it does not. */
  raw(pattern: RegExp): string | undefined {
    const from = skipBlank(this.source, this.#at);
    pattern.lastIndex = from;
    const found = pattern.exec(this.source);
    if (!found) return undefined;
    this.seek(from + found[0].length);
    return found[0];
  }

  /** The replacement of a defined word. */
  defined(word: string): string | undefined {
    return this.#defines.get(word);
  }

  #scan(): Token {
    const from = skipBlank(this.source, this.#at);
    if (from >= this.source.length) return this.#token("end", "end of file", from, from);
    if (this.source.startsWith("/*", from))
      throw new ScriptError(this.position(from), "expected */ before the end of the file");
    const opening = this.source.startsWith("%{", from) ? "%{" : this.source[from]!;
    const closed = CLOSED.get(opening);
    if (closed) {
      const begin = from + opening.length;
      const end = this.source.indexOf(closed.close, begin);
      const brokenString = closed.kind === "string" && this.source.slice(begin, end).includes("\n");
      if (end < 0 || brokenString) {
        throw new ScriptError(this.position(from), `expected ${closed.close} at the end of this ${closed.what}`);
      }
      return this.#token(closed.kind, this.source.slice(begin, end), from, end + closed.close.length);
    }
    if (this.source.startsWith("...", from)) return this.#token("ellipsis", "...", from, from + 3);
    const number = matchAt(NUMBER, this.source, from);
    if (number !== undefined) return this.#token("number", number, from, from + number.length);
    const word = matchAt(WORD, this.source, from);
    if (word !== undefined) return this.#word(word, from);
    return this.#token("punctuation", this.source[from]!, from, from + 1);
  }

  #word(word: string, from: number): Token {
    const value = this.#defines.get(word);
    const to = from + word.length;
    if (value === undefined) return this.#token("word", word, from, to);
    const quote = value[0];
    if (quote === '"' || quote === "`")
      return this.#token(quote === '"' ? "string" : "command", value.slice(1, -1), from, to);
    return this.#token(matchAt(NUMBER, value, 0) === value ? "number" : "word", value, from, to);
  }

  #token(kind: TokenKind, text: string, from: number, to: number): Token {
    return { kind, text, from, to, position: this.position(from) };
  }
}

function matchAt(pattern: RegExp, source: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(source)?.[0];
}

function skipBlank(source: string, at: number): number {
  return at + (matchAt(BLANK, source, at)?.length ?? 0);
}

/**
 * `#ifdef NAME`, `#ifndef NAME`, `#else`, `#endif`, each on a line of its own. Unselected lines become empty, so that line numbers stay
 * those of the file.
 */
function selectBranches(source: string, file: string, defines: ReadonlyMap<string, string>): string {
  const open: { taken: boolean; otherwise: boolean; line: number }[] = [];
  const lines = source.split("\n");
  const kept = lines.map((text, index) => {
    const found = /^\s*#\s*(ifdef|ifndef|else|endif)\b\s*(\w*)/.exec(text);
    if (!found) return open.every((branch) => branch.taken) ? text : "";
    const [, word, name] = found;
    const at: Position = { file, line: index + 1, column: 1 };
    const innermost = open.at(-1);
    if (word === "ifdef" || word === "ifndef") {
      if (!name) throw new ScriptError(at, `expected a name after #${word}`);
      open.push({ taken: defines.has(name) === (word === "ifdef"), otherwise: false, line: index + 1 });
    } else if (!innermost) {
      throw new ScriptError(at, `#${word} without #ifdef`);
    } else if (word === "endif") {
      open.pop();
    } else {
      if (innermost.otherwise) throw new ScriptError(at, "expected #endif, and found a second #else");
      innermost.otherwise = true;
      innermost.taken = !innermost.taken;
    }
    return "";
  });
  const left = open.at(-1);
  if (left) throw new ScriptError({ file, line: left.line, column: 1 }, "expected #endif before the end of the file");
  return kept.join("\n");
}

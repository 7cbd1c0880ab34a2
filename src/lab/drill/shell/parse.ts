import { type Assignment, NOTHING, type Node, type Piece, type Redirection, type Word } from "./tree.ts";

/** Parses a shell command. Throws SyntaxProblem for errors and unsupported features. */

export class SyntaxProblem extends Error {
  override readonly name = "SyntaxProblem";
}

export function parseShell(text: string): Node {
  return new ShellParser(text.replace(/\\\n/g, "")).all();
}

const ENDS: ReadonlySet<string> = new Set(["then", "else", "elif", "fi", "do", "done", "esac", "}", ";;"]);
const OPENING: ReadonlySet<string> = new Set(["if", "while", "until", "for", "case", "{", "(", "((", "[[", "function"]);
const WORD_ENDS = "(?=[\\s;&|)]|$)";
const NAME = /[A-Za-z_]\w*/y;
const DEPTH_MAX = 50;

class ShellParser {
  readonly #text: string;
  #at = 0;
  #depth = 0;
  /** Here-documents whose text begins on the next line. */
  readonly #awaited: { readonly end: string; readonly quoted: boolean; readonly into: Piece[] }[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  all(): Node {
    const node = this.#list();
    if (this.#at < this.#text.length) this.#fail();
    return node;
  }

  #fail(): never {
    const rest = this.#text.slice(this.#at).split("\n", 1)[0]!;
    throw new SyntaxProblem(rest === "" ? "an end where more is due" : rest);
  }

  /** Commands up to a word that ends them, which is not consumed. */
  #list(): Node {
    if (++this.#depth > DEPTH_MAX) throw new SyntaxProblem("commands nested too deeply");
    const items: { after: "any" | "success" | "failure"; node: Node }[] = [];
    let after: "any" | "success" | "failure" = "any";
    for (;;) {
      this.#newlines();
      if (this.#at >= this.#text.length || this.#atEnd()) break;
      items.push({ after, node: this.#pipeline() });
      const separator = this.#take(/[ \t]*(&&|\|\||;(?!;)|\n)/y)?.trim();
      if (this.#is(/[ \t]*&(?!&)/y)) throw new SyntaxProblem("a command in the background (&)");
      if (separator === undefined) {
        after = "any";
        break;
      }
      if (separator === "") this.#hereDocuments();
      after = separator === "&&" ? "success" : separator === "||" ? "failure" : "any";
    }
    if (after !== "any") this.#fail();
    this.#depth--;
    return items.length === 1 && items[0]!.after === "any" ? items[0]!.node : { kind: "list", items };
  }

  #newlines(): void {
    for (;;) {
      this.#blanks();
      if (this.#take(/\n/y) !== undefined) this.#hereDocuments();
      else if (this.#take(/;(?!;)/y) === undefined) return;
    }
  }

  #atEnd(): boolean {
    this.#blanks();
    if (this.#is(/\)|;;/y)) return true;
    const word = this.#look(/[a-z]+|\}/y);
    return (
      word !== undefined && ENDS.has(word) && this.#is(new RegExp(`${word === "}" ? "\\}" : word}${WORD_ENDS}`, "y"))
    );
  }

  #pipeline(): Node {
    const inverted = this.#keyword("!");
    const stages = [this.#command()];
    while (this.#take(/[ \t]*\|(?!\|)/y) !== undefined) {
      this.#newlines();
      stages.push(this.#command());
    }
    return stages.length === 1 && !inverted ? stages[0]! : { kind: "pipeline", inverted, stages };
  }

  #command(): Node {
    this.#blanks();
    const word = this.#look(/\(\(|\(|\[\[|\{(?=\s)|[a-z]+(?=[\s;(]|$)/y);
    const node = word !== undefined && OPENING.has(word) ? this.#compound(word) : undefined;
    if (!node) return this.#function() ?? this.#simple();
    const redirections: Redirection[] = [];
    for (let found = this.#redirection(); found; found = this.#redirection()) redirections.push(found);
    return redirections.length > 0 ? { kind: "group", body: node, isolated: false, redirections } : node;
  }

  #compound(word: string): Node {
    this.#at += word.length;
    switch (word) {
      case "if":
        return this.#if();
      case "while":
      case "until":
        return { kind: "while", until: word === "until", condition: this.#list(), body: this.#body("do", "done") };
      case "for":
        return this.#for();
      case "case":
        return this.#case();
      case "((":
        return this.#compute();
      case "[[":
        return this.#condition();
      case "function": {
        const name = this.#name();
        this.#take(/[ \t]*\([ \t]*\)/y);
        this.#newlines();
        return { kind: "function", name, body: this.#command() };
      }
      default: {
        const body = this.#list();
        if (this.#take(word === "(" ? /\)/y : /\}/y) === undefined) this.#fail();
        return { kind: "group", body, isolated: word === "(", redirections: [] };
      }
    }
  }

  #if(): Node {
    const branches: { condition: Node; body: Node }[] = [];
    let otherwise: Node | undefined;
    do {
      const condition = this.#list();
      this.#expect("then");
      branches.push({ condition, body: this.#list() });
    } while (this.#keyword("elif"));
    if (this.#keyword("else")) otherwise = this.#list();
    this.#expect("fi");
    return { kind: "if", branches, otherwise };
  }

  #body(begin: string, end: string): Node {
    this.#expect(begin);
    const body = this.#list();
    this.#expect(end);
    return body;
  }

  #for(): Node {
    const name = this.#name();
    const words: Word[] = [];
    this.#newlines();
    if (!this.#keyword("in")) throw new SyntaxProblem("for without in");
    for (let word = this.#word(); word; word = this.#word()) words.push(word);
    this.#newlines();
    return { kind: "for", name, words, body: this.#body("do", "done") };
  }

  #case(): Node {
    const word = this.#word() ?? this.#fail();
    this.#newlines();
    this.#expect("in");
    const branches: { patterns: Word[]; body: Node }[] = [];
    for (;;) {
      this.#newlines();
      if (this.#keyword("esac")) return { kind: "case", word, branches };
      this.#take(/\(/y);
      const patterns: Word[] = [];
      do patterns.push(this.#word() ?? this.#fail());
      while (this.#take(/[ \t]*\|/y) !== undefined);
      this.#blanks();
      if (this.#take(/\)/y) === undefined) this.#fail();
      branches.push({ patterns, body: this.#list() });
      this.#blanks();
      this.#take(/;;/y);
    }
  }

  #compute(): Node {
    const inner = this.#take(/(?:[^()]|\((?:[^()]|\([^()]*\))*\))*(?=\)\))/y) ?? this.#fail();
    this.#at += 2;
    return { kind: "compute", text: new ShellParser(inner).#quotedText() };
  }

  /** `[[ … ]]` becomes a command of that name, with operators as words. */
  #condition(): Node {
    const words: Word[] = [[{ kind: "text", text: "[[", quoted: true }]];
    for (;;) {
      this.#take(/\s*/y);
      const operator = this.#take(/\]\](?=[\s;|&)]|$)|&&|\|\||[()<>](?=\s)|!(?=\s)/y);
      if (operator !== undefined) words.push([{ kind: "text", text: operator, quoted: true }]);
      if (operator === "]]") return { kind: "simple", assignments: [], words, redirections: [] };
      if (operator === undefined) words.push(this.#word() ?? this.#fail());
    }
  }

  #function(): Node | undefined {
    const found = this.#take(/[A-Za-z_]\w*[ \t]*\([ \t]*\)/y);
    if (found === undefined) return undefined;
    this.#newlines();
    return { kind: "function", name: /\w+/.exec(found)![0], body: this.#command() };
  }

  #simple(): Node {
    const assignments: Assignment[] = [];
    const words: Word[] = [];
    const redirections: Redirection[] = [];
    for (;;) {
      this.#blanks();
      const redirection = this.#redirection();
      if (redirection) {
        redirections.push(redirection);
        continue;
      }
      const name = words.length === 0 ? this.#take(/[A-Za-z_]\w*=/y) : undefined;
      if (name !== undefined) {
        assignments.push({ name: name.slice(0, -1), value: this.#adjoining() });
        continue;
      }
      const word = this.#word();
      if (!word) break;
      words.push(word);
    }
    if (words.length + assignments.length + redirections.length === 0) this.#fail();
    return { kind: "simple", assignments, words, redirections };
  }

  #redirection(): Redirection | undefined {
    this.#blanks();
    const found = this.#take(/(?:&>>?|\d?(?:<<<|<<-?|<|>>|>\||>&|>)(?!\())/y);
    if (found === undefined) return undefined;
    const [, both, digit, sign] = /^(&?)(\d?)(.*)$/s.exec(found)!;
    const descriptor = both ? -1 : digit ? Number(digit) : sign!.startsWith("<") ? 0 : 1;
    this.#blanks();
    if (sign === "<<" || sign === "<<-") return { descriptor, operator: "<<", target: this.#hereDocument() };
    const target = this.#word() ?? this.#fail();
    const operator = sign === ">|" ? ">" : (sign as Redirection["operator"]);
    // `>&file` is bash's `&>file`.
    if (operator === ">&" && !/^(\d|-)$/.test(plain(target))) return { descriptor: -1, operator: ">", target };
    return { descriptor, operator, target };
  }

  #hereDocument(): Word {
    const delimiter = this.#word() ?? this.#fail();
    const into: Piece[] = [];
    const quoted = delimiter.some((piece) => piece.quoted);
    this.#awaited.push({ end: plain(delimiter), quoted, into });
    return into;
  }

  #hereDocuments(): void {
    for (const { end, quoted, into } of this.#awaited.splice(0)) {
      const from = this.#at;
      const found = new RegExp(`^\\t*${end.replace(/\W/g, "\\$&")}$`, "m");
      const rest = this.#text.slice(from);
      const last = found.exec(rest);
      if (!last) throw new SyntaxProblem(`a here-document without ${end}`);
      const text = rest.slice(0, last.index);
      this.#at = from + last.index + last[0].length + 1;
      if (quoted) into.push({ kind: "text", text, quoted: true });
      else into.push(...new ShellParser(text).#quotedText());
    }
  }

  /** Skips blanks and comments, but not the end of the line. */
  #blanks(): void {
    this.#take(/[ \t\r]*(?:#[^\n]*)?/y);
  }

  #word(): Word | undefined {
    this.#blanks();
    const word = this.#adjoining();
    return word.length > 0 ? word : undefined;
  }

  #adjoining(): Piece[] {
    const pieces: Piece[] = [];
    for (let found = this.#piece(); found; found = this.#piece()) pieces.push(...found);
    return pieces;
  }

  #piece(): Piece[] | undefined {
    const single = this.#take(/'[^']*'/y);
    if (single !== undefined) return [{ kind: "text", text: single.slice(1, -1), quoted: true }];
    const ansi = this.#take(/\$'(?:[^'\\]|\\.)*'/y);
    if (ansi !== undefined) return [{ kind: "text", text: escapes(ansi.slice(2, -1)), quoted: true }];
    if (this.#take(/"/y) !== undefined) {
      const pieces = this.#quotedText('"');
      if (this.#take(/"/y) === undefined) throw new SyntaxProblem('a text without its closing "');
      return pieces.length > 0 ? pieces : [{ kind: "text", text: "", quoted: true }];
    }
    if (this.#is(/\$/y)) return [this.#dollar(false)];
    const escaped = this.#take(/\\[^\n]/y);
    if (escaped !== undefined) return [{ kind: "text", text: escaped[1]!, quoted: true }];
    const text = this.#take(/[^\s'"\\$|&;<>()`]+/y);
    return text === undefined ? undefined : [{ kind: "text", text, quoted: false }];
  }

  /** Text in which only `$`, `` ` `` and `\` are special, up to the end, or to a mark that is not consumed. */
  #quotedText(end?: string): Piece[] {
    const pieces: Piece[] = [];
    for (;;) {
      if (this.#at >= this.#text.length || this.#text[this.#at] === end) return pieces;
      if (this.#is(/\$/y)) pieces.push(this.#dollar(true));
      else {
        const text = this.#take(/(?:[^"\\$]|\\.)+/sy) ?? this.#take(/["\\]/y) ?? this.#fail();
        pieces.push({ kind: "text", text: text.replace(/\\(["\\$`])/g, "$1"), quoted: true });
      }
    }
  }

  #dollar(quoted: boolean): Piece {
    this.#at++;
    const computed = this.#take(/\(\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)\)/y);
    if (computed !== undefined)
      return { kind: "arithmetic", text: new ShellParser(computed.slice(2, -2)).#quotedText(), quoted };
    if (this.#take(/\(/y) !== undefined) {
      const body = this.#at < this.#text.length ? this.#list() : NOTHING;
      if (this.#take(/\s*\)/y) === undefined) this.#fail();
      return { kind: "command", body, quoted };
    }
    if (this.#take(/\{/y) !== undefined) return this.#braced(quoted);
    const name = this.#take(/[A-Za-z_]\w*|[0-9?#$!@*-]/y);
    return name === undefined ? { kind: "text", text: "$", quoted: true } : { kind: "variable", name, quoted };
  }

  #braced(quoted: boolean): Piece {
    if (this.#take(/#(?=\w)/y) !== undefined) {
      const name = this.#name();
      if (this.#take(/\}/y) === undefined) this.#fail();
      return { kind: "variable", name, quoted, otherwise: { operator: "length", word: [] } };
    }
    const name = this.#take(/[A-Za-z_]\w*|[0-9?#$@*]/y) ?? this.#fail();
    const operator = this.#take(/:?[-=+?]|##?|%%?/y);
    const text = operator === undefined ? [] : new ShellParser(this.#take(/[^}]*/y)!).#quotedText();
    // The part to be removed is a pattern.
    const word = /^[#%]/.test(operator ?? "") ? text.map((piece) => ({ ...piece, quoted: false })) : text;
    if (this.#take(/\}/y) === undefined) this.#fail();
    return operator === undefined
      ? { kind: "variable", name, quoted }
      : { kind: "variable", name, quoted, otherwise: { operator, word } };
  }

  #name(): string {
    this.#blanks();
    return this.#take(NAME) ?? this.#fail();
  }

  #keyword(word: string): boolean {
    this.#blanks();
    return this.#take(new RegExp(`${word}${WORD_ENDS}`, "y")) !== undefined;
  }

  #expect(word: string): void {
    this.#newlines();
    if (!this.#keyword(word)) throw new SyntaxProblem(`no ${word}`);
  }

  #is(pattern: RegExp): boolean {
    return this.#look(pattern) !== undefined;
  }

  #look(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#text)?.[0];
  }

  #take(pattern: RegExp): string | undefined {
    const found = this.#look(pattern);
    if (found !== undefined) this.#at += found.length;
    return found;
  }
}

/** The text of a word without expansions. */
function plain(word: Word): string {
  return word.map((piece) => (piece.kind === "text" ? piece.text : "$")).join("");
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", "0": "\0", a: "\x07", b: "\b" };

/** `\n`, `\t`, … as in `$'…'`, `printf` and `echo -e`. */
export function escapes(text: string): string {
  return text.replace(/\\(x[0-9a-fA-F]{1,2}|.)/gs, (_, body: string) =>
    body.length > 1 ? String.fromCharCode(Number.parseInt(body.slice(1), 16)) : (ESCAPES[body] ?? body),
  );
}

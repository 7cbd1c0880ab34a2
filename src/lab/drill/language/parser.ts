import {
  type Command,
  type Event,
  type Script,
  ScriptError,
  type ScriptOption,
  type Time,
  Unsupported,
} from "./ast.ts";
import { Lexer, type Token } from "./lexer.ts";
import { parsePacket } from "./packet.ts";
import { parseSyscall } from "./syscall.ts";

/**
 * Parses a script. Throws ScriptError with the place and what was expected there, or Unsupported for parts of the language that this
 * interpreter does not support.
 * @param defines words with a replacement, and names for `#ifdef`
 */
export function parseScript(source: string, file: string, defines: ReadonlyMap<string, string> = new Map()): Script {
  return new Parser(new Lexer(source, file, defines)).script();
}

/** Parses only the options at the head of a script. */
export function parseOptions(source: string, file: string, defines: ReadonlyMap<string, string>): ScriptOption[] {
  return new Parser(new Lexer(source, file, defines)).options();
}

/** Parses a file that contains only options, as at the head of a script. */
export function parseOptionsFile(source: string, file: string, defines: ReadonlyMap<string, string>): ScriptOption[] {
  const parser = new Parser(new Lexer(source, file, defines));
  const options = parser.options();
  if (parser.lexer.peek().kind !== "end") parser.fail("an option (--name or --name=value)");
  return options;
}

export class Parser {
  constructor(readonly lexer: Lexer) {}

  script(): Script {
    const options = this.options();
    const init = this.#bareCommand();
    const events: Event[] = [];
    let cleanup: Command | undefined;
    while (this.lexer.peek().kind !== "end") {
      cleanup = this.#bareCommand();
      if (cleanup) break;
      events.push(this.#event());
    }
    if (this.lexer.peek().kind !== "end") this.fail("the end of the file after the cleanup command");
    if (events.length === 0 && !init) this.fail("an event");
    return { file: this.lexer.file, options, init, events, cleanup };
  }

  fail(expected: string, token: Token = this.lexer.peek()): never {
    const found = token.kind === "end" ? "the end of the file" : shown(token);
    throw new ScriptError(token.position, `expected ${expected}, and found ${found}`);
  }

  unsupported(feature: string, token: Token = this.lexer.peek()): never {
    throw new Unsupported(feature, token.position);
  }

  is(text: string): boolean {
    const token = this.lexer.peek();
    return token.text === text && (token.kind === "punctuation" || token.kind === "word" || token.kind === "ellipsis");
  }

  accept(text: string): boolean {
    if (!this.is(text)) return false;
    this.lexer.next();
    return true;
  }

  expect(text: string): void {
    if (!this.accept(text)) this.fail(`"${text}"`);
  }

  /** A whole number, decimal or hex. */
  integer(what: string): number {
    const token = this.lexer.peek();
    const value = token.kind === "number" ? Number(token.text) : Number.NaN;
    if (!Number.isInteger(value) || token.text.includes(".")) this.fail(what);
    this.lexer.next();
    return value;
  }

  /** A whole number within bounds, both included. */
  bounded(what: string, low: number, high: number): number {
    const token = this.lexer.peek();
    const value = this.integer(what);
    if (value < low || value > high) this.fail(`${what} from ${low} to ${high}`, token);
    return value;
  }

  word(what: string): string {
    const token = this.lexer.peek();
    if (token.kind !== "word") this.fail(what);
    this.lexer.next();
    return token.text;
  }

  /** Seconds, as microseconds. */
  seconds(): number {
    const token = this.lexer.peek();
    if (token.kind !== "number" || /^0[xX]/.test(token.text)) this.fail("a time in seconds");
    this.lexer.next();
    return Math.round(Number(token.text) * 1e6);
  }

  options(): ScriptOption[] {
    const options: ScriptOption[] = [];
    for (;;) {
      const position = this.lexer.peek().position;
      const raw = this.lexer.raw(/--?[A-Za-z][A-Za-z0-9_]*(?:=(?:"[^"\n]*"|\S*))?/y);
      if (raw === undefined) return options;
      const equals = raw.indexOf("=");
      const name = raw.slice(0, equals < 0 ? undefined : equals).replace(/^-+/, "");
      const value = equals < 0 ? "" : raw.slice(equals + 1).replace(/^"(.*)"$/, "$1");
      options.push({ name, value, position });
    }
  }

  #bareCommand(): Command | undefined {
    const token = this.lexer.peek();
    if (token.kind !== "command") return undefined;
    this.lexer.next();
    return { kind: "command", text: token.text, position: token.position };
  }

  #event(): Event {
    const from = this.lexer.offset;
    const position = this.lexer.peek().position;
    const time = this.#time();
    const body = this.#body();
    const text = this.lexer.source.slice(from, this.#end(from)).trimEnd();
    if (time.kind !== "any" && time.to === undefined) return { time, position, text, body };
    if (body.kind === "tcp" || body.kind === "udp" || body.kind === "icmp") {
      if (body.direction === ">") return { time, position, text, body };
    }
    throw new ScriptError(position, "a time range and * are only for expected packets (>)");
  }

  /** The end of the last token: the start of the next one, without the blanks and comments between. */
  #end(from: number): number {
    const text = this.lexer.source.slice(from, this.lexer.offset);
    return from + text.replace(/(?:\s|\/\/[^\n]*\n|\/\*[\s\S]*?\*\/)+$/, "").length;
  }

  #time(): Time {
    if (this.accept("*")) return { kind: "any" };
    const relative = this.accept("+");
    if (this.lexer.peek().kind !== "number")
      this.fail(relative ? "a time in seconds" : "a time, +time, * or a command");
    const from = this.seconds();
    let to: number | undefined;
    if (this.accept("~")) {
      const plus = this.accept("+");
      if (plus && !relative) this.fail("an absolute time, as before the ~");
      to = this.seconds();
    }
    return { kind: relative ? "relative" : "absolute", from, to };
  }

  #body(): Event["body"] {
    const token = this.lexer.peek();
    if (token.kind === "command" || token.kind === "code") {
      this.lexer.next();
      return { kind: token.kind, text: token.text, position: token.position };
    }
    if (this.is("<") || this.is(">")) return parsePacket(this);
    if (token.kind === "word" || token.kind === "ellipsis") return parseSyscall(this);
    return this.fail("a packet (< or >), a system call, a `command` or a %{ code block }%");
  }
}

function shown(token: Token): string {
  const text = token.text.split("\n", 1)[0]!;
  return token.kind === "punctuation" || token.kind === "word" || token.kind === "number"
    ? `"${text}"`
    : `${token.kind} "${text}"`;
}

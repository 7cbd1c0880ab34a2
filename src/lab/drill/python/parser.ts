import { NotUnderstood, type Token, tokens } from "./tokens.ts";
import type { Expression, FormattedValue, Statement } from "./tree.ts";

/** Parses the statements of a Python block. Throws NotUnderstood for anything unsupported. */
export function parsePython(source: string): Statement[] {
  return new PythonParser(source).program();
}

/** Binary operators from the loosest to the tightest, as Python binds them. */
const LEVELS: readonly (readonly string[])[] = [["|"], ["^"], ["&"], ["<<", ">>"], ["+", "-"], ["*", "/", "//", "%"]];
const COMPARISONS = new Set(["==", "!=", "<>", "<", "<=", ">", ">="]);
const AUGMENTED = new Set(["+=", "-=", "*=", "/=", "//=", "%=", "**=", "&=", "|=", "^=", "<<=", ">>="]);
const RESERVED = new Set(
  `and as assert async await break class continue def del elif else except finally for from global if import in is lambda
   nonlocal not or pass raise return try while with yield`.split(/\s+/),
);
/** Modules that a block may import: their members are built in, or not needed. */
const MODULES = new Set(["sys", "math", "os", "re", "time", "__future__"]);

class PythonParser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(source: string) {
    this.#tokens = tokens(source);
  }

  program(): Statement[] {
    const statements: Statement[] = [];
    while (this.#peek().kind !== "end") statements.push(...this.#line());
    return statements;
  }

  /** Parses a text that is a single expression, as between the braces of an f-string. */
  alone(): Expression {
    const value = this.#expressions();
    while (this.#peek().kind === "newline") this.#at++;
    if (this.#peek().kind !== "end") this.#stop();
    return value;
  }

  // ---- tokens

  #peek(): Token {
    return this.#tokens[this.#at]!;
  }

  #is(text: string): boolean {
    const token = this.#peek();
    return token.text === text && (token.kind === "operator" || token.kind === "name");
  }

  #accept(text: string): boolean {
    if (!this.#is(text)) return false;
    this.#at++;
    return true;
  }

  #expect(text: string): void {
    if (!this.#accept(text)) this.#stop();
  }

  #stop(): never {
    const { text, kind } = this.#peek();
    throw new NotUnderstood(text === "" ? kind : `"${text}"`);
  }

  // ---- statements

  #line(): Statement[] {
    const compound = this.#compound();
    if (compound) return [compound];
    const statements = [this.#simple()];
    while (this.#accept(";")) if (this.#peek().kind !== "newline") statements.push(this.#simple());
    if (this.#peek().kind === "newline") this.#at++;
    else if (this.#peek().kind !== "end") this.#stop();
    return statements;
  }

  #compound(): Statement | undefined {
    const text = this.#peek().text;
    if (this.#accept("if")) return this.#conditional();
    if (this.#accept("for")) {
      const target = this.#targets();
      this.#expect("in");
      const over = this.#expressions();
      return { kind: "for", text, target, over, body: this.#suite() };
    }
    if (this.#accept("while")) return { kind: "while", text, condition: this.#expression(), body: this.#suite() };
    return undefined;
  }

  /** After `if` or `elif`. */
  #conditional(): Statement {
    const condition = this.#expression();
    const yes = this.#suite();
    if (this.#accept("elif")) return { kind: "if", text: "if", condition, yes, no: [this.#conditional()] };
    return { kind: "if", text: "if", condition, yes, no: this.#accept("else") ? this.#suite() : [] };
  }

  #suite(): Statement[] {
    this.#expect(":");
    if (this.#peek().kind !== "newline") return this.#line();
    this.#at++;
    if (this.#peek().kind !== "indent") this.#stop();
    this.#at++;
    const statements: Statement[] = [];
    while (this.#peek().kind !== "dedent") statements.push(...this.#line());
    this.#at++;
    return statements;
  }

  #simple(): Statement {
    const from = this.#at;
    const statement = this.#bare();
    return { ...statement, text: this.#written(from) };
  }

  #bare(): Statement {
    const text = "";
    if (this.#accept("pass")) return { kind: "pass", text };
    if (this.#accept("break")) return { kind: "break", text };
    if (this.#accept("continue")) return { kind: "continue", text };
    if (this.#accept("import") || this.#accept("from")) return this.#import();
    if (this.#accept("assert")) {
      const condition = this.#expression();
      return { kind: "assert", text, condition, message: this.#accept(",") ? this.#expression() : undefined };
    }
    if (this.#is("print") && this.#printsWithoutParentheses()) return this.#oldPrint();
    const targets: Expression[] = [];
    let value = this.#expressions();
    const operator = this.#peek().text;
    if (AUGMENTED.has(operator)) {
      this.#at++;
      const right = this.#expressions();
      return {
        kind: "assign",
        text,
        targets: [value],
        value: { kind: "binary", operator: operator.slice(0, -1), left: value, right },
      };
    }
    while (this.#accept("=")) {
      targets.push(value);
      value = this.#expressions();
    }
    return targets.length > 0 ? { kind: "assign", text, targets, value } : { kind: "expression", text, value };
  }

  #import(): Statement {
    const name = this.#peek().text;
    if (!MODULES.has(name)) this.#stop();
    while (this.#peek().kind === "name" || this.#is(",") || this.#is(".")) this.#at++;
    return { kind: "pass", text: "" };
  }

  /** Whether it is Python 2's print statement, followed by a value and not by a call's parenthesis. */
  #printsWithoutParentheses(): boolean {
    const next = this.#tokens[this.#at + 1]!;
    return next.kind === "string" || next.kind === "name" || next.kind === "number" || next.kind === "newline";
  }

  #oldPrint(): Statement {
    this.#at++;
    const values: Expression[] = [];
    while (this.#peek().kind !== "newline" && this.#peek().kind !== "end" && !this.#is(";")) {
      values.push(this.#expression());
      if (!this.#accept(",")) break;
    }
    return { kind: "print", text: "", values };
  }

  /** The statement's source text, on one line, without comments. */
  #written(from: number): string {
    const parts: string[] = [];
    let end = -1;
    for (const token of this.#tokens.slice(from, this.#at)) {
      if (end >= 0 && token.from > end) parts.push(" ");
      parts.push(this.#text(token));
      end = token.to;
    }
    return parts.join("");
  }

  #text(token: Token): string {
    if (token.kind !== "string") return token.text;
    return `${token.formatted ? "f" : ""}'${token.text}'`;
  }

  // ---- expressions

  /** An expression, or a tuple without parentheses. */
  #expressions(): Expression {
    const first = this.#expression();
    if (!this.#is(",")) return first;
    const items = [first];
    while (this.#accept(",")) if (this.#begins()) items.push(this.#expression());
    return { kind: "sequence", tuple: true, items };
  }

  /** Names before `in`. */
  #targets(): Expression {
    const items = [this.#postfix()];
    while (this.#accept(",")) items.push(this.#postfix());
    return items.length === 1 ? items[0]! : { kind: "sequence", tuple: true, items };
  }

  #begins(): boolean {
    const { kind, text } = this.#peek();
    if (kind === "name") return !RESERVED.has(text) || text === "not";
    return kind === "number" || kind === "string" || (kind === "operator" && "([-+~".includes(text));
  }

  #expression(): Expression {
    const yes = this.#logical("or");
    if (!this.#accept("if")) return yes;
    const condition = this.#logical("or");
    this.#expect("else");
    return { kind: "choice", condition, yes, no: this.#expression() };
  }

  #logical(operator: "and" | "or"): Expression {
    const next = () => (operator === "or" ? this.#logical("and") : this.#not());
    let left = next();
    while (this.#accept(operator)) left = { kind: "logical", operator, left, right: next() };
    return left;
  }

  #not(): Expression {
    if (!this.#accept("not")) return this.#comparison();
    return { kind: "unary", operator: "not", operand: this.#not() };
  }

  #comparison(): Expression {
    const first = this.#binary(0);
    const rest: [string, Expression][] = [];
    for (let operator = this.#comparator(); operator; operator = this.#comparator()) {
      rest.push([operator, this.#binary(0)]);
    }
    return rest.length === 0 ? first : { kind: "comparison", first, rest };
  }

  #comparator(): string | undefined {
    const { text } = this.#peek();
    if (COMPARISONS.has(text) && this.#accept(text)) return text === "<>" ? "!=" : text;
    if (this.#accept("in")) return "in";
    if (this.#accept("is")) return this.#accept("not") ? "is not" : "is";
    if (!this.#is("not")) return undefined;
    this.#at++;
    this.#expect("in");
    return "not in";
  }

  #binary(level: number): Expression {
    const operators = LEVELS[level];
    if (operators === undefined) return this.#unary();
    let left = this.#binary(level + 1);
    while (this.#peek().kind === "operator" && operators.includes(this.#peek().text)) {
      const operator = this.#peek().text;
      this.#at++;
      left = { kind: "binary", operator, left, right: this.#binary(level + 1) };
    }
    return left;
  }

  #unary(): Expression {
    for (const operator of ["-", "+", "~"]) {
      if (this.#accept(operator)) return { kind: "unary", operator, operand: this.#unary() };
    }
    const left = this.#postfix();
    return this.#accept("**") ? { kind: "binary", operator: "**", left, right: this.#unary() } : left;
  }

  #postfix(): Expression {
    let of = this.#atom();
    for (;;) {
      if (this.#accept("(")) of = this.#call(of);
      else if (this.#accept(".")) of = { kind: "attribute", of, name: this.#name() };
      else if (this.#accept("[")) of = this.#subscript(of);
      else return of;
    }
  }

  #call(of: Expression): Expression {
    const args: Expression[] = [];
    const named: [string, Expression][] = [];
    while (!this.#accept(")")) {
      const { kind, text } = this.#peek();
      if (kind === "name" && this.#tokens[this.#at + 1]!.text === "=") {
        this.#at += 2;
        named.push([text, this.#expression()]);
      } else args.push(this.#expression());
      if (!this.#is(")")) this.#expect(",");
    }
    return { kind: "call", of, args, named };
  }

  #subscript(of: Expression): Expression {
    const from = this.#is(":") ? undefined : this.#expression();
    if (from !== undefined && this.#accept("]")) return { kind: "item", of, index: from };
    this.#expect(":");
    const to = this.#is("]") ? undefined : this.#expression();
    this.#expect("]");
    return { kind: "slice", of, from, to };
  }

  #name(): string {
    const token = this.#peek();
    if (token.kind !== "name" || RESERVED.has(token.text)) this.#stop();
    this.#at++;
    return token.text;
  }

  #atom(): Expression {
    const token = this.#peek();
    if (token.kind === "number") {
      this.#at++;
      return { kind: "constant", value: numberValue(token.text) };
    }
    if (token.kind === "string") return this.#strings();
    if (this.#accept("(")) return this.#bracketed(")");
    if (this.#accept("[")) return this.#bracketed("]");
    const name = this.#name();
    if (name === "True" || name === "False") return { kind: "constant", value: name === "True" };
    return name === "None" ? { kind: "constant", value: null } : { kind: "name", name };
  }

  #bracketed(close: string): Expression {
    const items: Expression[] = [];
    let comma = false;
    while (!this.#accept(close)) {
      items.push(this.#expression());
      comma = this.#accept(",");
      if (!comma && !this.#is(close)) this.#stop();
    }
    const only = items.length === 1 && !comma && close === ")";
    return only ? items[0]! : { kind: "sequence", tuple: close === ")", items };
  }

  /** Adjacent strings are joined. */
  #strings(): Expression {
    const parts: (string | FormattedValue)[] = [];
    for (let token = this.#peek(); token.kind === "string"; token = this.#peek()) {
      this.#at++;
      if (token.formatted) parts.push(...formattedParts(token.text));
      else parts.push(token.text);
    }
    if (parts.every((part) => typeof part === "string")) return { kind: "constant", value: parts.join("") };
    return { kind: "formatted", parts };
  }
}

function numberValue(text: string): bigint | number {
  const digits = text.replaceAll("_", "");
  return /^0[xXoObB]/.test(digits) || /^\d+$/.test(digits)
    ? BigInt(/^0+\d/.test(digits) ? Number(digits) : digits)
    : Number(digits);
}

/** `text {value!r:spec} text`; doubled braces are literal braces. */
function formattedParts(text: string): (string | FormattedValue)[] {
  const parts: (string | FormattedValue)[] = [];
  let plain = "";
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if ((c === "{" || c === "}") && text[i + 1] === c) plain += text[i++];
    else if (c === "}") throw new NotUnderstood('"}" in an f-string');
    else if (c !== "{") plain += c;
    else {
      const end = closing(text, i);
      parts.push(plain, formattedValue(text.slice(i + 1, end)));
      plain = "";
      i = end;
    }
  }
  return [...parts, plain];
}

function closing(text: string, from: number): number {
  let depth = 0;
  for (let i = from; i < text.length; i++) {
    if ("{[(".includes(text[i]!)) depth++;
    if ("}])".includes(text[i]!) && --depth === 0) return i;
  }
  throw new NotUnderstood("an f-string without a closing brace");
}

function formattedValue(text: string): FormattedValue {
  const found = /^(.*?)(=?)(?:!([rsa]))?(?::([^()[\]]*))?$/s.exec(text)!;
  const [, expression, debugging, conversion, specification] = found;
  if (debugging) throw new NotUnderstood('"=" in an f-string');
  return {
    value: new PythonParser(expression!).alone(),
    conversion: conversion ?? "",
    specification: specification ?? "",
  };
}

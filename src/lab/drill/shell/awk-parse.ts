import { escapes } from "./parse.ts";
import { expression as regularExpression } from "./text.ts";

/** Parses an awk program. Undefined: it uses an unsupported feature. */

export type Expression =
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "text"; readonly text: string }
  /** A regular expression alone: does the line match? */
  | { readonly kind: "expression"; readonly pattern: RegExp }
  | { readonly kind: "field"; readonly index: Expression }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "element"; readonly name: string; readonly index: Expression }
  | { readonly kind: "assign"; readonly target: Expression; readonly operator: string; readonly value: Expression }
  | { readonly kind: "step"; readonly target: Expression; readonly by: 1 | -1; readonly first: boolean }
  | { readonly kind: "not" | "minus"; readonly value: Expression }
  | { readonly kind: "match"; readonly value: Expression; readonly pattern: Expression; readonly inverted: boolean }
  | { readonly kind: "choice"; readonly condition: Expression; readonly yes: Expression; readonly no: Expression }
  /** The operator " " joins. */
  | { readonly kind: "binary"; readonly operator: string; readonly left: Expression; readonly right: Expression }
  | { readonly kind: "call"; readonly name: string; readonly args: readonly Expression[] };

export type Statement =
  | { readonly kind: "print" | "printf"; readonly values: readonly Expression[] }
  | {
      readonly kind: "if";
      readonly condition: Expression;
      readonly body: readonly Statement[];
      readonly otherwise: readonly Statement[];
    }
  | { readonly kind: "expression"; readonly value: Expression }
  | { readonly kind: "exit"; readonly value: Expression | undefined }
  | { readonly kind: "next" };

export interface Rule {
  readonly when: "BEGIN" | "END" | "always" | Expression;
  readonly until: Expression | undefined;
  readonly body: readonly Statement[];
}

class Problem extends Error {}

export function parseAwk(text: string): Rule[] | undefined {
  try {
    return new AwkParser(text).rules();
  } catch (error) {
    if (error instanceof Problem) return undefined;
    throw error;
  }
}

const FUNCTIONS = /^(length|int|tolower|toupper|index|substr|split|sub|gsub)$/;
const COMPARISONS = /<=|>=|==|!=|<|>(?!>)/y;

class AwkParser {
  #at = 0;

  constructor(readonly text: string) {}

  rules(): Rule[] {
    const rules: Rule[] = [];
    for (this.#blank(true); this.#at < this.text.length; this.#blank(true)) {
      let when: Rule["when"] = "always";
      let until: Expression | undefined;
      if (!this.#is(/\{/y)) {
        const edge = this.#take(/(BEGIN|END)\b/y);
        when = (edge as "BEGIN" | "END" | undefined) ?? this.#expression();
        if (edge === undefined && this.#take(/,/y) !== undefined) until = this.#expression();
      }
      const body = this.#is(/\{/y) ? this.#braces() : [{ kind: "print" as const, values: [] }];
      rules.push({ when, until, body });
    }
    return rules.length > 0 ? rules : this.#fail();
  }

  #fail(): never {
    throw new Problem(this.text.slice(this.#at));
  }

  #braces(): Statement[] {
    this.#take(/\{/y);
    const body: Statement[] = [];
    for (;;) {
      this.#blank(true);
      if (this.#take(/\}/y) !== undefined) return body;
      body.push(this.#statement());
    }
  }

  #statement(): Statement {
    this.#blank(false);
    const word = this.#take(/(printf|print|if|exit|next)\b/y);
    switch (word) {
      case "print":
      case "printf": {
        const bracketed = this.#is(/\(/y);
        const values = this.#values();
        if (this.#is(/>|\|(?!\|)/y)) this.#fail();
        return { kind: word, values: bracketed && values.length === 0 ? this.#fail() : values };
      }
      case "if": {
        if (this.#take(/\(/y) === undefined) this.#fail();
        const condition = this.#expression();
        if (this.#take(/\)/y) === undefined) this.#fail();
        const body = this.#body();
        this.#blank(true);
        const otherwise = this.#take(/else\b/y) === undefined ? [] : this.#body();
        return { kind: "if", condition, body, otherwise };
      }
      case "exit":
        return { kind: "exit", value: this.#ends() ? undefined : this.#expression() };
      case "next":
        return { kind: "next" };
      default:
        return { kind: "expression", value: this.#expression() };
    }
  }

  #body(): Statement[] {
    this.#blank(true);
    return this.#is(/\{/y) ? this.#braces() : [this.#statement()];
  }

  #ends(): boolean {
    this.#blank(false);
    return this.#at >= this.text.length || this.#is(/[;}\n]/y);
  }

  #values(): Expression[] {
    const values: Expression[] = [];
    if (this.#ends()) return values;
    do values.push(this.#expression());
    while (this.#take(/,/y) !== undefined);
    const [only] = values;
    return values.length === 1 && only!.kind === "call" && only.name === "," ? [...only.args] : values;
  }

  #expression(): Expression {
    const condition = this.#or();
    if (this.#take(/\?/y) === undefined) return this.#assignment(condition);
    const yes = this.#expression();
    if (this.#take(/:/y) === undefined) this.#fail();
    return { kind: "choice", condition, yes, no: this.#expression() };
  }

  #assignment(target: Expression): Expression {
    const operator = this.#take(/[-+*/%^]?=(?!=)/y);
    if (operator === undefined) return target;
    if (target.kind !== "variable" && target.kind !== "field" && target.kind !== "element") this.#fail();
    return { kind: "assign", target, operator: operator.slice(0, -1), value: this.#expression() };
  }

  #or(): Expression {
    let left = this.#and();
    while (this.#take(/\|\|/y) !== undefined) left = { kind: "binary", operator: "||", left, right: this.#and() };
    return left;
  }

  #and(): Expression {
    let left = this.#match();
    while (this.#take(/&&/y) !== undefined) left = { kind: "binary", operator: "&&", left, right: this.#match() };
    return left;
  }

  #match(): Expression {
    const value = this.#comparison();
    const operator = this.#take(/!?~/y);
    return operator === undefined
      ? value
      : { kind: "match", value, pattern: this.#comparison(), inverted: operator === "!~" };
  }

  #comparison(): Expression {
    const left = this.#joined();
    const operator = this.#take(COMPARISONS);
    return operator === undefined ? left : { kind: "binary", operator, left, right: this.#joined() };
  }

  #joined(): Expression {
    let left = this.#sum();
    while (!this.#ends() && this.#is(/["$\w(.!-](?<![=~])/y) && !this.#is(/!~|!=|in\b|-/y))
      left = { kind: "binary", operator: " ", left, right: this.#sum() };
    return left;
  }

  #sum(): Expression {
    let left = this.#product();
    for (let operator = this.#take(/[+-](?![=+-])/y); operator; operator = this.#take(/[+-](?![=+-])/y))
      left = { kind: "binary", operator, left, right: this.#product() };
    return left;
  }

  #product(): Expression {
    let left = this.#unary();
    for (let operator = this.#take(/[*/%](?!=)/y); operator; operator = this.#take(/[*/%](?!=)/y))
      left = { kind: "binary", operator, left, right: this.#unary() };
    return left;
  }

  #unary(): Expression {
    const step = this.#take(/\+\+|--/y);
    if (step !== undefined) return { kind: "step", target: this.#primary(), by: step === "++" ? 1 : -1, first: true };
    if (this.#take(/!(?![=~])/y) !== undefined) return { kind: "not", value: this.#unary() };
    if (this.#take(/-/y) !== undefined) return { kind: "minus", value: this.#unary() };
    const value = this.#primary();
    const after = this.#take(/\+\+|--/y);
    if (after !== undefined) return { kind: "step", target: value, by: after === "++" ? 1 : -1, first: false };
    return this.#take(/\^|\*\*/y) === undefined
      ? value
      : { kind: "binary", operator: "^", left: value, right: this.#unary() };
  }

  #primary(): Expression {
    const number = this.#take(/\d+(\.\d+)?|\.\d+/y);
    if (number !== undefined) return { kind: "number", value: Number(number) };
    const text = this.#take(/"(?:[^"\\]|\\.)*"/y);
    if (text !== undefined) return { kind: "text", text: escapes(text.slice(1, -1)) };
    const pattern = this.#take(/\/(?:[^/\\]|\\.)*\//y);
    if (pattern !== undefined)
      return {
        kind: "expression",
        pattern: regularExpression(pattern.slice(1, -1).replaceAll("\\/", "/"), "E") ?? this.#fail(),
      };
    if (this.#take(/\$/y) !== undefined) return { kind: "field", index: this.#primary() };
    if (this.#take(/\(/y) !== undefined) {
      const inner = this.#expression();
      const list = [inner];
      while (this.#take(/,/y) !== undefined) list.push(this.#expression());
      if (this.#take(/\)/y) === undefined) this.#fail();
      return list.length === 1 ? inner : { kind: "call", name: ",", args: list };
    }
    const name = this.#take(/[A-Za-z_]\w*/y) ?? this.#fail();
    if (this.#is(/\(/y)) return this.#call(name);
    if (name === "length") return { kind: "call", name, args: [] };
    if (this.#take(/\[/y) === undefined) return { kind: "variable", name };
    const index = this.#expression();
    if (this.#take(/\]/y) === undefined) this.#fail();
    return { kind: "element", name, index };
  }

  #call(name: string): Expression {
    if (!FUNCTIONS.test(name)) this.#fail();
    this.#take(/\(/y);
    const args: Expression[] = [];
    if (this.#take(/\)/y) !== undefined) return { kind: "call", name, args };
    do args.push(this.#expression());
    while (this.#take(/,/y) !== undefined);
    if (this.#take(/\)/y) === undefined) this.#fail();
    return { kind: "call", name, args };
  }

  #blank(lines: boolean): void {
    const pattern = lines ? /(?:[\s;]|#[^\n]*)*/y : /(?:[ \t]|\\\n|#[^\n]*)*/y;
    pattern.lastIndex = this.#at;
    this.#at += pattern.exec(this.text)![0].length;
  }

  #is(pattern: RegExp): boolean {
    this.#blank(false);
    pattern.lastIndex = this.#at;
    return pattern.test(this.text);
  }

  #take(pattern: RegExp): string | undefined {
    this.#blank(false);
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }
}

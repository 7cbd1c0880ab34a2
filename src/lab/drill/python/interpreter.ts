import { attribute, BUILTINS, itemsOf, MODULE_MEMBERS } from "./builtins.ts";
import { formatted, percent } from "./format.ts";
import { NotUnderstood } from "./tokens.ts";
import type { Expression, Statement } from "./tree.ts";
import { binary, contains, equal, isList, order, raise, repr, text, truth, unary, type Value } from "./values.ts";

/** A failed assertion. */
export class AssertionFailed extends Error {
  override readonly name = "AssertionFailed";
  constructor(
    /** The statement's source text. */
    readonly statement: string,
    /** The names used by the condition, and their values. */
    readonly seen: ReadonlyMap<string, Value>,
    /** The assertion's message, if it is not in the source text. */
    readonly said: string | undefined,
  ) {
    super(statement);
  }
}

/** The most loop iterations in one block; a check of a connection needs fewer. */
const TURNS_MAX = 100_000;

class Break extends Error {}
class Continue extends Error {}

/** Runs statements. `lookUp` returns the values of names that the block did not define. */
export class Interpreter {
  readonly printed: string[] = [];
  #seen = new Map<string, Value>();
  #turns = 0;

  constructor(
    readonly names: Map<string, Value>,
    readonly lookUp: (name: string) => Value | undefined,
    /** Names of constants, which are not worth showing. */
    readonly isConstant: (name: string) => boolean,
  ) {}

  run(statements: readonly Statement[]): void {
    for (const statement of statements) this.#statement(statement);
  }

  #statement(statement: Statement): void {
    switch (statement.kind) {
      case "assert":
        this.#assert(statement);
        return;
      case "print":
        this.printed.push(statement.values.map((value) => text(this.value(value))).join(" "));
        return;
      case "assign": {
        const value = this.value(statement.value);
        for (const target of statement.targets) this.#assign(target, value);
        return;
      }
      case "expression":
        this.value(statement.value);
        return;
      case "if":
        this.run(truth(this.value(statement.condition)) ? statement.yes : statement.no);
        return;
      case "for":
        this.#loop(itemsOf(this.value(statement.over)), statement);
        return;
      case "while":
        while (truth(this.value(statement.condition)) && this.#turn(statement.body));
        return;
      case "break":
        throw new Break();
      case "continue":
        throw new Continue();
    }
  }

  #assert(statement: Statement & { readonly kind: "assert" }): void {
    this.#seen = new Map();
    const seen = this.#seen;
    if (truth(this.value(statement.condition))) return;
    const said = statement.message && text(this.value(statement.message));
    const made = ["formatted", "binary", "call"].includes(statement.message?.kind ?? "");
    throw new AssertionFailed(statement.text, seen, made ? said : undefined);
  }

  #loop(items: readonly Value[], statement: Statement & { readonly kind: "for" }): void {
    for (const item of items) {
      this.#assign(statement.target, item);
      if (!this.#turn(statement.body)) return;
    }
  }

  /** Runs one iteration. False: a `break`. */
  #turn(body: readonly Statement[]): boolean {
    if (++this.#turns > TURNS_MAX) throw new NotUnderstood(`a loop of more than ${TURNS_MAX} turns`);
    try {
      this.run(body);
    } catch (error) {
      if (error instanceof Break) return false;
      if (!(error instanceof Continue)) throw error;
    }
    return true;
  }

  #assign(target: Expression, value: Value): void {
    if (target.kind === "name") this.names.set(target.name, value);
    else if (target.kind === "sequence") {
      const items = itemsOf(value);
      if (items.length !== target.items.length) raise("ValueError", "not the number of values to unpack");
      target.items.forEach((each, i) => {
        this.#assign(each, items[i]!);
      });
    } else throw new NotUnderstood("an assignment to something other than a name");
  }

  value(e: Expression): Value {
    switch (e.kind) {
      case "constant":
        return e.value;
      case "name":
        return this.#name(e.name);
      case "formatted":
        return e.parts.map((part) => (typeof part === "string" ? part : this.#formatted(part))).join("");
      case "unary":
        return unary(e.operator, this.value(e.operand));
      case "binary":
        return this.#binary(e.operator, this.value(e.left), this.value(e.right));
      case "logical": {
        const left = this.value(e.left);
        return truth(left) === (e.operator === "or") ? left : this.value(e.right);
      }
      case "comparison":
        return this.#comparison(e);
      case "choice":
        return this.value(truth(this.value(e.condition)) ? e.yes : e.no);
      case "call":
        return this.#call(e);
      case "attribute":
        return this.#attribute(e.of, e.name);
      case "item":
        return item(this.value(e.of), this.value(e.index));
      case "slice":
        return slice(this.value(e.of), e.from && this.value(e.from), e.to && this.value(e.to));
      case "sequence":
        return { items: e.items.map((each) => this.value(each)), tuple: e.tuple };
    }
  }

  #name(name: string): Value {
    const value = this.names.get(name) ?? this.lookUp(name) ?? BUILTINS.get(name);
    if (value === undefined) throw new NotUnderstood(`variable ${name}`);
    if (typeof value !== "function" && !this.isConstant(name)) this.#seen.set(name, value);
    return value;
  }

  #formatted(part: {
    readonly value: Expression;
    readonly conversion: string;
    readonly specification: string;
  }): string {
    const value = this.value(part.value);
    return formatted(part.conversion === "r" ? repr(value) : value, part.specification);
  }

  #binary(operator: string, left: Value, right: Value): Value {
    return operator === "%" && typeof left === "string" ? percent(left, right) : binary(operator, left, right);
  }

  /** Python chains comparisons: `1 <= a <= 3` holds if both halves hold, and stops at the first that does not. */
  #comparison(e: Expression & { readonly kind: "comparison" }): boolean {
    let left = this.value(e.first);
    for (const [operator, expression] of e.rest) {
      const right = this.value(expression);
      if (!compare(operator, left, right)) return false;
      left = right;
    }
    return true;
  }

  #attribute(of: Expression, name: string): Value {
    const member =
      of.kind === "name" && !this.names.has(of.name) ? MODULE_MEMBERS.get(`${of.name}.${name}`) : undefined;
    return member ?? attribute(this.value(of), name);
  }

  #call(e: Expression & { readonly kind: "call" }): Value {
    const args = e.args.map((arg) => this.value(arg));
    if (e.of.kind === "name" && e.of.name === "print") {
      this.printed.push(args.map(text).join(" "));
      return null;
    }
    const named = new Map(e.named.map(([name, value]) => [name, this.value(value)]));
    const callee = e.of.kind === "attribute" ? this.#attribute(e.of.of, e.of.name) : this.value(e.of);
    return typeof callee === "function" ? callee(args, named) : raise("TypeError", "not callable");
  }
}

function compare(operator: string, left: Value, right: Value): boolean {
  switch (operator) {
    case "==":
      return equal(left, right);
    case "!=":
      return !equal(left, right);
    case "in":
      return contains(right, left);
    case "not in":
      return !contains(right, left);
    case "is":
      return left === right;
    case "is not":
      return left !== right;
  }
  const difference = order(operator, left, right);
  if (operator === "<") return difference < 0;
  if (operator === "<=") return difference <= 0;
  return operator === ">" ? difference > 0 : difference >= 0;
}

function item(of: Value, index: Value): Value {
  const items = itemsOf(of);
  if (typeof index !== "bigint") return raise("TypeError", "indices must be integers");
  return items.at(Number(index)) ?? raise("IndexError", "index out of range");
}

function slice(of: Value, from: Value | undefined, to: Value | undefined): Value {
  const [start, end] = [from ?? 0n, to ?? undefined].map((n) => (typeof n === "bigint" ? Number(n) : undefined));
  if (typeof of === "string") return of.slice(start, end);
  return isList(of) ? { items: of.items.slice(start, end), tuple: of.tuple } : raise("TypeError", "not a sequence");
}

import { linesOf } from "./answer.ts";
import { type Expression, parseAwk, type Rule, type Statement } from "./awk-parse.ts";
import { escapes } from "./parse.ts";
import type { Program } from "./programs.ts";
import { textOf } from "./text.ts";

/** The part of awk that scripts use: patterns, fields, sums, print and printf, BEGIN and END. */

type Value = number | string;

const STEPS_MAX = 1_000_000;

export const awk: Program = (args, context) => {
  const variables = new Map<string, Value>([
    ["FS", " "],
    ["OFS", " "],
    ["ORS", "\n"],
    ["NR", 0],
    ["NF", 0],
  ]);
  let i = 0;
  for (; i < args.length && args[i]!.startsWith("-"); i++) {
    const [, flag, attached] = /^-([Fv])(.*)$/s.exec(args[i]!) ?? [];
    if (flag === undefined) return undefined;
    const value = attached === "" ? (args[++i] ?? "") : attached!;
    const [name, text = ""] = flag === "F" ? ["FS", value] : value.split("=", 2);
    variables.set(name!, escapes(text));
  }
  const rules = parseAwk(args[i] ?? "");
  const given = textOf(args.slice(i + 1), context);
  return rules && given ? new Awk(rules, variables).run(linesOf(given.text)) : undefined;
};

class Exit extends Error {}
class Next extends Error {}

class Awk {
  #out = "";
  #line = "";
  #fields: string[] = [];
  #status = 0;
  #steps = 0;
  readonly #active = new Set<Rule>();
  readonly #arrays = new Map<string, Map<string, Value>>();

  constructor(
    readonly rules: readonly Rule[],
    readonly variables: Map<string, Value>,
  ) {}

  run(lines: readonly string[]): { text: string; status: number } {
    try {
      this.#all((rule) => rule.when === "BEGIN");
      if (this.rules.some(({ when }) => when !== "BEGIN")) for (const line of lines) this.#record(line);
      this.#all((rule) => rule.when === "END");
    } catch (error) {
      if (!(error instanceof Exit)) throw error;
    }
    return { text: this.#out, status: this.#status };
  }

  #record(line: string): void {
    this.#take(line);
    this.variables.set("NR", this.#number(this.variables.get("NR")!) + 1);
    try {
      this.#all((rule) => this.#selects(rule));
    } catch (error) {
      if (!(error instanceof Next)) throw error;
    }
  }

  #selects(rule: Rule): boolean {
    if (rule.when === "BEGIN" || rule.when === "END") return false;
    if (rule.when === "always") return true;
    if (rule.until === undefined) return this.#truth(this.#value(rule.when));
    if (!this.#active.has(rule)) {
      if (!this.#truth(this.#value(rule.when))) return false;
      this.#active.add(rule);
    }
    if (this.#truth(this.#value(rule.until))) this.#active.delete(rule);
    return true;
  }

  #all(selects: (rule: Rule) => boolean): void {
    for (const rule of this.rules) if (selects(rule)) this.#block(rule.body);
  }

  #take(line: string): void {
    const separator = String(this.variables.get("FS"));
    this.#line = line;
    const parts =
      separator === " "
        ? line.trim().split(/\s+/)
        : line.split(separator.length === 1 ? separator : new RegExp(separator));
    this.#fields = line.trim() === "" ? [] : parts;
    this.variables.set("NF", this.#fields.length);
  }

  #block(body: readonly Statement[]): void {
    for (const statement of body) this.#statement(statement);
  }

  #statement(s: Statement): void {
    if (++this.#steps > STEPS_MAX) throw new Exit();
    switch (s.kind) {
      case "print": {
        const values = s.values.length === 0 ? [this.#line] : s.values.map((each) => this.#text(this.#value(each)));
        this.#out += values.join(String(this.variables.get("OFS"))) + String(this.variables.get("ORS"));
        return;
      }
      case "printf": {
        const [format = "", ...values] = s.values.map((each) => this.#value(each));
        this.#out += this.#formatted(String(format), values);
        return;
      }
      case "if":
        this.#block(this.#truth(this.#value(s.condition)) ? s.body : s.otherwise);
        return;
      case "expression":
        this.#value(s.value);
        return;
      case "exit":
        this.#status = s.value ? this.#number(this.#value(s.value)) & 255 : this.#status;
        throw new Exit();
      case "next":
        throw new Next();
    }
  }

  #formatted(format: string, values: readonly Value[]): string {
    const rest = [...values];
    return escapes(format).replace(/%(-?)(0?)(\d*)(?:\.(\d+))?([dsfxc%])/g, (_, left, zero, width, precision, kind) => {
      if (kind === "%") return "%";
      const value = rest.shift() ?? "";
      const n = this.#number(value);
      const text =
        kind === "s"
          ? this.#text(value)
          : kind === "f"
            ? n.toFixed(precision === undefined ? 6 : Number(precision))
            : kind === "x"
              ? Math.trunc(n).toString(16)
              : String(Math.trunc(n));
      return left ? text.padEnd(Number(width)) : text.padStart(Number(width), zero ? "0" : " ");
    });
  }

  #value(e: Expression): Value {
    switch (e.kind) {
      case "number":
        return e.value;
      case "text":
        return e.text;
      case "expression":
        return Number(e.pattern.test(this.#line));
      case "field": {
        const n = this.#number(this.#value(e.index));
        return n === 0 ? this.#line : (this.#fields[n - 1] ?? "");
      }
      case "variable":
        return this.variables.get(e.name) ?? "";
      case "element":
        return this.#array(e.name).get(this.#text(this.#value(e.index))) ?? "";
      case "assign":
        return this.#assign(e);
      case "step": {
        const before = this.#number(this.#value(e.target));
        this.#put(e.target, before + e.by);
        return e.first ? before + e.by : before;
      }
      case "not":
        return Number(!this.#truth(this.#value(e.value)));
      case "minus":
        return -this.#number(this.#value(e.value));
      case "match":
        return Number(this.#pattern(e.pattern).test(this.#text(this.#value(e.value))) !== e.inverted);
      case "choice":
        return this.#value(this.#truth(this.#value(e.condition)) ? e.yes : e.no);
      case "binary":
        return this.#binary(e.operator, e.left, e.right);
      case "call":
        return this.#call(
          e.name,
          e.args.map((each) => this.#value(each)),
          e.args,
        );
    }
  }

  #array(name: string): Map<string, Value> {
    let found = this.#arrays.get(name);
    if (!found) this.#arrays.set(name, (found = new Map()));
    return found;
  }

  #pattern(e: Expression): RegExp {
    return e.kind === "expression" ? e.pattern : new RegExp(this.#text(this.#value(e)));
  }

  #assign(e: Expression & { kind: "assign" }): Value {
    const right = this.#value(e.value);
    const value = e.operator === "" ? right : this.#computed(e.operator, this.#value(e.target), right);
    this.#put(e.target, value);
    return value;
  }

  #put(target: Expression, value: Value): void {
    if (target.kind === "variable") this.variables.set(target.name, value);
    else if (target.kind === "element") this.#array(target.name).set(this.#text(this.#value(target.index)), value);
    else if (target.kind === "field") {
      const n = this.#number(this.#value(target.index));
      if (n === 0) this.#take(this.#text(value));
      else {
        this.#fields[n - 1] = this.#text(value);
        this.#line = this.#fields.join(String(this.variables.get("OFS")));
      }
    }
  }

  #binary(operator: string, left: Expression, right: Expression): Value {
    const a = this.#value(left);
    if (operator === "&&") return Number(this.#truth(a) && this.#truth(this.#value(right)));
    if (operator === "||") return Number(this.#truth(a) || this.#truth(this.#value(right)));
    const b = this.#value(right);
    if (operator === " ") return this.#text(a) + this.#text(b);
    if (/^[<>=!]=?$/.test(operator)) return Number(this.#compared(operator, a, b));
    return this.#computed(operator, a, b);
  }

  /** Values that look like numbers are compared as numbers. */
  #compared(operator: string, a: Value, b: Value): boolean {
    const numeric = [a, b].every((each) => typeof each === "number" || /^\s*[-+]?(\d+\.?\d*|\.\d+)\s*$/.test(each));
    const [left, right] = numeric ? [Number(a), Number(b)] : [this.#text(a), this.#text(b)];
    switch (operator) {
      case "<":
        return left < right;
      case "<=":
        return left <= right;
      case ">":
        return left > right;
      case ">=":
        return left >= right;
      case "==":
        return left === right;
      default:
        return left !== right;
    }
  }

  #computed(operator: string, left: Value, right: Value): number {
    const [a, b] = [this.#number(left), this.#number(right)];
    switch (operator) {
      case "+":
        return a + b;
      case "-":
        return a - b;
      case "*":
        return a * b;
      case "/":
        return a / b;
      case "%":
        return a % b;
      default:
        return a ** b;
    }
  }

  #call(name: string, values: readonly Value[], args: readonly Expression[]): Value {
    const [first = this.#line, second = 0, third] = values;
    switch (name) {
      case "length":
        return this.#text(first).length;
      case "int":
        return Math.trunc(this.#number(first));
      case "tolower":
        return this.#text(first).toLowerCase();
      case "toupper":
        return this.#text(first).toUpperCase();
      case "index":
        return this.#text(first).indexOf(this.#text(second)) + 1;
      case "substr": {
        const from = this.#number(second) - 1;
        return this.#text(first).slice(Math.max(0, from), third === undefined ? undefined : from + this.#number(third));
      }
      case "split": {
        const parts = this.#text(first).split(third === undefined ? /\s+/ : this.#text(third));
        const array = args[1]?.kind === "variable" ? this.#array(args[1].name) : new Map<string, Value>();
        array.clear();
        for (const [i, part] of parts.entries()) array.set(String(i + 1), part);
        return parts.length;
      }
      default: {
        const pattern = this.#pattern(args[0]!);
        const target = args[2] ?? ({ kind: "field", index: { kind: "number", value: 0 } } as const);
        const before = this.#text(this.#value(target));
        const every = new RegExp(pattern.source, name === "gsub" ? "g" : "");
        const n = before.match(new RegExp(pattern.source, "g"))?.length ?? 0;
        if (n > 0)
          this.#put(target, before.replace(every, this.#text(second).replaceAll("$", "$$$$").replace(/&/g, "$$&")));
        return name === "gsub" ? n : Math.min(n, 1);
      }
    }
  }

  #truth(value: Value): boolean {
    return typeof value === "number"
      ? value !== 0
      : /^\s*[-+]?(\d+\.?\d*|\.\d+)\s*$/.test(value)
        ? Number(value) !== 0
        : value !== "";
  }

  #number(value: Value): number {
    return typeof value === "number" ? value : Number.parseFloat(value) || 0;
  }

  #text(value: Value): string {
    if (typeof value === "string") return value;
    return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
  }
}

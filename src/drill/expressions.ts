import { type Position, ScriptError, Unsupported } from "./ast.ts";
import { symbol } from "./symbols.ts";

/**
 * The Python of code blocks, as far as scripts use it: `assert EXPRESSION, message`, `print(...)`, `pass`, and
 * assignments to a name, over numbers and strings. Everything else is Unsupported, never a pass.
 */

type Scalar = number | string | boolean;
/** What a name means at the moment of the block: tcpi_* and the like. */
export type Variables = Readonly<Record<string, number>>;

const TOKEN =
  /\s*(?:(0[xX][0-9a-fA-F]+|\d+\.\d*|\.\d+|\d+)|([A-Za-z_]\w*)|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(\*\*|\/\/|<<|>>|<=|>=|==|!=|<>|[-+*/%&|^~<>()=,]))/y;
const COMPARISONS = new Set(["==", "!=", "<>", "<", "<=", ">", ">="]);
const KEYWORDS = new Set([
  "and",
  "or",
  "not",
  "in",
  "is",
  "if",
  "else",
  "for",
  "while",
  "def",
  "class",
  "lambda",
  "import",
  "return",
]);
/** Binary operators from the loosest to the tightest, as Python binds them. */
const LEVELS: readonly (readonly string[])[] = [["|"], ["^"], ["&"], ["<<", ">>"], ["+", "-"], ["*", "/", "//", "%"]];

/** The code of one script: names that it assigns live from block to block. */
export class CodeBlocks {
  readonly #names = new Map<string, Scalar>();

  /** Runs one block. Returns undefined, or what the assertion that failed says. */
  run(code: string, variables: Variables, position: Position): string | undefined {
    for (const line of logicalLines(code)) {
      const failure = this.#statement(line, variables, position);
      if (failure !== undefined) return failure;
    }
    return undefined;
  }

  #statement(line: string, variables: Variables, position: Position): string | undefined {
    if (line === "pass" || /^print\b/.test(line) || /^import \w+$/.test(line)) return undefined;
    const assignment = /^([A-Za-z_]\w*)\s*=(?!=)/.exec(line);
    if (assignment) {
      const value = new Evaluator(line.slice(assignment[0].length), variables, this.#names, position).whole();
      this.#names.set(assignment[1]!, value);
      return undefined;
    }
    const assertion = /^assert\b/.exec(line);
    if (!assertion) throw new Unsupported(`code "${line}"`, position);
    const evaluator = new Evaluator(line.slice(6), variables, this.#names, position);
    if (truth(evaluator.condition())) return undefined;
    const names = evaluator.used.map((name) => `${name} = ${variables[name] ?? this.#names.get(name)}`);
    return `${line}${names.length > 0 ? ` (${names.join(", ")})` : ""}`;
  }
}

/** Statements: a line, but parentheses and strings go on over line ends, and `;` separates. */
function logicalLines(code: string): string[] {
  const lines: string[] = [];
  let line = "";
  let depth = 0;
  let quote = "";
  for (let i = 0; i < code.length; i++) {
    const c = code[i]!;
    if (quote) {
      if (c === "\\") line += c + (code[++i] ?? "");
      else line += c;
      if (c === quote) quote = "";
      continue;
    }
    if (c === "#") {
      while (i + 1 < code.length && code[i + 1] !== "\n") i++;
      continue;
    }
    if (c === "\\" && code[i + 1] === "\n") {
      i++;
      continue;
    }
    if (c === '"' || c === "'") quote = c;
    if (c === "(" || c === "[") depth++;
    if (c === ")" || c === "]") depth--;
    if ((c === "\n" || c === ";") && depth <= 0) {
      lines.push(line.trim());
      line = "";
    } else line += c === "\n" ? " " : c;
  }
  lines.push(line.trim());
  return lines.filter((text) => text !== "");
}

class Evaluator {
  /** Names that were looked up, for the report. */
  readonly used: string[] = [];
  #at = 0;

  constructor(
    readonly text: string,
    readonly variables: Variables,
    readonly names: ReadonlyMap<string, Scalar>,
    readonly position: Position,
  ) {}

  /** The expression before the end, or before the comma and the message. */
  condition(): Scalar {
    const value = this.#or();
    const rest = this.text.slice(this.#at).trim();
    if (rest !== "" && !rest.startsWith(",")) this.#unsupported();
    return value;
  }

  whole(): Scalar {
    const value = this.#or();
    if (this.text.slice(this.#at).trim() !== "") this.#unsupported();
    return value;
  }

  #unsupported(): never {
    throw new Unsupported(`code "${this.text.trim()}"`, this.position);
  }

  #peek(): string {
    TOKEN.lastIndex = this.#at;
    return TOKEN.exec(this.text)?.[0].trim() ?? "";
  }

  #take(): string {
    TOKEN.lastIndex = this.#at;
    const found = TOKEN.exec(this.text);
    if (!found) this.#unsupported();
    this.#at = TOKEN.lastIndex;
    return found[0].trim();
  }

  #or(): Scalar {
    let value = this.#and();
    while (this.#peek() === "or") {
      this.#take();
      const right = this.#and();
      value = truth(value) ? value : right;
    }
    return value;
  }

  #and(): Scalar {
    let value = this.#not();
    while (this.#peek() === "and") {
      this.#take();
      const right = this.#not();
      value = truth(value) ? right : value;
    }
    return value;
  }

  #not(): Scalar {
    if (this.#peek() !== "not") return this.#comparison();
    this.#take();
    return !truth(this.#not());
  }

  /** Python chains comparisons: `1 <= a <= 3` holds when both halves hold. */
  #comparison(): Scalar {
    let left = this.#binary(0);
    if (!COMPARISONS.has(this.#peek())) return left;
    let holds = true;
    while (COMPARISONS.has(this.#peek())) {
      const operator = this.#take();
      const right = this.#binary(0);
      holds = holds && this.#compare(left, operator, right);
      left = right;
    }
    return holds;
  }

  #compare(left: Scalar, operator: string, right: Scalar): boolean {
    const a = typeof left === "boolean" ? Number(left) : left;
    const b = typeof right === "boolean" ? Number(right) : right;
    if (operator === "==") return a === b;
    if (operator === "!=" || operator === "<>") return a !== b;
    if (typeof a !== typeof b) this.#unsupported();
    return { "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b }[operator] ?? this.#unsupported();
  }

  #binary(level: number): Scalar {
    const operators = LEVELS[level];
    if (operators === undefined) return this.#unary();
    let value = this.#binary(level + 1);
    while (operators.includes(this.#peek())) value = this.#apply(value, this.#take(), this.#binary(level + 1));
    return value;
  }

  #apply(left: Scalar, operator: string, right: Scalar): number {
    const a = this.#number(left);
    const b = this.#number(right);
    if ((operator === "/" || operator === "//" || operator === "%") && b === 0) {
      throw new ScriptError(this.position, `division by zero in "${this.text.trim()}"`);
    }
    switch (operator) {
      case "|":
        return (a | b) >>> 0;
      case "^":
        return (a ^ b) >>> 0;
      case "&":
        return (a & b) >>> 0;
      case "<<":
        return a * 2 ** b;
      case ">>":
        return Math.floor(a / 2 ** b);
      case "+":
        return a + b;
      case "-":
        return a - b;
      case "*":
        return a * b;
      case "/":
        return a / b;
      case "//":
        return Math.floor(a / b);
      default:
        return a - b * Math.floor(a / b);
    }
  }

  #unary(): Scalar {
    const sign = this.#peek();
    if (sign !== "-" && sign !== "+" && sign !== "~") return this.#power();
    this.#take();
    const value = this.#number(this.#unary());
    return sign === "-" ? -value : sign === "+" ? value : ~value;
  }

  #power(): Scalar {
    const base = this.#atom();
    if (this.#peek() !== "**") return base;
    this.#take();
    return this.#number(base) ** this.#number(this.#unary());
  }

  #atom(): Scalar {
    const token = this.#take();
    if (token === "(") {
      const value = this.#or();
      if (this.#take() !== ")") this.#unsupported();
      return value;
    }
    if (/^[\d.]/.test(token)) return Number(token);
    if (/^["']/.test(token)) return token.slice(1, -1);
    if (!/^[A-Za-z_]/.test(token) || KEYWORDS.has(token)) return this.#unsupported();
    return this.#peek() === "(" ? this.#function(token) : this.#name(token);
  }

  #function(name: string): number {
    const args: number[] = [];
    this.#take();
    do args.push(this.#number(this.#or()));
    while (this.#peek() === "," && this.#take() === ",");
    if (this.#take() !== ")") this.#unsupported();
    const functions: Readonly<Record<string, (...n: number[]) => number>> = {
      abs: Math.abs,
      min: Math.min,
      max: Math.max,
      int: Math.trunc,
    };
    return functions[name]?.(...args) ?? this.#unsupported();
  }

  #name(name: string): Scalar {
    if (name === "True" || name === "False") return name === "True";
    const value = this.names.get(name) ?? this.variables[name] ?? symbol(name);
    if (value === undefined) throw new Unsupported(`variable ${name}`, this.position);
    if (symbol(name) === undefined && !this.used.includes(name)) this.used.push(name);
    return value;
  }

  #number(value: Scalar): number {
    return typeof value === "string" ? this.#unsupported() : Number(value);
  }
}

function truth(value: Scalar): boolean {
  return value !== 0 && value !== "" && value !== false;
}

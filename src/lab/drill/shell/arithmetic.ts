/** Shell arithmetic (XCU §2.6.4): whole numbers, C's operators, names of variables, assignments. */

export class ArithmeticProblem extends Error {
  override readonly name = "ArithmeticProblem";
}

/** The variables that an expression may read and assign to. */
export interface Variables {
  get(name: string): string;
  set(name: string, value: string): void;
}

const TOKEN =
  /\s*(0[xX][\da-fA-F]+|\d+|[A-Za-z_]\w*|<<=|>>=|\*\*|<<|>>|<=|>=|==|!=|&&|\|\||\+\+|--|[-+*/%&|^]=|[-+*/%<>=!~&|^?:(),])/y;
/** Operators by precedence; `**` is right-associative. */
const LEVELS: readonly (readonly string[])[] = [
  ["||"],
  ["&&"],
  ["|"],
  ["^"],
  ["&"],
  ["==", "!="],
  ["<", "<=", ">", ">="],
  ["<<", ">>"],
  ["+", "-"],
  ["*", "/", "%"],
  ["**"],
];

export function arithmetic(text: string, variables: Variables): bigint {
  const parser = new Parser(tokens(text), variables);
  const value = parser.comma();
  parser.end();
  return value;
}

function tokens(text: string): string[] {
  const found: string[] = [];
  TOKEN.lastIndex = 0;
  for (let at = 0; text.slice(at).trim() !== ""; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(text)?.[1];
    if (token === undefined) throw new ArithmeticProblem(text);
    found.push(token);
  }
  return found;
}

const truth = (value: boolean): bigint => (value ? 1n : 0n);

function apply(operator: string, a: bigint, b: bigint): bigint {
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
    case "%":
      if (b === 0n) throw new ArithmeticProblem("division by 0");
      return operator === "/" ? a / b : a % b;
    case "**":
      if (b < 0n || b > 1_000n) throw new ArithmeticProblem(`an exponent of ${b}`);
      return a ** b;
    case "<<":
    case ">>":
      if (b < 0n || b > 63n) throw new ArithmeticProblem(`a shift by ${b}`);
      return operator === "<<" ? BigInt.asIntN(64, a << b) : a >> b;
    case "<":
      return truth(a < b);
    case "<=":
      return truth(a <= b);
    case ">":
      return truth(a > b);
    case ">=":
      return truth(a >= b);
    case "==":
      return truth(a === b);
    case "!=":
      return truth(a !== b);
    case "&":
      return a & b;
    case "^":
      return a ^ b;
    case "|":
      return a | b;
    case "&&":
      return truth(a !== 0n && b !== 0n);
    default:
      return truth(a !== 0n || b !== 0n);
  }
}

class Parser {
  #at = 0;

  constructor(
    readonly tokens: readonly string[],
    readonly variables: Variables,
  ) {}

  end(): void {
    if (this.#at < this.tokens.length) throw new ArithmeticProblem(this.tokens.slice(this.#at).join(" "));
  }

  comma(): bigint {
    let value = this.#assignment();
    while (this.#accept(",")) value = this.#assignment();
    return value;
  }

  #assignment(): bigint {
    const [name = "", operator = ""] = this.tokens.slice(this.#at, this.#at + 2);
    if (!/^[A-Za-z_]/.test(name) || !/^([-+*/%&|^]|<<|>>)?=$/.test(operator)) return this.#choice();
    this.#at += 2;
    const right = this.#assignment();
    const value = operator === "=" ? right : apply(operator.slice(0, -1), this.#variable(name), right);
    this.variables.set(name, String(value));
    return value;
  }

  #choice(): bigint {
    const condition = this.#binary(0);
    if (!this.#accept("?")) return condition;
    const yes = this.comma();
    if (!this.#accept(":")) throw new ArithmeticProblem("? without :");
    const no = this.#choice();
    return condition === 0n ? no : yes;
  }

  #binary(level: number): bigint {
    const operators = LEVELS[level];
    if (!operators) return this.#unary();
    let value = this.#binary(level + 1);
    for (let operator = this.#one(operators); operator; operator = this.#one(operators)) {
      value = apply(operator, value, this.#binary(operator === "**" ? level : level + 1));
      if (operator === "**") break;
    }
    return value;
  }

  #unary(): bigint {
    const operator = this.#one(["-", "+", "!", "~", "++", "--"]);
    if (operator === "++" || operator === "--") return this.#step(this.tokens[this.#at++] ?? "", operator, true);
    if (operator !== undefined) {
      const value = this.#unary();
      return operator === "-" ? -value : operator === "+" ? value : operator === "!" ? truth(value === 0n) : ~value;
    }
    return this.#primary();
  }

  #primary(): bigint {
    const token = this.tokens[this.#at++] ?? "";
    if (token === "(") {
      const value = this.comma();
      if (!this.#accept(")")) throw new ArithmeticProblem("( without )");
      return value;
    }
    if (/^0[xX]|^[1-9]|^0$/.test(token)) return BigInt(token);
    if (/^0[0-7]+$/.test(token)) return BigInt(`0o${token.slice(1)}`);
    if (!/^[A-Za-z_]/.test(token)) throw new ArithmeticProblem(token || "an end where a number is due");
    const step = this.#one(["++", "--"]);
    return step ? this.#step(token, step, false) : this.#variable(token);
  }

  #step(name: string, operator: string, first: boolean): bigint {
    const before = this.#variable(name);
    const after = before + (operator === "++" ? 1n : -1n);
    this.variables.set(name, String(after));
    return first ? after : before;
  }

  #variable(name: string): bigint {
    const text = this.variables.get(name).trim() || "0";
    if (!/^[-+]?(\d+|0[xX][\da-fA-F]+)$/.test(text)) throw new ArithmeticProblem(`${name} is "${text}"`);
    return text.startsWith("-") ? -BigInt(text.slice(1)) : BigInt(text.replace("+", ""));
  }

  #one(operators: readonly string[]): string | undefined {
    const token = this.tokens[this.#at];
    if (token === undefined || !operators.includes(token)) return undefined;
    this.#at++;
    return token;
  }

  #accept(token: string): boolean {
    return this.#one([token]) !== undefined;
  }
}

/** Python's values and operators. An integer is a bigint, so that a number is always a float. */

export type Value = bigint | number | boolean | string | null | List | Builtin;

/** A list, or a tuple. */
export interface List {
  readonly items: Value[];
  readonly tuple: boolean;
}

export type Builtin = (args: readonly Value[], named: ReadonlyMap<string, Value>) => Value;

/** An exception that Python would raise. */
export class PythonError extends Error {
  override readonly name = "PythonError";
}

export function raise(kind: string, message: string): never {
  throw new PythonError(`${kind}: ${message}`);
}

export function isList(value: Value): value is List {
  return typeof value === "object" && value !== null;
}

export function typeName(value: Value): string {
  if (value === null) return "NoneType";
  if (isList(value)) return value.tuple ? "tuple" : "list";
  return { bigint: "int", number: "float", boolean: "bool", string: "str", function: "function" }[
    typeof value as string
  ]!;
}

export function truth(value: Value): boolean {
  if (isList(value)) return value.items.length > 0;
  return Boolean(value);
}

/** A number of either kind; True is 1. */
export function numeric(value: Value): bigint | number | undefined {
  if (typeof value === "boolean") return value ? 1n : 0n;
  return typeof value === "bigint" || typeof value === "number" ? value : undefined;
}

export function equal(a: Value, b: Value): boolean {
  const [x, y] = [numeric(a), numeric(b)];
  // biome-ignore lint/suspicious/noDoubleEquals: 1n == 1, as 1 == 1.0 in Python.
  if (x !== undefined && y !== undefined) return x == y;
  if (isList(a) && isList(b)) {
    return (
      a.tuple === b.tuple && a.items.length === b.items.length && a.items.every((item, i) => equal(item, b.items[i]!))
    );
  }
  return a === b;
}

/** Negative, 0 or positive if a is less than, equal to or greater than b; NaN if they cannot be ordered. */
export function order(operator: string, a: Value, b: Value): number {
  const [x, y] = [numeric(a), numeric(b)];
  if (x !== undefined && y !== undefined)
    return Number.isNaN(x) || Number.isNaN(y) ? Number.NaN : x < y ? -1 : x > y ? 1 : 0;
  if (typeof a === "string" && typeof b === "string") return a < b ? -1 : a > b ? 1 : 0;
  if (isList(a) && isList(b) && a.tuple === b.tuple) {
    const i = a.items.findIndex((item, at) => at >= b.items.length || !equal(item, b.items[at]!));
    if (i < 0) return a.items.length - b.items.length;
    return i >= b.items.length ? 1 : order(operator, a.items[i]!, b.items[i]!);
  }
  return raise("TypeError", `'${operator}' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`);
}

export function contains(within: Value, item: Value): boolean {
  if (isList(within)) return within.items.some((each) => equal(each, item));
  if (typeof within === "string" && typeof item === "string") return within.includes(item);
  return raise("TypeError", `argument of type '${typeName(within)}' is not iterable`);
}

export function binary(operator: string, a: Value, b: Value): Value {
  const [x, y] = [numeric(a), numeric(b)];
  if (x !== undefined && y !== undefined) {
    return typeof x === "bigint" && typeof y === "bigint"
      ? integers(operator, x, y)
      : floats(operator, Number(x), Number(y));
  }
  if (operator === "+" && typeof a === "string" && typeof b === "string") return a + b;
  if (operator === "+" && isList(a) && isList(b) && a.tuple === b.tuple) {
    return { items: [...a.items, ...b.items], tuple: a.tuple };
  }
  if (operator === "*" && typeof y === "bigint") {
    const times = Math.max(0, Number(y));
    if (typeof a === "string") return a.repeat(times);
    if (isList(a)) return { items: Array.from({ length: times }, () => a.items).flat(), tuple: a.tuple };
  }
  return raise("TypeError", `unsupported operand type(s) for ${operator}: '${typeName(a)}' and '${typeName(b)}'`);
}

function integers(operator: string, a: bigint, b: bigint): Value {
  if (["/", "//", "%"].includes(operator) && b === 0n) raise("ZeroDivisionError", "division by zero");
  if ((operator === "<<" || operator === ">>") && b < 0n) raise("ValueError", "negative shift count");
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      return Number(a) / Number(b);
    case "//":
      return (a - modulo(a, b)) / b;
    case "%":
      return modulo(a, b);
    case "**":
      return b < 0n ? Number(a) ** Number(b) : a ** b;
    case "&":
      return a & b;
    case "|":
      return a | b;
    case "^":
      return a ^ b;
    case "<<":
      return a << b;
    default:
      return a >> b;
  }
}

/** The result has the sign of the divisor, as in Python. */
function modulo(a: bigint, b: bigint): bigint {
  const rest = a % b;
  return rest !== 0n && rest < 0n !== b < 0n ? rest + b : rest;
}

function floats(operator: string, a: number, b: number): Value {
  if (["/", "//", "%"].includes(operator) && b === 0) raise("ZeroDivisionError", "float division by zero");
  switch (operator) {
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
    case "%":
      return floatModulo(a, b);
    case "**":
      return a ** b;
    default:
      return raise("TypeError", `unsupported operand type(s) for ${operator}: 'float' and 'float'`);
  }
}

function floatModulo(a: number, b: number): number {
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
}

export function unary(operator: string, value: Value): Value {
  if (operator === "not") return !truth(value);
  const x = numeric(value);
  if (x === undefined || (operator === "~" && typeof x !== "bigint"))
    return raise("TypeError", `bad operand type for unary ${operator}: '${typeName(value)}'`);
  if (operator === "+") return x;
  return operator === "-" ? -x : ~(x as bigint);
}

/** str(value) */
export function text(value: Value): string {
  return typeof value === "string" ? value : repr(value);
}

export function repr(value: Value): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return quoted(value);
  if (typeof value === "number") return floatText(value);
  if (typeof value === "function") return "<function>";
  if (!isList(value)) return String(value);
  const items = value.items.map(repr).join(", ");
  if (!value.tuple) return `[${items}]`;
  return value.items.length === 1 ? `(${items},)` : `(${items})`;
}

const ESCAPED: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r" };

function quoted(value: string): string {
  const plain = value.replace(/[\\\n\t\r]/g, (c) => ESCAPED[c]!);
  return value.includes("'") && !value.includes('"') ? `"${plain}"` : `'${plain.replaceAll("'", "\\'")}'`;
}

function floatText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value < 0 ? "-inf" : "inf";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e16 || size < 1e-4)) {
    return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
  }
  return Number.isInteger(value) ? (Object.is(value, -0) ? "-0.0" : value.toFixed(1)) : String(value);
}

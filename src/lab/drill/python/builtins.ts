import { formatMethod, formatted } from "./format.ts";
import { NotUnderstood } from "./tokens.ts";
import {
  type Builtin,
  binary,
  equal,
  isList,
  numeric,
  order,
  raise,
  repr,
  text,
  truth,
  typeName,
  type Value,
} from "./values.ts";

/** The functions and methods that code blocks call. */

const RANGE_MAX = 1_000_000;

export function itemsOf(value: Value): readonly Value[] {
  if (isList(value)) return value.items;
  if (typeof value === "string") return [...value];
  return raise("TypeError", `'${typeName(value)}' object is not iterable`);
}

function one(args: readonly Value[]): Value {
  return args.length > 0 ? args[0]! : raise("TypeError", "expected at least 1 argument, got 0");
}

function amount(value: Value): bigint | number {
  return numeric(value) ?? raise("TypeError", `must be real number, not ${typeName(value)}`);
}

function toInteger(value: Value, base: number): bigint {
  if (typeof value !== "string") return BigInt(Math.trunc(Number(amount(value))));
  const digits = value.trim().replace(/^0[xob]/i, "");
  const n = Number.parseInt(digits, base);
  return Number.isNaN(n) ? raise("ValueError", `invalid literal for int(): ${repr(value)}`) : BigInt(n);
}

/** Rounds half to even, as Python does. */
function rounded(value: number): number {
  const below = Math.floor(value);
  const over = value - below;
  return over < 0.5 || (over === 0.5 && below % 2 === 0) ? below : below + 1;
}

function extreme(args: readonly Value[], sign: number): Value {
  const items = args.length === 1 ? itemsOf(one(args)) : args;
  if (items.length === 0) return raise("ValueError", "arg is an empty sequence");
  return items.reduce((best, item) => (sign * order("<", item, best) > 0 ? item : best));
}

export const BUILTINS: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  ["abs", (args) => (order("<", one(args), 0n) < 0 ? -amount(one(args)) : amount(one(args)))],
  ["min", (args) => extreme(args, -1)],
  ["max", (args) => extreme(args, 1)],
  ["sum", (args) => itemsOf(one(args)).reduce((a, b) => binary("+", a, b), args[1] ?? 0n)],
  ["int", ([value = 0n, base]) => (typeof value === "bigint" ? value : toInteger(value, Number(base ?? 10n) || 10))],
  ["float", ([value = 0]) => (typeof value === "string" ? Number(value) : Number(amount(value)))],
  ["bool", ([value = false]) => truth(value)],
  ["str", ([value = ""]) => text(value)],
  ["format", ([value = null, specification = ""]) => formatted(value, text(specification))],
  ["repr", (args) => repr(one(args))],
  ["len", (args) => BigInt(itemsOf(one(args)).length)],
  ["hex", (args) => `0x${BigInt(amount(one(args))).toString(16)}`],
  ["bin", (args) => `0b${BigInt(amount(one(args))).toString(2)}`],
  ["any", (args) => itemsOf(one(args)).some(truth)],
  ["all", (args) => itemsOf(one(args)).every(truth)],
  ["list", ([value]) => ({ items: value === undefined ? [] : [...itemsOf(value)], tuple: false })],
  ["tuple", ([value]) => ({ items: value === undefined ? [] : [...itemsOf(value)], tuple: true })],
  ["sorted", (args) => ({ items: [...itemsOf(one(args))].sort((a, b) => order("<", a, b)), tuple: false })],
  ["reversed", (args) => ({ items: [...itemsOf(one(args))].reverse(), tuple: false })],
  [
    "enumerate",
    (args) => ({
      items: itemsOf(one(args)).map((item, i) => ({ items: [BigInt(i), item], tuple: true })),
      tuple: false,
    }),
  ],
  ["zip", (args) => zip(args.map(itemsOf))],
  ["range", (args) => range(args.map((n) => Number(amount(n))))],
  ["xrange", (args) => range(args.map((n) => Number(amount(n))))],
  ["round", round],
  ["pow", ([a, b]) => binary("**", a!, b!)],
  ["divmod", ([a, b]) => ({ items: [binary("//", a!, b!), binary("%", a!, b!)], tuple: true })],
]);

function round([value = 0n, digits]: readonly Value[]): Value {
  const n = amount(value);
  if (digits === undefined || digits === null) return typeof n === "bigint" ? n : BigInt(rounded(n));
  return typeof n === "bigint" ? n : Number(n.toFixed(Number(amount(digits))));
}

function zip(lists: readonly (readonly Value[])[]): Value {
  const length = Math.min(...lists.map((list) => list.length));
  return {
    items: Array.from({ length }, (_, i) => ({ items: lists.map((list) => list[i]!), tuple: true })),
    tuple: false,
  };
}

function range(args: readonly number[]): Value {
  const [from, to, step] = args.length === 1 ? [0, args[0]!, 1] : [args[0]!, args[1]!, args[2] ?? 1];
  const length = Math.max(0, Math.ceil((to - from) / step));
  if (!(length <= RANGE_MAX)) throw new NotUnderstood(`a range of ${length}`);
  return { items: Array.from({ length }, (_, i) => BigInt(from + i * step)), tuple: false };
}

/** The attribute or method of a value. */
export function attribute(of: Value, name: string): Value {
  if (typeof of === "string") {
    const method = STRING_METHODS[name];
    if (method) return (args, named) => method(of, args, named);
  }
  if (isList(of) && !of.tuple && name === "append") {
    return (args) => {
      of.items.push(one(args));
      return null;
    };
  }
  if (isList(of) && name === "index") return (args) => BigInt(of.items.findIndex((item) => equal(item, one(args))));
  if (isList(of) && name === "count") return (args) => BigInt(of.items.filter((item) => equal(item, one(args))).length);
  throw new NotUnderstood(`.${name} of ${typeName(of)}`);
}

type Method = (self: string, args: readonly Value[], named: ReadonlyMap<string, Value>) => Value;

const STRING_METHODS: Readonly<Record<string, Method>> = {
  format: formatMethod,
  lower: (self) => self.toLowerCase(),
  upper: (self) => self.toUpperCase(),
  strip: (self) => self.trim(),
  startswith: (self, args) => self.startsWith(text(one(args))),
  endswith: (self, args) => self.endsWith(text(one(args))),
  join: (self, args) => itemsOf(one(args)).map(text).join(self),
  split: (self, args) => ({
    items: args.length === 0 ? self.trim().split(/\s+/) : self.split(text(one(args))),
    tuple: false,
  }),
  replace: (self, args) => self.replaceAll(text(args[0]!), text(args[1]!)),
};

/** Members of the modules `math` and `sys`. */
export const MODULE_MEMBERS: ReadonlyMap<string, Value> = new Map<string, Value>([
  ["math.pi", Math.PI],
  ["math.floor", (args) => BigInt(Math.floor(Number(amount(one(args)))))],
  ["math.ceil", (args) => BigInt(Math.ceil(Number(amount(one(args)))))],
  ["math.sqrt", (args) => Math.sqrt(Number(amount(one(args))))],
  [
    "math.log",
    (args) => Math.log(Number(amount(one(args)))) / (args[1] === undefined ? 1 : Math.log(Number(amount(args[1])))),
  ],
  ["math.fabs", (args) => Math.abs(Number(amount(one(args))))],
  ["sys.maxsize", 9223372036854775807n],
]);

import { NotUnderstood } from "./tokens.ts";
import { isList, type List, numeric, raise, repr, text, typeName, type Value } from "./values.ts";

/** Python's three ways of formatting values: `%`, `format`, and f-strings. */

const PERCENT = /%(?:([-+ #0]*)(\d*)(?:\.(\d+))?[lh]?([diouxXeEfFgGcrs%])|$|.)/gs;

/** `template % values` */
export function percent(template: string, values: Value): string {
  const given: List = isList(values) && values.tuple ? values : { items: [values], tuple: true };
  let used = 0;
  const result = template.replace(PERCENT, (_whole, flags = "", width = "", precision, type) => {
    if (type === undefined) throw new NotUnderstood("a conversion behind %");
    if (type === "%") return "%";
    if (used >= given.items.length) raise("TypeError", "not enough arguments for format string");
    const body = converted(type, given.items[used++]!, precision === undefined ? undefined : Number(precision), flags);
    const zeros = flags.includes("0") && !flags.includes("-") && !"rsc".includes(type);
    return padded(body, flags.includes("-") ? "<" : zeros ? "=" : ">", zeros ? "0" : " ", Number(width));
  });
  if (used < given.items.length) raise("TypeError", "not all arguments converted during string formatting");
  return result;
}

function converted(type: string, value: Value, precision: number | undefined, flags: string): string {
  if (type === "r") return repr(value).slice(0, precision);
  if (type === "s") return text(value).slice(0, precision);
  const n = numeric(value);
  if (type === "c" && typeof value === "string") return value;
  if (n === undefined) return raise("TypeError", `%${type} format: a real number is required, not ${typeName(value)}`);
  if (type === "c") return String.fromCodePoint(Number(n));
  const body = number("iu".includes(type) ? "d" : type, n, precision, flags.includes("#"));
  return n >= 0 && flags.includes("+") ? `+${body}` : n >= 0 && flags.includes(" ") ? ` ${body}` : body;
}

/** A number as `d x X o b e E f F g G %` show it. */
function number(type: string, n: bigint | number, precision: number | undefined, alternate: boolean): string {
  const base = { d: 10, x: 16, X: 16, o: 8, b: 2 }[type];
  if (base !== undefined) {
    const whole = typeof n === "bigint" ? n : BigInt(Math.trunc(n));
    const digits = (whole < 0n ? -whole : whole).toString(base).padStart(precision ?? 0, "0");
    const prefix = alternate && base !== 10 ? `0${type}` : "";
    return (whole < 0n ? "-" : "") + prefix + (type === "X" ? digits.toUpperCase() : digits);
  }
  const value = Number(n);
  if (type === "%") return `${(value * 100).toFixed(precision ?? 6)}%`;
  if (type === "f" || type === "F") return value.toFixed(precision ?? 6);
  if (type === "e" || type === "E") {
    const shown = value.toExponential(precision ?? 6).replace(/e([+-])(\d)$/, "e$10$2");
    return type === "E" ? shown.toUpperCase() : shown;
  }
  if (type !== "g" && type !== "G") throw new NotUnderstood(`format type ${type}`);
  const digits = Math.max(1, precision ?? 6);
  const exponent = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)));
  if (exponent < -4 || exponent >= digits)
    return number(type === "g" ? "e" : "E", value, digits - 1, false).replace(/\.?0+(?=[eE])/, "");
  const fixed = value.toFixed(Math.max(0, digits - 1 - exponent));
  return fixed.includes(".") ? fixed.replace(/\.?0+$/, "") : fixed;
}

const SPECIFICATION = /^(?:(.)?([<>=^]))?([-+ ])?(#)?(0)?(\d+)?([,_])?(?:\.(\d+))?([bcdeEfFgGnosxX%])?$/s;

/** `format(value, specification)` */
export function formatted(value: Value, specification: string): string {
  const found = SPECIFICATION.exec(specification);
  if (!found) throw new NotUnderstood(`format "${specification}"`);
  const [, fill, align, sign, alternate, zero, width, grouping, precision, type] = found;
  const places = precision === undefined ? undefined : Number(precision);
  const n = numeric(value);
  const plain =
    n === undefined || type === "s" || (type === undefined && (typeof value === "boolean" || specification === ""));
  if (plain && type !== undefined && type !== "s")
    return raise("ValueError", `Unknown format code '${type}' for object of type '${typeName(value)}'`);
  let body = plain ? text(value).slice(0, places) : numberBody(n!, type, places, alternate !== undefined);
  if (grouping) body = body.replace(/\d(?=(\d{3})+(?!\d))/g, `$&${grouping}`);
  if (!plain && sign && sign !== "-" && n! >= 0) body = sign + body;
  return padded(body, align ?? (zero ? "=" : plain ? "<" : ">"), fill ?? (zero ? "0" : " "), Number(width ?? 0));
}

function numberBody(
  n: bigint | number,
  type: string | undefined,
  precision: number | undefined,
  alternate: boolean,
): string {
  if (type !== undefined) return number(type === "n" ? "d" : type, n, precision, alternate);
  if (typeof n === "bigint") return n.toString();
  if (precision === undefined) return text(n);
  const short = number("g", n, precision, false);
  return /[.e]/.test(short) ? short : `${short}.0`;
}

function padded(body: string, align: string, fill: string, width: number): string {
  const missing = width - body.length;
  if (missing <= 0) return body;
  if (align === "<") return body + fill.repeat(missing);
  if (align === "^") return fill.repeat(missing >> 1) + body + fill.repeat(missing - (missing >> 1));
  const sign = align === "=" && /^[-+ ]/.test(body) ? 1 : 0;
  return body.slice(0, sign) + fill.repeat(missing) + body.slice(sign);
}

/** `"{} {0:5} {name!r}".format(…)` */
export function formatMethod(template: string, args: readonly Value[], named: ReadonlyMap<string, Value>): string {
  let next = 0;
  return template.replace(
    /\{\{|\}\}|\{(\w*)(?:!([rs]))?(?::([^{}]*))?\}|[{}]/g,
    (whole, key, conversion, specification) => {
      if (whole === "{{" || whole === "}}") return whole[0]!;
      if (key === undefined) return raise("ValueError", `Single '${whole}' encountered in format string`);
      const value = key === "" ? args[next++] : /^\d+$/.test(key) ? args[Number(key)] : named.get(key);
      if (value === undefined) return raise("IndexError", "Replacement index out of range");
      return formatted(conversion === "r" ? repr(value) : value, specification ?? "");
    },
  );
}

import type { Field, Syscall, Value } from "./ast.ts";
import type { Parser } from "./parser.ts";

/** `[...end] name(args) = result [ERRNO] [(note)]` */
export function parseSyscall(p: Parser): Syscall {
  const end = p.accept("...") ? p.seconds() : undefined;
  const position = p.lexer.peek().position;
  const name = p.word("the name of a system call");
  p.expect("(");
  const args = sequence(p, ")");
  p.expect("=");
  const result = value(p);
  const errno = p.lexer.peek().kind === "word" ? p.word("an errno") : undefined;
  if (p.is("(")) note(p);
  return { kind: "syscall", name, args, result, errno, end, position };
}

/** Parses values up to the closing bracket, and consumes it. */
function sequence(p: Parser, close: string): Value[] {
  const items: Value[] = [];
  if (p.accept(close)) return items;
  do items.push(value(p));
  while (p.accept(","));
  if (!p.accept(close)) p.fail(`"," or "${close}"`);
  return items;
}

/** The text in parentheses after a result is a comment; it may contain anything with balanced parentheses. */
function note(p: Parser): void {
  p.expect("(");
  for (let depth = 1; depth > 0; ) {
    const token = p.lexer.peek();
    if (token.kind === "end") p.fail('")" at the end of the note');
    if (p.is("(")) depth++;
    else if (p.is(")")) depth--;
    p.lexer.next();
  }
}

function value(p: Parser): Value {
  const first = simple(p);
  if (!p.is("|")) return first;
  const parts = [first];
  while (p.accept("|")) parts.push(simple(p));
  return { kind: "or", parts };
}

function simple(p: Parser): Value {
  const token = p.lexer.peek();
  if (p.accept("...")) return { kind: "ellipsis" };
  // The address of a field, as in inet_pton(AF_INET, "…", &sin_addr): the name identifies the field.
  p.accept("&");
  if (p.accept("-")) return { kind: "integer", value: -p.integer("a number after the minus") };
  if (token.kind === "number") return { kind: "integer", value: p.integer("a whole number") };
  if (token.kind === "string") {
    p.lexer.next();
    return { kind: "string", text: unescaped(token.text), padded: p.accept("...") };
  }
  if (p.accept("[")) return { kind: "list", items: sequence(p, "]") };
  if (p.accept("{")) return { kind: "struct", fields: fields(p) };
  const name = p.word("an argument (a number, a word, a string, ..., [ or {)");
  if (p.accept("(")) return { kind: "call", name, args: sequence(p, ")") };
  return { kind: "word", name };
}

function fields(p: Parser): Field[] {
  const list: Field[] = [];
  while (!p.accept("}")) {
    list.push(field(p));
    if (!p.is("}") && !p.accept(",")) p.fail('"," or "}"');
  }
  return list;
}

function field(p: Parser): Field {
  const item = value(p);
  if (!p.accept("=")) return { name: undefined, argument: undefined, value: item };
  if (item.kind === "word") return { name: item.name, argument: undefined, value: value(p) };
  if (item.kind !== "call" || item.args.length !== 1) p.fail('a field name before "="');
  return { name: item.name, argument: item.args[0], value: value(p) };
}

function unescaped(text: string): string {
  return text.replace(/\\(x[0-9a-fA-F]{2}|.)/g, (_, body: string) => {
    if (body.length === 3) return String.fromCharCode(Number.parseInt(body.slice(1), 16));
    return { n: "\n", r: "\r", t: "\t", "0": "\0" }[body] ?? body;
  });
}

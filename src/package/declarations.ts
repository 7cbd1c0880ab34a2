/**
 * Declarations for the package: of what tsc emits, what the entries export and whatever that mentions. The rest of the engine stays out, so
 * nobody comes to depend on it. tsc writes each statement from the first column on, which is all the grammar that this needs.
 */
import { dirname, join, relative } from "node:path";

/** A declaration file as tsc emits it, by its path without ".d.ts": "src/socket/types". */
export type Emitted = ReadonlyMap<string, string>;

interface Statement {
  /** With its docstring. */
  readonly text: string;
  /** What it declares; "" for imports and exports of other files. */
  readonly name: string;
  readonly isValue: boolean;
}

interface Source {
  readonly statements: readonly Statement[];
  /** By local name: the file, the name there. Files of the repository only; others are in `foreign`, in the same way. */
  readonly imports: ReadonlyMap<string, readonly [path: string, name: string]>;
  readonly exports: ReadonlyMap<string, readonly [path: string, name: string]>;
  readonly foreign: ReadonlyMap<string, readonly [module: string, name: string]>;
  /** Names that are exported as types alone: a class among them can be named, and not made. */
  readonly typesOnly: ReadonlySet<string>;
}

const DECLARES =
  /^(?:export )?(?:declare )?(?:abstract )?(function|class|const|let|interface|type|enum|namespace) ([\w$]+)/;

/** The statements of a file, each with the docstring in front of it. */
function statementsOf(text: string): Statement[] {
  const statements: Statement[] = [];
  let doc = "";
  for (const [found] of text.matchAll(/^\/\*\*[\s\S]*?\*\/|^[^\s/})\]|].*(?:\n(?:[ \t})\]|].*|(?=\n)))*/gm)) {
    if (found.startsWith("/**")) {
      doc = `${found}\n`;
      continue;
    }
    const [, kind = "", name = ""] = DECLARES.exec(found) ?? [];
    statements.push({ text: `${name === "" ? "" : doc}${found}\n`, name, isValue: /function|const|let/.test(kind) });
    doc = "";
  }
  return statements;
}

/** `type A, B as C` as pairs of the name there and the name here. */
function namesOf(list: string): { readonly there: string; readonly here: string; readonly isType: boolean }[] {
  return list
    .split(",")
    .map((each) => each.trim())
    .filter((each) => each !== "")
    .map((each) => {
      const [there, here = there] = each.replace(/^type /, "").split(" as ") as [string, string?];
      return { there, here, isType: each.startsWith("type ") };
    });
}

function read(path: string, text: string): Source {
  const statements = statementsOf(text);
  const imports = new Map<string, readonly [string, string]>();
  const exports = new Map<string, readonly [string, string]>();
  const foreign = new Map<string, readonly [string, string]>();
  const typesOnly = new Set<string>();
  for (const { text: statement, name } of statements) {
    if (name !== "") continue;
    const [, verb, type, list, from] = /^(import|export) (type )?\{([\s\S]*?)\}(?: from "(.*)")?/.exec(statement) ?? [];
    if (verb === undefined) continue;
    const to = from === undefined ? path : pathOf(path, from);
    for (const { there, here, isType } of namesOf(list!)) {
      if (verb === "export" && (isType || type !== undefined)) typesOnly.add(here);
      if (to === null) foreign.set(here, [from!, there]);
      else (verb === "import" ? imports : exports).set(here, [to, there]);
    }
  }
  // `export { A }` of what was imported names the file that it came from.
  for (const [here, [to, there]] of exports) if (to === path) exports.set(here, imports.get(there) ?? [to, there]);
  return { statements, imports, exports, foreign, typesOnly };
}

/** The file that an import means; null if it is not of this repository. */
function pathOf(from: string, specifier: string): string | null {
  if (specifier.startsWith(".")) return join(dirname(from), specifier.replace(/\.ts$/, ""));
  if (specifier.startsWith("#ffi/")) return specifier.slice(1);
  return specifier.startsWith("#") ? `src/${specifier.slice(1)}` : null;
}

/** The code of a statement without comments and texts. */
const codeOf = (text: string) => text.replace(/\/\*[\s\S]*?\*\/|\/\/.*|"(?:\\.|[^"\\])*"/g, "");

/** The names that a statement may refer to; values only after `typeof`, `extends` or in brackets. */
function mentions(text: string): { readonly types: Set<string>; readonly values: Set<string> } {
  const code = codeOf(text);
  const types = new Set([...code.matchAll(/[A-Za-z_$][\w$]*/g)].map(([name]) => name));
  const values = new Set([...code.matchAll(/(?:typeof |\[)([\w$]+)/g)].map((match) => match[1]!));
  return { types, values };
}

class Closure {
  readonly sources = new Map<string, Source>();
  /** By file: the names that are kept. */
  readonly kept = new Map<string, Set<string>>();
  readonly #emitted: Emitted;

  constructor(emitted: Emitted) {
    this.#emitted = emitted;
  }

  source(path: string): Source {
    let source = this.sources.get(path);
    if (source === undefined) {
      const text = this.#emitted.get(path);
      if (text === undefined) throw new Error(`tsc has emitted no declarations of ${path}`);
      source = read(path, text);
      this.sources.set(path, source);
    }
    return source;
  }

  /** Keeps a name of a file, and what its declaration mentions. */
  keep(path: string, name: string): void {
    const kept = this.kept.get(path) ?? new Set();
    this.kept.set(path, kept);
    if (kept.has(name)) return;
    kept.add(name);
    const { statements, imports, exports } = this.source(path);
    const meant = exports.get(name);
    if (meant !== undefined) this.keep(...meant);
    for (const statement of statements) {
      if (statement.name !== name) continue;
      const { types, values } = mentions(statement.text);
      for (const other of statements) {
        if (other.name !== "" && (other.isValue ? values : types).has(other.name)) this.keep(path, other.name);
      }
      for (const [here, [to, there]] of imports) if (types.has(here)) this.keep(to, there);
    }
  }
}

/** Where a file's declarations are in the package: the folder of the sources is its top. */
const placeOf = (path: string) => path.replace(/^src\//, "");

function importPath(from: string, to: string): string {
  const path = relative(dirname(placeOf(from)), placeOf(to));
  return `${path.startsWith(".") ? "" : "./"}${path}.js`;
}

/** The text of a file, of which only some names are kept. @param head of an entry: what it says of itself */
function written(closure: Closure, path: string, kept: ReadonlySet<string>, head: string | undefined): string {
  const { statements, imports, exports, foreign, typesOnly } = closure.source(path);
  const body = statements.filter(({ name }) => name !== "" && kept.has(name));
  const used = new Set(body.flatMap(({ text }) => [...mentions(text).types]));
  const named = (there: string, here: string) => (there === here ? here : `${there} as ${here}`);
  const lines: string[] = [];
  for (const [here, [to, there]] of imports) {
    if (used.has(here)) lines.push(`import type { ${named(there, here)} } from "${importPath(path, to)}";`);
  }
  for (const [here, [from, there]] of foreign) {
    if (used.has(here)) lines.push(`import type { ${named(there, here)} } from "${from}";`);
  }
  for (const [here, [to, there]] of exports) {
    const verb = typesOnly.has(here) ? "export type" : "export";
    const from = to === path ? "" : ` from "${importPath(path, to)}"`;
    if (kept.has(here)) lines.push(`${verb} { ${named(there, here)} }${from};`);
  }
  const globals = importPath(path, "globals").replace(/js$/, "d.ts");
  const begin = head === undefined ? "" : `/// <reference path="${globals}" />\n${head}\n`;
  return `${begin}${lines.join("\n")}\n${body.map(({ text }) => text).join("")}export {};\n`;
}

/**
 * The declaration files of the package, by their path in it.
 * @param entries the modules that users import, by their paths as in `emitted`, with the docstring of each
 */
export function declarationsOf(emitted: Emitted, entries: ReadonlyMap<string, string>): Map<string, string> {
  const closure = new Closure(emitted);
  for (const entry of entries.keys()) {
    const { statements, exports } = closure.source(entry);
    for (const name of exports.keys()) closure.keep(entry, name);
    for (const { name, text } of statements) {
      if (name !== "" && /^export /m.test(text)) closure.keep(entry, name);
    }
  }
  const files = new Map<string, string>([["globals.d.ts", GLOBALS]]);
  for (const [path, kept] of closure.kept) {
    files.set(`${placeOf(path)}.d.ts`, written(closure, path, kept, entries.get(path)));
  }
  return files;
}

/**
 * What the declarations take from the runtime. An empty interface adds nothing where the library "dom", bun-types or @types/node declare the
 * real one, and elsewhere keeps a program that does not use it compiling.
 */
const GLOBALS = `/// <reference lib="esnext.disposable" />
/// <reference lib="es2018.asynciterable" />
interface AbortSignal {}
interface ReadableStream<R = any> {}
interface WritableStream<W = any> {}
interface URL {}
interface Request {}
interface RequestInit {}
interface Response {}
`;

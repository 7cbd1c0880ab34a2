import { existsSync, readFileSync } from "node:fs";
import type { Proof } from "./requirements.ts";

const TESTS = `${import.meta.dir}/..`;
/** `test(` or `test.each(…)(` and the name that follows; what is skipped, left to do or known to fail is no proof. */
const CALL = /\btest(\.[a-zA-Z]+)?\(/g;

/** The names of the tests of a file that run and must pass, as they stand there (`%s` where a table fills in). */
export function namesIn(source: string): string[] {
  const names: string[] = [];
  for (const match of source.matchAll(CALL)) {
    const kind = match[1];
    if (kind !== undefined && kind !== ".each") continue;
    let at = match.index + match[0].length;
    // Past the table of `test.each(table)(name, …)`.
    if (kind === ".each") at = source.indexOf("(", closing(source, at)) + 1;
    const name = literal(source, at);
    if (name !== null) names.push(name);
  }
  return names;
}

/** The place after the parenthesis that closes the one before `at`; text in quotes is passed over. */
function closing(source: string, at: number): number {
  for (let depth = 1; at < source.length; at++) {
    const c = source[at]!;
    if (c === '"' || c === "'" || c === "`") at = quoteEnd(source, at);
    else if (c === "(") depth++;
    else if (c === ")" && --depth === 0) return at + 1;
  }
  return at;
}

function quoteEnd(source: string, at: number): number {
  const quote = source[at]!;
  for (at++; at < source.length && source[at] !== quote; at++) if (source[at] === "\\") at++;
  return at;
}

function literal(source: string, at: number): string | null {
  while (/\s/.test(source[at] ?? "")) at++;
  if (source[at] !== '"' && source[at] !== "'") return null;
  return source.slice(at + 1, quoteEnd(source, at)).replaceAll("\\", "");
}

/** The tests that a proof means: none if there are none. */
export function find([file, part]: Proof): string[] {
  const path = `${TESTS}/${file}.test.ts`;
  if (!existsSync(path)) return [];
  return namesIn(readFileSync(path, "utf8")).filter((name) => mentions(name, part));
}

/** `MUST-6` is not `MUST-67`. */
function mentions(name: string, part: string): boolean {
  const at = name.indexOf(part);
  return at >= 0 && !(/\d$/.test(part) && /\d/.test(name[at + part.length] ?? ""));
}

/** What can be counted of the style: a file that is read in one go, a function that fits a screen, no loose ends. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { ROOT } from "../support/netns.ts";
import { codeOf, filesOf, findings, type SourceFile } from "./sources.ts";

const sources = filesOf("src/*.ts", "ffi/*.ts");
const tests = filesOf("test/*.ts");
const texts = filesOf("*.ts", "*.md", "*.json", "*.toml", "justfile", ".ci/*", "*.pkt", "*.svg");

const FILE_LINES = 400;
const TEST_LINES = 500;
/** A screen. */
const FUNCTION_LINES = 70;
const TEXT_COLUMNS = 160;

/** The comment that a file begins with. */
const headOf = ({ text }: SourceFile) => /^\s*\/\*\*[\s\S]*?\*\//.exec(text)?.[0] ?? "";

test(`a file has at most ${FILE_LINES} lines, a test ${TEST_LINES}, or says at its head why it is longer`, () => {
  const long = [
    ...sources.filter((file) => file.lines.length > FILE_LINES + 1),
    ...tests.filter((file) => file.lines.length > TEST_LINES + 1),
  ];
  expect(
    long.filter((file) => !/\blonger\b/.test(headOf(file))).map((file) => `${file.path}: ${file.lines.length}`),
  ).toEqual([]);
});

interface FunctionSpan {
  readonly where: string;
  readonly lines: number;
}

/** Functions and methods: the formatter closes each with a brace at the indentation that it was opened at. */
function functionsOf({ path, text }: SourceFile): FunctionSpan[] {
  const lines = codeOf(text).split("\n");
  const begins =
    /^(\s*)(?:export )?(?:(?:async )?function\*? |(?:public |private |static |override |async |get |set )*[#\w]+(?:<[^(]*>)?\()/;
  const keyword = /^\s*(?:if|for|while|switch|return|catch|else|await|throw|expect|test|describe)\b/;
  const spans: FunctionSpan[] = [];
  lines.forEach((line, i) => {
    const match = begins.exec(line);
    if (match === null || keyword.test(line)) return;
    const open = lines
      .slice(i, i + 20)
      .findIndex((each, k) => each.endsWith("{") && (k === 0 || each.startsWith(`${match[1]})`)));
    if (open < 0) return;
    const close = lines.findIndex((each, k) => k > i + open && new RegExp(`^${match[1]}\\}`).test(each));
    if (close > 0) spans.push({ where: `${path}:${i + 1}`, lines: close - i + 1 });
  });
  return spans;
}

test(`a function has at most ${FUNCTION_LINES} lines`, () => {
  const spans = sources.flatMap(functionsOf);
  // The measure itself measures something.
  expect(spans.length).toBeGreaterThan(500);
  const long = spans.filter((span) => span.lines > FUNCTION_LINES);
  expect(long.map(({ where, lines }) => `${where}: ${lines}`)).toEqual([]);
});

test("lines can be read without scrolling sideways", () => {
  const long = sources.flatMap((file) =>
    file.lines.flatMap((line, i) => (line.length > TEXT_COLUMNS ? [`${file.path}:${i + 1}: ${line.length}`] : [])),
  );
  expect(long).toEqual([]);
});

test("no loose ends: nothing is left to be done later, commented out, or skipped in silence", () => {
  const marks = new RegExp(`\\b(?:${["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"].join("|")})\\b`, "g");
  expect(
    findings(
      [...sources, ...tests],
      () => marks,
      (file) => file.text,
    ),
  ).toEqual([]);
  expect(findings(tests, () => /\btest\.only\b|\bdescribe\.only\b/g)).toEqual([]);
  const disabled = /^\s*\/\/ *(?:const|let|if|for|return|import|expect)\b.*[;{]$/gm;
  expect(
    findings(
      [...sources, ...tests],
      () => disabled,
      (file) => file.text,
    ),
  ).toEqual([]);
});

test("every type is said: no any, and what is believed without proof is not everywhere", () => {
  expect(findings([...sources, ...tests], () => /(?::|\bas) *any\b|<any[>,]|\bany\[\]/g)).toEqual([]);
  expect(
    findings(
      sources,
      () => /@ts-(?:ignore|nocheck|expect-error)/g,
      (file) => file.text,
    ),
  ).toEqual([]);
});

/** Programs whose result is what they print, and what speaks in a test of somebody's. */
const PRINTS = new Set(["src/cli/build.ts", "src/package/build.ts", "src/lab/world/world.ts"]);

test("nothing but a program prints", () => {
  expect(findings(sources, (path) => (PRINTS.has(path) ? null : /\bconsole\.\w+/g))).toEqual([]);
});

test("nobody looks at process.stdout or process.stderr: Bun sets O_NONBLOCK on what the programs beside us share", () => {
  expect(findings(sources, () => /\bprocess\.std(?:out|err)\b|\{[^}]*\bstd(?:out|err)\b[^}]*\} = process/g)).toEqual(
    [],
  );
});

/** What other programs call. */
const PUBLIC =
  /^src\/(?:socket\/types|socket\/create-stack|socket\/connection-error|index|device\/device|device\/link-profile|driver\/engine)\.ts$/;

test("whatever the public files export says what it is", () => {
  const silent = sources
    .filter((file) => PUBLIC.test(file.path))
    .flatMap((file) =>
      file.lines.flatMap((line, i) => {
        // What is handed on is documented where it is made.
        if (/^export type \{/.test(line)) return [];
        if (!/^export (?:async )?(?:function|class|interface|type|const enum|enum|abstract)\b/.test(line)) return [];
        const before = file.lines[i - 1]?.trim() ?? "";
        return before.endsWith("*/") || before.startsWith("//") ? [] : [`${file.path}:${i + 1}: ${line}`];
      }),
    );
  expect(silent).toEqual([]);
});

test("no line speaks of the machine it was written on", () => {
  const places = /(?<![\w.$}/])\/(?:home|Users|work|workspace|root)\/[\w.]+/g;
  expect(
    findings(
      texts,
      () => places,
      (file) => file.text,
    ),
  ).toEqual([]);
});

/** Folders of tests that stand for no folder of the sources. */
const WHOLE = new Set(["conformance", "e2e", "fuzz", "mutants", "newcomer", "run", "support", "tidy"]);
/** What all others are made of, and what puts them together: tried with the sockets, the simulator and the scripts. */
const TRIED_ELSEWHERE = new Set(["base", "stack"]);

/** The lab's products and the drill's other machine have folders of their own in test/: scripts and seeds are named by them. */
function folder(path: string): string {
  if (path.startsWith("ffi/")) return "ffi";
  if (path.startsWith("src/lab/drill/targets/kernel/")) return "kernel";
  return path.split("/")[path.startsWith("src/lab/") ? 2 : 1]!;
}

test("tests mirror the sources, folder by folder", () => {
  const have = new Set(sources.map((file) => folder(file.path)).filter((name) => !name.endsWith(".ts")));
  const tried = new Set(tests.map((file) => folder(file.path)).filter((name) => !name.endsWith(".ts")));
  expect([...tried].filter((name) => !have.has(name) && !WHOLE.has(name))).toEqual([]);
  expect([...have].filter((name) => !tried.has(name) && !TRIED_ELSEWHERE.has(name))).toEqual([]);
});

test("files are named in kebab-case, and stand where their imports say", () => {
  const odd = [...sources, ...tests].filter(
    (file) => !/^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.(?:test|inside))?\.ts$/.test(file.path.split("/").at(-1)!),
  );
  expect(odd.map((file) => file.path)).toEqual([]);
});

test("whatever the documents point to is there", () => {
  const missing = filesOf("*.md").flatMap((file) =>
    [...file.text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)]
      .map((match) => match[1]!)
      .filter((link) => !existsSync(`${ROOT}${dirname(file.path)}/${link}`))
      .map((link) => `${file.path}: ${link}`),
  );
  expect(missing).toEqual([]);
});

import { readSync } from "node:fs";
import { suggest } from "#base/suggest";
import { type Lesson, runLesson, type Seen } from "#lab/lessons/lesson";
import { LESSONS } from "#lab/lessons/lessons";
import { type Checked, checkClaims, pictures } from "#lab/lessons/text";
import { usageError } from "../cli-error.ts";
import type { Call } from "../commands.ts";
import { EventWriter } from "../event-writer.ts";
import { EXIT_FAILURE, EXIT_OK } from "../exit-codes.ts";
import type { Flags } from "../flags.ts";
import { print, STDERR, STDOUT } from "../print.ts";
import { asTyped } from "../program.ts";
import { ReportFile } from "../report-file.ts";
import { refuseOverwriting } from "../same-file.ts";
import { bold, columnsOf, isTerminal, printText, sayData, tellText } from "../terminal.ts";
import { wrapped } from "../wrapped.ts";

/** Characters of a line where the output is no terminal, and at most. */
const WIDTH = 79;
const STDIN = 0;

/** `tcpnet lesson`: the lesson goes to standard output, unless its page does. */
export async function run({ args, flags }: Call): Promise<number> {
  const [name] = args;
  const isJson = flags.has("json");
  if (name === undefined) return list(flags, isJson);
  const lesson = lessonOf(name);
  const page = flags.text("output");
  const events = flags.text("events");
  checkFlags(flags, page, events);
  const file = page === undefined ? null : new ReportFile(page);
  const writer = events === undefined ? null : new EventWriter(events);
  const width = Math.min(WIDTH, columnsOf(page === "-" ? STDERR : STDOUT) - 1);
  const tell = page === "-" ? tellText : printText;
  const asks = flags.has("ask");
  if (!isJson) tell(`${question(lesson, width).join("\n")}\n`);
  if (asks) waitForEnter("press Enter to see what happens");
  const seen = runLesson(lesson, writer);
  writer?.close();
  const claims = checkClaims(lesson, seen);
  if (file !== null)
    await file.write(
      seen.map(({ name, run }) => ({ name, run })),
      `tcpnet lesson: ${lesson.title}`,
    );
  if (isJson) {
    const text = JSON.stringify(json(lesson, seen, claims));
    if (page === "-") sayData(text);
    else print(`${text}\n`);
  } else {
    tell(`\n${pictures(lesson, seen, width).join("\n")}\n`);
    if (asks) waitForEnter("press Enter for the answer");
    tell(`\n${answer(lesson, claims, page, width).join("\n")}\n`);
  }
  return claims.every(({ holds }) => holds) ? EXIT_OK : EXIT_FAILURE;
}

function list(flags: Flags, isJson: boolean): number {
  for (const flag of ["output", "events"] as const)
    if (flags.text(flag) !== undefined)
      throw usageError(
        `--${flag} needs a lesson`,
        "",
        `for example: ${asTyped(`tcpnet lesson ${LESSONS[0]!.name} --${flag} FILE`)}`,
      );
  if (isJson) {
    print(
      `${JSON.stringify({ schema: "tcpnet.lessons/1", lessons: LESSONS.map(({ name, title }) => ({ name, title })) })}\n`,
    );
    return EXIT_OK;
  }
  const width = Math.max(...LESSONS.map(({ name }) => name.length));
  const rows = LESSONS.map(({ name, title }) => `  ${name.padEnd(width)}   ${title}`);
  printText(`${[...rows, "", `for example: ${asTyped("tcpnet lesson handshake")}`].join("\n")}\n`);
  return EXIT_OK;
}

/** Throws CliError. */
function lessonOf(name: string): Lesson {
  const lesson = LESSONS.find((each) => each.name === name);
  if (lesson !== undefined) return lesson;
  const names = LESSONS.map((each) => each.name);
  const near = suggest(name, names);
  const fix = near === undefined ? "tcpnet lesson lists them" : `tcpnet lesson ${near}`;
  throw usageError(`there is no lesson ${name === "" ? '""' : name}`, "", asTyped(fix));
}

/** Throws CliError. */
function checkFlags(flags: Flags, page: string | undefined, events: string | undefined): void {
  if (page === "-" && events === "-")
    throw usageError("standard output cannot carry both the page and the events", "", "write the events to a file");
  if (events === "-")
    throw usageError("standard output has the lesson", "", "write the events to a file: --events FILE");
  if (page !== undefined && page !== "-" && events !== undefined) refuseOverwriting([events], "--output", page);
  if (!flags.has("ask")) return;
  if (flags.has("json")) throw usageError("--ask and --json exclude each other");
  if (!isTerminal(STDIN)) throw usageError("--ask needs a terminal", "nobody could press Enter");
}

function question({ title, question: text }: Lesson, width: number): string[] {
  return [bold(title), "", ...wrapped(text, width)];
}

function answer(lesson: Lesson, claims: readonly Checked[], page: string | undefined, width: number): string[] {
  const path = page === "-" ? "standard output" : page;
  const more = asTyped(`tcpnet lesson ${lesson.name} -o ${lesson.name}.html`);
  return [
    ...wrapped(lesson.answer, width),
    "",
    bold("In this run"),
    ...claims.flatMap(({ text, holds }) =>
      wrapped(text, width - 4).map((line, i) => `  ${i > 0 ? " " : holds ? "✓" : "✗"} ${line}`),
    ),
    "",
    ...lesson.sections.map((section, i) => `${i === 0 ? "read  " : "      "}${section}`),
    path === undefined ? `page  ${more}` : `page  ${path}`,
  ];
}

function json(
  { name, title, question: asked, answer: text, sections }: Lesson,
  seen: Seen,
  claims: readonly Checked[],
) {
  const scenes = seen.map((scene) => ({
    name: scene.name,
    digest: scene.digest,
    packets: scene.run.packets.time.length,
  }));
  return { schema: "tcpnet.lesson/1", name, title, question: asked, answer: text, claims, sections, scenes };
}

/** Any line, or the end of the input. */
function waitForEnter(words: string): void {
  tellText(`\n[${words}]`);
  readSync(STDIN, new Uint8Array(256));
}

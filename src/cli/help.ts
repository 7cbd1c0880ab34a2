import type { Flag } from "./argv.ts";
import { COMMANDS, type CommandSpec } from "./commands.ts";
import { EXIT_CODES } from "./exit-codes.ts";
import { GLOBAL_FLAGS } from "./flag-groups.ts";
import { columnsOf } from "./terminal.ts";
import { wrapped } from "./wrapped.ts";

/** The widest help, so that it fits a common terminal. */
const COLUMNS = 80;

/** Longer left columns get their own line; in a narrow terminal, most of them. */
const LEFT_MAX = 30;
const LEFT_MAX_NARROW = 10;
const NARROW = 60;

/** The width of the help on the current output. */
export function helpColumns(fd: number): number {
  return Math.min(COLUMNS, columnsOf(fd));
}

/** A short help for `tcpnet` without arguments. */
export function summaryText(version: string, columns = COLUMNS): string {
  return [
    ...wrapped(`tcpnet ${version}: a TCP/IP stack in user space that you can watch`, columns),
    ...rows(
      COMMANDS.filter(({ isAside }) => isAside !== true).map(({ name, summary }) => [name, summary]),
      columns,
    ),
    "",
    ...rows(
      [
        ["tcpnet demo", "begin here: needs no setup, changes nothing"],
        ["tcpnet COMMAND --help", "examples, options, exit codes"],
      ],
      columns,
    ),
    "",
  ].join("\n");
}

/** `tcpnet --help`. */
export function globalHelp(version: string, columns = COLUMNS): string {
  return [
    summaryText(version, columns),
    "The experiment, host and peer in a terminal each:",
    "  sudo tcpnet netup",
    "  tcpnet host tun0 10.0.0.1/24 10.0.1.5",
    "  tcpnet peer tun1 10.0.1.1/24 10.0.0.7",
    "",
    "Options:",
    ...rows(
      GLOBAL_FLAGS.map(({ raw, text }) => [raw, text]),
      columns,
    ),
    "",
    ...exitCodes(columns),
  ].join("\n");
}

/** `tcpnet COMMAND --help`: examples first. @param columns of the terminal; only commands to copy may be wider */
export function commandHelp(command: CommandSpec, columns = COLUMNS): string {
  const { name, args, summary, examples, about, groups, sections = [] } = command;
  const flags = [...groups.flatMap((each) => each.flags), ...GLOBAL_FLAGS];
  const width = Math.max(...flags.map((flag) => flag.raw.length));
  const forms = command.usage ?? [`${args.replace(/<\.{3}(\w+)>/, "<$1> …")}`];
  const options = (form: string) => (form.includes("[options]") ? "" : " [options]");
  const usage = forms.map((form) => `tcpnet ${name}${form === "" ? "" : ` ${form}`}${options(form)}`);
  return [
    ...wrapped(`tcpnet ${name}: ${summary}`, columns),
    "",
    ...examples.map((example) => `  ${example}`),
    "",
    ...wrapped(about.replaceAll("\n", " "), columns),
    "",
    ...usage.flatMap((line, i) => usageLines(line, i === 0, columns)),
    "",
    ...groups.flatMap(({ title, flags }) => [
      ...wrapped(`${title}:`, columns),
      ...rows(
        flags.map(({ raw, text }) => [raw, text]),
        columns,
        width,
      ),
      "",
    ]),
    ...units(flags, columns),
    ...sections.flatMap(({ title, rows: pairs, commands }) => [
      `${title}:`,
      ...(commands === true ? pairs.flatMap(([left, right]) => [`  ${left}`, `    ${right}`]) : rows(pairs, columns)),
      "",
    ]),
    ...exitCodes(columns, command.exits),
  ].join("\n");
}

/** One form of the usage; the first has the title. */
function usageLines(text: string, isFirst: boolean, columns: number): string[] {
  const lines = wrapped(`${isFirst ? "Usage:" : "      "} ${text}`.trimStart(), columns - 2);
  const indent = isFirst ? "" : "       ";
  return lines.map((line, i) => (i === 0 ? `${indent}${line}` : `  ${indent}${line}`));
}

/** The units of these flags' values. */
function units(flags: readonly Flag[], columns: number): string[] {
  const kinds: [string, string][] = [
    ["<size>", "1500, 64k (64,000), 64Ki or 64K (65,536); also M, Mi, G, Gi, T, Ti"],
    ["<time>", "250us, 20ms, 1.5s, 2min, 1h"],
  ];
  const used = kinds.filter(([kind]) => flags.some(({ raw }) => raw.includes(kind)));
  return used.length === 0 ? [] : ["Units:", ...rows(used, columns), ""];
}

function exitCodes(columns: number, codes: CommandSpec["exits"] = EXIT_CODES): string[] {
  return ["Exit codes:", ...rows(codes, columns), ""];
}

/** Two columns. A long left text gets its own line above its right text; long right texts are wrapped. */
function rows(pairs: readonly (readonly [string, string])[], columns: number, width = 0): string[] {
  const most = columns < NARROW ? LEFT_MAX_NARROW : LEFT_MAX;
  const short = pairs.map(([left]) => left.length).filter((length) => length <= most);
  const wide = Math.max(Math.min(width, most), ...short, 4);
  return pairs.flatMap(([left, right]) => {
    const lines = wrapped(right, columns - wide - 4).map((line) => `${"".padEnd(wide + 4)}${line}`);
    if (left.length > wide) return [`  ${left}`, ...lines];
    return [`  ${left.padEnd(wide)}  ${lines[0]!.trimStart()}`, ...lines.slice(1)];
  });
}

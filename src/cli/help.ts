import { COMMANDS, type CommandSpec } from "./commands.ts";
import { EXIT_CODES } from "./exit-codes.ts";
import { GLOBAL_FLAGS } from "./flag-groups.ts";
import { wrapped } from "./wrapped.ts";

/** The smallest terminal that people have. */
const COLUMNS = 80;

/** A few lines for whoever typed nothing. */
export function summaryText(version: string): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  const rows = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return [
    `tcpnet ${version}: a TCP/IP stack in user space that you can watch`,
    "",
    ...rows,
    "",
    "  tcpnet demo            begin here: no setup, and this machine is not touched",
    "  tcpnet COMMAND --help  examples, options, exit codes",
    "",
  ].join("\n");
}

/** `tcpnet --help`. */
export function globalHelp(version: string): string {
  return [
    summaryText(version),
    "The experiment, host and peer in a terminal each:",
    "  sudo tcpnet netup",
    "  tcpnet host tun0 10.0.0.1/24 10.0.1.5",
    "  tcpnet peer tun1 10.0.1.1/24 10.0.0.7",
    "",
    "Options:",
    ...rows(GLOBAL_FLAGS.map(({ raw, text }) => [raw, text])),
    "",
    ...exitCodes(),
  ].join("\n");
}

/** `tcpnet COMMAND --help`: examples first. */
export function commandHelp(command: CommandSpec): string {
  const { name, args, summary, examples, about, groups } = command;
  const flags = [...groups.flatMap((each) => each.flags), ...GLOBAL_FLAGS];
  const width = Math.max(...flags.map((flag) => flag.raw.length));
  const sections = groups.flatMap(({ title, flags }) => [
    `${title}:`,
    ...rows(
      flags.map(({ raw, text }) => [raw, text]),
      width,
    ),
    "",
  ]);
  return [
    `tcpnet ${name}: ${summary}`,
    "",
    ...examples.map((example) => `  ${example}`),
    "",
    ...wrapped(about.replaceAll("\n", " "), COLUMNS),
    "",
    `Usage: tcpnet ${name}${args === "" ? "" : ` ${args.replace(/<\.{3}(\w+)>/, "<$1> …")}`} [options]`,
    "",
    ...sections,
    ...exitCodes(command.exits),
  ].join("\n");
}

function exitCodes(codes: CommandSpec["exits"] = EXIT_CODES): string[] {
  return ["Exit codes:", ...rows(codes), ""];
}

/** Two columns; what is too long for the second goes on below itself. */
function rows(pairs: readonly (readonly [string, string])[], width = 0): string[] {
  const wide = Math.max(width, ...pairs.map(([left]) => left.length));
  return pairs.flatMap(([left, right]) =>
    wrapped(right, COLUMNS - wide - 4).map((line, i) => `  ${(i === 0 ? left : "").padEnd(wide)}  ${line}`),
  );
}

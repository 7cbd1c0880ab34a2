import cac from "cac";
import { version } from "../../package.json";
import { shield } from "./argv.ts";
import { inWords, usageError } from "./cli-error.ts";
import { COMMANDS, flagsOf } from "./commands.ts";
import { EXIT_OK, EXIT_USAGE } from "./exit-codes.ts";
import { Flags } from "./flags.ts";
import { commandHelp, globalHelp, summaryText } from "./help.ts";
import { suggest } from "./suggest.ts";

/** The program: reads the line, runs one command, answers the exit code. Every failure ends here, in words. */
async function main(argv: readonly string[]): Promise<number> {
  try {
    return await dispatch(argv);
  } catch (error) {
    const words = inWords(error);
    const { reportError } = await import("./report-error.ts");
    reportError(words, argv.includes("--json"));
    return words.exitCode;
  }
}

async function dispatch(argv: readonly string[]): Promise<number> {
  if (argv.length === 0) {
    process.stderr.write(summaryText(version));
    return EXIT_USAGE;
  }
  const name = argv.find((word) => !word.startsWith("-"));
  const command = COMMANDS.find((each) => each.name === name);
  if (name !== undefined && command === undefined) throw unknownCommand(name);

  const cli = cac("tcpnet");
  for (const { name, args, summary, groups, load } of COMMANDS) {
    const registered = cli.command(`${name} ${args}`.trimEnd(), summary);
    for (const flag of groups.flatMap((each) => each.flags)) registered.option(flag.raw, flag.text);
    registered.action(async (...given: unknown[]) => {
      const values = given.pop() as Record<string, unknown>;
      return (await load()).run({ args: given.flat().map(String), flags: new Flags(values) });
    });
  }
  for (const flag of flagsOf(undefined)) cli.option(flag.raw, flag.text);
  cli.parse(["", "tcpnet", ...shield(argv, flagsOf(command))], { run: false });

  if (cli.options.version === true) {
    process.stdout.write(`tcpnet ${version}\n`);
    return EXIT_OK;
  }
  if (cli.options.help === true || command === undefined) {
    process.stdout.write(command === undefined ? globalHelp(version) : commandHelp(command));
    return EXIT_OK;
  }
  if (cli.args.length < cli.matchedCommand!.args.length) {
    const missing = cli.matchedCommand!.args[cli.args.length]!;
    throw usageError(
      `${command.name} needs <${missing.variadic ? "..." : ""}${missing.value}>`,
      "",
      `for example: ${command.examples[0]}`,
    );
  }
  const most = cli.matchedCommand!.args;
  const extra = cli.args[most.length];
  if (extra !== undefined && most.at(-1)?.variadic !== true) {
    throw usageError(`${command.name} has no use for "${extra}"`, "", `for example: ${command.examples[0]}`);
  }
  return await cli.runMatchedCommand();
}

function unknownCommand(name: string): Error {
  const near = suggest(
    name,
    COMMANDS.map((each) => each.name),
  );
  const fix = near === undefined ? "see: tcpnet --help" : `did you mean: tcpnet ${near}?`;
  return usageError(`there is no command ${name}`, "", fix);
}

const code = await main(process.argv.slice(2));
// What still lives then (a timer, a pipe that nobody reads) does not keep the program from ending.
process.exit(code);

import cac from "cac";
import { suggest } from "#base/suggest";
import { version } from "../../package.json";
import { shapeOf, shield, unshield } from "./argv.ts";
import { inWords, usageError } from "./cli-error.ts";
import { COMMANDS, flagsOf } from "./commands.ts";
import { EXIT_OK, EXIT_SIGPIPE, EXIT_USAGE } from "./exit-codes.ts";
import { Flags } from "./flags.ts";
import { commandHelp, globalHelp, helpColumns, summaryText } from "./help.ts";
import { drainText, OutputClosed, print, STDERR, STDOUT } from "./print.ts";
import { asTyped } from "./program.ts";
import { printText, tellText } from "./terminal.ts";

/** The program: reads the command line, runs one command, returns the exit code. All errors are reported here. */
async function main(argv: readonly string[]): Promise<number> {
  const json = ["--json", "-J", "--json-stream"].some((flag) => argv.includes(flag));
  const code = await dispatch(argv).catch((error: unknown) => exitCodeOf(error, json));
  // Messages of a running stack may still wait for a slow reader.
  const failure = await drainText();
  return failure === null ? code : code || (await exitCodeOf(failure, json));
}

/** Reports an error; returns its exit code. */
async function exitCodeOf(error: unknown, json: boolean): Promise<number> {
  if (error instanceof OutputClosed) return EXIT_SIGPIPE;
  const words = inWords(error);
  const { reportError } = await import("./report-error.ts");
  reportError(words, json);
  return words.exitCode;
}

async function dispatch(given: readonly string[]): Promise<number> {
  if (given.length === 0) {
    tellText(summaryText(version, helpColumns(STDERR)));
    return EXIT_USAGE;
  }
  const argv = given[0] === "help" ? [...given.slice(1), "--help"] : given;
  const name = nameIn(argv);
  const command = COMMANDS.find((each) => each.name === name);
  if (name !== undefined && command === undefined) throw unknownCommand(name);

  const cli = cac("tcpnet");
  for (const { name, args, summary, groups, load } of COMMANDS) {
    const registered = cli.command(`${name} ${args}`.trimEnd(), summary);
    for (const flag of groups.flatMap((each) => each.flags)) registered.option(flag.raw, flag.text);
    registered.action(async (...given: unknown[]) => {
      const values = given.pop() as Record<string, unknown>;
      // An optional argument that is not there is undefined.
      const words = given.flat().filter((each) => each !== undefined);
      return (await load()).run({ args: words.map(String).map(unshield), flags: new Flags(values) });
    });
  }
  for (const flag of flagsOf(undefined)) cli.option(flag.raw, flag.text);
  cli.parse(
    [
      "",
      "tcpnet",
      ...shield(argv, flagsOf(command), known, command?.startsProgram === true ? NAME_AND_PROGRAM : undefined),
    ],
    { run: false },
  );

  if (cli.options.version === true) {
    print(`tcpnet ${version}\n`);
    return EXIT_OK;
  }
  if (cli.options.help === true || command === undefined) {
    const columns = helpColumns(STDOUT);
    printText(command === undefined ? globalHelp(version, columns) : commandHelp(command, columns));
    return EXIT_OK;
  }
  const needed = cli.matchedCommand!.args.filter(({ required }) => required);
  if (cli.args.length < needed.length) {
    const missing = needed[cli.args.length]!;
    throw usageError(`${command.name} needs <${missing.value}>`, "", `for example: ${asTyped(command.examples[0])}`);
  }
  const most = cli.matchedCommand!.args;
  const extra = cli.args[most.length];
  if (extra !== undefined && most.at(-1)?.variadic !== true) {
    const what = `${command.name} takes no argument "${unshield(extra)}"`;
    throw usageError(what, "", `for example: ${asTyped(command.examples[0])}`);
  }
  const flags = new Flags(cli.options);
  const { movesPackets = false } = command;
  const call = { args: cli.args.map(unshield), flags };
  if (movesPackets === true || (movesPackets !== false && movesPackets(call))) {
    const { prepareRights } = await import("./privileges.ts");
    prepareRights(flags);
  }
  return await cli.runMatchedCommand();
}

/** Arguments of `tcpnet run ping -c 1 ADDRESS` after which the flags are those of ping. */
const NAME_AND_PROGRAM = 2;

/** The command's name: the first word or, after options, the first word that is a command. */
function nameIn(argv: readonly string[]): string | undefined {
  const words = argv.filter((word) => !word.startsWith("-"));
  if (argv[0]?.startsWith("-") !== true) return words[0];
  return words.find((word) => COMMANDS.some((each) => each.name === word)) ?? words[0];
}

/** The commands that know a flag. */
function known(flag: string): string[] {
  const knows = (raw: string) => {
    const { name, short } = shapeOf({ raw, text: "" });
    return flag === `--${name}` || (short !== "" && flag === `-${short}`);
  };
  return COMMANDS.filter(({ groups }) => groups.some(({ flags }) => flags.some(({ raw }) => knows(raw)))).map(
    ({ name }) => name,
  );
}

function unknownCommand(name: string): Error {
  const near = suggest(
    name,
    COMMANDS.map((each) => each.name),
  );
  const fix = near === undefined ? "see: tcpnet --help" : `did you mean: tcpnet ${near}`;
  return usageError(`there is no command ${name === "" ? '""' : name}`, "", asTyped(fix));
}

const code = await main(process.argv.slice(2));
// Remaining timers or unread pipes must not keep the program from ending.
process.exit(code);

import { expect, test } from "bun:test";
import cac from "cac";
import fc from "fast-check";
import { type Flag, shapeOf, shield, unshield } from "#cli/argv";
import { CliError } from "#cli/cli-error";
import { COMMANDS, flagsOf } from "#cli/commands";
import { Flags } from "#cli/flags";

const FLAGS: readonly Flag[] = [
  { raw: "-p, --port <port>", text: "TCP port" },
  { raw: "-w, --write <file>", text: "" },
  { raw: "-q, --quiet", text: "" },
  { raw: "--any", text: "" },
  { raw: "--no-offload", text: "" },
];

/** What cac makes of the line behind the shield. */
function parse(...words: string[]): { args: readonly string[]; options: Record<string, unknown> } {
  const cli = cac("t");
  const command = cli.command("go [...rest]", "");
  for (const flag of FLAGS) command.option(flag.raw, flag.text);
  const { args, options } = cli.parse(["", "t", "go", ...shield(words, FLAGS)], { run: false });
  const { "--": _, ...rest } = options;
  return {
    args,
    options: Object.fromEntries(Object.entries(rest).map(([k, v]) => [k, typeof v === "string" ? unshield(v) : v])),
  };
}

const said = (...words: string[]) => {
  try {
    shield(words, FLAGS);
  } catch (error) {
    if (error instanceof CliError) return `${error.exitCode} ${error.what}; ${error.fix}`;
  }
  return "taken";
};

test("values stay what was typed: cac makes no numbers of them", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[ -~]{1,12}$/), (value) => {
      expect(parse("--port", value.replace(/^-/, "x")).options.port).toBe(value.replace(/^-/, "x"));
      expect(parse(`--port=${value}`).options.port).toBe(value);
    }),
    { seed: 1 },
  );
  for (const value of ["080", "10e3", "0x10", "007", "true", "false", "1.0"])
    expect(parse("-p", value).options.port).toBe(value);
});

test("every flag without value of every command arrives when it is said, and only then", () => {
  for (const command of COMMANDS) {
    const all = flagsOf(command);
    const read = (...words: string[]) => {
      const cli = cac("t");
      const registered = cli.command("go [...rest]", "");
      for (const flag of all) registered.option(flag.raw, flag.text);
      return new Flags(cli.parse(["", "t", "go", ...shield(words, all)], { run: false }).options);
    };
    for (const { name, takesValue } of all.map(shapeOf)) {
      if (takesValue) continue;
      const [on, wanted] = name.startsWith("no-") ? [name.slice(3), false] : [name, true];
      expect([name, read(`--${name}`, "word").has(on)]).toEqual([name, wanted]);
      expect([name, read("word").has(on)]).toEqual([name, !wanted]);
    }
  }
});

test("a dash alone is a value, and a flag without value never eats the word behind it", () => {
  expect(parse("-w", "-").options.write).toBe("-");
  expect(parse("--any", "10", "20")).toEqual({
    args: ["10", "20"],
    options: { any: true, offload: true },
  });
});

test("short flags may stand together, and a value may follow its letter at once", () => {
  expect(parse("-qwx.pcapng").options).toMatchObject({ quiet: true, write: "x.pcapng" });
  expect(parse("-p7001").options.port).toBe("7001");
});

test("--no-offload is a flag of its own", () => {
  expect(parse("--no-offload").options.offload).toBe(false);
  expect(parse().options.offload).toBe(true);
});

test("what cac would swallow is refused in words", () => {
  expect(said("--port", "1", "-p", "2")).toBe("2 --port is given twice; give it once");
  expect(said("-q=1")).toBe("2 --quiet takes no value; ");
  expect(said("--port", "")).toBe("2 --port needs a value; --port <port>: TCP port");
  expect(said("--prot", "1")).toBe("2 unknown option --prot; did you mean --port?");
  expect(said("--zzzzzz")).toBe("2 unknown option --zzzzzz; see --help");
  expect(said("-x")).toBe("2 unknown option -x; see --help");
  expect(said("--any=yes")).toBe("2 --any takes no value; ");
  expect(said("--port")).toBe("2 --port needs a value; --port <port>: TCP port");
  expect(said("--port", "--any")).toBe("2 --port needs a value; --port <port>: TCP port");
  expect(said("--port", "--", "b")).toBe("2 --port needs a value; --port <port>: TCP port");
  expect(said("a", "--", "b")).toBe("taken");
});

test("any line at all is taken or refused in words", () => {
  const word = fc.oneof(
    fc.constantFrom("-", "--", "-q", "--port", "--any", "-w", "--port=1", "-qw"),
    fc.stringMatching(/^[ -~]{0,6}$/),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 6 }), (words) => {
      try {
        shield(words, FLAGS);
      } catch (error) {
        expect(error).toBeInstanceOf(CliError);
      }
    }),
    { seed: 2, numRuns: 500 },
  );
});

test("a flag's shape is what its text says", () => {
  expect(shapeOf({ raw: "-w, --write <file>", text: "" })).toMatchObject({
    name: "write",
    short: "w",
    takesValue: true,
  });
  expect(shapeOf({ raw: "--no-offload", text: "" })).toMatchObject({
    name: "no-offload",
    short: "",
    takesValue: false,
  });
});

test("saying twice what takes no value is saying it once", () => {
  expect(parse("-qq", "--no-offload", "--no-offload").options).toMatchObject({ quiet: true, offload: false });
});

test("a number below zero is an argument, and so is whatever stands behind two dashes", () => {
  const args = (...words: string[]) => parse(...words).args.map(unshield);
  expect(args("loss", "-1%", "-.5", "-")).toEqual(["loss", "-1%", "-.5", "-"]);
  expect(args("--", "-q", "--port", "-odd.pkt")).toEqual(["-q", "--port", "-odd.pkt"]);
});

test("an option that another command has is told with that command's name", () => {
  const elsewhere = (flag: string) => (flag === "--keep" ? ["host"] : []);
  const why = (word: string) => {
    try {
      shield([word], FLAGS, elsewhere);
    } catch (error) {
      if (error instanceof CliError) return `${error.what}; ${error.why}; ${error.fix}`;
    }
    return "taken";
  };
  expect(why("--keep")).toBe("unknown option --keep; host has it; see --help");
  expect(why("--prot")).toBe("unknown option --prot; ; did you mean --port?");
  expect(why("-x")).toBe("unknown option -x; ; see --help");
});

test("behind the program that a command starts, flags are the program's, as with sudo or env", () => {
  const run = (...words: string[]) => shield(words, FLAGS, () => [], 2).map(unshield);
  expect(run("run", "ping", "-c", "1", "--port", "-q")).toEqual(["run", "ping", "-c", "1", "--port", "-q"]);
  expect(run("run", "-q", "ping", "-q")).toEqual(["run", "--quiet=true", "ping", "-q"]);
  expect(run("run", "-w", "x", "--", "ls", "--", "-l")).toEqual(["run", "--write=\0x", "ls", "--", "-l"]);
  expect(run("run", "ls", "--", "-l")).toEqual(["run", "ls", "--", "-l"]);
  expect(() => run("run", "-c", "ping")).toThrow("unknown option -c");
});

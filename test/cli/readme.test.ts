/** What the README says is so: its example runs, its screens are what is shown, its tables are those of the program. */
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { shapeOf } from "#cli/argv";
import { COMMANDS } from "#cli/commands";
import { EXIT_CODES } from "#cli/exit-codes";
import { ROOT } from "../support/netns.ts";

const readme = readFileSync(`${ROOT}README.md`, "utf8");

/** The blocks between fences, without them. */
const blocks = [...readme.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language, text]) => ({
  language,
  text: text!,
}));

async function run(...command: readonly string[]): Promise<string> {
  const child = Bun.spawn([process.execPath, ...command], {
    cwd: ROOT,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect(stderr).toBe("");
  return stdout;
}

test("the example of the library runs and prints what is said", async () => {
  const [example] = blocks.filter(({ language }) => language === "ts");
  // Inside of the package its name leads to itself.
  const folder = mkdtempSync(`${ROOT}node_modules/.readme-`);
  try {
    const file = join(folder, "example.ts");
    writeFileSync(file, example!.text);
    const printed = (await run(file)).trim();
    expect(printed).toBe("hello 1448 true TIME-WAIT");
    expect(readme).toContain(`It prints \`${printed}\``);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the screens of the lab are those of the program, whatever the numbers are", async () => {
  const lab = blocks.filter(({ text }) => /^\.\/tcpnet (sim|drill) /.test(text));
  expect(lab.length).toBe(2);
  const shape = (text: string) =>
    text
      .replace(/digest \S+/, "digest")
      .replaceAll(/[\d.]+/g, "0")
      .replaceAll(/ +/g, " ")
      .trim();
  for (const { text } of lab) {
    const [line, , ...screen] = text.split("\n");
    const said = await run("src/cli/main.ts", ...line!.split(" ").slice(1));
    expect(shape(said)).toBe(shape(screen.join("\n")));
  }
});

test("the exit codes are those of the program", () => {
  const table = /\| code [\s\S]*?\n\n/.exec(readme)![0];
  const rows = table
    .trim()
    .split("\n")
    .slice(2)
    .map((row) => row.split("|").map((cell) => cell.trim()));
  expect(rows.map(([, code, meaning]) => [code, meaning])).toEqual(
    EXIT_CODES.map(([code, meaning]) => [code, meaning]),
  );
});

test("every command and every flag that is named exists", () => {
  const flags = new Set(
    COMMANDS.flatMap(({ groups }) => groups.flatMap(({ flags }) => flags.map(shapeOf))).flatMap(({ name, short }) => [
      `--${name}`,
      `-${short}`,
    ]),
  );
  // Other programs' flags stand behind their names.
  const ours = readme.replaceAll(/\b(?:npx|run test|wireshark|nc|kill|bun add) [^`|)]*/g, "");
  const named = [...ours.matchAll(/(?<=[\s`(|])--?[a-z][\w-]*/g)].map(([flag]) => flag);
  expect(named.filter((flag) => !flags.has(flag) && flag !== "--help")).toEqual([]);
  const commands = [...readme.matchAll(/(?:\.\/|`)tcpnet ([a-z]+)/g)].map(([, command]) => command);
  expect(commands.length).toBeGreaterThan(10);
  expect(commands.filter((command) => !COMMANDS.some(({ name }) => name === command))).toEqual([]);
});

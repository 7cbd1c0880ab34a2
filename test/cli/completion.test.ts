/** The completions of bash: what the printed script offers for a line, asked of bash itself. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { shapeOf } from "#cli/argv";
import { COMMANDS, flagsOf } from "#cli/commands";
import { cliFolder } from "../support/cli-folder.ts";

const { at, tcpnet } = cliFolder("completion");

/** For each line, whose last word is the one at the cursor, the words that bash would offer. */
async function offered(...lines: readonly (readonly string[])[]): Promise<string[][]> {
  const { out, code, err } = await tcpnet("completion", "bash");
  expect([code, err]).toEqual([0, ""]);
  const quoted = (word: string) => `'${word}'`;
  const asks = lines.map(
    (words) =>
      `COMP_WORDS=(${["tcpnet", ...words].map(quoted).join(" ")}); COMP_CWORD=${words.length}; _tcpnet; ` +
      `printf '%s\\n' "\${COMPREPLY[@]}" .`,
  );
  writeFileSync(at("ask.sh"), [out, ...asks].join("\n"));
  const child = Bun.spawn(["bash", "--norc", "-u", at("ask.sh")], { cwd: at("."), stdout: "pipe", stderr: "pipe" });
  const [said, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect(errors).toBe("");
  return said
    .split(/^\.\n/m)
    .slice(0, -1)
    .map((text) => text.split("\n").filter((word) => word !== ""));
}

test("every command and every flag is completed, and no flag of another command", async () => {
  const [commands, ...flags] = await offered([""], ...COMMANDS.map(({ name }) => [name, "-"]));
  expect(commands).toEqual([...COMMANDS.map(({ name }) => name), "help", "--help", "--version"]);
  for (const [i, command] of COMMANDS.entries()) {
    const known = flagsOf(command)
      .map(shapeOf)
      .flatMap(({ name, short }) => [`--${name}`, ...(short === "" ? [] : [`-${short}`])]);
    expect([command.name, flags[i]]).toEqual([command.name, known]);
  }
});

test("values that are words, names, users and files are completed; sizes and times are not", async () => {
  writeFileSync(at("a run.ndjson"), "");
  const tries: [readonly string[], readonly string[]][] = [
    [["ne"], ["netup", "netdown"]],
    [["help", "netd"], ["netdown"]],
    [
      ["sim", "--cc", "b"],
      ["bbr", "bbr1"],
    ],
    [["sim", "--cc", "=", "c"], ["cubic"]],
    [["peer", "--profile", "=", "rfc9"], ["rfc9293"]],
    [
      ["drill", "--profile", ""],
      ["linux", "freebsd", "rfc793"],
    ],
    [["bench", "-C", "newr"], ["newreno"]],
    [["host", "--user", "roo"], ["root"]],
    [["lesson", "slow"], ["slow-start"]],
    [
      ["link", ""],
      ["show", "set", "change", "clear"],
    ],
    [
      ["completion", ""],
      ["bash", "zsh"],
    ],
    [["report", "a r"], ["a run.ndjson"]],
    [["demo", "-w", "a r"], ["a run.ndjson"]],
    [["demo", "--delay", ""], []],
    [["demo", "--size", ""], []],
    [["run", "--", "bas"], ["bash"]],
  ];
  const found = await offered(...tries.map(([line]) => line));
  // A program may be in two folders of PATH, and others may begin with the same letters.
  for (const [i, [line, words]] of tries.entries()) {
    if (line[0] === "run") expect(found[i]).toContain(words[0]!);
    else expect([line, found[i]]).toEqual([line, [...words]]);
  }
});

test("devices and the kernel's address on them are completed", async () => {
  const [device, address, second] = await offered(["host", "lo"], ["host", "lo", "127"], ["chaos", "lo", "x", "lo"]);
  expect([device, second].map((words) => words?.includes("lo"))).toEqual([true, true]);
  // `ip` knows the addresses; without it there are none to offer.
  expect(address).toEqual(Bun.which("ip") === null ? [] : ["127.0.0.1/8"]);
});

test("zsh gets the same script behind the lines that let it run bash's completions", async () => {
  const [bash, zsh] = [await tcpnet("completion", "bash"), await tcpnet("completion", "zsh")];
  const [title, ...rest] = bash.out.split("\n");
  expect(zsh.out).toStartWith(`${title}\nautoload -Uz compinit bashcompinit\n`);
  expect(zsh.out).toEndWith(rest.join("\n"));
});

test("a shell without completions is refused with those that there are", async () => {
  const { code, out, err } = await tcpnet("completion", "fish");
  expect([code, out]).toEqual([2, ""]);
  expect(err).toMatch(/no completion for the shell "fish"\n +there is one for bash and zsh\n +\S+ completion bash/);
  const none = await tcpnet("completion");
  expect([none.code, none.err]).toEqual([
    2,
    expect.stringMatching(/needs <shell>\n +for example: source <\(\S+ completion bash\)/),
  ]);
});

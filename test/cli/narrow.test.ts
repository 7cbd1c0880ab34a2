/** What commands say on real terminals: nothing is wider than they are, and only what their character set has. */
import { expect, test } from "bun:test";
import { TCPNET } from "../support/built-program.ts";
import { ROOT } from "../support/netns.ts";

const T = TCPNET.join(" ");

/** On a terminal with so many columns, without its colours. */
async function shown(columns: number, command: string, locale: string): Promise<string> {
  const env = { ...process.env, LC_ALL: locale, T };
  const script = `setsid script -qec "stty cols ${columns}; ${command}" /dev/null </dev/null`;
  // On a busy machine script(1) sometimes ends with the end of its input, before the command has said anything.
  for (let tries = 3; ; tries--) {
    const child = Bun.spawn(["bash", "-c", script], {
      cwd: ROOT,
      env,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out] = await Promise.all([child.stdout.text(), child.exited]);
    if (out === "" && tries > 1) continue;
    // A line that is redrawn is seen in its last form.
    const lines = out.split("\n").map((line) => line.replace(/\r$/, "").split("\r").at(-1)!);
    return Bun.stripANSI(lines.join("\n"));
  }
}

const DEMO = "$T demo --memory --size 300k --loss 1% --seed 7";

/** Each kind of table and message; none of them may touch this machine's network. */
const COMMANDS = [
  "$T",
  "$T --help",
  "$T host --help",
  "$T link --help",
  "$T bench --help",
  "$T bench -c tun1",
  DEMO,
  "$T sim --bytes 200k --flows 2 --cc newreno,cubic --loss 1%",
  "$T drill --verbose test/drill/handshake/accept-blocks.pkt",
  "$T drill test/drill/handshake",
  "$T lesson",
  "$T lesson nagle",
  "$T lesson zero-window",
  "$T status --ifs absent0,absent1",
  "$T netup --ifs absent0,absent1 --dry-run",
  "$T peer tun1 10.0.1.1/24 10.0.1.9",
  "$T host tun0 10.0.0.1/24 10.0.0.300 --any",
  "$T link set delay 5 --dev absent0",
  "$T sim --queue 5",
];

/** What is to be copied, or names a file, stays on one line. */
const COPIED = /tcpnet\.sh |main\.ts |(?:^|\s)(?:sudo|ip|nft|ping|wireshark|tcpnet) \S|\/|^ {13}\S/;

for (const columns of [40, 80]) {
  test(`at ${columns} columns no line is wider`, async () => {
    const outputs = await Promise.all(COMMANDS.map((command) => shown(columns, command, "C.UTF-8")));
    outputs.forEach((text, i) => {
      expect([COMMANDS[i], text.trim() === ""]).toEqual([COMMANDS[i], false]);
      const wide = text.split("\n").filter((line) => Bun.stringWidth(line) > columns && !COPIED.test(line));
      expect([COMMANDS[i], wide]).toEqual([COMMANDS[i], []]);
    });
    expect(outputs[COMMANDS.indexOf(DEMO)]).toContain("✓ host → peer");
  });
}

test("without UTF-8 only ASCII is shown, and an object for programs stays as it is", async () => {
  for (const locale of ["C", "POSIX", "de_DE.ISO-8859-1"]) {
    // Every command in one of them; that the others are known for what they are, one command shows.
    const commands = locale === "C" ? COMMANDS : [DEMO];
    const outputs = await Promise.all(commands.map((command) => shown(80, command, locale)));
    outputs.forEach((text, i) => {
      const foreign = text.split("\n").filter((line) => /[^ -~\t]/.test(line));
      expect([locale, commands[i], foreign]).toEqual([locale, commands[i], []]);
    });
    expect(outputs[commands.indexOf(DEMO)]).toContain("ok host -> peer");
  }
  const json = await shown(80, "$T demo --memory --size 10k --json", "C");
  expect(json).toMatch(/"text":"→ SYN +SYN-SENT/);
});

/** Standard input, output and error are shared with whoever runs beside and after us: they are left as they were found. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TCPNET } from "../support/built-program.ts";
import { ROOT } from "../support/netns.ts";

const T = TCPNET.join(" ");

async function bash(script: string): Promise<string> {
  const env = { ...process.env, NO_COLOR: "1", T };
  const child = Bun.spawn(["bash", "-c", script], { cwd: ROOT, env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return out;
}

/** What each kind of command says, well and badly, on one descriptor or the other. */
const COMMANDS = [
  "$T",
  "$T --help",
  "$T --version",
  "$T nonsense",
  "$T nonsense --json",
  "$T sim --bytes 10k",
  "$T sim --bytes 10k --events -",
  "$T drill test/drill/handshake/accept-blocks.pkt",
  "$T drill --pcap /no/such/folder/x test/drill/handshake/accept-blocks.pkt",
  "$T demo --memory --size 10k",
  "$T demo --memory --size 10k --json",
  "$T demo --memory --size 10k --write - >/dev/null",
  "$T peer tun77 10.0.0.1/24 10.0.0.1",
  "timeout -s KILL 1.5 $T demo --memory --size 100M --rate 1mbit",
  "timeout -s TERM 1.5 $T demo --memory --size 100M --rate 1mbit",
  "$T status",
];

/** Runs a command in a shell of its own, which writes the flags of its descriptors to $F before and after it. */
const FLAGS = 'for i in 0 1 2; do grep flags /proc/$$/fdinfo/$i; done >>"$F"';

/** The flags before and after. @param around the line of shell that starts `$INNER`, the shell with the command. */
async function flagsAround(command: string, around: string): Promise<{ before: string[]; after: string[] }> {
  const folder = mkdtempSync(join(tmpdir(), "tcpnet-flags-"));
  try {
    const inner = join(folder, "inner.sh");
    writeFileSync(inner, `${FLAGS}\n${command}\n${FLAGS}\n`);
    const out = await bash(`F=${folder}/flags; export F; INNER="bash ${inner}"; ${around}; cat "$F"`);
    const lines = out.trim().split("\n");
    expect([command, lines.length]).toEqual([command, 6]);
    return { before: lines.slice(0, 3), after: lines.slice(3) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

for (const [what, around] of [
  ["pipes", "cat | $INNER 2> >(cat >/dev/null) | cat >/dev/null"],
  ["a terminal", 'setsid script -qec "$INNER" /dev/null >/dev/null'],
] as const) {
  test(`no command changes the flags of ${what} that it was given`, async () => {
    for (const command of COMMANDS) {
      const { before, after } = await flagsAround(command, around);
      expect([command, after]).toEqual([command, before]);
    }
  }, 120_000);
}

test("the program that runs after us gets all of its output through a slow pipe", async () => {
  const size = 1 << 20;
  for (const command of ["$T nonsense", "$T sim --bytes 10k", "$T demo --memory --size 10k"]) {
    const out = await bash(
      `(${command} 2>&1; head -c ${size} /dev/zero) | (sleep 1; tail -c ${size} | tr -d '\\0' | wc -c; )`,
    );
    expect([command, out.trim()]).toEqual([command, "0"]);
    const whole = await bash(`(${command} >/dev/null 2>&1; head -c ${size} /dev/zero) | (sleep 1; wc -c)`);
    expect([command, Number(whole)]).toEqual([command, size]);
  }
}, 60_000);

test("a capture is not written to a terminal, by whatever name it is called: 2, and a line to type", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tcpnet-tty-"));
  try {
    const peer = "peer tun77 10.0.0.1/24 10.0.0.7 --recv /dev/null";
    const script = "drill test/drill/handshake/accept-blocks.pkt";
    for (const [command, flag] of [
      ["demo --memory", "-w"],
      [peer, "-w"],
      [script, "--pcap"],
    ] as const) {
      for (const path of ["-", "/dev/stdout", "/dev/tty"]) {
        writeFileSync(join(folder, "line"), `$T ${command} ${flag} ${path}; echo "code $?"\n`);
        const out = await bash(`setsid script -qec "bash ${folder}/line" /dev/null </dev/null`);
        const said = [/ is a terminal, and a capture is binary/.test(out), out.includes(`${flag} - | wireshark`)];
        expect([command, path, said, /code (\d+)/.exec(out)?.[1]]).toEqual([command, path, [true, true], "2"]);
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 60_000);

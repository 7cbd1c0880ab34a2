import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { COMMANDS } from "#cli/commands";
import { TCPNET } from "../support/built-program.ts";
import { ROOT } from "../support/netns.ts";
import { sometimes } from "../support/sometimes.ts";

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program from source. None of these lines may get as far as a device. */
async function tcpnet(...args: string[]): Promise<Said> {
  const child = Bun.spawn([...TCPNET, ...args], {
    env: { ...process.env, NO_COLOR: "1" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { code, stdout, stderr };
}

test("--version and --help answer on standard output with 0; nothing typed is told on standard error with 2", async () => {
  expect(await tcpnet("--version")).toEqual({ code: 0, stdout: "tcpnet 0.1.0\n", stderr: "" });
  const help = await tcpnet("--help");
  expect({ code: help.code, stderr: help.stderr }).toEqual({ code: 0, stderr: "" });
  expect(help.stdout).toMatch(/Exit codes:[\s\S]*143/);
  const nothing = await tcpnet();
  expect({ code: nothing.code, stdout: nothing.stdout }).toEqual({ code: 2, stdout: "" });
  // Without scrolling on the smallest terminal, down or sideways.
  expect(nothing.stderr.split("\n").length).toBeLessThan(24);
  expect(help.stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
  expect(nothing.stderr).toContain("tcpnet demo");
});

test("each command's help begins with three lines to copy, knows every flag in them, and fits 80 columns", async () => {
  for (const command of COMMANDS) {
    const { code, stdout } = await tcpnet(command.name, "--help");
    expect(code).toBe(0);
    const examples = stdout.split("\n").slice(2, 5);
    expect(examples).toEqual(command.examples.map((line) => `  ${line}`));
    // On the smallest terminal that people have.
    expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
    const known = command.groups.flatMap((group) => group.flags).map((flag) => flag.raw);
    for (const [flag] of examples.join(" ").matchAll(/(?<= )--?[a-z][\w-]*/g)) {
      expect(known.some((raw) => new RegExp(`${flag}(?![\\w-])`).test(raw))).toBe(true);
    }
  }
});

const USAGE: readonly (readonly [string, RegExp])[] = [
  ["hots tun0", /no command hots[\s\S]*did you mean: .* host\n/],
  ["peer tun0", /peer needs <cidr>[\s\S]*for example: .* peer tun1/],
  ["peer tun0 10.0.0.1/24 10.0.1.5 extra", /extra/],
  ["peer tun0 10.0.1.1/24 10.0.0.7 --port 70000", /--port 70000 is out of range[\s\S]*1 to 65535/],
  ["peer tun0 10.0.1.1/24 10.0.0.7 --port 080", /--port 080 is not a number[\s\S]*whole number/],
  ["host tun0 10.0.0.1 10.0.1.5", /no prefix length/],
  ["host tun0 10.0.0.1/24 10.0.0.1", /kernel's own address on tun0/],
  ["host tun0 10.0.0.1/24 10.0.1.5 --echo --discard", /exclude each other/],
  ["host tun0 10.0.0.1/24 10.0.1.5 --loss much", /--loss much cannot be understood/],
  ["host tun0 10.0.0.1/24 10.0.1.5 --link dealy", /--link dealy cannot be understood/],
  ["host tun0 10.0.0.1/24 10.0.1.5 -w -", /cannot carry both the capture and the data/],
  ["host a-name-beyond-fifteen 10.0.0.1/24 10.0.1.5", /is not a valid device name[\s\S]*1 to 15 bytes/],
  ["host tun/0 10.0.0.1/24 10.0.1.5", /"tun\/0" is not a valid device name/],
  ["host tun0 10.0.0.1/24 10.0.1.5 more", /host takes no argument "more"[\s\S]*for example/],
  ["demo --size huge", /--size huge is not a size/],
  ["netup --mtu 5", /--mtu 5 is out of range/],
  ["peer tun1 10.0.1.1/24 10.0.0.7 --any", /unknown option --any[\s\S]*host has it/],
  ["peer tun1 10.0.1.1/24 10.0.0.7 --quiet=yes", /--quiet takes no value/],
  ["drill -v=1 x.pkt", /--verbose takes no value/],
  ["peer tun1 10.0.1.1/24 10.0.0.7 --timeout 9999h", /--timeout 9999h is too long/],
  ["peer tun1 10.0.1.1/24 10.0.0.7 --source 9999T", /--source 9999T is too large/],
  ["--port 1 pear", /no command 1/],
  ["peer tun1 10.0.1.1/24 10.0.0.7 --timeout 5", /--timeout 5 has no unit\n +use 5ms or 5s/],
  ["peer tun1 10.0.1.1/24 10.0.0.7 --port 1 --port 2", /--port is given twice\n +give it once/],
  ["peer tun1 10.0.1.1/24 10.0.0.7 --queue 0", /queue needs a rate or a trace[\s\S]*add --rate 10mbit/],
  ["peer tun1 10.0.1.1/24 10.0.0.7 --seed 3", /--seed needs a link flag/],
  ["demo --seed 3", /--seed needs a link flag/],
  ["link shwo", /did you mean show\?/],
  ["link set dealy 5ms", /did you mean delay\?[\s\S]*\n +\^\n[\s\S]*link --help/],
  ["link change loss 1% loss 2%", /"loss" is given twice/],
  ["netup --subnet banana", /--subnet banana[\s\S]*--subnet 10\.77\.0\.0\/16/],
  ["netup --subnet 10.77.0.5", /no prefix length\n +use 10\.77\.0\.0\/24/],
];

test("what cannot be meant is told in words with exit code 2, and nothing is done", async () => {
  for (const [line, words] of USAGE) {
    const { code, stdout, stderr } = await tcpnet(...line.split(" "));
    expect({ line, code, stdout }).toEqual({ line, code: 2, stdout: "" });
    expect(stderr).toMatch(words);
    expect(stderr).not.toMatch(/\.ts:\d+/);
  }
});

test("a value that is empty is none, whichever flag it is for", async () => {
  for (const flag of ["--port", "--recv", "--link", "--write"]) {
    const { code, stderr } = await tcpnet("host", "tun0", "10.0.0.1/24", "10.0.1.5", flag, "");
    expect({ flag, code }).toEqual({ flag, code: 2 });
    expect(stderr).toContain(`${flag} needs a value`);
  }
});

test("help is a command, too", async () => {
  expect((await tcpnet("help")).stdout).toBe((await tcpnet("--help")).stdout);
  expect(await tcpnet("help", "peer")).toEqual(await tcpnet("peer", "--help"));
  expect((await tcpnet("help", "pear")).stderr).toContain("did you mean");
});

test("what was typed cannot move the terminal's cursor", async () => {
  const { code, stderr } = await tcpnet("host", "\u001b[31mtun0", "10.0.0.1/24", "10.0.1.5");
  expect(code).toBe(2);
  expect(stderr).toContain('"\\x1b[31mtun0" is not a valid device name');
  expect(stderr).not.toContain("\u001b");
});

test("with --json a failure is an object", async () => {
  const { code, stderr } = await tcpnet("peer", "tun0", "10.0.1.1/24", "10.0.0.7", "--port", "0", "--json");
  expect(code).toBe(2);
  expect(JSON.parse(stderr)).toMatchObject({ schema: "tcpnet.error/1", exitCode: 2 });
});

test("the demo in memory carries every byte and says how it went, on standard output", async () => {
  const { code, stdout, stderr } = await tcpnet("demo", "--memory", "--size", "300k", "--loss", "1%", "--seed", "7");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/✓ host → peer {3}300 kB .*every byte matches/);
  expect(stdout).toMatch(/✓ peer → host/);
  for (const word of ["→ SYN ", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN", "seed 7"])
    expect(stdout).toContain(word);
});

test("the compiled program answers --version without loading the stack", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tcpnet-test-"));
  try {
    const built = Bun.spawnSync([process.execPath, `${ROOT}src/cli/build.ts`, join(folder, "tcpnet")]);
    expect(built.exitCode).toBe(0);
    const fastest = (...args: readonly string[]) => {
      const took: number[] = [];
      for (let i = 0; i < 5; i++) {
        const began = performance.now();
        const ran = Bun.spawnSync([join(folder, "tcpnet"), ...args]);
        took.push(performance.now() - began);
        expect(ran.exitCode).toBe(0);
      }
      return Math.min(...took);
    };
    expect(Bun.spawnSync([join(folder, "tcpnet"), "--version"]).stdout.toString()).toBe("tcpnet 0.1.0\n");
    // 17 ms beside 70 ms on a machine at rest; a busy one stretches both.
    await sometimes(() =>
      expect(fastest("--version") * 2).toBeLessThan(fastest("demo", "--memory", "--size", "10k", "--quiet")),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

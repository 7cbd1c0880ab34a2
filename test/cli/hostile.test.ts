/** Started by root in a folder, and with variables, that somebody else prepared: nothing of them is run or obeyed (docs/adr/0051). */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { builtProgram } from "../support/built-program.ts";
import { netTest, ROOT } from "../support/netns.ts";
import { testUnless } from "../support/test-unless.ts";

const above = mkdtempSync(join(tmpdir(), "tcpnet-hostile-"));
/** The current directory of what is tried. */
const folder = join(above, "here");
/** Whatever runs or is obeyed leaves a file here. */
const canaries = join(above, "canaries");
const binary = await builtProgram();
const source = `${ROOT}src/cli/tcpnet.sh`;

const PROGRAMS = [
  ["the compiled file", binary],
  ["the source", source],
] as const;

function put(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

/** A program that leaves a canary of that name. */
const evil = (name: string) => `require("node:fs").writeFileSync(${JSON.stringify(join(canaries, name))}, "");\n`;

beforeAll(() => {
  mkdirSync(canaries);
  put("evil.cjs", evil("evil"));
  for (const name of ["bunfig.toml", ".bunfig.toml"]) put(name, `preload = ["./evil.cjs"]\n`);
  const variables = [
    "DOTENV=obeyed",
    "FORCE_COLOR=1",
    `BUN_OPTIONS=--preload ${folder}/evil.cjs`,
    `PATH=${folder}/bin`,
  ];
  const names = ["", ".local", ".development", ".production", ".test", ".development.local", ".production.local"];
  for (const name of names) put(`.env${name}`, `${variables.join("\n")}\n`);
  const paths = { "*": ["./evil.cjs"], "#*": ["./evil.cjs"], cac: ["./evil.cjs"] };
  put("tsconfig.json", JSON.stringify({ compilerOptions: { baseUrl: ".", paths } }));
  put("package.json", JSON.stringify({ imports: { "#*": "./evil.cjs" }, browser: { cac: "./evil.cjs" }, scripts: {} }));
  for (const name of ["cac", "consola", "bun", "bun:ffi"]) put(`node_modules/${name}/index.js`, evil(`module ${name}`));
  for (const name of ["src/cli/main.ts", "main.ts", "index.ts", "status", "sim"]) put(name, evil("file"));
  for (const tool of ["ip", "nft", "iptables", "unshare", "stat", "id"]) {
    put(`bin/${tool}`, `#!/bin/sh\n: > "${canaries}/tool ${tool}"\nexit 1\n`);
    chmodSync(join(folder, "bin", tool), 0o755);
  }
});

afterAll(() => rmSync(above, { recursive: true, force: true }));

interface Ran {
  readonly code: number;
  readonly said: string;
  readonly left: readonly string[];
}

/** Runs a program in the hostile folder; `left` are the canaries that it leaves. */
function run(command: readonly string[], env: Record<string, string> = {}): Ran {
  const { PATH, HOME } = process.env;
  const child = Bun.spawnSync([...command], { cwd: folder, env: { PATH, HOME, ...env }, timeout: 60_000 });
  const left = readdirSync(canaries).sort();
  for (const name of left) rmSync(join(canaries, name), { recursive: true });
  return { code: child.exitCode, said: `${child.stdout}${child.stderr}`, left };
}

test("the traps work: Bun falls into them", () => {
  expect(run([process.execPath, `${ROOT}src/cli/main.ts`, "--version"]).left).toContain("evil");
  expect(run([process.execPath, "--config=/dev/null", "-p", "process.env.DOTENV"]).said).toContain("obeyed");
  expect(run(["/bin/sh", "-c", "ip; true"], { PATH: join(folder, "bin") }).left).toEqual(["tool ip"]);
});

for (const [name, program] of PROGRAMS) {
  test(`${name} runs nothing of the current directory and obeys no file in it`, () => {
    const version = run([program, "--version"]);
    expect(version).toEqual({ code: 0, said: expect.stringMatching(/^tcpnet \d/), left: [] });
    const unknown = run([program, "nonsense"]);
    // .env would have made it colourful.
    expect(unknown).toEqual({
      code: 2,
      said: expect.stringMatching(/^\[error\] there is no command nonsense/),
      left: [],
    });
    const sim = run([program, "sim", "--time", "100ms"]);
    expect([sim.code, sim.left]).toEqual([0, []]);
    const drill = run([program, "drill", `${ROOT}test/drill/handshake/accept-blocks.pkt`]);
    expect([drill.code, drill.left]).toEqual([0, []]);
    const status = run([program, "status"]);
    expect([status.said, status.left]).toEqual([expect.stringContaining("tcpnet status"), []]);
  });

  test(`${name} runs no code that a variable names`, () => {
    for (const [variable, value] of [
      ["BUN_OPTIONS", `--preload ${folder}/evil.cjs`],
      ["BUN_OPTIONS", `--require=${folder}/evil.cjs`],
      ["BUN_OPTIONS", `--import ${folder}/evil.cjs`],
      ["BUN_OPTIONS", `--config=${folder}/bunfig.toml`],
      ["BUN_OPTIONS", `--eval require("${folder}/evil.cjs")`],
      ["BUN_INSPECT_PRELOAD", `${folder}/evil.cjs`],
      ["NODE_OPTIONS", `--require ${folder}/evil.cjs`],
      ["NODE_PATH", join(folder, "node_modules")],
      ["NODE_COMPILE_CACHE", join(canaries, "compile-cache")],
      ["NODE_V8_COVERAGE", join(canaries, "coverage")],
      ["NODE_REDIRECT_WARNINGS", join(canaries, "warnings")],
      ["NODE_EXTRA_CA_CERTS", join(folder, "evil.cjs")],
      ["BUN_RUNTIME_TRANSPILER_CACHE_PATH", join(canaries, "transpiled")],
      ["HOME", folder],
      ["XDG_CONFIG_HOME", folder],
    ] as const) {
      const { said, left } = run([program, "status"], { [variable]: value });
      // Bun itself may refuse to start, in words about the variable.
      const refused = /^EvalError: Code generation from strings disallowed/.test(said);
      expect([variable, value, left, refused || said.includes("tcpnet status")]).toEqual([variable, value, [], true]);
    }
  });

  test(`${name} opens no inspector that a variable asks for`, async () => {
    const port = 20_000 + (process.pid % 40_000);
    for (const [variable, value] of [
      ["BUN_INSPECT", `ws://127.0.0.1:${port}/x?wait=1`],
      ["BUN_OPTIONS", `--inspect-wait=127.0.0.1:${port}/x`],
    ] as const) {
      // With an inspector it would wait for somebody to come.
      const { code, said } = run(["timeout", "20", program, "--version"], { [variable]: value });
      expect([variable, code !== 124, /^tcpnet \d|cannot be used with --disallow-code/.test(said)]).toEqual([
        variable,
        true,
        true,
      ]);
    }
  });

  const noRoot = process.getuid?.() === 0 ? "" : "it needs root";
  testUnless(noRoot, `as root ${name} finds its tools where the system has them, whatever PATH says`, () => {
    const { said, left } = run([program, "status"], { PATH: `${join(folder, "bin")}:${process.env.PATH}` });
    expect([said, left]).toEqual([expect.stringContaining("tcpnet status"), []]);
  });

  netTest(`${name} hands no variable on to what it starts but those that it knows`, async (ns) => {
    // The loader of every program that gets these variables leaves a file.
    const env = { LD_DEBUG: "libs", LD_DEBUG_OUTPUT: join(canaries, "ld"), PATH: `${process.env.PATH}:${folder}/bin` };
    const { code, stdout } = await ns.run([program, "demo", "--size", "10k"], { env, cwd: folder });
    expect([code, stdout]).toEqual([0, expect.stringContaining("every byte matches")]);
    const loaded = readdirSync(canaries);
    for (const each of loaded) rmSync(join(canaries, each), { recursive: true });
    // The one that we started, with the shell and `env` before it in the same process.
    expect(loaded.length).toBe(1);
  });

  netTest(`${name} takes no variable's word for it that it is in a private network`, async (ns) => {
    const env = { TCPNET_DEMO_INSIDE: "here", TCPNET_DRILL_INSIDE: "1", TCPNET_DEMO_SOCKET: join(canaries, "socket") };
    // A parent in the same namespace, as the shell of a user is.
    const shell = ["sh", "-c", '"$@"; exit $?', "sh"];
    const demo = await ns.run([...shell, program, "demo", "--size", "10k", "--delay", "1ms"], { env });
    expect([demo.code, demo.stdout]).toEqual([
      0,
      expect.stringContaining("a private network (unshare --net --pid --fork)"),
    ]);
    expect(await ns.must(["ls", "/run"])).toBe("");
    const script = `${ROOT}test/drill/handshake/accept-blocks.pkt`;
    const drill = await ns.run([...shell, program, "drill", "--kernel", script], { env });
    // Inside, it would answer in JSON. How the script fares depends on how busy the machine is.
    expect(drill.stdout).toMatch(/^1 script: /m);
    expect(readdirSync(canaries)).toEqual([]);
  });
}

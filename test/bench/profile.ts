/**
 * Where the microseconds and the kilobytes of a connection go: a server of each layer (stack, sockets, command), the kernel's TCP as client.
 * Writes a table into docs/PERFORMANCE.md, and the picture docs/profile.svg:
 *
 *     bun test/bench/profile.ts [CONNECTIONS]
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Namespace, withNamespace } from "../support/netns.ts";
import { ROOT } from "../support/root.ts";
import { type Part, partsOf } from "./profile/parts.ts";
import { picture } from "./profile/picture.ts";

const CONNECTIONS = Number(process.argv[2] ?? 30_000);
const IDLE = 5_000;
const PARALLEL = 64;
/** Clock ticks of /proc per second. */
const TICKS = 100;

const HERE = `${ROOT}test/bench/profile`;
const LAYERS = {
  stack: [`${HERE}/server.ts`, "stack"],
  sockets: [`${HERE}/server.ts`, "sockets"],
  command: [
    ...[`${ROOT}src/cli/main.ts`, "host", "tun0", "10.0.0.1/24", "10.0.0.1", "--kernel", "--any", "--discard"],
    ...["--port", "5001", "--max", "200000", "--keep-root"],
  ],
} as const;
export type Layer = keyof typeof LAYERS;

export interface Figures {
  readonly layer: Layer;
  /** Processor time of the server per connection, µs: its own, and the kernel's on its behalf. */
  readonly user: number;
  readonly system: number;
  /** Resident memory per idle connection, octets. */
  readonly idle: number;
  /** The server's own time by part of the program. */
  readonly parts: readonly Part[];
}

async function within(ns: Namespace, layer: Layer): Promise<Figures> {
  const folder = mkdtempSync(join(tmpdir(), "tcpnet-profile-"));
  const flags = ["--cpu-prof", `--cpu-prof-dir=${folder}`];
  const server = ns.spawn([process.execPath, ...flags, ...LAYERS[layer]]);
  try {
    await said(server.stderr, /waiting/);
    const client = (...words: readonly (string | number)[]) =>
      ns.spawn([process.execPath, `${HERE}/client.ts`, ...words.map(String)]);
    // The engine compiles what runs.
    await client(Math.floor(CONNECTIONS / 3), PARALLEL, "close").exited;
    const before = timesOf(server.pid);
    await client(CONNECTIONS, PARALLEL, "close").exited;
    const after = timesOf(server.pid);
    const empty = residentOf(server.pid);
    const holder = client(IDLE, PARALLEL, "hold");
    await said(holder.stdout, /done/);
    // They fall asleep.
    await Bun.sleep(2_000);
    const held = residentOf(server.pid);
    holder.stdin.end();
    await holder.exited;
    if (layer === "command") server.kill("SIGTERM");
    else server.stdin.end();
    await server.exited;
    const per = (ticks: number) => (ticks / TICKS / CONNECTIONS) * 1e6;
    const [profile] = readdirSync(folder).filter((name) => name.endsWith(".cpuprofile"));
    return {
      layer,
      user: per(after.user - before.user),
      system: per(after.system - before.system),
      idle: Math.max(0, held - empty) / IDLE,
      parts: profile === undefined ? [] : partsOf(readFileSync(join(folder, profile), "utf8")),
    };
  } finally {
    server.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  }
}

async function said(stream: ReadableStream<Uint8Array>, words: RegExp): Promise<void> {
  let text = "";
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`a program ended, and said: ${text}`);
    text += new TextDecoder().decode(value);
    if (words.test(text)) break;
  }
  // What follows is read, so that the pipe does not fill.
  void (async () => {
    while (!(await reader.read()).done);
  })();
}

function timesOf(pid: number): { readonly user: number; readonly system: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { user: Number(fields[11]), system: Number(fields[12]) };
}

function residentOf(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) * 1024;
}

const figures: Figures[] = [];
for (const layer of Object.keys(LAYERS) as Layer[]) figures.push(await withNamespace((ns) => within(ns, layer)));

const rows = figures.map(({ layer, user, system, idle }) => {
  const cells = [layer, user.toFixed(1), system.toFixed(1), `${(idle / 1024).toFixed(1)} KiB`];
  return `| ${cells.join(" | ")} |`;
});
const parts = figures[1]!.parts.map(({ name, share }) => `| ${name} | ${(100 * share).toFixed(0)} % |`);
const text = [
  `\`bun test/bench/profile.ts ${CONNECTIONS}\``,
  "",
  "| server | own time per connection, µs | kernel's, µs | resident memory of an idle one |",
  "| --- | --- | --- | --- |",
  ...rows,
  "",
  "![Own time of a connection by part of the program](profile.svg)",
  "",
  "Own time of the server of sockets:",
  "",
  "| part | share |",
  "| --- | --- |",
  ...parts,
].join("\n");
const FILE = `${ROOT}docs/PERFORMANCE.md`;
const marks = /(<!-- profile -->\n)[\s\S]*(<!-- end of the profile -->)/;
const document = readFileSync(FILE, "utf8");
if (!marks.test(document)) throw new Error(`${FILE} has no marks`);
writeFileSync(
  FILE,
  document.replace(marks, (_, first: string, last: string) => `${first}\n${text}\n\n${last}`),
);
writeFileSync(`${ROOT}docs/profile.svg`, picture(figures));
console.log(text);

/** What is said and written when a run has failed: the line that replays it, and a report. */
import { jsonLine, type RunEvent, type RunStarted } from "#observe/events";
import { RunBuilder } from "#report/model/builder";
import { builtin } from "./globals.ts";
import { invalid } from "./world-error.ts";

/** The variable that replaces every world's seed. */
export const SEED_VARIABLE = "TCPNET_SEED";

/** Seeds are less than this. */
export const SEEDS_END = 2 ** 32;

/** @throws WorldError EINVAL */
export function seedOf(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  if (/^\d{1,10}$/.test(text) && Number(text) < SEEDS_END) return Number(text);
  throw invalid(`${SEED_VARIABLE}=${text} is not a seed: use a whole number from 0 to ${SEEDS_END - 1}`);
}

/** The program's variables: what a test runner tells of itself, and the seed. */
export const environment = (): Environment => process.env;

type Environment = Readonly<Record<string, string | undefined>>;

/** The file that called, by the stack of an error: the first one that is not of this folder or of the package. */
export function callerOf(stack: string, own: string): string {
  const folder = own.slice(0, own.lastIndexOf("/") + 1).replace(/^file:\/\//, "");
  for (const line of stack.split("\n").slice(1)) {
    const path = /(?:\(|at (?:async )?)(?:file:\/\/)?(\/[^():]+|[A-Z]:[^():]+):\d+(?::\d+)?\)?$/.exec(line.trim())?.[1];
    if (path !== undefined && !path.startsWith(folder) && !path.startsWith("node:")) return path;
  }
  return "";
}

/** How somebody runs that file again with this seed. */
export function replayLine(seed: number, file: string, env: Environment, cwd: string, isBun: boolean): string {
  const path = file.startsWith(`${cwd}/`) ? `./${file.slice(cwd.length + 1)}` : file;
  const isTest = /[._](?:test|spec)\.[cm]?[jt]sx?$/.test(path);
  const bun = isTest ? "bun test" : "bun";
  const node = isTest || env.NODE_TEST_CONTEXT !== undefined ? "node --test" : "node";
  const runner = env.VITEST !== undefined ? "npx vitest run" : isBun ? bun : node;
  return `${SEED_VARIABLE}=${seed} ${runner} ${path === "" ? "FILE" : path}`;
}

/** A recorded run. */
export interface Recording {
  readonly seed: number;
  readonly title: string;
  readonly started: RunStarted;
  readonly events: readonly RunEvent[];
}

interface Files {
  existsSync(path: string): boolean;
  mkdirSync(path: string, options: object): void;
  writeFileSync(path: string, text: string): void;
}

/** Where reports go that nobody has named a place for. */
const MODULES = "node_modules";

/**
 * Writes the report of the explainer; where it cannot be made, the events, from which `tcpnet report` makes it.
 * @param named where it goes, without its ending; null: by the name of the file that ran
 * @returns the file; "" if there is no place for it
 */
export async function writeReport(named: string | null, file: string, recording: Recording): Promise<string> {
  const files = builtin("node:fs") as unknown as Files | undefined;
  if (files === undefined || (named === null && !files.existsSync(MODULES))) return "";
  const { seed, title, started, events } = recording;
  const name = file.slice(file.lastIndexOf("/") + 1).replace(/\.\w+$/, "");
  const path = named ?? `${MODULES}/.cache/tcpnet-sim/${name}-seed-${seed}`;
  files.mkdirSync(path.slice(0, path.lastIndexOf("/") + 1) || ".", { recursive: true });
  try {
    const builder = new RunBuilder();
    for (const event of [started, ...events]) builder.event(event);
    const { reportHtml } = await import("#report/html");
    const html = await reportHtml([{ name: title, run: builder.build() }], { title, program: "tcpnet/sim" });
    files.writeFileSync(`${path}.html`, html);
    return `${path}.html`;
  } catch {
    files.writeFileSync(`${path}.ndjson`, [started, ...events].map((event) => `${jsonLine(event)}\n`).join(""));
    return `${path}.ndjson`;
  }
}

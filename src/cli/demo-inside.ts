/** The demo's process inside its private network, and the one outside that waits for it. They end together. */
import { writeSync } from "node:fs";
import { dirname } from "node:path";
import { ownEnvironment } from "#ffi/environment";
import { controlFolder, controlPath, makeRoom, prepareFolder, releaseFolder } from "#lab/chaos/control-path";
import { CliError } from "./cli-error.ts";
import { removeRecord } from "./demo-record.ts";
import { EXIT_FAILURE, EXIT_SIGHUP, EXIT_SIGINT, EXIT_SIGTERM } from "./exit-codes.ts";
import { DEMO_INSIDE, DEMO_RECORD, DEMO_SOCKET, fromOutside } from "./isolation.ts";
import { selfCommand } from "./program.ts";

/** Runs this program again inside the private network. @param record the folder for the record of host and peer */
export async function runInside(way: readonly string[], record?: string): Promise<number> {
  const socket = demoSocket();
  const child = Bun.spawn([...way, ...selfCommand(process.argv.slice(2))], {
    env: ownEnvironment({
      [DEMO_INSIDE]: `unshare ${way.slice(1).join(" ")}`,
      [DEMO_SOCKET]: socket,
      [DEMO_RECORD]: record,
    }),
    stdio: ["pipe", "inherit", "inherit", "pipe"],
  });
  // `unshare` does not pass signals on. Ctrl-C reaches the process inside twice, which does no harm.
  for (const signal of Object.keys(STOPS) as Stop[]) process.on(signal, () => tellInside(child.stdin, signal));
  if (process.argv.includes("--watch")) stopAfterScreen();
  const [code, goodbye] = await Promise.all([child.exited, Bun.file(child.stdio[3]!).text()]);
  const killed = goodbye !== GOODBYE || child.signalCode !== null;
  if (killed && socket !== "") await clearSocket(socket);
  releaseFolder(controlFolder());
  if (!killed) return code;
  throw new CliError(
    EXIT_FAILURE,
    "the demo was killed",
    "its process in the private network ended without a message; nothing is left running",
  );
}

/** How long the process inside may take to give the screen back after Ctrl-Z, ms. */
const SCREEN_MS = 250;

/** Ctrl-Z goes to all processes of the demo; the shell speaks as soon as this one is stopped. */
function stopAfterScreen(): void {
  process.on("SIGTSTP", () => setTimeout(() => process.kill(process.pid, "SIGSTOP"), SCREEN_MS));
}

/**
 * The path of the demo's control socket; "" if this user can have no folder for it: the link then cannot be changed. The folder is
 * made outside of the private network, since inside the user's id may be another.
 */
export function demoSocket(): string {
  try {
    prepareFolder(controlFolder());
    return controlPath("demo");
  } catch {
    return "";
  }
}

/** Written by the process inside to descriptor 3 when it ends by itself. */
const GOODBYE = "goodbye";
const GOODBYE_FD = 3;

function tellInside(stdin: Bun.FileSink, signal: string): void {
  try {
    stdin.write(`${signal}\n`);
    Promise.resolve(stdin.flush()).catch(() => {});
  } catch {
    // The process has ended.
  }
}

/** Removes the socket of a killed process, once the kernel has ended the processes inside. */
async function clearSocket(path: string): Promise<void> {
  for (let i = 0; i < 20; i++) {
    try {
      return makeRoom(path);
    } catch {
      // A process still listens, perhaps another demo's, or the socket is not ours.
      await Bun.sleep(100);
    }
  }
}

/** Signals that end the demo, and their exit codes. */
export const STOPS = { SIGINT: EXIT_SIGINT, SIGTERM: EXIT_SIGTERM, SIGHUP: EXIT_SIGHUP } as const;
export type Stop = keyof typeof STOPS;

/** How long host and peer may take to end in order after the outer process is gone, ms. A bad link may still hold packets. */
const ORPHAN_MS = 10_000;

/**
 * The process outside writes its signals to our standard input, which closes when that process ends. We are the first
 * process of a PID namespace, so host and peer end with us.
 */
export async function followOutside(stop: (code: number) => void): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of Bun.stdin.stream()) {
    const signal = decoder.decode(chunk).trim().split("\n").at(-1) as Stop;
    stop(STOPS[signal] ?? EXIT_SIGHUP);
  }
  stop(EXIT_SIGHUP);
  await Bun.sleep(ORPHAN_MS);
  process.exit(EXIT_SIGHUP);
}

/** What the process outside made. To be asked while it lives: afterwards `fromOutside` believes nothing. */
export const fromTheLiving = () => ({ socket: fromOutside(DEMO_SOCKET), record: fromOutside(DEMO_RECORD) });

/** The process inside ends by itself. */
export function sayGoodbye({ socket, record }: ReturnType<typeof fromTheLiving>): void {
  try {
    writeSync(GOODBYE_FD, GOODBYE);
  } catch {
    // The process outside was killed and cannot remove its folders.
    if (socket) releaseFolder(dirname(socket));
    if (record !== undefined) removeRecord(record);
  }
}

/** The demo's program in its private network, and the one outside that waits for it: neither outlives the other. */
import { writeSync } from "node:fs";
import { dirname } from "node:path";
import { ownEnvironment } from "#ffi/environment";
import { controlFolder, controlPath, makeRoom, prepareFolder, releaseFolder } from "#lab/chaos/control-path";
import { CliError } from "./cli-error.ts";
import { EXIT_FAILURE, EXIT_SIGHUP, EXIT_SIGINT, EXIT_SIGTERM } from "./exit-codes.ts";
import { DEMO_INSIDE, DEMO_SOCKET, toldInside } from "./isolation.ts";
import { selfCommand } from "./program.ts";

/** Runs this very program again inside of the network. */
export async function runInside(way: readonly string[]): Promise<number> {
  const socket = demoSocket();
  const child = Bun.spawn([...way, ...selfCommand(process.argv.slice(2))], {
    env: ownEnvironment({ [DEMO_INSIDE]: `unshare ${way.slice(1).join(" ")}`, [DEMO_SOCKET]: socket }),
    stdio: ["pipe", "inherit", "inherit", "pipe"],
  });
  // `unshare` passes no signal on. A Ctrl-C reaches the one inside twice, which does no harm.
  for (const signal of Object.keys(STOPS) as Stop[]) process.on(signal, () => tellInside(child.stdin, signal));
  const [code, goodbye] = await Promise.all([child.exited, Bun.file(child.stdio[3]!).text()]);
  const killed = goodbye !== GOODBYE || child.signalCode !== null;
  if (killed && socket !== "") await clearSocket(socket);
  releaseFolder(controlFolder());
  if (!killed) return code;
  throw new CliError(
    EXIT_FAILURE,
    "the demo was killed",
    "its program in the private network ended without a message, and took everything with it",
  );
}

/**
 * Where `tcpnet link` looks for the demo's link; "" where this user can have no folder for it: then the link stays as it is. The folder is
 * made outside of the private network: inside, another user may seem to run.
 */
export function demoSocket(): string {
  try {
    prepareFolder(controlFolder());
    return controlPath("demo");
  } catch {
    return "";
  }
}

/** What the program inside says on its descriptor 3 when it ends by itself. */
const GOODBYE = "goodbye";
const GOODBYE_FD = 3;

function tellInside(stdin: Bun.FileSink, signal: string): void {
  try {
    stdin.write(`${signal}\n`);
    Promise.resolve(stdin.flush()).catch(() => {});
  } catch {
    // It has ended.
  }
}

/** Removes what a killed program left, once the kernel has ended the processes inside. */
async function clearSocket(path: string): Promise<void> {
  for (let i = 0; i < 20; i++) {
    try {
      return makeRoom(path);
    } catch {
      // Somebody listens yet, or another demo does; or it is not ours.
      await Bun.sleep(100);
    }
  }
}

/** What ends the demo, and its exit code then. */
export const STOPS = { SIGINT: EXIT_SIGINT, SIGTERM: EXIT_SIGTERM, SIGHUP: EXIT_SIGHUP } as const;
export type Stop = keyof typeof STOPS;

/** How long host and peer get to end in order when nobody is left to wait for them, ms: a bad link lets out what it holds. */
const ORPHAN_MS = 10_000;

/**
 * The program outside writes the signals that it gets into our standard input. That ends with it, however it ends. We are the first
 * process of a namespace of their own, so host and peer end with us, however we end.
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

/** The demo inside ends by itself. */
export function sayGoodbye(): void {
  try {
    writeSync(GOODBYE_FD, GOODBYE);
  } catch {
    // The program outside was killed, and cannot take the socket's folder away.
    releaseFolder(dirname(toldInside(DEMO_SOCKET) ?? ""));
  }
}

import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { commandOf, endJob, processesOf } from "../run/processes.ts";
import { ROOT } from "./root.ts";
import { testUnless } from "./test-unless.ts";
import { lacks, type Tool, toolsIn } from "./tools.ts";
import { waitingFor } from "./waiting.ts";

/**
 * Network namespaces for tests. Each test gets one of its own, empty but for loopback, with its own /sys and /run, and
 * when the test ends everything is gone: processes (ended by pid), interfaces, routes, firewall rules, state files.
 *
 *     netTestWith(["ping"], "ping is answered", async (ns) => {
 *       const host = ns.spawn(["./tcpnet", "host", …]);
 *       expect((await ns.run(["ping", "-c1", "10.0.0.7"])).code).toBe(0);
 *     });
 */

export { ROOT };

/** A program that ran to its end, or was killed for taking too long. */
export interface Finished {
  /** Exit code; 128 + n after signal n. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

export interface RunOptions {
  readonly timeoutMs?: number;
  /** How long its output may be held open by something that it started. */
  readonly outputTimeoutMs?: number;
  readonly stdin?: string | Uint8Array;
  readonly env?: Record<string, string>;
  readonly cwd?: string;
}

type Piped = Bun.Subprocess<"pipe", "pipe", "pipe">;

/** What every namespace is made with, so that no test has to name it. */
const NAMESPACE_TOOLS = ["unshare", "nsenter", "mount", "ip"] as const satisfies readonly Tool[];

const READY = "ready";
const RUN_TIMEOUT_MS = 60_000;

/** A program's output ends when it does, unless something that it started holds it open. */
const OUTPUT_TIMEOUT_MS = 10_000;

/** Whatever was started in a namespace has the first in its environment, whatever `run` started the second as well. */
const NAMESPACE_VARIABLE = "TCPNET_TEST_NAMESPACE";
const RUN_VARIABLE = "TCPNET_TEST_RUN";

/** Enters with the rights of its maker: root has them, anybody else gets them in a user namespace. */
const asRoot = process.getuid?.() === 0;
const UNSHARE = ["unshare", ...(asRoot ? [] : ["--user", "--map-root-user"]), "--net", "--mount"];
const NSENTER = ["nsenter", ...(asRoot ? [] : ["--user", "--preserve-credentials"]), "--net", "--mount"];

export class Namespace {
  readonly #holder: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #net: string;
  readonly #needs: readonly Tool[];
  readonly #id = crypto.randomUUID();

  private constructor(holder: Bun.Subprocess<"pipe", "pipe", "inherit">, needs: readonly Tool[]) {
    this.#holder = holder;
    this.#needs = [...NAMESPACE_TOOLS, ...needs];
    this.#net = readlinkSync(`/proc/${holder.pid}/ns/net`);
  }

  /**
   * A process that does nothing holds the namespace open. It ends with its standard input, that is, with us at the latest.
   * `needs`: the programs of `tools.ts` that will be started in here.
   */
  static async create(needs: readonly Tool[] = []): Promise<Namespace> {
    const script = `mount -t sysfs sysfs /sys; mount -t tmpfs tmpfs /run; ip link set lo up || exit 1; echo ${READY}; exec cat`;
    const holder = Bun.spawn([...UNSHARE, "sh", "-c", `{ ${script}; } 2>/dev/null`], { stdin: "pipe", stdout: "pipe" });
    const first = await holder.stdout.getReader().read();
    if (!new TextDecoder().decode(first.value).startsWith(READY)) {
      holder.kill("SIGKILL");
      throw new Error(`no network namespace: \`${UNSHARE.join(" ")}\` was refused`);
    }
    return new Namespace(holder, needs);
  }

  /** The command that runs `command` in here, for whoever spawns by other means. */
  command(command: readonly string[], cwd = ROOT): string[] {
    const unnamed = toolsIn(command).filter((tool) => !this.#needs.includes(tool));
    if (unnamed.length > 0) {
      // Where the program is missing, the test would fail instead of being skipped.
      throw new Error(`the test starts ${unnamed.join(", ")} without naming it: netTestWith(["${unnamed[0]}"], …)`);
    }
    const [nsenter, ...flags] = NSENTER;
    // Entering a mount namespace leads to its root directory: hence the way back.
    const there = ["sh", "-c", 'cd "$0" && exec "$@"', cwd];
    return [nsenter!, `--target=${this.#holder.pid}`, ...flags, "--", ...there, ...command];
  }

  /** Starts a program; `kill` reaches the program itself. What still runs when the namespace closes is killed. */
  spawn(command: readonly string[], options: RunOptions = {}): Piped {
    const env = { ...process.env, ...options.env, [NAMESPACE_VARIABLE]: this.#id };
    const streams = { stdin: "pipe", stdout: "pipe", stderr: "pipe" } as const;
    return Bun.spawn(this.command(command, options.cwd), { env, ...streams });
  }

  /** Runs a program to its end. Throws if something that it started holds its output open beyond that. */
  run(command: readonly string[], options: RunOptions = {}): Promise<Finished> {
    return waitingFor(() => command.join(" "), this.#run(command, options));
  }

  async #run(command: readonly string[], options: RunOptions): Promise<Finished> {
    const id = crypto.randomUUID();
    const child = this.spawn(command, { ...options, env: { ...options.env, [RUN_VARIABLE]: id } });
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill("SIGKILL");
    }, options.timeoutMs ?? RUN_TIMEOUT_MS);
    if (options.stdin !== undefined) child.stdin.write(options.stdin);
    child.stdin.end();
    const output = Promise.all([child.stdout.text(), child.stderr.text()]);
    await child.exited;
    clearTimeout(timer);
    const left = await leftOpen(output, options.outputTimeoutMs ?? OUTPUT_TIMEOUT_MS, `${RUN_VARIABLE}=${id}`);
    const [stdout, stderr] = await output;
    if (left.length > 0 && !timedOut) {
      const what = `${command.join(" ")} has ended, but these hold its output open:`;
      throw new Error([what, ...left, "", stdout + stderr].join("\n"));
    }
    return { code: exitCode(child), stdout, stderr, timedOut };
  }

  /** The same, where failing is not what the test is about: throws with the output. Answers stdout. */
  async must(command: readonly string[], options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr, timedOut } = await this.run(command, options);
    if (code === 0) return stdout;
    throw new Error(`${command.join(" ")}: ${timedOut ? "timed out" : `exit ${code}`}\n${stdout}${stderr}`);
  }

  /** Runs a script of ours under this Bun. */
  bun(script: string, args: readonly string[] = [], options: RunOptions = {}): Promise<string> {
    return this.must([process.execPath, script, ...args], options);
  }

  /** Ends every process in here, and those that went from here into another namespace. */
  async close(): Promise<void> {
    await endJob(null, `${NAMESPACE_VARIABLE}=${this.#id}`);
    for (const pid of this.#processes()) if (pid !== this.#holder.pid) kill(pid);
    this.#holder.kill("SIGKILL");
    await this.#holder.exited;
  }

  #processes(): number[] {
    const pids = readdirSync("/proc").map(Number).filter(Number.isInteger);
    return pids.filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/ns/net`) === this.#net;
      } catch {
        return false; // It ended meanwhile, or is somebody else's.
      }
    });
  }
}

/** Ends the processes with `variable` in their environment if `output` does not end, and tells what they were. */
async function leftOpen(output: Promise<unknown>, timeoutMs: number, variable: string): Promise<string[]> {
  const isOpen = await Promise.race([output.then(() => false), Bun.sleep(timeoutMs).then(() => true)]);
  if (!isOpen) return [];
  const left = processesOf(null, variable).map((pid) => `${pid} ${commandOf(pid)}`);
  await endJob(null, variable);
  return left;
}

function exitCode(child: Piped): number {
  const signals: Record<string, number> = { SIGINT: 2, SIGKILL: 9, SIGSEGV: 11, SIGPIPE: 13, SIGTERM: 15, SIGIO: 29 };
  return child.exitCode ?? 128 + (signals[child.signalCode ?? ""] ?? 0);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended meanwhile.
  }
}

/** Runs `work` in a namespace of its own, and removes it whatever happens. */
export async function withNamespace<T>(work: (ns: Namespace) => Promise<T>, needs: readonly Tool[] = []): Promise<T> {
  const ns = await Namespace.create(needs);
  try {
    return await work(ns);
  } finally {
    await ns.close();
  }
}

/** Runs one of our scripts in a namespace of its own; answers what it printed, throws if it failed. */
export function runInNamespace(script: string, args: readonly string[] = [], options?: RunOptions): Promise<string> {
  return withNamespace((ns) => ns.bun(script, args, options));
}

/** Why TUN devices in namespaces cannot be had here, or "" if they can. Tried once, by making one. */
export const unavailable: string = await probe();

async function probe(): Promise<string> {
  if (!existsSync("/dev/net/tun")) return "there is no /dev/net/tun";
  const missing = lacks(NAMESPACE_TOOLS);
  if (missing !== "") return missing;
  try {
    return await withNamespace(async (ns) => {
      const tried = await ns.run(["ip", "tuntap", "add", "probe0", "mode", "tun"]);
      return tried.code === 0 ? "" : `making a TUN device was refused: ${tried.stderr.trim()}`;
    });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** A test in a namespace of its own. Where there can be none it is skipped, as `testUnless` says. */
export function netTest(name: string, work: (ns: Namespace) => Promise<void>, timeoutMs?: number): void {
  netTestWith([], name, work, timeoutMs);
}

/** The same for a test that starts these programs, itself or through a script. Without them it is skipped as well. */
export function netTestWith(
  needs: readonly Tool[],
  name: string,
  work: (ns: Namespace) => Promise<void>,
  timeoutMs?: number,
): void {
  testUnless(unavailable || lacks(needs), name, () => withNamespace(work, needs), timeoutMs);
}

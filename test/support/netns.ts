import { test } from "bun:test";
import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * Network namespaces for tests. Each test gets one of its own, empty but for loopback, with its own /sys and /run, and
 * when the test ends everything is gone: processes (ended by pid), interfaces, routes, firewall rules, state files.
 *
 *     netTest("ping is answered", async (ns) => {
 *       const host = ns.spawn(["./tcpnet", "host", …]);
 *       expect((await ns.run(["ping", "-c1", "10.0.0.7"])).code).toBe(0);
 *     });
 */

/** The top of the repository. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

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
  readonly stdin?: string | Uint8Array;
  readonly env?: Record<string, string>;
  readonly cwd?: string;
}

type Piped = Bun.Subprocess<"pipe", "pipe", "pipe">;

const READY = "ready";
const RUN_TIMEOUT_MS = 20_000;

/** Enters with the rights of its maker: root has them, anybody else gets them in a user namespace. */
const asRoot = process.getuid?.() === 0;
const UNSHARE = ["unshare", ...(asRoot ? [] : ["--user", "--map-root-user"]), "--net", "--mount"];
const NSENTER = ["nsenter", ...(asRoot ? [] : ["--user", "--preserve-credentials"]), "--net", "--mount"];

export class Namespace {
  readonly #holder: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #net: string;

  private constructor(holder: Bun.Subprocess<"pipe", "pipe", "inherit">) {
    this.#holder = holder;
    this.#net = readlinkSync(`/proc/${holder.pid}/ns/net`);
  }

  /** A process that does nothing holds the namespace open. It ends with its standard input, that is, with us at the latest. */
  static async create(): Promise<Namespace> {
    const script = `mount -t sysfs sysfs /sys; mount -t tmpfs tmpfs /run; ip link set lo up || exit 1; echo ${READY}; exec cat`;
    const holder = Bun.spawn([...UNSHARE, "sh", "-c", `{ ${script}; } 2>/dev/null`], { stdin: "pipe", stdout: "pipe" });
    const first = await holder.stdout.getReader().read();
    if (!new TextDecoder().decode(first.value).startsWith(READY)) {
      holder.kill("SIGKILL");
      throw new Error(`no network namespace: \`${UNSHARE.join(" ")}\` was refused`);
    }
    return new Namespace(holder);
  }

  /** The command that runs `command` in here, for whoever spawns by other means. */
  command(command: readonly string[], cwd = ROOT): string[] {
    const [nsenter, ...flags] = NSENTER;
    // Entering a mount namespace leads to its root directory: hence the way back.
    const there = ["sh", "-c", 'cd "$0" && exec "$@"', cwd];
    return [nsenter!, `--target=${this.#holder.pid}`, ...flags, "--", ...there, ...command];
  }

  /** Starts a program; `kill` reaches the program itself. What still runs when the namespace closes is killed. */
  spawn(command: readonly string[], options: RunOptions = {}): Piped {
    const env = { ...process.env, ...options.env };
    const streams = { stdin: "pipe", stdout: "pipe", stderr: "pipe" } as const;
    return Bun.spawn(this.command(command, options.cwd), { env, ...streams });
  }

  /** Runs a program to its end. */
  async run(command: readonly string[], options: RunOptions = {}): Promise<Finished> {
    const child = this.spawn(command, options);
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill("SIGKILL");
    }, options.timeoutMs ?? RUN_TIMEOUT_MS);
    if (options.stdin !== undefined) child.stdin.write(options.stdin);
    child.stdin.end();
    const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    await child.exited;
    clearTimeout(timer);
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

  /** Ends every process in here and with them the namespace. */
  async close(): Promise<void> {
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
export async function withNamespace<T>(work: (ns: Namespace) => Promise<T>): Promise<T> {
  const ns = await Namespace.create();
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
  for (const tool of ["unshare", "nsenter", "ip"])
    if (Bun.which(tool) === null) return `the program ${tool} is missing`;
  try {
    return await withNamespace(async (ns) => {
      const tried = await ns.run(["ip", "tuntap", "add", "probe0", "mode", "tun"]);
      return tried.code === 0 ? "" : `making a TUN device was refused: ${tried.stderr.trim()}`;
    });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** A test in a namespace of its own. Where there can be none it is skipped, loudly; with CI=true that is a failure. */
export function netTest(name: string, work: (ns: Namespace) => Promise<void>, timeoutMs = 120_000): void {
  if (unavailable === "") {
    test(name, () => withNamespace(work), timeoutMs);
  } else if (process.env.CI === "true") {
    test(name, () => {
      throw new Error(`cannot run: ${unavailable}`);
    });
  } else {
    console.warn(`SKIPPED ${name}: ${unavailable}`);
    test.skip(`${name} [${unavailable}]`, () => {});
  }
}

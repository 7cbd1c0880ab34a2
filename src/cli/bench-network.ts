/** The private network of `bench --vs`, and the processes in it. */
import { findTool, ownEnvironment, toolEnvironment } from "#ffi/environment";
import { netup } from "#netup/netup";
import { CliError } from "./cli-error.ts";
import { EXIT_FAILURE } from "./exit-codes.ts";
import { programName, selfCommand } from "./program.ts";

/** Kernel TCP: our end and the other namespace's. */
export const VETH_NEAR = "10.0.2.1";
export const VETH_FAR = "10.0.2.2";

/** How long a program may take to be ready, ms. */
const READY_MS = 20_000;

/** A program that runs beside this one, with everything that it says. */
export class Program {
  readonly #child: Bun.Subprocess<"pipe", "pipe", "pipe">;
  readonly #what: string;
  readonly #reading: Promise<unknown>;
  #heard: () => void = () => {};
  #hasEnded = false;
  out = "";
  #err = "";

  /** @param what names it in messages */
  constructor(what: string, command: readonly string[]) {
    this.#what = what;
    this.#child = Bun.spawn([...command], { env: ownEnvironment(), stdio: ["pipe", "pipe", "pipe"] });
    const { stdout, stderr, exited } = this.#child;
    this.#reading = Promise.all([
      gather(stdout, (text) => {
        this.out += text;
        this.#heard();
      }),
      gather(stderr, (text) => {
        this.#err = (this.#err + text).slice(-4096);
      }),
      exited.then(() => {
        this.#hasEnded = true;
        this.#heard();
      }),
    ]);
  }

  /** Resolves once it has printed this. Throws if it does not. */
  async prints(words: string): Promise<void> {
    const late = setTimeout(() => this.kill(), READY_MS);
    while (!this.out.includes(words)) {
      if (this.#hasEnded) throw this.#failure();
      await new Promise<void>((resolve) => (this.#heard = resolve));
    }
    clearTimeout(late);
  }

  /** Resolves with what it printed once it has ended. Throws if it failed, or takes longer. */
  async result(limitMs: number): Promise<string> {
    const late = setTimeout(() => this.kill(), limitMs);
    await this.#reading;
    clearTimeout(late);
    if (this.#child.exitCode === 0) return this.out;
    throw this.#failure();
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** Ends it, whatever it is doing. */
  async end(): Promise<void> {
    this.kill();
    await this.#reading;
  }

  #failure(): CliError {
    const last = (text: string) => text.trim().split("\n").slice(-2).join("; ");
    const how = this.#child.signalCode ?? `exit code ${this.#child.exitCode}`;
    return new CliError(
      EXIT_FAILURE,
      `${this.#what} failed (${how})`,
      last(Bun.stripANSI(this.#err)) || last(this.out),
    );
  }
}

async function gather(stream: ReadableStream<Uint8Array>, take: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of stream) take(decoder.decode(chunk, { stream: true }));
}

/** Devices, forwarding and the rest, as netup makes them. In a user namespace a device that it has prepared is the only one that works. */
export async function prepareNetwork(): Promise<void> {
  ip("link", "set", "lo", "up");
  // Whoever called sudo is nobody there.
  const { findings } = await netup({ user: "root", record: false, program: programName });
  const failed = findings.find(({ level }) => level === "fail");
  if (failed !== undefined) throw new CliError(EXIT_FAILURE, failed.what, failed.why);
}

/** Another network namespace, connected by a veth pair. It ends with its holder. */
export class FarNetwork {
  readonly #holder: Program;
  readonly #path: string;

  private constructor(holder: Program, path: string) {
    this.#holder = holder;
    this.#path = path;
  }

  /** @param offload false: each packet is one segment, as with `--no-offload` */
  static async create(offload: boolean): Promise<FarNetwork> {
    // The number of a process in /proc, which may be another namespace's, is what the process itself reads there.
    const script = "read pid rest < /proc/self/stat; echo $pid; exec cat";
    const holder = new Program("a second network namespace", ["unshare", "--net", "sh", "-c", script]);
    await holder.prints("\n");
    const far = new FarNetwork(holder, `/proc/${holder.out.trim()}/ns/net`);
    ip("link", "add", "veth0", "type", "veth", "peer", "name", "veth1");
    if (!offload) for (const name of ["veth0", "veth1"]) ip("link", "set", name, "gso_max_segs", "1");
    ip("link", "set", "veth1", "netns", far.#path);
    ip("addr", "add", `${VETH_NEAR}/24`, "dev", "veth0");
    ip("link", "set", "veth0", "up");
    for (const words of [
      ["addr", "add", `${VETH_FAR}/24`, "dev", "veth1"],
      ["link", "set", "veth1", "up"],
      ["link", "set", "lo", "up"],
    ]) {
      run(far.command(["ip", ...words]));
    }
    return far;
  }

  /** The command that runs another one in there. */
  command(words: readonly string[]): string[] {
    return ["nsenter", `--net=${this.#path}`, ...words];
  }

  async close(): Promise<void> {
    ip("link", "delete", "veth0");
    await this.#holder.end();
  }
}

/** Each side has a processor, if there are two and a program to say so. */
export function pinned(side: 0 | 1, command: readonly string[]): string[] {
  const taskset = findTool("taskset");
  if (taskset === null || navigator.hardwareConcurrency < 2) return [...command];
  return [taskset, "-c", `${side}`, ...command];
}

/** This program again. */
export function self(...words: readonly string[]): string[] {
  return selfCommand(words);
}

function ip(...words: readonly string[]): void {
  run(["ip", ...words]);
}

function run(command: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync([...command], { env: toolEnvironment(), stderr: "pipe" });
  if (exitCode !== 0) throw new CliError(EXIT_FAILURE, `${command.join(" ")} failed`, stderr.toString().trim());
}

/** Starts the process in the command's namespaces, and talks to it. */
import { accessSync, constants } from "node:fs";
import { findTool, isRoot, ownEnvironment, toolEnvironment } from "#ffi/environment";
import { EAGAIN, EINTR } from "#ffi/errno";
import { close } from "#ffi/libc";
import { NO_DESCRIPTOR, receiveDescriptor, socketPair } from "#ffi/pass-descriptor";
import { readNow } from "#ffi/stream-read";
import { CliError } from "../cli-error.ts";
import { EXIT_FAILURE, EXIT_PERMISSION } from "../exit-codes.ts";
import { RUN_INSIDE } from "../isolation.ts";
import { selfCommand } from "../program.ts";
import type { Order, Plan, Told } from "./network.ts";

/** The namespaces of a command. A PID namespace ends all processes of the command when its first process ends. */
const NAMESPACES = ["--net", "--mount", "--pid", "--fork"];

const EXPLAINED = "`run` gives the command a network namespace with a TUN device in it";

/** The command that makes the namespaces. Throws CliError. @param mapRoot the command looks as if run by root */
export function namespaceCommand(mapRoot: boolean): string[] {
  checkTun();
  const unshare = findTool("unshare");
  if (unshare === null) {
    throw new CliError(EXIT_PERMISSION, "the program unshare is missing", EXPLAINED, "install util-linux");
  }
  const ways = [
    ...(isRoot() ? [[unshare, ...NAMESPACES]] : []),
    [
      unshare,
      "--user",
      ...(mapRoot || isRoot() ? ["--map-root-user"] : ["--map-current-user", "--keep-caps"]),
      ...NAMESPACES,
    ],
  ];
  let said = "";
  for (const way of ways) {
    const tried = Bun.spawnSync([...way, findTool("true") ?? "/bin/true"], { env: toolEnvironment(), stderr: "pipe" });
    if (tried.exitCode === 0) return way;
    said = tried.stderr.toString().trim().split("\n")[0]!;
  }
  throw new CliError(
    EXIT_PERMISSION,
    "this system allows no namespaces to this user",
    said === "" ? EXPLAINED : said,
    "see the sysctls user.max_user_namespaces, kernel.unprivileged_userns_clone and kernel.apparmor_restrict_unprivileged_userns; or use sudo",
  );
}

function checkTun(): void {
  try {
    accessSync("/dev/net/tun", constants.R_OK | constants.W_OK);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const [what, fix] = missing
      ? ["there is no /dev/net/tun here", "sudo modprobe tun; in a container: --device /dev/net/tun"]
      : ["this user may not open /dev/net/tun", "sudo chmod 666 /dev/net/tun, as most systems have it; or use sudo"];
    throw new CliError(EXIT_PERMISSION, what, EXPLAINED, fix);
  }
}

/** How often the set-up is looked at, ms. */
const LOOK_MS = 2;

/** The process in the namespaces. */
export class Namespaces {
  readonly #child: Bun.Subprocess;
  readonly #orders: Bun.FileSink;
  readonly #socket: number;
  #rest = "";

  private constructor(way: readonly string[]) {
    const [ours, theirs] = socketPair();
    this.#socket = ours;
    this.#child = Bun.spawn([...way, ...selfCommand(["run", "--", "inside"])], {
      env: ownEnvironment({ [RUN_INSIDE]: "1" }),
      stdio: ["inherit", "inherit", "inherit", theirs, "pipe"],
    });
    close(theirs);
    this.#orders = Bun.file(this.#child.stdio[4] as unknown as number).writer();
  }

  /** Makes the namespaces and the device; returns the device's descriptor. Throws CliError. */
  static async open(
    way: readonly string[],
    plan: Plan,
  ): Promise<{ inside: Namespaces; fd: number; warnings: readonly string[] }> {
    const inside = new Namespaces(way);
    inside.#send(plan);
    const fd = await inside.#descriptor();
    const told = await inside.#told();
    if (told.kind === "ready" && fd >= 0) return { inside, fd, warnings: told.warnings };
    inside.close();
    throw failure(told);
  }

  /** Starts the command. @param leftover a file that is removed when it has ended; or "" */
  start(leftover: string): void {
    this.#send({ kind: "start", leftover });
  }

  signal(signal: NodeJS.Signals): void {
    this.#send({ kind: "signal", signal });
  }

  /** How the command ended. Throws CliError if it could not be started, or the process inside was killed. */
  async ended(): Promise<{ readonly code: number; readonly signal: string | null }> {
    await this.#child.exited;
    const told = await this.#told();
    if (told.kind === "ended") return told;
    throw failure(told);
  }

  close(): void {
    try {
      Promise.resolve(this.#orders.end()).catch(() => {});
    } catch {
      // It has ended.
    }
    close(this.#socket);
  }

  #send(order: Plan | Order): void {
    try {
      this.#orders.write(`${JSON.stringify(order)}\n`);
      Promise.resolve(this.#orders.flush()).catch(() => {});
    } catch {
      // It has ended; `ended` tells.
    }
  }

  /** Waits for the device, or for the message that there is none. */
  async #descriptor(): Promise<number> {
    for (;;) {
      const over = this.#child.exitCode !== null || this.#child.signalCode !== null;
      const octet = new Uint8Array(1);
      const fd = receiveDescriptor(this.#socket, octet);
      if (fd >= 0) return fd;
      // A message came instead.
      if (fd === NO_DESCRIPTOR && octet[0] !== 0) this.#rest += String.fromCharCode(octet[0]!);
      if (fd !== -EAGAIN && fd !== -EINTR) return fd;
      if (over) return -1;
      await Bun.sleep(LOOK_MS);
    }
  }

  /** The next message. */
  async #told(): Promise<Told> {
    for (;;) {
      const at = this.#rest.indexOf("\n");
      if (at >= 0) {
        const line = this.#rest.slice(0, at);
        this.#rest = this.#rest.slice(at + 1);
        return JSON.parse(line) as Told;
      }
      const over = this.#child.exitCode !== null || this.#child.signalCode !== null;
      const bytes = new Uint8Array(4096);
      const n = readNow(this.#socket, bytes);
      if (n > 0) this.#rest += new TextDecoder().decode(bytes.subarray(0, n));
      else if (over || n === 0) return { kind: "failed", code: EXIT_FAILURE, ...KILLED };
      else await Bun.sleep(LOOK_MS);
    }
  }
}

const KILLED = {
  what: "the process in the command's namespaces was killed",
  why: "it ended without a message; nothing is left running",
  fix: "",
};

function failure(told: Told): CliError {
  if (told.kind !== "failed") return new CliError(EXIT_FAILURE, KILLED.what, KILLED.why);
  return new CliError(told.code, told.what, told.why, told.fix);
}

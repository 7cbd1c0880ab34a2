import { mkdirSync, readFileSync, readlinkSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { findTool, toolEnvironment } from "#ffi/environment";
import { networkCookie } from "#ffi/namespace";
import { distrust } from "#ffi/trust";
import { takeLock } from "./lock.ts";
import { DRAFT, RUN_FOLDER } from "./run-folder.ts";
import { sweep } from "./sweep.ts";

/** A command's output and exit code: 127 if the tool does not exist, 124 if it took too long. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/**
 * All of netup's access to the machine: commands, files under /proc, the state file. Tests pass a recorded machine, so
 * every decision can be tested without privileges.
 */
export interface System {
  /** Runs a tool to its end. Never throws: a missing or hanging tool gives an exit code, too. */
  run(argv: readonly string[], stdin?: string): Ran;
  /** The path of the tool, or null. */
  which(tool: string): string | null;
  /** The file's text without the last newline; null if it is missing or not readable. */
  read(path: string): string | null;
  /** The target of a symbolic link; null if it is not one or not readable. */
  link(path: string): string | null;
  /** Writes a file of /proc. Throws the system's error (`code`: EROFS, EACCES, ENOENT …). */
  write(path: string, text: string): void;
  /** Why somebody else than root may have written a file in our folder; "" if nobody can have. */
  distrust(path: string): string;
  /** Replaces a file of our folder atomically; makes the folder if needed. Throws as `write`. */
  save(path: string, text: string): void;
  /** Waits until no other netup or netdown runs, and returns the function that lets the next one run. Throws NetupError. */
  lock(): () => void;
  /** Removes a file of our folder, and the folder if it is then empty. A missing file is not an error. */
  remove(path: string): void;
  /** Removes the files that killed programs left in our folder; returns their paths. Needs the lock. */
  sweep(): string[];
  /** Identifies this network namespace until the next boot; null if the kernel does not support that. */
  cookie(): string | null;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly uid: number;
}

/** Time limit of a single tool. firewall-cmd needs half a second; waiting for the xtables lock can take five. */
const RUN_LIMIT_MS = 15_000;

const ROOT = 0;

/** The machine itself. */
export const machine: System = {
  run(argv, stdin = "") {
    const tool = machine.which(argv[0]!);
    if (tool === null) return { code: 127, out: "", err: `${argv[0]}: not found` };
    const child = Bun.spawnSync([tool, ...argv.slice(1)], {
      stdin: Buffer.from(stdin),
      stdout: "pipe",
      stderr: "pipe",
      timeout: RUN_LIMIT_MS,
      env: toolEnvironment(),
    });
    const out = child.stdout.toString();
    const err = child.stderr.toString().trim();
    if (child.exitedDueToTimeout) return { code: 124, out, err: `no answer within ${RUN_LIMIT_MS / 1000} s` };
    return { code: child.exitCode ?? 1, out, err };
  },
  which: findTool,
  read(path) {
    try {
      return readFileSync(path, "utf8").replace(/\n$/, "");
    } catch {
      return null;
    }
  },
  link(path) {
    try {
      return readlinkSync(path);
    } catch {
      return null;
    }
  },
  write: (path, text) => writeFileSync(path, text),
  distrust: (path) => distrust(RUN_FOLDER, "folder", ROOT) || distrust(path, "file", ROOT),
  save(path, text) {
    mkdirSync(RUN_FOLDER, { recursive: true, mode: 0o755 });
    const why = distrust(RUN_FOLDER, "folder", ROOT);
    if (why !== "") throw new Error(why);
    const draft = path + DRAFT;
    // A killed netup may have left the file. "wx" does not follow a symbolic link.
    rmSync(draft, { force: true });
    writeFileSync(draft, text, { mode: 0o644, flag: "wx" });
    renameSync(draft, path);
  },
  lock: takeLock,
  remove(path) {
    rmSync(path, { force: true });
    try {
      rmdirSync(RUN_FOLDER);
    } catch {
      // The folder holds sockets of links, too, or does not exist.
    }
  },
  sweep,
  cookie() {
    try {
      return networkCookie();
    } catch {
      return null;
    }
  },
  env: process.env,
  uid: process.geteuid?.() ?? -1,
};

/** The path under /proc/sys of a sysctl key in slash form ("net/ipv4/conf/tun0/forwarding"). */
export function sysctlPath(key: string): string {
  return `/proc/sys/${key}`;
}

/** A sysctl key as sysctl(8) prints it. Slashes stay if an interface's name has a dot (eth0.100). */
export function sysctlText(key: string): string {
  return key.includes(".") ? key : key.replaceAll("/", ".");
}

/** A command as a person would type it into a shell. */
export function commandText(argv: readonly string[]): string {
  return argv.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(" ");
}

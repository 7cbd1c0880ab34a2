import { mkdirSync, readFileSync, readlinkSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { findTool, toolEnvironment } from "#ffi/environment";
import { networkCookie } from "#ffi/namespace";
import { distrust } from "#ffi/trust";
import { takeLock } from "./lock.ts";
import { DRAFT, RUN_FOLDER } from "./run-folder.ts";
import { sweep } from "./sweep.ts";

/** What a command said. `code` is 127 where the tool does not exist and 124 where it took too long. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/**
 * Everything netup knows of the machine goes through this: commands, files under /proc, the state file. A test puts a
 * recorded machine in its place, so every decision can be tried without privileges.
 */
export interface System {
  /** Runs a tool to its end. Never throws: a tool that is missing or hangs is an answer too. */
  run(argv: readonly string[], stdin?: string): Ran;
  /** Where the tool lies, or null. */
  which(tool: string): string | null;
  /** The file's text without the last newline; null where it is missing or not readable. */
  read(path: string): string | null;
  /** Where a symbolic link points; null where it is none or not readable. */
  link(path: string): string | null;
  /** Writes a file of /proc. Throws what the system says (`code`: EROFS, EACCES, ENOENT …). */
  write(path: string, text: string): void;
  /** Why a file of our folder may be the work of somebody else than root; "" where it is not. */
  distrust(path: string): string;
  /** Replaces a file of our folder at once (a reader sees the old or the new one), making the folder. Throws as `write`. */
  save(path: string, text: string): void;
  /** Waits until no other netup or netdown is at work, and answers how to let the next one. Throws NetupError. */
  lock(): () => void;
  /** Removes a file of our folder, and the folder where nothing else is in it; one that is not there is no error. */
  remove(path: string): void;
  /** Removes from our folder what programs left there that were killed; answers the paths. Only while the lock is held. */
  sweep(): string[];
  /** What tells this network namespace from all others until the next boot; null where the kernel does not say. */
  cookie(): string | null;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly uid: number;
}

/** The longest any single tool may take; firewall-cmd needs half a second, a busy xtables lock five. */
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
    // Left by a netup that was killed; a link that lies there is not followed.
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
      // The sockets of links lie there, too; or it never was there.
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

/** A sysctl key as sysctl(8) prints it. Slashes stay where a name has a dot of its own (eth0.100). */
export function sysctlText(key: string): string {
  return key.includes(".") ? key : key.replaceAll("/", ".");
}

/** A command as a person would type it into a shell. */
export function commandText(argv: readonly string[]): string {
  return argv.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(" ");
}

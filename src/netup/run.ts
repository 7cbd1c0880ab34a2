import { mkdirSync, readFileSync, readlinkSync, renameSync, rmdirSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { findTool, toolEnvironment } from "#ffi/environment";
import { takeLock } from "./lock.ts";

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
  /** Replaces a file at once (a reader sees the old or the new one), making its folder. Throws as `write`. */
  save(path: string, text: string): void;
  /** Waits until no other netup or netdown is at work, and answers how to let the next one. Throws NetupError. */
  lock(path: string): () => void;
  /** Removes a file, and our own folder where nothing else is in it; one that is not there is no error. */
  remove(path: string): void;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly uid: number;
}

/** Where our files of this boot lie. */
export const RUN_FOLDER = "/run/tcpnet";

/** The longest any single tool may take; firewall-cmd needs half a second, a busy xtables lock five. */
const RUN_LIMIT_MS = 15_000;

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
  save(path, text) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    const draft = `${path}.${process.pid}`;
    writeFileSync(draft, text, { mode: 0o644 });
    renameSync(draft, path);
  },
  lock(path) {
    takeLock(path);
    return () => machine.remove(path);
  },
  remove(path) {
    try {
      unlinkSync(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
    if (dirname(path) !== RUN_FOLDER) return;
    try {
      rmdirSync(RUN_FOLDER);
    } catch {
      // The sockets of links lie there, too; or it never was there.
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

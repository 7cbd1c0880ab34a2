/** Refuses a file that is used twice in a command line: it would be emptied before it is read, or two streams would mix in it. */
import { fstatSync, readlinkSync, type Stats, statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { usageError } from "./cli-error.ts";
import { STDERR } from "./print.ts";

/** A file of the command line or a redirection. */
export interface FileInUse {
  /** For messages: "--recv copy", "standard input". */
  readonly name: string;
  /** A path, or an open descriptor. */
  readonly at: string | number;
  readonly use: "read" | "written";
}

/** Throws CliError if the file to write, "--events log", is one of the files to read. */
export function refuseOverwriting(read: readonly string[], flag: string, written: string): void {
  refuseSameFile([
    ...read.map((name) => ({ name, at: name, use: "read" }) as const),
    { name: `${flag} ${written}`, at: written, use: "written" },
  ]);
}

interface Identity {
  /** Device and inode; for a missing file, those of its folder, and its name. */
  readonly key: string;
  /** Null: the file does not exist yet and will be a regular file. */
  readonly stats: Stats | null;
}

/** Limit of symbolic links in a row, as in the kernel. */
const LINKS_MAX = 40;

/** Throws CliError if two of them are the same file and one is written. Invalid paths are reported when they are opened. */
export function refuseSameFile(files: readonly FileInUse[]): void {
  const seen: { file: FileInUse; identity: Identity }[] = [];
  for (const file of files) {
    const identity = identityOf(file.at);
    if (identity === null) continue;
    for (const other of seen) {
      if (identity.key === other.identity.key && clash(file, other.file, identity.stats))
        throw refusal(other.file, file);
    }
    seen.push({ file, identity });
  }
}

function clash(a: FileInUse, b: FileInUse, stats: Stats | null): boolean {
  if (a.use === "read" && b.use === "read") return false;
  const inherited = typeof a.at === "number" && typeof b.at === "number";
  // `> log 2>&1` is allowed: one open file, written in turn.
  if (inherited && a.use === b.use) return false;
  if (stats === null || stats.isFile() || stats.isBlockDevice()) return true;
  // Terminals and /dev/null may be used several times; under inetd one socket is both input and output.
  return stats.isFIFO() && !inherited && a.at !== STDERR && b.at !== STDERR;
}

function refusal(first: FileInUse, second: FileInUse): Error {
  const [read, written] = first.use === "read" ? [first, second] : [second, first];
  const what = `${first.name} and ${second.name} are the same file`;
  if (read.use === "read")
    return usageError(what, `${written.name} would overwrite the data that is to be read`, "name another file");
  return usageError(what, "each would overwrite the other", "name another file");
}

function identityOf(at: string | number): Identity | null {
  try {
    const stats = typeof at === "number" ? fstatSync(at) : statSync(at);
    return { key: `${stats.dev}:${stats.ino}`, stats };
  } catch {
    return typeof at === "number" ? null : identityOfMissing(at);
  }
}

function identityOfMissing(path: string): Identity | null {
  let end = resolve(path);
  for (let links = 0; links < LINKS_MAX; links++) {
    const next = linkAt(end);
    if (next === null) break;
    end = resolve(dirname(end), next);
  }
  try {
    const folder = statSync(dirname(end));
    return { key: `${folder.dev}:${folder.ino}/${basename(end)}`, stats: null };
  } catch {
    return null;
  }
}

function linkAt(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}

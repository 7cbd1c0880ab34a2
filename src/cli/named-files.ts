/**
 * Opens the files of the command line with the permissions of the user who typed it: under sudo, of the caller of
 * sudo, so that nothing is read or written as root that this user could not; and before root is given up, so that root's own
 * files can be used by a program that goes on as nobody.
 */
import { accessSync, closeSync, constants, fstatSync, ftruncateSync, openSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { actAs } from "#ffi/privileges";
import { SystemError } from "#ffi/system-error";
import { memoryFile } from "#ffi/unnamed";
import { type Account, accountFiles, maps, ownCaller } from "./accounts.ts";
import { removeEmptyAfterwards } from "./afterwards.ts";
import { CliError, type FileUse, fileError } from "./cli-error.ts";
import { EXIT_PERMISSION } from "./exit-codes.ts";
import { handover, RUNS_AS } from "./handover.ts";

const { O_WRONLY, O_CREAT, O_EXCL, W_OK, X_OK } = constants;

/** A file opened for writing and not changed yet. */
export interface Writable {
  readonly fd: number;
  /** Whether it was made now. */
  readonly isNew: boolean;
  /** Whether it is a file on a disk with something in it. */
  readonly hasContent: boolean;
}

/** The user whose permissions are used; undefined: not determined yet. */
let opener: Account | null | undefined;

/** The caller of sudo, whose permissions are used; null: use those of this process. */
export function fileOwner(): Account | null {
  if (opener === undefined)
    opener = process.geteuid?.() === 0 ? realCaller(readFileSync("/proc/self/uid_map", "utf8")) : null;
  return opener;
}

/** In a user namespace made by an ordinary user, root is that user, even if sudo was used before. */
function realCaller(uidMap: string): Account | null {
  const caller = ownCaller(accountFiles());
  const outside = uidMap.trim().split(/\s+/)[1];
  return caller !== null && outside !== "0" && !maps(uidMap, caller.uid) ? null : caller;
}

/** With --keep-root, files are opened as root. */
export function openAsRoot(): void {
  opener = null;
}

/** Runs a function with the permissions of the caller of sudo. It must be synchronous. */
export function asCaller<T>(work: () => T): T {
  const owner = fileOwner();
  return owner === null ? work() : actAs(owner, work);
}

/**
 * Opens a file, or returns the descriptor opened under that name before root was given up. @param name the use and the file: one that
 * is opened for two uses has two descriptors
 */
function opened(name: string, path: string, use: FileUse, open: () => number): number {
  const kept = handover.take(name);
  if (kept !== undefined) return kept;
  const fd = worded(path, use, open);
  handover.keep(name, fd);
  return fd;
}

/** Throws CliError. */
export function openToRead(path: string): number {
  const fd = opened(`read ${path}`, path, "read", () => openSync(path, "r"));
  refuseDirectory(fd, path, "read");
  return fd;
}

/** Opens a file without emptying it, or makes it. Throws CliError. */
export function openToWrite(path: string): Writable {
  const made = `made ${path}`;
  const fd = opened(`write ${path}`, path, "write", () => {
    const existing = unless("ENOENT", () => openSync(path, O_WRONLY));
    if (existing !== null) return existing;
    const created = unless("EEXIST", () => openSync(path, O_WRONLY | O_CREAT | O_EXCL));
    if (created !== null) {
      handover.say(made, "yes");
      // In root's folder only root may remove it again.
      if (handover.isPending && fileOwner() === null) removeEmptyAfterwards(path);
    }
    // A symbolic link to a file that does not exist: the file is made, as a shell does.
    return created ?? openSync(path, O_WRONLY | O_CREAT);
  });
  const stats = fstatSync(fd);
  return { fd, isNew: handover.word(made) !== undefined, hasContent: stats.isFile() && stats.size > 0 };
}

/** Empties an open file on a disk; anything else, such as a pipe, stays as it is. Throws the system's error. */
export function truncate(fd: number): void {
  if (fstatSync(fd).isFile()) ftruncateSync(fd);
}

/** A file for packets or events: opened and emptied, and made again after a log rotator has moved it away. */
export class RecordFile {
  readonly path: string;
  /** Returns the descriptor; when called again, that of a new file with this path. Throws the system's error. */
  readonly open: () => number;

  /** Throws CliError. */
  constructor(path: string) {
    this.path = path;
    let first: number | null = opened(`record ${path}`, path, "write", () => openSync(path, "w"));
    this.open = () => {
      const fd = first ?? asCaller(() => openSync(path, "w"));
      first = null;
      return fd;
    };
  }
}

/** Null if nothing is recorded, or to standard output. Throws CliError. */
export function recordAt(path: string | undefined): RecordFile | null {
  return path === undefined || path === "-" ? null : new RecordFile(path);
}

/** Throws CliError if the file cannot be written. Makes a missing file and changes nothing else. */
export function checkWritable(path: string): void {
  closeSync(worded(path, "write", () => openSync(path, "a")));
}

/** A directory can be opened for reading, but not read. */
export function refuseDirectory(fd: number, path: string, use: FileUse): void {
  if (!isDirectory(fd)) return;
  if (fd > 2) closeSync(fd);
  throw fileError(path, "EISDIR", "", use);
}

function isDirectory(fd: number): boolean {
  try {
    return fstatSync(fd).isDirectory();
  } catch {
    // A standard input that is closed is an empty one.
    return false;
  }
}

/** Null if the system returns this error. */
function unless<T>(code: string, work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === code) return null;
    throw error;
  }
}

/** Reads a text file of the command line. Files read before root was given up are kept in memory. */
export function readNamed(path: string): string {
  const name = `text ${path}`;
  const kept = handover.take(name);
  if (kept !== undefined) {
    const text = readFileSync(kept, "utf8");
    closeSync(kept);
    return text;
  }
  const text = worded(path, "read", () => readFileSync(path, "utf8"));
  if (handover.isPending) handover.keep(name, memoryFile(text));
  return text;
}

/** Whether this process may make a new file with that path, after a log rotator has moved the old one. */
export function mayMake(path: string): boolean {
  try {
    accessSync(dirname(path), W_OK | X_OK);
    return true;
  } catch {
    return false;
  }
}

function worded<T>(path: string, use: FileUse, work: () => T): T {
  try {
    return asCaller(work);
  } catch (error) {
    if (error instanceof SystemError) throw error;
    const { code = "", message } = error as NodeJS.ErrnoException;
    const reason = code === "EACCES" || code === "EPERM" ? whoMayNot(code) : null;
    if (reason === null) throw fileError(path, code, message, use);
    throw new CliError(
      EXIT_PERMISSION,
      `cannot ${use} ${path}`,
      reason,
      "name another file; with root's rights: --keep-root",
    );
  }
}

/** A note that root could have opened the file; null if that is irrelevant. */
function whoMayNot(code: string): string | null {
  const owner = fileOwner();
  if (owner !== null)
    return `${owner.name} may not (${code}): under sudo, files are opened with the permissions of its caller`;
  const user = handover.word(RUNS_AS);
  return user === undefined ? null : `${user} may not (${code}): the program runs as that user, not as root`;
}

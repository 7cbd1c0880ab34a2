/** Files that the command line names for data. All of them are opened here. */
import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { type FileUse, fileError } from "./cli-error.ts";

const { O_WRONLY, O_CREAT, O_EXCL } = constants;

/** A file that can be written. Nothing in it is changed yet. */
export interface Writable {
  readonly fd: number;
  /** It did not exist before. */
  readonly isNew: boolean;
}

/** Throws CliError. */
export function openToRead(path: string): number {
  const fd = worded(path, "read", () => openSync(path, "r"));
  refuseDirectory(fd, path, "read");
  return fd;
}

/** Opens a file without emptying it, or makes it. Throws CliError. */
export function openToWrite(path: string): Writable {
  return worded(path, "write", () => {
    const existing = unless("ENOENT", () => openSync(path, O_WRONLY));
    if (existing !== null) return { fd: existing, isNew: false };
    const made = unless("EEXIST", () => openSync(path, O_WRONLY | O_CREAT | O_EXCL));
    if (made !== null) return { fd: made, isNew: true };
    // A symbolic link to a file that does not exist: the file is made, as a shell does.
    return { fd: openSync(path, O_WRONLY | O_CREAT), isNew: false };
  });
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

/** Null where the system answers with this error. */
function unless<T>(code: string, work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === code) return null;
    throw error;
  }
}

function worded<T>(path: string, use: FileUse, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    throw fileError(path, code, message, use);
  }
}

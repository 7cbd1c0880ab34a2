import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmdirSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { lockFile } from "#ffi/file-lock";
import { distrust } from "#ffi/trust";
import { notReady } from "./errors.ts";
import { LOCK_FILE, RUN_FOLDER } from "./run-folder.ts";

/** How long one netup or netdown waits for another. */
const WAIT_MS = 20_000;
const LOOK_MS = 50;

const ROOT = 0;

/**
 * One netup or netdown at a time. Answers how to let the next one once it is our turn. The kernel holds the lock, so nobody
 * waits for a program that was killed. Where no file can be made there can be no state either, and that is told in its
 * own words. Throws NetupError where the other does not end.
 */
export function takeLock(): () => void {
  const until = performance.now() + WAIT_MS;
  for (;;) {
    const fd = openLock();
    if (fd === null) return () => {};
    if (fd >= 0) {
      if (lockFile(fd) === 0 && isStillThere(fd)) return () => release(fd);
      // Held by another one, or that one removed it meanwhile.
      closeSync(fd);
    }
    if (performance.now() > until) {
      const why = `process ${holder()} holds ${LOCK_FILE}`;
      throw notReady("another netup or netdown is at work", why, "wait for it, or end it if it does not move");
    }
    Bun.sleepSync(LOOK_MS);
  }
}

/** null where there can be no such file, -1 where another try may succeed. Throws NetupError where the folder is not root's alone. */
function openLock(): number | null {
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
  try {
    mkdirSync(RUN_FOLDER, { recursive: true, mode: 0o755 });
    requireTrust();
    // Whoever could open it could hold it, and hold us up.
    return openSync(LOCK_FILE, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    // ENOENT: another netdown removed the folder between the two.
    return code === "ENOENT" ? -1 : null;
  }
}

function requireTrust(): void {
  const why = distrust(RUN_FOLDER, "folder", ROOT);
  if (why !== "")
    throw notReady(
      `${RUN_FOLDER} is not root's alone`,
      why,
      `see what lies there, and remove it: ls -la ${RUN_FOLDER}`,
    );
}

function isStillThere(fd: number): boolean {
  try {
    const named = lstatSync(LOCK_FILE);
    const held = fstatSync(fd);
    if (named.ino !== held.ino || named.dev !== held.dev) return false;
    writeSync(fd, `${process.pid}\n`, 0);
    return true;
  } catch {
    return false;
  }
}

function release(fd: number): void {
  try {
    unlinkSync(LOCK_FILE);
    rmdirSync(RUN_FOLDER);
  } catch {
    // Something else lies in the folder.
  }
  closeSync(fd);
}

/** For people only: the number is of the holder's own process namespace. */
function holder(): string {
  try {
    return readFileSync(LOCK_FILE, "utf8").trim() || "?";
  } catch {
    return "?";
  }
}

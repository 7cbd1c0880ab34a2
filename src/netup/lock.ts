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
 * Lets one netup or netdown run at a time. Waits for the lock and returns the function that releases it. The kernel releases
 * the lock of a killed program. If the lock file cannot be made, the state file cannot be made either: that is reported
 * when the state is saved. Throws NetupError if the other program does not end in time.
 */
export function takeLock(): () => void {
  const until = performance.now() + WAIT_MS;
  for (;;) {
    const fd = openLock();
    if (fd === null) return () => {};
    if (fd >= 0) {
      if (lockFile(fd) === 0 && isStillThere(fd)) return () => release(fd);
      // Another program holds it, or has just removed the file.
      closeSync(fd);
    }
    if (performance.now() > until) {
      const why = `process ${holder()} holds ${LOCK_FILE}`;
      throw notReady("another netup or netdown is running", why, "wait for it, or end it if it hangs");
    }
    Bun.sleepSync(LOOK_MS);
  }
}

/** null if the file cannot be made, -1 if another try may succeed. Throws NetupError if others than root may write to the folder. */
function openLock(): number | null {
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
  try {
    mkdirSync(RUN_FOLDER, { recursive: true, mode: 0o755 });
    requireTrust();
    // Anybody who can open the file can lock it and make us wait.
    return openSync(LOCK_FILE, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    // ENOENT: another netdown removed the folder after it was made.
    return code === "ENOENT" ? -1 : null;
  }
}

function requireTrust(): void {
  const why = distrust(RUN_FOLDER, "folder", ROOT);
  if (why !== "")
    throw notReady(
      `others than root may write to ${RUN_FOLDER}`,
      why,
      `look at it and remove it: ls -la ${RUN_FOLDER}`,
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
    // The folder is not empty.
  }
  closeSync(fd);
}

/** For messages only: the number is valid in the holder's PID namespace. */
function holder(): string {
  try {
    return readFileSync(LOCK_FILE, "utf8").trim() || "?";
  } catch {
    return "?";
  }
}

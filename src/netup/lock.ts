import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { notReady } from "./errors.ts";

/** How long one netup or netdown waits for another. */
const WAIT_MS = 20_000;
const LOOK_MS = 50;

/**
 * One at a time: a file that names the process at work. Answers once it is ours. Where no file can be made there can be
 * no state either, and that is told in its own words. Throws NetupError where the other does not end.
 */
export function takeLock(path: string): void {
  const until = performance.now() + WAIT_MS;
  while (!take(path)) {
    const pid = holder(path);
    // Whoever was killed holds nothing.
    if (pid !== null && !existsSync(`/proc/${pid}`)) takeAway(path, pid);
    else if (performance.now() > until) {
      const fix = `wait for it; if it is another program: rm ${path}`;
      throw notReady("another netup or netdown is at work", `process ${pid}, as ${path} has it`, fix);
    } else Bun.sleepSync(LOOK_MS);
  }
}

/** Makes the file with what is in it, at once. True also where it cannot be made at all. */
function take(path: string): boolean {
  const draft = `${path}.${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    writeFileSync(draft, `${process.pid}`);
  } catch (error) {
    // Gone again: another netdown came to its end between the two.
    return (error as NodeJS.ErrnoException).code !== "ENOENT";
  }
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "EEXIST";
  } finally {
    unlinkSync(draft);
  }
}

/** Removes what a dead process left, unless somebody else did so first, and holds it by now. */
function takeAway(path: string, pid: string): void {
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  try {
    if (holder(aside) !== pid) linkSync(aside, path);
  } finally {
    unlinkSync(aside);
  }
}

function holder(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

import { expect, test } from "bun:test";
import { closeSync, openSync, unlinkSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readiness } from "#ffi/readiness";

const SECOND = 1_000_000;

/** A FIFO that is open at both ends: it is readable when something was written. */
function fifo(): { readonly fd: number; close(): void } {
  const path = join(tmpdir(), `tcpnet-readiness-${crypto.randomUUID()}`);
  expect(Bun.spawnSync(["mkfifo", path]).exitCode).toBe(0);
  const fd = openSync(path, "r+");
  unlinkSync(path);
  return { fd, close: () => closeSync(fd) };
}

test("a wait ends when the descriptor is readable, and says so; otherwise when its time is over", () => {
  const { fd, close } = fifo();
  const readiness = new Readiness(fd);
  const begun = performance.now();
  expect(readiness.wait(20_000)).toBe(false);
  expect(performance.now() - begun).toBeGreaterThanOrEqual(19);
  writeSync(fd, "x");
  expect([readiness.wait(60 * SECOND), readiness.waitBesideLoop(60 * SECOND)]).toEqual([true, true]);
  readiness.close();
  close();
});

test("a wait beside the event loop ends when something is ready there, and says that the descriptor is not", async () => {
  const { fd, close } = fifo();
  const readiness = new Readiness(fd);
  expect(readiness.seesLoop).toBe(true);
  const child = Bun.spawn(["sh", "-c", "sleep 0.2; echo done"], { stdout: "pipe", stderr: "ignore" });
  const output = child.stdout.text();
  // The loop begins to read.
  await Bun.sleep(1);
  const begun = performance.now();
  expect(readiness.waitBesideLoop(60 * SECOND)).toBe(false);
  expect(performance.now() - begun).toBeLessThan(30_000);
  expect(await output).toBe("done\n");
  readiness.close();
  close();
});

import { afterAll, expect, test } from "bun:test";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LineQueue } from "#cli/line-queue";
import { testUnless } from "../support/test-unless.ts";
import { lacks } from "../support/tools.ts";

const folder = mkdtempSync(join(tmpdir(), "tcpnet-lines-"));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;
const fresh = () => join(folder, `${files++}`);

function pipe(): { reader: number; writer: number } {
  const path = fresh();
  Bun.spawnSync(["mkfifo", path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return { reader, writer: openSync(path, constants.O_WRONLY) };
}

/** Everything that comes until the queue is written. */
async function readAll(reader: number, queue: LineQueue): Promise<string> {
  let text = "";
  const chunk = new Uint8Array(4_096);
  for (let tries = 0; tries < 10_000; tries++) {
    try {
      text += new TextDecoder().decode(chunk.subarray(0, readSync(reader, chunk)));
    } catch {
      if (!queue.isBehind) break;
      await Bun.sleep(1);
    }
  }
  return text;
}

const note = (lines: number) => `(${lines} not here)\n`;
const line = (i: number) => `line ${i} ${"-".repeat(80)}\n`;

test("whoever reads in time gets every line, in order", async () => {
  const { reader, writer } = pipe();
  const queue = new LineQueue(writer, note);
  let expected = "";
  let text = "";
  for (let i = 0; i < 5_000; i++) {
    queue.put(line(i));
    expected += line(i);
    if (i % 100 === 0) text += await readAll(reader, queue);
  }
  text += await readAll(reader, queue);
  expect(text).toBe(expected);
  expect([queue.lost, queue.error]).toEqual([0, ""]);
});

test("a slow reader gets the oldest and the newest lines, and in between how many are not there", async () => {
  const { reader, writer } = pipe();
  const queue = new LineQueue(writer, note);
  const all = 50_000;
  for (let i = 0; i < all; i++) queue.put(line(i));
  expect(queue.isBehind).toBe(true);
  const began = performance.now();
  await queue.drain(50);
  expect(performance.now() - began).toBeLessThan(2_000);
  const lines = (await readAll(reader, queue)).trimEnd().split("\n");
  const at = lines.findIndex((each) => each.startsWith("("));
  expect(lines[at]).toBe(`(${queue.lost} not here)`);
  expect(lines.slice(0, at)).toEqual(Array.from({ length: at }, (_, i) => line(i).trimEnd()));
  expect(lines.slice(at + 1)).toEqual(
    Array.from({ length: all - at - queue.lost }, (_, i) => line(at + queue.lost + i).trimEnd()),
  );
  // More than the pipe holds, and not all of memory.
  expect(lines.length).toBeGreaterThan(3_000);
  expect(lines.length).toBeLessThan(4_500);
  queue.put(line(0));
  expect(await readAll(reader, queue)).toBe(line(0));
});

test("a reader that has gone is no reason to wait, nor to keep anything", async () => {
  const { reader, writer } = pipe();
  closeSync(reader);
  const queue = new LineQueue(writer, note);
  queue.put(line(0));
  queue.put(line(1));
  expect([queue.isBehind, queue.error]).toEqual([false, "EPIPE"]);
  await queue.drain();
});

test("lines for which the disk is full are counted, and keep nobody waiting", async () => {
  const full = new LineQueue(openSync("/dev/full", "w"), note);
  for (let i = 0; i < 10_000; i++) full.put(line(i));
  await full.drain();
  expect([full.error, full.isBehind, full.lost > 5_000]).toEqual(["ENOSPC", false, true]);
});

/** Why a file system cannot be mounted in a namespace here, or "". */
function noMounts(): string {
  const missing = lacks(["unshare", "mount"]);
  if (missing !== "") return missing;
  const tried = Bun.spawnSync(["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"], { stderr: "pipe" });
  return tried.exitCode === 0 ? "" : `mounting was refused: ${tried.stderr.toString().trim()}`;
}

testUnless(noMounts(), "when a full disk has room again, a line tells how many are missing", async () => {
  // A file system of 8 KiB, which is full and then not any more.
  const program = `
    const { LineQueue } = await import("#cli/line-queue");
    const { openSync, readFileSync, rmSync, writeFileSync } = await import("node:fs");
    writeFileSync("/mnt/filler", new Uint8Array(4096));
    const queue = new LineQueue(openSync("/mnt/log", "a"), (lines) => "(" + lines + " not here)\\n");
    for (let i = 0; i < 5; i++) {
      queue.put("x".repeat(1000 + i) + "\\n");
      await Bun.sleep(20);
    }
    rmSync("/mnt/filler");
    queue.put("the last\\n");
    await queue.drain();
    const lines = readFileSync("/mnt/log", "utf8").trimEnd().split("\\n");
    console.log(lines.map((line) => line.replace(/^x+$/, (all) => all.length)).join(" "), queue.lost);`;
  const script = 'mount -t tmpfs -o size=8k none /mnt && exec "$0" -e "$1"';
  const child = Bun.spawn(["unshare", "-rm", "sh", "-c", script, process.execPath, program], { stderr: "pipe" });
  const [out] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect(out).toMatch(/^1000 1001 1002 1003 86 \(1 not here\) the last 1\n$/);
});

test("a file gets all of it", async () => {
  const path = fresh();
  const queue = new LineQueue(openSync(path, "w"), note);
  let expected = "";
  for (let i = 0; i < 1_000; i++) {
    queue.put(line(i));
    expected += line(i);
  }
  await queue.drain();
  expect(readFileSync(path, "utf8")).toBe(expected);
});

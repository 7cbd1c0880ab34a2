import { afterAll, expect, test } from "bun:test";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LineQueue } from "#cli/line-queue";

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

test("lines for which the disk is full are counted, and later ones are tried again", () => {
  const queue = new LineQueue(openSync("/dev/full", "w"), note);
  for (let i = 0; i < 10; i++) queue.put(line(i));
  expect([queue.lost, queue.error, queue.isBehind]).toEqual([10, "ENOSPC", false]);
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

import { afterAll, expect, test } from "bun:test";
import { CallThread } from "#ffi/call-thread";
import { EBADF } from "#ffi/errno";
import * as files from "#ffi/files";
import * as libc from "#ffi/libc";
import * as sockets from "#ffi/sockets";
import { ROOT } from "../support/netns.ts";

const thread = new CallThread();
afterAll(() => thread.end());

const F_SETFL = 4;

/** A pipe whose reading end blocks. */
function blockingPipe(): { from: number; to: number } {
  const ends = files.pipe();
  if (typeof ends === "number") throw new Error(`pipe2: ${ends}`);
  libc.fcntl(ends[0], F_SETFL, 0);
  return { from: ends[0], to: ends[1] };
}

/** Waits for the answer, not for ever. */
async function answerOf(asked: CallThread): Promise<number | undefined> {
  for (let tries = 0; tries < 5_000 && asked.answer() === undefined; tries++) await Bun.sleep(1);
  return asked.answer();
}

test("a call waits while whoever asked goes on, and answers when it is over", async () => {
  const { from, to } = blockingPipe();
  const read = files.reading(from, 10);
  thread.begin(read);
  await Bun.sleep(20);
  expect(thread.answer()).toBeUndefined();
  const write = files.writing(to, Uint8Array.of(1, 2, 3));
  expect(write.finish(sockets.call(write.name, write.args))).toBe(3);
  expect(read.finish((await answerOf(thread))!)).toBe(3);
  for (const fd of [from, to]) libc.close(fd);
  expect(libc.pinnedBuffers()).toBe(0);
});

test("an error is its number, negated", async () => {
  const read = files.reading(-1, 1);
  thread.begin(read);
  expect(read.finish((await answerOf(thread))!)).toBe(-EBADF);
});

test("a second call cannot begin while another is under way", async () => {
  const { from, to } = blockingPipe();
  const read = files.reading(from, 1);
  thread.begin(read);
  expect(() => thread.begin(sockets.closing(-1))).toThrow("another call is under way");
  libc.close(to);
  expect(read.finish((await answerOf(thread))!)).toBe(0);
  libc.close(from);
});

test("a process can end while one of its calls still blocks", async () => {
  const source = `
    import { CallThread } from "#ffi/call-thread";
    import * as files from "#ffi/files";
    import * as libc from "#ffi/libc";
    import * as sockets from "#ffi/sockets";
    const thread = new CallThread();
    const [from] = files.pipe();
    libc.fcntl(from, ${F_SETFL}, 0);
    thread.begin(files.reading(from, 1));
    thread.end();
    console.log("over");
  `;
  const file = `${ROOT}test/ffi/.call-thread-${process.pid}.ts`;
  await Bun.write(file, source);
  try {
    const child = Bun.spawn([process.execPath, file], { cwd: ROOT, stdout: "pipe", stderr: "pipe", timeout: 30_000 });
    const [stdout, code] = await Promise.all([child.stdout.text(), child.exited]);
    expect([stdout, code]).toEqual(["over\n", 0]);
  } finally {
    await Bun.file(file).delete();
  }
});

import { afterAll, expect, test } from "bun:test";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writer } from "#observe/writer";
import { bytes } from "../socket/world.ts";
import { ROOT } from "../support/netns.ts";
import { sometimes } from "../support/sometimes.ts";

const folder = mkdtempSync(join(tmpdir(), "tcpnet-writer-"));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;
const fresh = () => join(folder, `${files++}`);

/** A pipe: its end for reading does not wait, the other one does, as a pipe of a shell. */
function pipe(): { reader: number; writer: number } {
  const path = fresh();
  Bun.spawnSync(["mkfifo", path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return { reader, writer: openSync(path, constants.O_WRONLY) };
}

/** Reads what is there. */
function readSome(fd: number, into: Uint8Array): number {
  try {
    return readSync(fd, into, 0, into.length, null);
  } catch {
    return 0;
  }
}

const ways = [
  ["opened once more", true],
  ["asked for room", false],
] as const;

for (const [way, reopens] of ways) {
  test(`a pipe that nobody reads makes nobody wait; read later, it has every octet (${way})`, async () => {
    const ends = pipe();
    const writer = new Writer(ends.writer, reopens);
    const all = bytes(1_000_000);
    let settled: string | undefined;
    const began = performance.now();
    writer.write(all, (code) => {
      settled = code;
    });
    expect(performance.now() - began).toBeLessThan(2_000);
    for (let i = 0; i < 20; i++) await Bun.sleep(5);
    expect(settled).toBeUndefined();
    expect(writer.busy).toBe(true);
    const [arrived, chunk] = [new Uint8Array(all.length), new Uint8Array(10_000)];
    for (let n = 0, tries = 0; n < all.length && tries < 20_000; tries++) {
      const more = readSome(ends.reader, chunk);
      arrived.set(chunk.subarray(0, more), n);
      n += more;
      if (more === 0) await Bun.sleep(1);
    }
    expect(settled).toBe("");
    expect(Bun.deepEquals(arrived, all)).toBe(true);
    writer.close();
    for (const fd of Object.values(ends)) closeSync(fd);
  });

  test(`a pipe whose reader has gone says so (${way})`, async () => {
    const ends = pipe();
    const writer = new Writer(ends.writer, reopens);
    const code = new Promise<string>((resolve) => writer.write(bytes(1_000_000), resolve));
    await Bun.sleep(5);
    closeSync(ends.reader);
    expect(await code).toBe("EPIPE");
    writer.close();
    closeSync(ends.writer);
  });
}

test("a write that is given up stops trying", async () => {
  const ends = pipe();
  const writer = new Writer(ends.writer);
  let settled = false;
  writer.write(bytes(1_000_000), () => {
    settled = true;
  });
  const { taken } = writer;
  expect(taken).toBeGreaterThan(0);
  writer.close();
  for (const chunk = new Uint8Array(1 << 20); readSome(ends.reader, chunk) > 0; );
  await Bun.sleep(30);
  expect([settled, writer.taken]).toEqual([false, taken]);
  for (const fd of Object.values(ends)) closeSync(fd);
});

test("a file is written by a thread, and a descriptor that cannot be written says so", async () => {
  const path = fresh();
  const fd = openSync(path, "w");
  const writer = new Writer(fd);
  let settled: string | undefined;
  const all = bytes(3_000_000);
  const done = new Promise<void>((resolve) =>
    writer.write(all, (code) => {
      settled = code;
      resolve();
    }),
  );
  expect(settled).toBeUndefined();
  await done;
  expect(settled).toBe("");
  expect(Bun.deepEquals(new Uint8Array(readFileSync(path)), all)).toBe(true);
  closeSync(fd);
  const wrong = new Writer(openSync(path, "r"));
  expect(await new Promise((resolve) => wrong.write(bytes(1), resolve))).toBe("EBADF");
  const full = new Writer(openSync("/dev/full", "w"));
  expect(await new Promise((resolve) => full.write(bytes(1), resolve))).toBe("ENOSPC");
  expect(statSync(path).size).toBe(all.length);
});

/** How late standard output is read, s: a write that waits for its reader would keep the event loop waiting as long. */
const LATE = 2;

/** Standard output as other programs make it for us. */
const OUTPUTS: readonly (readonly [what: string, line: string])[] = [
  ["a pipe", `$W $HOW 9 9>$TOLD | (sleep ${LATE}; cat)`],
  ["a pipe of several programs", `($W $HOW 9 9>$TOLD; cat $MORE) | (sleep ${LATE}; cat)`],
  ["a terminal", `setsid script -qec "stty -opost; $W $HOW $TOLD" /dev/null </dev/null | (sleep ${LATE}; cat)`],
  // Nothing is in between here that could be late but this test itself.
  ["a socket", "$W $HOW 9 9>$TOLD"],
  ["a file", "$W $HOW 9 9>$TOLD >$FILE; cat $FILE"],
];

async function writesTo(what: string, line: string, how: string): Promise<void> {
  const [told, file, more] = [fresh(), fresh(), fresh()];
  await Bun.write(more, `${"y".repeat(99)}\n`.repeat(20_000));
  const W = `${process.execPath} ${ROOT}test/observe/writer.inside.ts`;
  const env = { ...process.env, W, HOW: how, TOLD: told, FILE: file, MORE: more };
  const child = Bun.spawn(["bash", "-c", line], { env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  if (what === "a socket") await Bun.sleep(LATE * 1_000);
  const [out, complaints] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  const lines = out.trimEnd().split("\n");
  const odd = lines.filter((each) => !/^(x{99}|y{99})$/.test(each));
  const n = line.includes("$MORE") ? 40_000 : 20_000;
  expect({ what, complaints, odd, n: lines.length }).toEqual({ what, complaints: "", odd: [], n });
  const { code, longest, same } = JSON.parse(readFileSync(told, "utf8"));
  expect({ what, code, same }).toEqual({ what, code: "", same: true });
  expect(longest).toBeLessThan(LATE * 800);
}

for (const how of ["opens", "asks"]) {
  test(`whatever standard output is: all arrives late, timers go on, and its flags stay as they were (${how})`, async () => {
    await sometimes(() => Promise.all(OUTPUTS.map(([what, line]) => writesTo(what, line, how))).then(() => {}));
  }, 120_000);
}

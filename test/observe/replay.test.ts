/** A replay file gives back what went in; one that is not whole, damaged or foreign is told as such, whatever it contains. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type ReplayHead, ReplayReader, ReplayRecord } from "#observe/replay";
import { ReplayError } from "#observe/replay-blocks";
import { simulate } from "../support/transfer.ts";

const HEAD: ReplayHead = {
  program: "tcpnet 1",
  command: "sim",
  arguments: ["a"],
  flags: { seed: "4" },
  files: { x: "1\n" },
};

function saved(captures: Readonly<Record<string, Uint8Array>> = {}, bytes = 50_000): Uint8Array {
  const record = new ReplayRecord(HEAD);
  simulate({ link: "delay 20ms loss 2%", bytes, time: Number.POSITIVE_INFINITY, sink: record });
  for (const [name, data] of Object.entries(captures)) record.capture(name, data);
  // No Buffer: its `slice` is no copy.
  return new Uint8Array(Buffer.concat(record.end("abcd")));
}

function readerOf(file: Uint8Array): ReplayReader {
  let at = 0;
  return new ReplayReader((n) => file.subarray(at, (at += n)));
}

/** What was read, or why not. */
function read(file: Uint8Array): { readonly lines: string[]; readonly reader: ReplayReader } | string {
  try {
    const reader = readerOf(file);
    return { lines: [...reader.events()], reader };
  } catch (error) {
    if (!(error instanceof ReplayError)) throw error;
    return error.message;
  }
}

const FILE = saved();

test("head, events, captures and end come back; zcat reads it", () => {
  const random = crypto.getRandomValues(new Uint8Array(60_000));
  const capture = Buffer.concat([random, random, random, random, random]);
  const file = saved({ "one.pcapng": capture, "two.pcapng": new Uint8Array([1, 2, 3]) }, 300_000);
  const reader = readerOf(file);
  expect(reader.head).toEqual(HEAD);
  const pieces = new Map<string, Uint8Array[]>();
  const lines = [...reader.events(({ name, data }) => pieces.set(name, [...(pieces.get(name) ?? []), data]))];
  expect(reader.end).toEqual({ events: lines.length, digest: "abcd" });
  expect(JSON.parse(lines[0]!)).toMatchObject({ event: "run:started", schema: "tcpnet.event/2" });
  expect(Buffer.concat(pieces.get("one.pcapng")!).equals(capture)).toBe(true);
  expect([...Buffer.concat(pieces.get("two.pcapng")!)]).toEqual([1, 2, 3]);
  const zcat = Bun.spawnSync(["gzip", "-dc"], { stdin: file });
  const text = zcat.stdout.toString().split("\n");
  expect([zcat.exitCode, text.length]).toEqual([0, 1 + lines.length + pieces.get("one.pcapng")!.length + 1 + 1 + 1]);
  expect(text.slice(1, lines.length + 1)).toEqual(lines);
});

describe("a file that is not as it was written is refused in words", () => {
  test("cut anywhere", () => {
    for (let n = 0; n < FILE.length; n += Math.max(1, Math.floor(FILE.length / 300)))
      expect([n, read(FILE.subarray(0, n))]).toEqual([n, expect.stringMatching(/not whole|no replay file/)]);
  });

  test("with any bit changed", () => {
    fc.assert(
      fc.property(fc.nat(FILE.length - 1), fc.integer({ min: 0, max: 7 }), (at, bit) => {
        const file = FILE.slice();
        file[at]! ^= 1 << bit;
        const result = read(file);
        // Bits of the header that no reader looks at, such as the time.
        if (typeof result !== "string") expect(result.lines.length).toBe(result.reader.end!.events);
      }),
      { numRuns: 500 },
    );
  });

  test("random octets, another gzip file, another schema, and something behind the end", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 2_000 }), (file) => expect(typeof read(file)).toBe("string")));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), (tail) => {
        const begin = FILE.slice(0, 20);
        expect(typeof read(Buffer.concat([begin, tail]))).toBe("string");
      }),
    );
    expect(read(Bun.gzipSync("nothing of the kind\n"))).toContain("no replay file");
    expect(read(Buffer.concat([FILE, FILE]))).toContain("something follows its end");
  });
});

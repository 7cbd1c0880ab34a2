/** `--verify`: data that both sides can make. */
import { expect, test } from "bun:test";
import { CliError } from "#cli/cli-error";
import { KnownSink, KnownSource } from "#cli/known-data";

/** All that one side sends, read in pieces of this size. */
function sent(from: "host" | "peer", total: number, piece = 100_000): Uint8Array {
  const source = new KnownSource(from, total);
  const parts: Uint8Array[] = [];
  for (;;) {
    const chunk = new Uint8Array(piece);
    const n = source.read(chunk);
    if (n === 0) return Buffer.concat(parts);
    parts.push(chunk.subarray(0, n));
  }
}

/** Puts it into a sink in pieces; "" or why it was refused. */
function taken(data: Uint8Array, sink: KnownSink, piece = 33_333): string {
  try {
    for (let at = 0; at < data.length; at += piece) {
      const part = data.subarray(at, at + piece);
      // A buffer is longer than what came.
      const chunk = new Uint8Array(piece + 10);
      chunk.set(part);
      sink.write(chunk, part.length);
    }
    sink.end();
    return "";
  } catch (error) {
    expect(error).toBeInstanceOf(CliError);
    return (error as CliError).what;
  }
}

const TOTAL = 1_000_003;

test("what one side sends is what the other expects, whatever the pieces", () => {
  for (const piece of [1_000, 65_536, 300_000]) {
    expect(taken(sent("host", TOTAL, piece), new KnownSink("host", TOTAL), piece / 2)).toBe("");
  }
  expect(taken(sent("peer", 0), new KnownSink("peer", 0))).toBe("");
});

test("one octet that is another is found, by its place", () => {
  for (const at of [0, 33_333, 700_000, TOTAL - 1]) {
    const data = sent("host", TOTAL);
    data[at]! ^= 1;
    expect(taken(data, new KnownSink("host", TOTAL))).toBe(`byte ${at} received differs from the one that was sent`);
  }
});

test("an octet less, an octet more, a shift, an echo of one's own data: refused", () => {
  const data = sent("host", TOTAL);
  expect(taken(data.subarray(0, TOTAL - 1), new KnownSink("host", TOTAL))).toBe("1000002 of 1000003 bytes came");
  expect(taken(sent("host", TOTAL + 1), new KnownSink("host", TOTAL))).toBe("more than 1000003 bytes came");
  expect(taken(data.subarray(256), new KnownSink("host", TOTAL))).toBe(
    "byte 0 received differs from the one that was sent",
  );
  expect(taken(sent("peer", TOTAL), new KnownSink("host", TOTAL))).toMatch(/^byte 0 /);
});

import { expect, test } from "bun:test";
import { Crowd } from "#cli/crowd";
import { Voice } from "#cli/voice";

/** A crowd with a clock of its own, and what it tells. */
function crowd() {
  const told: string[] = [];
  const time = { now: 0 };
  const each = new Crowd(
    (kind, count, words) => told.push(`${kind} ${count}: ${words}`),
    () => time.now,
  );
  return { each, told, time };
}

test("the first few are told one by one, the rest is one line with their number", () => {
  const { each, told } = crowd();
  let admitted = 0;
  for (let i = 0; i < 12_320; i++) if (each.admits("reset")) admitted++;
  expect([admitted, told]).toEqual([20, []]);
  each.flush();
  expect(told).toEqual(["reset 12300: 12,300 more connections were reset by their peers"]);
  each.flush();
  expect(told.length).toBe(1);
});

test("however long it goes on, a second has a few lines at most, and none goes missing", () => {
  const { each, told, time } = crowd();
  let admitted = 0;
  const all = 100_000;
  for (let i = 0; i < all; i++) {
    time.now = i / 10;
    if (each.admits("open")) admitted++;
    if (i % 10_000 === 9_999) each.flush();
  }
  const counted = told.reduce((sum, line) => sum + Number(/^open (\d+)/.exec(line)![1]), 0);
  expect(admitted + counted).toBe(all);
  expect(told.length).toBe(10);
  // 20 at once, then 2 a second.
  expect(admitted).toBeGreaterThanOrEqual(39);
  expect(admitted).toBeLessThanOrEqual(40);
});

test("the counts are told within about a second without anybody asking", async () => {
  const told: string[] = [];
  const each = new Crowd((kind, count) => told.push(`${kind} ${count}`));
  for (let i = 0; i < 30; i++) each.admits("failed");
  for (let i = 0; i < 500 && told.length === 0; i++) await Bun.sleep(10);
  expect(told).toEqual(["failed 10"]);
});

test("what only this program or its user causes is told each time", () => {
  const { each, told } = crowd();
  for (let i = 0; i < 1_000; i++) expect(each.admits("link")).toBe(true);
  each.flush();
  expect(told).toEqual([]);
});

test("every kind has words for one and for many", () => {
  const { each, told } = crowd();
  for (const kind of ["open", "end", "reset", "silent", "failed", "remote-refused", "step", "soft-error"]) {
    each.count(kind, 1);
    each.flush();
    each.count(kind, 5_000);
    each.flush();
  }
  expect(told.filter((line) => /: 1 more \w*[^s](?: |$)/.test(line)).length).toBe(8);
  expect(told.filter((line) => line.includes(": 5,000 more ")).length).toBe(8);
});

test("programs hear of a crowd, too: one object with the kind and the number, and the same words as text", () => {
  const lines: Record<string, unknown>[] = [];
  const voice = new Voice("json", (line) => lines.push(JSON.parse(line)));
  for (let i = 0; i < 50; i++) voice.warn({ what: "reset", why: "", fix: "" }, "reset");
  for (let i = 0; i < 50; i++) voice.event("open", { connection: i }, `open ${i}`);
  for (let i = 0; i < 50; i++) voice.event("agreed", {}, "mss 1448");
  voice.tellCounts();
  const counted = lines.filter(({ event }) => event === "counted");
  expect(counted.map(({ of, count, text }) => [of, count, text])).toEqual([
    ["reset", 30, "· 30 more connections were reset by their peers"],
    ["open", 30, "· 30 more connections opened"],
  ]);
  expect(lines.filter(({ event }) => event === "warning").length).toBe(20);
});

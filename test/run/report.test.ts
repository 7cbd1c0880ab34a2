import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Job, Result } from "./job.ts";
import { allJobs, bunAsTyped, LONG, withoutLong } from "./jobs.ts";
import { readOptions } from "./options.ts";
import { about, clock, progressLine } from "./progress.ts";
import { Reading } from "./reading.ts";
import { inOrder, planned, readTimes, takeNext, total, writeTimes } from "./schedule.ts";
import { summary } from "./summary.ts";

const folder = mkdtempSync(join(tmpdir(), "tcpnet-report-"));
afterAll(() => rmSync(folder, { recursive: true }));

const job = (name: string, seconds = 1, alone = false, weight = 1): Job => {
  return { name, kind: "tests", command: [], seconds, weight, alone, replay: `bun test ${name}` };
};
const result = (name: string, more: Partial<Result> = {}): Result => {
  return {
    job: job(name),
    passed: 2,
    failed: 0,
    skipped: 0,
    seconds: 1,
    processor: 0.6,
    failures: [],
    skips: [],
    output: "",
    ...more,
  };
};

test("the last line is only the count; failures come before it, with the commands that repeat them", () => {
  expect(summary([result("a"), result("b")])).toEqual(["4 passed, 0 failed"]);
  const failure = { name: "b is wrong", replay: "bun test b -t 'b is wrong'", reason: ["because"] };
  expect(summary([result("a"), result("b", { failed: 1, failures: [failure] })])).toEqual([
    "✗ b is wrong",
    "  bun test b -t 'b is wrong'",
    "  │ because",
    "",
    "4 passed, 1 failed",
  ]);
});

test("a long reason keeps its beginning and its end", () => {
  const reading = new Reading("bun test x");
  for (let i = 1; i <= 1000; i++) reading.line(`line ${i}`);
  reading.line("(fail) too long [3.20ms]");
  const { reason } = reading.failures[0]!;
  expect([reason[0], reason[25], reason.at(-1), reason.length]).toEqual([
    "line 1",
    "… 960 more lines …",
    "line 1000",
    41,
  ]);
});

test("a test that took too long has bun's message among its reasons, although bun prints it after the test's name", () => {
  const reading = new Reading("bun test x");
  const lines = ["killed 1 dangling process", "(fail) slow [70001.62ms]", "  ^ this test timed out after 70000ms."];
  for (const line of [...lines, "(pass) quick [0.01ms]", "oh", "(fail) other [0.20ms]"]) reading.line(line);
  expect(reading.failures.map(({ name, reason }) => [name, ...reason])).toEqual([
    ["slow", "killed 1 dangling process", "this test timed out after 70000ms."],
    ["other", "oh"],
  ]);
});

test("all skipped tests are counted by their reason", () => {
  const skips = ["a: b: no ping", "c: no ping", "d: no root"];
  expect(summary([result("a", { skipped: 4, skips })])).toEqual([
    "2 tests were SKIPPED: no ping",
    "1 test was SKIPPED: no root",
    "1 test was SKIPPED: no reason was given",
    "",
    "2 passed, 0 failed, 4 skipped",
  ]);
});

test("quick jobs come first, then the longest, and those that run alone last", () => {
  const jobs = [job("long", 20), job("alone", 1, true), job("q1", 1), job("longer", 30), job("q2", 2)];
  const { together, alone } = inOrder(jobs);
  expect(together.map(({ name }) => name)).toEqual(["q1", "q2", "longer", "long"]);
  expect(alone.map(({ name }) => name)).toEqual(["alone"]);
  expect(total(jobs, 1)).toBe(54);
  expect(total(jobs, 2)).toBe(Math.max(1 + 30, 2 + 20) + 1);
});

test("a job that mostly waits runs beside those that compute, but one at a time is one at a time", () => {
  const computes = job("computes", 10);
  const waits = job("waits", 10, false, 0.4);
  const waiting = () => [computes, job("next", 10), waits];
  expect(takeNext(waiting(), [computes], 1.5)?.name).toBe("waits");
  expect(takeNext(waiting(), [computes, waits], 1.5)).toBeUndefined();
  expect(takeNext(waiting(), [waits], 1)).toBeUndefined();
  expect(takeNext(waiting(), [], 1)?.name).toBe("computes");
  expect(total([job("a", 10), job("b", 10), job("c", 20, false, 0.5), job("d", 20, false, 0.5)], 2)).toBe(20);
  expect(planned("x", { x: [10, 7] })).toEqual({ seconds: 10, weight: 0.7, alone: false });
  expect([planned("x", { x: [10, 0] }).weight, planned("x", { x: [1, 9] }).weight]).toEqual([0.5, 1]);
});

test("measured times are kept, and a damaged or missing file is ignored", () => {
  const path = join(folder, "a/b/times.json");
  expect(readTimes(path)).toEqual({});
  writeTimes(path, { "test/x.test.ts": [3.5, 0.5] });
  expect(readTimes(path)).toEqual({ "test/x.test.ts": [3.5, 0.5] });
  writeFileSync(path, '{"a": "b", "c": [-1, 1], "d": [2, 1], "e": 2, "f": [1]}');
  expect(readTimes(path)).toEqual({ d: [2, 1] });
  for (const text of ["", "null", "[", "3"]) {
    writeFileSync(path, text);
    expect(readTimes(path)).toEqual({});
  }
});

test("times are printed for people", () => {
  expect([clock(0), clock(59.6), clock(75), clock(3600)]).toEqual(["0:00", "1:00", "1:15", "60:00"]);
  expect([about(3), about(89), about(91)]).toEqual(["about 1 minute", "about 1 minute", "about 2 minutes"]);
  const standing = {
    seconds: 75,
    expected: 220,
    ended: [result("a")],
    total: 9,
    running: [job("test/tcp/loss/rack.test.ts")],
  };
  expect(progressLine(standing)).toBe("1:15 of about 3:40   1 of 9 files   2 passed, 0 failed   tcp/loss/rack");
  // It does not go on to promise what did not come true.
  expect(progressLine({ ...standing, seconds: 221 })).toStartWith("3:41   1 of 9");
});

test("a newcomer is told to type npx, who has bun on the PATH bun, anybody else its path", () => {
  const bun = join(folder, "bun");
  symlinkSync(process.execPath, bun);
  expect(bunAsTyped(process.execPath, `/nowhere:${folder}`)).toBe("bun");
  expect(bunAsTyped(process.execPath, "/nowhere")).not.toBe("bun");
  expect(bunAsTyped("/opt/tools/bun", "/nowhere")).toBe("/opt/tools/bun");
  const npx = "/var/me/.npm/_npx/0123abcd/node_modules/bun/bin/bun.exe";
  expect(bunAsTyped(npx, "/var/me/.npm/_npx/0123abcd/node_modules/.bin")).toBe(`npx -y bun@${Bun.version}`);
});

test("words choose test files by their paths; without words all run, and the checks of the whole", () => {
  const names = (...words: string[]) => allJobs(words, {}).map(({ name }) => name);
  expect(names("test/run/report")).toEqual(["test/run/report.test.ts"]);
  expect(names("test/no-such-folder")).toEqual([]);
  const all = names();
  expect(all.slice(0, 3)).toEqual(["lint", "types", "types of the report's page"]);
  expect(all.length).toBeGreaterThan(100);
  expect(new Set(all).size).toBe(all.length);
});

test("what takes long is left out unless it is asked for", () => {
  const all = allJobs([], {});
  const left = withoutLong(all).map(({ name }) => name);
  expect(all.map(({ name }) => name).filter((name) => !left.includes(name))).toEqual([...LONG]);
});

test("options are read, and one that does not exist is refused", () => {
  expect(readOptions(["./test/tcp", "--no-setup", "--all", "--jobs", "3"])).toEqual({
    all: true,
    words: ["test/tcp"],
    setUp: false,
    jobs: 3,
  });
  expect(readOptions([])!.jobs).toBeGreaterThan(0);
  for (const argv of [["-t", "x"], ["--jobs"], ["--jobs", "0"], ["--jobs", "x"], ["--no-set-up"]]) {
    expect(readOptions(argv)).toBeNull();
  }
});

/** `tcpnet lesson` on the command line. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { LESSONS } from "#lab/lessons/lessons";
import { cliFolder } from "../support/cli-folder.ts";
import { ROOT } from "../support/root.ts";

const { at, tcpnet } = cliFolder("lesson");

test("without a name it lists all lessons, and docs/LESSONS.md has the same ones in the same order", async () => {
  const { code, out, err } = await tcpnet("lesson");
  expect([code, err]).toEqual([0, ""]);
  const names = LESSONS.map(({ name }) => name);
  expect([...out.matchAll(/^ {2}(\S+) {3,}\S/gm)].map(([, name]) => name!)).toEqual(names);
  const document = readFileSync(`${ROOT}docs/LESSONS.md`, "utf8");
  expect([...document.matchAll(/^\| `([a-z-]+)`/gm)].map(([, name]) => name!)).toEqual(names);
  const json = await tcpnet("lesson", "--json");
  expect(JSON.parse(json.out).lessons.length).toBe(names.length);
});

test("a lesson has question, picture, answer and what is so in the run, in this order; with -o also a page", async () => {
  const { code, out, err } = await tcpnet("lesson", "half-close", "-o", at("page.html"), "--events", at("run.ndjson"));
  expect([code, err]).toEqual([0, ""]);
  const places = [
    "Is the connection over?",
    "─ FIN ",
    "A FIN says only",
    "✓ The client reads 50.0 kB",
    "read  RFC 9293",
    at("page.html"),
  ];
  const found = places.map((text) => out.indexOf(text));
  expect(found.every((place, i) => place > (found[i - 1] ?? -1))).toBe(true);
  expect(readFileSync(at("page.html"), "utf8")).toStartWith("<!doctype html>");
  const report = await tcpnet("report", at("run.ndjson"), "-o", at("report.html"));
  expect([report.code, report.out]).toEqual([0, expect.stringContaining("50.0 kB in")]);
  const json = await tcpnet("lesson", "half-close", "--json");
  const { schema, claims, scenes } = JSON.parse(json.out);
  expect([schema, claims.every(({ holds }: { holds: boolean }) => holds), scenes.length]).toEqual([
    "tcpnet.lesson/1",
    true,
    1,
  ]);
  const page = await tcpnet("lesson", "handshake", "-o", "-");
  expect([page.code, page.out.slice(0, 15), page.err.includes("In this run")]).toEqual([0, "<!doctype html>", true]);
});

test("what cannot be done is told in words, with its exit code", async () => {
  writeFileSync(at("file"), "");
  for (const [code, words, ...args] of [
    [2, "there is no lesson nagel", "nagel"],
    [2, "lesson nagle", "nagel"],
    [2, "lesson takes no argument", "nagle", "handshake"],
    [2, "--output needs a lesson", "-o", at("none.html")],
    [2, "--ask needs a terminal", "nagle", "--ask"],
    [2, "standard output has the lesson", "nagle", "--events", "-"],
    [2, "are the same file", "nagle", "--events", at("file"), "-o", at("file")],
    [1, "its folder does not exist", "nagle", "-o", at("absent/page.html")],
    [1, "the disk is full", "nagle", "-o", "/dev/full"],
    [1, "the disk is full", "nagle", "--events", "/dev/full"],
  ] as const) {
    const told = await tcpnet("lesson", ...args);
    expect([args, told.code, told.err]).toEqual([args, code, expect.stringContaining(words)]);
    expect(told.err).not.toContain("bug");
  }
  expect(existsSync(at("none.html"))).toBe(false);
});

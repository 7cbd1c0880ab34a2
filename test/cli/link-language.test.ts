/** `tcpnet link --help` teaches the whole language: all of it, and nothing else. */
import { expect, test } from "bun:test";
import { COMMANDS } from "#cli/commands";
import { commandHelp } from "#cli/help";
import { LINK_LANGUAGE } from "#cli/link-language";
import { KEYWORDS } from "#device/link-reader";
import { CLAUSES, DIRECTIONS, DISTRIBUTIONS, parseLinks } from "#device/link-words";
import { readRequest } from "#lab/chaos/control";

const help = commandHelp(COMMANDS.find(({ name }) => name === "link")!);
const trace = () => ({ times: Float64Array.of(1), period: 1, name: "" });

test("every word that the parser knows is explained", () => {
  expect(CLAUSES.length).toBeGreaterThan(12);
  const words = [...CLAUSES, ...KEYWORDS, ...DIRECTIONS, ...DISTRIBUTIONS, "show", "set", "change"];
  expect(words.filter((word) => !new RegExp(`(?<![\\w-])${word}(?![\\w-])`).test(help))).toEqual([]);
});

test("every clause has a line of its own, whose words the parser knows", () => {
  const lines = LINK_LANGUAGE.filter(({ title }) => !/Units|Examples/.test(title)).flatMap(({ rows }) => rows);
  const known = new Set<string>([...CLAUSES, ...KEYWORDS, ...DIRECTIONS]);
  const words = lines.flatMap(([syntax]) => syntax.match(/(?<![\w-])[a-z]{2,}(?![\w-])/g) ?? []);
  expect(words.length).toBeGreaterThan(20);
  expect(words.filter((word) => !known.has(word))).toEqual([]);
});

test("the examples are requests that a link carries out", () => {
  const lines = [...help.matchAll(/link ((?:set|change) "[^"]+")/g)].map(([, line]) => line!.replaceAll('"', ""));
  expect(lines.length).toBeGreaterThan(6);
  for (const line of lines) {
    const { verb, words } = readRequest(line.replaceAll(/\s+/g, " "));
    const base = verb === "change" ? parseLinks("delay 20ms rate 1mbit") : undefined;
    expect([line, parseLinks(words, base, trace)]).not.toEqual([line, base]);
  }
});

test("the units are read as they are explained", () => {
  const [times, rates, sizes] = LINK_LANGUAGE.find(({ title }) => title === "Units")!.rows.map(([, text]) => text);
  for (const time of times!.match(/[\d.]+[a-z]+/g)!) parseLinks(`delay ${time}`);
  for (const rate of rates!.match(/[\d.]+[a-z]+/g)!) parseLinks(`rate ${rate}`);
  for (const size of sizes!.match(/\d+[KkM]?i?B/g)!) parseLinks(`rate 1mbit queue ${size}`);
  expect(parseLinks("rate 1mbit queue 64kB").out.queue.bytes).toBe(64_000);
  expect(parseLinks("rate 1mbit queue 64KiB").out.queue.bytes).toBe(65_536);
});

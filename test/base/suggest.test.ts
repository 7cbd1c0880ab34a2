import { expect, test } from "bun:test";
import fc from "fast-check";
import { distance, suggest } from "#base/suggest";

const WORDS = ["demo", "netup", "netdown", "host", "peer", "status"];

test("a slip of the finger finds the word that was meant", () => {
  expect(["hots", "pere", "netp", "stauts", "dem", "netdonw"].map((typed) => suggest(typed, WORDS))).toEqual([
    "host",
    "peer",
    "netup",
    "status",
    "demo",
    "netdown",
  ]);
});

test("the beginning of one word means that word, the beginning of several does not", () => {
  const lessons = ["slow-start", "syn-flood", "fast-retransmit", "fast-open"];
  expect(["slow", "fast-r", "fast", "sl"].map((typed) => suggest(typed, lessons))).toEqual([
    "slow-start",
    "fast-retransmit",
    undefined,
    undefined,
  ]);
});

test("a word that is nothing like any of them finds none", () => {
  expect(["frobnicate", "x", "install"].map((typed) => suggest(typed, WORDS))).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test("the distance is a distance: zero for the same word alone, and the same both ways", () => {
  const word = fc.stringMatching(/^[a-d]{0,6}$/);
  fc.assert(
    fc.property(word, word, (a, b) => {
      expect(distance(a, b)).toBe(distance(b, a));
      expect(distance(a, b) === 0).toBe(a === b);
      expect(distance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
    }),
    { seed: 3 },
  );
});

/** What a lesson says is so in its run, is the same every time, and would not be so in another run. */
import { describe, expect, test } from "bun:test";
import { type Lesson, runLesson, type Seen } from "#lab/lessons/lesson";
import { LESSONS } from "#lab/lessons/lessons";
import { checkClaims, pictures } from "#lab/lessons/text";
import type { RunEvent } from "#observe/events";

const WIDTH = 79;

for (const lesson of LESSONS) {
  test(`${lesson.name}: every claim holds, the pictures fit, and the run can be repeated`, () => {
    const events: RunEvent[] = [];
    const seen = runLesson(lesson, { event: (event) => events.push(event) });
    const claims = checkClaims(lesson, seen);
    expect(claims.filter(({ holds }) => !holds).map(({ text }) => text)).toEqual([]);
    for (const { text } of claims) expect(text).not.toMatch(/NaN|undefined|Infinity/);
    const drawn = pictures(lesson, seen, WIDTH);
    expect(drawn.filter((line) => Bun.stringWidth(line) > WIDTH)).toEqual([]);
    expect(drawn.join("\n")).not.toMatch(/no values|no packets|NaN|undefined/);
    // The record of the scenes comes with them, one after the other.
    expect(events.filter(({ event }) => event === "run:started").length).toBe(lesson.scenes.length);
    expect(events.length).toBe(seen.reduce((sum, scene) => sum + scene.events.length, 0));
    expect(runLesson(lesson).map(({ digest }) => digest)).toEqual(seen.map(({ digest }) => digest));
  });
}

test("names are words to type, titles and questions are there, and each lesson has scenes, claims and sections", () => {
  expect(new Set(LESSONS.map(({ name }) => name)).size).toBe(LESSONS.length);
  expect(LESSONS.length).toBeGreaterThanOrEqual(12);
  for (const { name, title, question, answer, claims, sections, pictures: shown } of LESSONS) {
    expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect([title.length > 5, question.endsWith("?"), answer.endsWith(".")]).toEqual([true, true, true]);
    expect(claims.length).toBeGreaterThanOrEqual(3);
    expect(shown.length).toBeGreaterThanOrEqual(1);
    expect(sections.every((section) => /^(RFC \d+|draft-)/.test(section))).toBe(true);
  }
});

/** The lesson with its first scene changed, run; the claims that do not hold, or cannot be said. */
function broken(lesson: Lesson, change: Partial<Lesson["scenes"][0]>): number {
  const [first, ...rest] = lesson.scenes;
  const seen = runLesson({ ...lesson, scenes: [{ ...first, ...change }, ...rest] });
  return lesson.claims.filter((claim) => !holds(claim, seen)).length;
}

function holds(claim: Lesson["claims"][0], seen: Seen): boolean {
  try {
    return claim.holds(seen);
  } catch {
    return false;
  }
}

describe("the claims are about the scene: in another one they do not hold", () => {
  const OTHERS: readonly (readonly [string, Partial<Lesson["scenes"][0]>])[] = [
    ["handshake", { link: "delay 50ms" }],
    ["half-close", { play: (scene) => void scene.transfer(300) }],
    ["time-wait", { link: "delay 20ms" }],
    ["simultaneous", { play: (scene) => void scene.transfer(300) }],
    ["fast-retransmit", { link: "delay 20ms rate 20mbit" }],
    ["fast-retransmit", { params: { dupThresh: 3, sack: false } }],
    ["tail-loss", { params: { tailLossProbe: false } }],
    ["reordering", { link: "rate 20mbit delay 30ms" }],
    ["spurious-timeout", { params: { undo: false, frto: false, timestamps: false, dsack: false } }],
    ["slow-start", { link: "delay 40ms rate 10mbit queue 20 loss 1%" }],
    ["zero-window", { play: (scene) => void scene.transfer(400_000) }],
    ["nagle", { left: { nagle: "off" } }],
    ["bufferbloat", { link: "delay 20ms rate 5mbit queue 10" }],
    ["black-hole", { link: "delay 10ms out mtu 1300 silent" }],
    ["syn-flood", { client: "delay 20ms", play: () => {} }],
  ];
  for (const [name, change] of OTHERS) {
    test(`${name} with ${Object.keys(change).join(", ")}`, () => {
      expect(broken(LESSONS.find((each) => each.name === name)!, change)).toBeGreaterThan(0);
    });
  }

  test("every lesson has such another scene", () => {
    expect(LESSONS.map(({ name }) => name).filter((name) => !OTHERS.some(([other]) => other === name))).toEqual([]);
  });
});

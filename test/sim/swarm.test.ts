import { expect, test } from "bun:test";
import { generate } from "./swarm/generate.ts";
import type { Scenario } from "./swarm/scenario.ts";
import { shrink } from "./swarm/shrink.ts";
import { failure, runScenario } from "./swarm/swarm.ts";
import { trySeeds } from "./swarm/try-seeds.ts";
import { World } from "./swarm/world.ts";

// Some seconds. swarm-on.test.ts runs on, and then `just sim N SEED`.
const marksOfAll = trySeeds(1, 150);

test("a run is a function of its scenario: the same digest twice, another for another seed", () => {
  const digest = (seed: number) => runScenario(generate(seed)).digest;
  expect(digest(17)).toBe(digest(17));
  expect(digest(17)).not.toBe(digest(18));
});

test("a scenario is plain data: what was printed runs as what was generated", () => {
  const scenario = generate(23);
  const read = JSON.parse(JSON.stringify(scenario)) as Scenario;
  expect(runScenario(read).digest).toBe(runScenario(scenario).digest);
});

test("the seeds reach the states that they are meant for", () => {
  const scenarios = Array.from({ length: 300 }, (_, i) => generate(i + 1));
  const some = (what: (scenario: Scenario) => boolean) => scenarios.filter(what).length;
  const words = (s: Scenario) => s.hops.map((hop) => hop.link).join(" ");
  for (const clause of [
    "loss",
    "gemodel",
    "duplicate",
    "reorder",
    "corrupt",
    "rate",
    "queue",
    "mtu",
    "down",
    "jitter",
  ]) {
    expect([clause, some((s) => words(s).includes(clause))]).not.toEqual([clause, 0]);
  }
  expect(some((s) => s.family === 6)).toBeGreaterThan(20);
  expect(some((s) => s.wrap !== undefined)).toBeGreaterThan(20);
  expect(some((s) => s.restarts.length > 0)).toBeGreaterThan(5);
  expect(some((s) => s.left.length > 1)).toBeGreaterThan(20);
  expect(some((s) => s.connections.some((c) => c.simultaneous))).toBeGreaterThan(20);
  expect(some((s) => s.connections.some((c) => c.attacks.length > 0))).toBeGreaterThan(50);
  expect(some((s) => s.left[0]!.params.fastOpen === true)).toBeGreaterThan(50);
  expect(some((s) => s.left[0]!.params.receiveBufferCounts === "memory")).toBeGreaterThan(20);
});

test("data in SYNs is accepted, ignored, retransmitted and held back", () => {
  const rules = [
    "fast-open.asked",
    "fast-open.accepted",
    "fast-open.sent",
    "fast-open.not-taken",
    "fast-open.paused",
    "tx.syn-data-again",
  ];
  const marks = marksOfAll();
  expect(rules.filter((rule) => !marks.has(`tcp.${rule}`))).toEqual([]);
});

test("some applications take text from packets, and are given it there", () => {
  let given = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const world = new World(generate(seed));
    world.run();
    for (const { opener, acceptor } of world.pairs) given += opener.fromPackets + acceptor.fromPackets;
  }
  expect(given).toBeGreaterThan(100);
});

test("wrapping: the opener's numbers begin where the scenario wants them", () => {
  const scenario = { ...generate(1), wrap: { at: "zero" as const, before: 1000 } };
  const lines: string[] = [];
  runScenario(
    { ...scenario, connections: scenario.connections.slice(0, 1), restarts: [] },
    (line) => lines.push(line),
    (v, o) => (v.getUint8(o) >> 4 === 4 ? `${v.getUint32(o + 24)}` : `${v.getUint32(o + 44)}`),
  );
  expect(lines[0]!.split(" ").at(-1)).toBe(`${2 ** 32 - 1000}`);
});

test("shrinking keeps the failure and little else", () => {
  const scenario = generate(99);
  const fails = ({ connections }: Scenario) => connections.some(({ accept }) => accept.bytes > 10);
  const small = shrink(
    { ...scenario, connections: [...scenario.connections, ...generate(7).connections] },
    fails,
    2_000,
  );
  expect(small.connections).toHaveLength(1);
  expect(small.connections[0]!.accept.bytes).toBeLessThan(22);
  expect([small.left.length, small.right.length, small.hops.length, small.restarts.length]).toEqual([1, 1, 1, 0]);
  expect(failure(runScenario(small))).toBeUndefined();
});

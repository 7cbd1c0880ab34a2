import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { type Finding, Fuzzer, shrink } from "./fuzzer.ts";
import { replay } from "./target.ts";

const CORPUS = `${import.meta.dir}/corpus`;

test("two stacks, a wire that mangles, users who do anything: no throw, no growth, every invariant (bounded; `bun test/fuzz/run.ts` goes on)", () => {
  let packets = 0;
  for (let seed = 1; seed <= 150; seed++) {
    const { packets: n, finding } = new Fuzzer(seed).run(1500);
    packets += n;
    if (finding === null) continue;
    throw new Error(`${finding.message}; again: bun test/fuzz/run.ts 1 ${seed}`);
  }
  expect(packets).toBeGreaterThan(20_000);
});

test("a run is a function of its seed", () => {
  expect(new Fuzzer(7).run(500)).toEqual(new Fuzzer(7).run(500));
});

test.each(readdirSync(CORPUS))("what was found stays fixed: %s", async (file) => {
  const { setting, steps, far }: Finding = await Bun.file(`${CORPUS}/${file}`).json();
  expect(steps.length).toBeGreaterThan(0);
  expect(replay(setting, steps, far)).toBeNull();
});

test("shrinking keeps the failure and drops what it does not need", () => {
  const noise = Array.from({ length: 40 }, () => ({ time: 1 }));
  const setting = { seed: 1, family: 4, offload: false, params: {} } as const;
  // Not hexadecimal: the target throws.
  const steps = [...noise, { in: "xx" }, ...noise];
  const message = replay(setting, steps);
  expect(message).not.toBeNull();
  const small = shrink({ message: message!, setting, far: false, steps });
  expect(small.steps).toEqual([{ in: "xx" }]);
});

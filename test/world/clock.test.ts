/** Clocks of hosts that are wrong: by a skew, or ever more, by a drift. */
import { expect, test } from "bun:test";
import "#lab/world/hooks";
import timers from "node:timers/promises";
import type { WorldOptions } from "#lab/world/types";
import { createWorld } from "#lab/world/world";

const quiet = (options: WorldOptions = {}) => createWorld({ report: false, print: () => {}, ...options });
const EPOCH = Date.UTC(2024, 0, 1);

test("in an hour a clock that is 50 ppm fast gains 180 ms, in Date, performance.now, hrtime and setInterval", async () => {
  const world = quiet();
  world.host("fast", { drift: "50ppm" });
  world.host("slow", { drift: -50, skew: 1_000 });
  world.host("right");
  const ticks = { fast: [] as number[], slow: [] as number[], right: [] as number[] };
  const read = await world.run(
    async () => {
      for (const name of ["fast", "slow", "right"] as const)
        world.host(name).run(() => void setInterval(() => ticks[name].push(world.now), 1_000));
      await world.sleep("1h");
      return ["fast", "slow", "right"].map((name) =>
        world.host(name).run(() => [Date.now() - EPOCH, performance.now(), Number(process.hrtime.bigint()) / 1e6]),
      );
    },
    { until: "2h" },
  );
  expect(read).toEqual([
    [3_600_180, 3_600_180, 3_600_180],
    [3_600_820, 3_599_820, 3_599_820],
    [3_600_000, 3_600_000, 3_600_000],
  ]);
  // At the hour itself the run ends before the right clock's tick: its sleep was begun earlier.
  expect([ticks.fast.length, ticks.slow.length, ticks.right.length]).toEqual([3_600, 3_599, 3_599]);
  // The thousandth tick of each, to the microsecond: what times are rounded by does not add up.
  expect([ticks.fast[999], ticks.slow[999], ticks.right[999]]).toEqual([999_950.003, 1_000_050.003, 1_000_000]);
});

test("two hosts that poll each other by their own clocks drift apart by as many milliseconds", async () => {
  const world = quiet();
  world.host("a", { drift: 200 });
  world.host("b", { drift: -200 });
  const stamps = { a: 0, b: 0 };
  await world.run(async () => {
    for (const name of ["a", "b"] as const)
      world.host(name).run(() => setTimeout(() => (stamps[name] = world.now), 1_000_000));
    await world.sleep("20min");
  });
  expect(Math.round(stamps.b - stamps.a)).toBe(400);
});

test("a drift that changes applies from then on, also to timers that are set already, and no clock jumps", async () => {
  const world = quiet();
  const host = world.host("a");
  await world.run(async () => {
    const fired: number[] = [];
    host.run(() => setTimeout(() => fired.push(world.now), 10_000));
    await world.sleep(5_000);
    const before = host.run(() => performance.now());
    host.drift = "10%";
    expect([host.drift, host.run(() => performance.now())]).toEqual([100_000, before]);
    await world.sleep(1_000);
    expect(host.run(() => performance.now())).toBe(6_100);
    host.drift = -50_000;
    await world.sleep(1_000);
    expect(host.run(() => [performance.now(), Date.now() - EPOCH])).toEqual([7_050, 7_050]);
    host.drift = 0;
    await world.sleep(1_000);
    expect(host.run(() => performance.now())).toBe(8_050);
    await world.sleep(10_000);
    expect(fired).toEqual([9_950]);
  });
});

test("a clock and a timer agree: when a timer fires, its time has passed, at whatever drift", async () => {
  const world = quiet();
  for (const [i, drift] of [3, -7.5, 99_999, -99_999, 0.001].entries()) world.host(`h${i}`, { drift });
  await world.run(async () => {
    for (let i = 0; i < 5; i++)
      await world.host(`h${i}`).run(async () => {
        for (const ms of [1, 7, 999, 86_400]) {
          const before = performance.now();
          await timers.setTimeout(ms);
          const passed = performance.now() - before;
          expect(passed).toBeGreaterThanOrEqual(ms - 1e-6);
          expect(passed).toBeLessThan(ms + 0.002);
        }
      });
  });
});

test("a drift is kept by a restart, and its timers go with a crash", async () => {
  const world = quiet();
  const host = world.host("a", { drift: 100_000 });
  let ticks = 0;
  host.start(() => void setInterval(() => ticks++, 1_000));
  await world.run(async () => {
    await world.sleep(2_000);
    host.crash();
    host.drift = 0;
    await world.sleep(5_000);
    expect(ticks).toBe(2);
    host.drift = 100_000;
    host.restart();
    await world.sleep(2_000);
    expect(ticks).toBe(4);
  });
});

test("timers of a host without a drift fire at whole milliseconds, others do not", async () => {
  const run = async (drift: number) => {
    const world = quiet({ seed: 2 });
    world.host("a", { drift });
    let sum = 0;
    await world.run(() =>
      world.host("a").run(async () => {
        for (let i = 0; i < 100; i++) {
          await timers.setTimeout(Math.ceil(Math.random() * 50));
          sum += world.now;
        }
      }),
    );
    return sum;
  };
  expect(Number.isInteger(await run(0))).toBe(true);
  expect(await run(0)).not.toBe(await run(1_000));
});

test("wrong drifts are refused in words", () => {
  const world = quiet();
  const words = 'drift must be parts in a million, such as 50, "50ppm" or "-0.2%", and at most a tenth, not ';
  for (const [drift, shown] of [
    ["fast", '"fast"'],
    ["50", '"50"'],
    ["50 ppm", '"50 ppm"'],
    [100_001, "100001"],
    ["-11%", '"-11%"'],
    [Number.NaN, "NaN"],
    [null, "null"],
  ] as const) {
    expect(() => world.host(`h${String(shown.length)}`, { drift: drift as number })).toThrow(words + shown);
    expect(() => {
      world.host("a").drift = drift as number;
    }).toThrow(words + shown);
  }
  expect(world.host("a", undefined).drift).toBe(0);
  expect(() => {
    world.host("a").skew = Number.NaN;
  }).toThrow("skew must be a number of ms, not NaN");
});

/** Two runs are compared by what is known of them: the same run is the same, and a worse link is told as what it is. */
import { describe, expect, test } from "bun:test";
import { type Comparison, compareRuns } from "#report/diff/compare";
import { recorded } from "./runs.ts";

const GOOD = { link: "delay 20ms rate 10mbit queue 40", bytes: 1e6 };

function only(before: Parameters<typeof recorded>[0], after: Parameters<typeof recorded>[0]): Comparison {
  const { pairs, unpaired } = compareRuns(recorded(before), recorded(after));
  expect([pairs.length, unpaired]).toEqual([1, 0]);
  return pairs[0]!;
}
const worse = ({ differences }: Comparison, name: string) => differences.find((each) => each.name === name)!.worse;

test("a run compared with itself: no figure differs, and the words say so", () => {
  const same = only(GOOD, GOOD);
  for (const { name, before, after, worse } of same.differences)
    expect([name, after, Math.abs(worse ?? 0)]).toEqual([name, before, 0]);
  expect(same.sentences[0]).toMatch(/^The same 1\.00 MB took as long as before: \d+ ms\.$/);
  expect(same.sentences[1]).toBe("What limited the sender is the same as before.");
});

test("the first direction is that of the change: what is worse one way is better the other way", () => {
  const lossy = { ...GOOD, link: "delay 20ms rate 10mbit queue 40 loss 3%", seed: 3 };
  const [there, back] = [only(GOOD, lossy), only(lossy, GOOD)];
  expect(worse(there, "goodput")).toBeGreaterThan(20);
  expect(worse(back, "goodput")).toBeLessThan(-20);
  expect(there.sentences[0]).toMatch(/longer/);
  expect(back.sentences[0]).toMatch(/less/);
  // A percent of the value before: 50 % less there is 100 % more back.
  const [less, more] = [1 - worse(there, "goodput")! / 100, 1 - worse(back, "goodput")! / 100];
  expect(less * more).toBeCloseTo(1, 6);
});

describe("the words say where the time went", () => {
  const words = (after: Partial<Parameters<typeof recorded>[0]>) =>
    only(GOOD, { ...GOOD, ...after }).sentences.join("\n");

  test("a receiver that pauses", () => {
    const small = { receiveBuffer: 100_000, receiveBufferMax: 100_000 };
    expect(words({ stalls: [{ from: 300_000, to: 3_000_000 }], params: small })).toMatch(
      /^[23]\.\d+ s more limited by the receiver's window[,;]/m,
    );
  });

  test("a small send buffer", () => {
    expect(words({ params: { sendBuffer: 10_000 } })).toMatch(/more limited by the send buffer/);
  });

  test("many losses", () => {
    const told = words({ link: "delay 20ms rate 10mbit queue 40 loss 25%", bytes: 1e6, seed: 2 });
    expect(told).toMatch(/s more waiting for retransmission timeouts/);
    expect(told).toMatch(/\d+ retransmissions instead of \d+, .*\d+ timeouts instead of none/);
  });

  test("a longer queue", () => {
    expect(words({ link: "delay 20ms rate 2mbit queue 40" })).toMatch(
      /Queues on the path add up to \d+ ms to the round trip instead of [\d.]+ ms\./,
    );
  });
});

test("what the runs were is told where it differs", () => {
  const { settings } = compareRuns(recorded(GOOD), recorded({ ...GOOD, seed: 9, link: "delay 5ms" }));
  expect(settings).toEqual([
    ["seed", "1", "9"],
    ["link", "delay 20ms rate 10mbit queue 40", "delay 5ms"],
  ]);
});

test("round trips that differ by less than a millisecond are the same, however many percent that is", () => {
  const near = only({ link: "delay 100us", bytes: 1e5 }, { link: "delay 300us", bytes: 1e5 });
  expect(worse(near, "round trip, median")).toBe(0);
  const far = only({ link: "delay 10ms", bytes: 1e5 }, { link: "delay 30ms", bytes: 1e5 });
  expect(worse(far, "round trip, median")).toBeCloseTo(200, -1);
});

test("directions that only one run has are counted", () => {
  const { pairs, unpaired } = compareRuns(recorded(GOOD), recorded({ ...GOOD, flows: 3 }));
  expect([pairs.length, unpaired]).toEqual([1, 2]);
});

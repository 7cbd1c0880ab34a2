import { expect, test } from "bun:test";
import { Prng } from "#base/prng";
import { LossModel } from "#device/link-loss";
import { LINK_LOSS_NTH, NO_DROP } from "#device/link-marks";
import { CorrelatedDraws, normalQuantile } from "#device/link-random";
import { parseLink } from "#device/link-words";

function losses(words: string, n: number, seed = 3): boolean[] {
  const model = new LossModel(new Prng(seed));
  const profile = parseLink(words);
  return Array.from({ length: n }, () => model.next(profile) !== NO_DROP);
}

function share(lost: readonly boolean[]): number {
  return lost.filter(Boolean).length / lost.length;
}

/** Lengths of runs of losses. */
function bursts(lost: readonly boolean[]): number[] {
  const lengths: number[] = [];
  let run = 0;
  for (const one of [...lost, false]) {
    if (one) run++;
    else if (run > 0) {
      lengths.push(run);
      run = 0;
    }
  }
  return lengths;
}

const mean = (values: readonly number[]) => values.reduce((s, v) => s + v, 0) / values.length;

test("independent loss loses its share, within four standard deviations", () => {
  const n = 200_000;
  for (const p of [0.001, 0.01, 0.3]) {
    const deviation = Math.sqrt((p * (1 - p)) / n);
    expect(Math.abs(share(losses(`loss ${p * 100}%`, n)) - p)).toBeLessThan(4 * deviation);
  }
  expect(share(losses("loss 0%", 1_000))).toBe(0);
  expect(share(losses("loss 100%", 1_000))).toBe(1);
});

test("correlation makes bursts and leaves the share as it is (netem's makes it smaller)", () => {
  const lost = losses("loss 10% 50%", 200_000);
  expect(share(lost)).toBeGreaterThan(0.095);
  expect(share(lost)).toBeLessThan(0.105);
  // A loss is followed by another with c + (1 - c) p = 0.55: bursts of 1 / 0.45.
  expect(mean(bursts(lost))).toBeCloseTo(1 / 0.45, 1);
});

test("Gilbert-Elliott: the share is p / (p + r), a burst 1 / r packets long", () => {
  const lost = losses("loss gemodel 1% 25%", 400_000);
  expect(share(lost)).toBeCloseTo(0.01 / 0.26, 2);
  const lengths = bursts(lost);
  expect(Math.abs(mean(lengths) - 4)).toBeLessThan(0.15);
  // Geometric: a share r of the bursts is one packet long, r (1 - r) two.
  expect(lengths.filter((l) => l === 1).length / lengths.length).toBeCloseTo(0.25, 1);
  expect(lengths.filter((l) => l === 2).length / lengths.length).toBeCloseTo(0.1875, 1);
});

test("Gilbert-Elliott: loss within the states, as given", () => {
  const lost = losses("loss gemodel 5% 20% 50% 1%", 400_000);
  // The bad state holds 0.05 / 0.25 = 20 % of the packets.
  expect(share(lost)).toBeCloseTo(0.2 * 0.5 + 0.8 * 0.01, 2);
});

test("loss nth loses those packets and no others", () => {
  const lost = losses("loss nth 2,5-7,12", 30);
  expect(lost.flatMap((one, i) => (one ? [i + 1] : []))).toEqual([2, 5, 6, 7, 12]);
});

test("a loss pattern repeats, beside other loss and under its own mark", () => {
  const lost = losses("loss pattern 001", 9);
  expect(lost.map(Number).join("")).toBe("001001001");
  const model = new LossModel(new Prng(1));
  expect(model.next(parseLink("loss pattern 1 loss 100%"))).toBe(LINK_LOSS_NTH);
});

test("restart counts packets anew", () => {
  const model = new LossModel(new Prng(1));
  const profile = parseLink("loss nth 1");
  expect(model.next(profile)).toBe(LINK_LOSS_NTH);
  expect(model.next(profile)).toBe(NO_DROP);
  model.restart();
  expect(model.next(profile)).toBe(LINK_LOSS_NTH);
});

test("correlated draws keep the uniform distribution and have the autocorrelation they were given", () => {
  const draws = new CorrelatedDraws(new Prng(11));
  const values = Array.from({ length: 200_000 }, () => draws.next(0.4));
  const m = mean(values);
  const variance = mean(values.map((v) => (v - m) ** 2));
  const lagged = mean(values.slice(1).map((v, i) => (v - m) * (values[i]! - m)));
  expect(m).toBeCloseTo(0.5, 2);
  expect(variance).toBeCloseTo(1 / 12, 2);
  expect(lagged / variance).toBeCloseTo(0.4, 1);
});

test("the normal quantile meets the table, is odd, and ends at four deviations", () => {
  const table = [
    [0.5, 0],
    [0.8413447, 1],
    [0.9772499, 2],
    [0.9986501, 3],
  ] as const;
  for (const [u, z] of table) {
    expect(Math.abs(normalQuantile(u) - z)).toBeLessThan(0.01);
    expect(normalQuantile(1 - u)).toBeCloseTo(-normalQuantile(u), 6);
  }
  expect(normalQuantile(1)).toBeLessThan(4.01);
  expect(normalQuantile(0)).toBeGreaterThan(-4.01);
});

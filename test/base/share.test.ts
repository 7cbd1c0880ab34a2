/** What each holder of a shared pool may have. */
import { describe, expect, test } from "bun:test";
import { share } from "#base/share";

const LIMIT = 1 << 20;

describe("the share of a pool", () => {
  test("is the whole pool until half of it is taken", () => {
    expect(share(LIMIT / 2, LIMIT, 1)).toBe(LIMIT);
    expect(share(LIMIT / 2 + 1, LIMIT, 1)).toBeLessThan(LIMIT / 8);
  });

  test("never grows while the pool fills, and ends at what everybody may have", () => {
    let last = LIMIT;
    for (let used = 0; used <= LIMIT; used += 97) {
      const now = share(used, LIMIT, 64);
      expect(now).toBeLessThanOrEqual(last);
      last = now;
    }
    expect(last).toBe(64);
  });

  test("halves with each thirty-second of the pool", () => {
    const at = (part: number) => share(LIMIT / 2 + (part * LIMIT) / 32 + 1, LIMIT, 1);
    for (let i = 0; i < 8; i++) expect(at(i) / at(i + 1)).toBeCloseTo(2, 1);
  });

  test("a thousand who take all they may leave a sixteenth of the pool and more", () => {
    let used = LIMIT / 2 + 1;
    for (let i = 0; i < 1000; i++) used += share(used, LIMIT, 8);
    expect(used).toBeLessThan(LIMIT - LIMIT / 16);
  });

  test("pools of a few entries work as well", () => {
    for (let limit = 1; limit < 40; limit++) {
      for (let used = 0; used <= limit; used++) expect(share(used, limit, 1)).toBeGreaterThanOrEqual(1);
    }
  });
});

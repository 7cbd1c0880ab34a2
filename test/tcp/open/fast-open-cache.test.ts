import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { SipHash } from "#base/siphash";
import { Address } from "#ip/address";
import { FastOpenCache, UNKNOWN } from "#tcp/open/fast-open-cache";
import { TcpOptions } from "#wire/tcp-options";
import { address } from "../../support/naive/ip.ts";

const LOCAL = address("10.0.0.7");
const REMOTE = address("10.0.1.5");
const S = 1_000_000;

const options = (cookie: readonly number[] | null, experiment = false): TcpOptions => {
  const out = new TcpOptions();
  out.fastOpen = cookie?.length ?? -1;
  out.fastOpenExperiment = experiment;
  out.cookie.set(cookie ?? []);
  return out;
};
const cookieAt = (cache: FastOpenCache, i: number) => Array.from(cache.cookies.slice(i * 16, i * 16 + cache.length(i)));
const newCache = (entries?: number) => new FastOpenCache(new SipHash(1, 2), entries);

describe("what a client remembers (RFC 7413 §4.1.3)", () => {
  test("the newest cookie of each pair of addresses, and the MSS that came with it", () => {
    const cache = newCache();
    expect(cache.find(LOCAL, REMOTE)).toBe(UNKNOWN);
    expect([cache.length(UNKNOWN), cache.mss(UNKNOWN)]).toEqual([0, 0]);
    cache.learn(LOCAL, REMOTE, options([1, 2, 3, 4]), 1000, true, 0);
    cache.learn(LOCAL, address("10.0.1.6"), options([9, 9, 9, 9]), 500, true, 0);
    cache.learn(address("10.0.0.8"), REMOTE, options([8, 8, 8, 8]), 600, true, 0);
    cache.learn(LOCAL, REMOTE, options([5, 6, 7, 8, 9, 10]), 1400, false, 1);
    const i = cache.find(LOCAL, REMOTE);
    expect([cookieAt(cache, i), cache.mss(i)]).toEqual([[5, 6, 7, 8, 9, 10], 1400]);
    expect(cache.mss(cache.find(address("10.0.0.8"), REMOTE))).toBe(600);
    // A SYN,ACK without a cookie and without an MSS takes nothing away.
    cache.learn(LOCAL, REMOTE, options(null), 0, false, 2);
    expect([cookieAt(cache, i), cache.mss(i)]).toEqual([[5, 6, 7, 8, 9, 10], 1400]);
  });

  test("it is bounded: of more destinations than it has places some are forgotten, and what it tells is true", () => {
    const destination = fc.record({
      address: fc.nat(200),
      cookie: fc.array(fc.nat(255), { minLength: 8, maxLength: 8 }),
    });
    fc.assert(
      fc.property(fc.array(destination, { maxLength: 120 }), (all) => {
        const cache = newCache(16);
        const told = new Map<number, readonly number[]>();
        all.forEach(({ address: d, cookie }, now) => {
          cache.learn(LOCAL, Address.v4(d), options(cookie), 1460, true, now);
          told.set(d, cookie);
          // The last one is always there.
          expect(cookieAt(cache, cache.find(LOCAL, Address.v4(d)))).toEqual([...cookie]);
        });
        const known = [...told].filter(([d]) => cache.find(LOCAL, Address.v4(d)) !== UNKNOWN);
        expect(known.length).toBeLessThanOrEqual(16);
        for (const [d, cookie] of known) expect(cookieAt(cache, cache.find(LOCAL, Address.v4(d)))).toEqual([...cookie]);
      }),
      { seed: 7413, numRuns: 100 },
    );
  });

  test("a request that was passed over is made once more under the experiment's kind, then never again", () => {
    const cache = newCache();
    const kinds: boolean[] = [];
    for (let i = 0; i < 4; i++) {
      kinds.push(cache.isExperiment(cache.find(LOCAL, REMOTE)));
      cache.learn(LOCAL, REMOTE, options(null), 1460, true, i);
    }
    expect(kinds).toEqual([false, true, false, false]);
  });

  test("a cookie goes back under the kind that it came under", () => {
    const cache = newCache();
    cache.learn(LOCAL, REMOTE, options([1, 2, 3, 4], true), 1460, true, 0);
    expect(cache.isExperiment(cache.find(LOCAL, REMOTE))).toBe(true);
    cache.learn(LOCAL, REMOTE, options([1, 2, 3, 4]), 1460, false, 0);
    expect(cache.isExperiment(cache.find(LOCAL, REMOTE))).toBe(false);
  });
});

describe("a path that drops Fast Open (RFC 7413 §4.1.3.1)", () => {
  const paused = (cache: FastOpenCache, now: number, port = 80) => cache.isPaused(cache.find(LOCAL, REMOTE), port, now);

  test("two losses in a row are a pause, one is not, nor are two with a success between", () => {
    const cache = newCache();
    cache.lost(LOCAL, REMOTE, 80, false, 60 * S, 0);
    expect(paused(cache, 1)).toBe(false);
    cache.worked(LOCAL, REMOTE, 80);
    cache.lost(LOCAL, REMOTE, 80, false, 60 * S, 10);
    expect(paused(cache, 11)).toBe(false);
    cache.lost(LOCAL, REMOTE, 80, false, 60 * S, 20);
    expect([paused(cache, 21), paused(cache, 60 * S + 20)]).toEqual([true, false]);
  });

  test("no answer at all causes a pause at once, twice as long each time, up to 64 times", () => {
    const cache = newCache();
    const lengths: number[] = [];
    for (let i = 0; i < 9; i++) {
      cache.lost(LOCAL, REMOTE, 80, true, 1 * S, 0);
      let length = 0;
      while (paused(cache, length * S)) length++;
      lengths.push(length);
    }
    expect(lengths).toEqual([1, 2, 4, 8, 16, 32, 64, 64, 64]);
  });

  test("a pause applies to one port only, and the cookie is kept", () => {
    const cache = newCache();
    cache.learn(LOCAL, REMOTE, options([1, 2, 3, 4]), 1460, true, 0);
    cache.lost(LOCAL, REMOTE, 80, true, 60 * S, 0);
    const i = cache.find(LOCAL, REMOTE);
    expect([cache.isReady(i, 80, false, 1), cache.isReady(i, 80, true, 1)]).toEqual([false, false]);
    expect([cache.isReady(i, 443, false, 1), cache.isReady(i, 80, false, 61 * S)]).toEqual([true, true]);
  });
});

/** RFC 6528: initial sequence numbers, and what else must not be guessed. */
import { describe, expect, test } from "bun:test";
import { Stack } from "#stack/stack";
import { address } from "../../support/naive/ip.ts";

const stack = (seed: number) =>
  new Stack({ addresses: [address("10.0.0.7")], mtu: 1500, seed, limits: { memory: 4 << 20 } });
const isn = (s: Stack, port: number, now: number) => {
  const tcb = s.connect(address("10.0.1.5"), 80, { localPort: port }, now);
  s.abort(tcb, now);
  return tcb.snd.iss;
};

describe("ISN = M + F(4-tuple, secret) (MUST-8, MUST-9, SHLD-1)", () => {
  test("M moves by one every 4 microseconds for one 4-tuple", () => {
    const s = stack(1);
    const first = isn(s, 1000, 0);
    expect((isn(s, 1000, 4_000_000) - first) | 0).toBe(1_000_000);
    expect((isn(s, 1000, 4 * 2 ** 32 + 40) - first) | 0).toBe(10);
  });

  test("F differs for every port and every secret, over the whole space", () => {
    const s = stack(1);
    const seen = new Set<number>();
    const octants = new Array(8).fill(0);
    for (let port = 1; port <= 2000; port++) {
      const n = isn(s, port, 0);
      seen.add(n);
      octants[n >>> 29]++;
    }
    expect(seen.size).toBe(2000);
    for (const count of octants) expect(count).toBeGreaterThan(150);
    const others = new Set([1, 2, 3, 4, 5, 6, 7, 8].map((seed) => isn(stack(seed), 1000, 0)));
    expect(others.size).toBe(8);
  });

  test("differences between neighbouring ports tell nothing: no common divisor", () => {
    const s = stack(9);
    const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
    let divisor = 0;
    for (let port = 1; port < 50; port++) divisor = gcd(Math.abs(isn(s, port + 1, 0) - isn(s, port, 0)), divisor);
    expect(divisor).toBeLessThan(10);
  });
});

describe("ports (RFC 6056)", () => {
  test("ephemeral ports do not repeat soon, lie in the dynamic range, and differ between destinations", () => {
    const s = stack(3);
    const ports = (remote: string) => {
      const out: number[] = [];
      for (let i = 0; i < 100; i++) out.push(s.connect(address(remote), 80, {}, 0).localPort);
      return out;
    };
    const a = ports("10.0.1.5");
    const b = ports("10.0.1.6");
    expect(new Set(a).size).toBe(100);
    for (const port of [...a, ...b]) expect(port).toBeGreaterThanOrEqual(49_152);
    expect(a[0]).not.toBe(b[0]);
  });

  test("what one destination sees of its ports does not tell how many were opened to others (RFC 6056 §3.3.4)", () => {
    const gaps = (others: number) => {
      const s = stack(3);
      const first = s.connect(address("10.0.1.5"), 80, {}, 0).localPort;
      for (let i = 0; i < others; i++) s.connect(address("10.0.1.6"), 80, {}, 0);
      return (s.connect(address("10.0.1.5"), 80, {}, 0).localPort - first + 16_384) % 16_384;
    };
    for (const others of [0, 10, 1_000, 9_000]) {
      expect(gaps(others)).toBeGreaterThan(0);
      expect(gaps(others)).toBeLessThanOrEqual(8);
    }
  });

  test("all 16,384 may be used for one destination; then EADDRNOTAVAIL, and one given back is found", () => {
    const s = stack(3);
    const tcbs = [];
    for (let i = 0; i < 16_384; i++) tcbs.push(s.connect(address("10.0.1.5"), 80, {}, 0));
    expect(() => s.connect(address("10.0.1.5"), 80, {}, 0)).toThrow(/port/);
    expect(s.connect(address("10.0.1.6"), 80, {}, 0).localPort).toBeGreaterThan(0);
    s.abort(tcbs[77]!, 0);
    expect(s.connect(address("10.0.1.5"), 80, {}, 0).localPort).toBe(tcbs[77]!.localPort);
  });
});

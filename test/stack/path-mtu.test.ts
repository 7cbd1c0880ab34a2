/** What one connection learns of a path (RFC 1191, RFC 8201) counts for all connections to the destination. */
import { describe, expect, test } from "bun:test";
import { icmp } from "../support/icmp-error.ts";
import { type BenchOptions, TcpBench } from "../support/tcp-bench.ts";

const FRAGMENTATION_NEEDED = [3, 4] as const;

/** Two connections from one remote, with 5000 octets in flight on each. The bench speaks for the second. */
function two(options: BenchOptions = {}): TcpBench {
  const b = TcpBench.at("ESTABLISHED", options);
  b.send(5000);
  b.out();
  b.port = 6666;
  b.peerNxt = 0;
  b.peerExpects = 0;
  b.established();
  b.send(5000, { from: 0 });
  b.out();
  return b;
}

describe("a smaller path MTU", () => {
  test("is learned by every connection to the destination", () => {
    const b = two();
    icmp(b, ...FRAGMENTATION_NEEDED, 1, 1000);
    for (const sent of b.out()) expect([sent.remotePort, sent.size]).toEqual([6666, expect.any(Number)]);
    b.run(2e6);
    const again = b.out().filter(({ remotePort }) => remotePort === 5555);
    expect(again.length).toBeGreaterThan(0);
    for (const { size } of again) expect(size).toBeLessThanOrEqual(1000);
    expect([...b.stack.connections()].map(({ snd }) => snd.mss)).toEqual([960, 960]);
  });

  test("a second ICMP error, about the other connection, makes it resend at once, although the table knew already", () => {
    const b = two();
    icmp(b, ...FRAGMENTATION_NEEDED, 1, 1000);
    b.port = 5555;
    b.iss = [...b.stack.connections()].find(({ remotePort }) => remotePort === 5555)!.snd.iss >>> 0;
    icmp(b, ...FRAGMENTATION_NEEDED, 1, 1000);
    const sizes = b.out().filter(({ remotePort }) => remotePort === 5555);
    expect(sizes[0]).toMatchObject({ seq: 1, size: 1000 });
  });

  test("is learned by a half-open connection, which then opens with smaller segments", () => {
    const b = TcpBench.at("SYN-RECEIVED");
    const { a, b: second, c, d } = b.tcb.remote;
    b.stack.pathMtu.lower(a, second, c, d, 1000, b.now);
    b.in(".");
    b.stack.accept(b.listener!);
    b.send(3000);
    expect(b.out()[0]!.size).toBe(1000);
  });

  test("is learned by an opening connection, which then opens with smaller segments", () => {
    const b = TcpBench.at("SYN-SENT");
    const { a, b: second, c, d } = b.tcb.remote;
    b.stack.pathMtu.lower(a, second, c, d, 1000, b.now);
    b.in("S.", { mss: 1460 });
    b.send(3000);
    expect(Math.max(...b.out().map(({ size }) => size))).toBe(1000);
  });

  test("is not exceeded where the peer's window grows later", () => {
    const b = TcpBench.at("ESTABLISHED", {}, { mss: 1460, win: 1000 });
    b.send(20_000);
    b.out();
    icmp(b, ...FRAGMENTATION_NEEDED, 1, 1200);
    b.out();
    for (let i = 0; i < 20; i++) {
      b.in(".", { win: 60_000 });
      for (const { size } of b.out()) expect(size).toBeLessThanOrEqual(1200);
    }
    expect(b.tcb.snd.una).toBe(b.tcb.snd.nxt);
  });

  test("leaves connections to other destinations as they were, and those that do no path MTU discovery", () => {
    const b = TcpBench.at("ESTABLISHED", { params: { pathMtuDiscovery: false } });
    const { a, b: second, c, d } = b.tcb.remote;
    b.stack.pathMtu.lower(a, second, c, d, 1000, b.now);
    b.send(3000);
    expect(b.out()[0]!.size).toBe(1500);
    const other = TcpBench.at("ESTABLISHED");
    other.stack.pathMtu.lower(a, second, c, d + 1, 1000, other.now);
    other.send(3000);
    expect(other.out()[0]!.size).toBe(1500);
  });
});

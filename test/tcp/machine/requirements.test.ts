/** Requirements of RFC 9293 (Appendix B) that no other test of this folder is about. */
import { describe, expect, test } from "bun:test";
import { octets, TcpBench } from "../../support/tcp-bench.ts";

const FULL = { sack: true, timestamps: true, windowScale: true };

test("the window field is unsigned (MUST-1): 0x8000 and more is a large window, not a negative one", () => {
  const b = TcpBench.at("ESTABLISHED", {}, { mss: 1460, win: 0xffff });
  b.in(".", { n: 1 }).in(".", { n: 1, win: 0x8000 });
  expect(b.tcb.snd.wnd).toBe(0x8000);
  b.in(".", { win: 0xffff });
  expect(b.tcb.snd.wnd).toBe(0xffff);
});

test("windows are held in more than 16 bits (REC-1)", () => {
  const b = TcpBench.at("ESTABLISHED", { params: FULL }, { mss: 1460, wscale: 14, win: 0xffff });
  expect(b.tcb.snd.wnd).toBe(0xffff * 2 ** 14);
  b.send(1000);
  expect(b.out().length).toBe(1);
});

describe("checksums (MUST-2)", () => {
  // The bench verifies every checksum of every packet; here are the shapes that an implementation gets wrong.
  test.each([4, 6] as const)("over IPv%d, of odd and even lengths, across the pages of the queue", (family) => {
    const b = TcpBench.at("ESTABLISHED", { family, params: { nagle: "off" } });
    let sent = 0;
    for (let n = 1; n < 3000; n += 97) {
      b.send(n);
      for (const x of b.out()) {
        expect(x.data).toEqual(octets(x.seq - 1, x.data.length));
        sent += x.data.length;
      }
      b.in(".");
    }
    expect(sent).toBeGreaterThan(16_384 * 2);
  });
});

test("padding after the options is zero (MUST-69), options are whole words (MUST-68), MSS stands in SYNs alone (MUST-65)", () => {
  // The bench throws where any of these fails, on every segment of this exchange.
  const b = TcpBench.at("ESTABLISHED", { params: FULL }, { mss: 1460, sackOk: true, ts: [1, 0], wscale: 2 });
  b.in(".", { seq: 2000, n: 10 });
  b.in(".", { seq: 3000, n: 10 });
  b.send(5000);
  b.stack.closeSend(b.tcb, b.now);
  const sent = b.out();
  expect(sent.length).toBe(4);
  expect(sent.every((x) => x.mss === -1)).toBe(true);
});

test("an RST with data resets the connection; the data is ignored (SHLD-2)", () => {
  const b = TcpBench.at("ESTABLISHED");
  b.in("R", { seq: 1, data: [69, 82, 82] });
  expect(b.stack.info(b.tcb)).toMatchObject({ state: "CLOSED", error: "ECONNRESET" });
});

test("out-of-order segments are queued (SHLD-31): only the missing segment must be retransmitted", () => {
  const b = TcpBench.at("ESTABLISHED");
  for (let i = 9; i >= 1; i--) b.in(".", { seq: 1 + i * 100, n: 100 });
  b.in(".", { seq: 1, n: 100 });
  expect(b.read()).toBe(1000);
});

test("a receiver may keep its window closed for as long as its user does not read (MAY-8)", () => {
  const b = TcpBench.at("ESTABLISHED", { params: { receiveBuffer: 1000, receiveBufferMax: 1000 } });
  b.in(".", { n: 1000 });
  b.run(1e6);
  b.out();
  for (let i = 0; i < 50; i++) {
    b.in(".", { seq: 1001, n: 1 });
    expect(b.out().at(-1)!.win).toBe(0);
    b.run(3600e6);
  }
  expect(b.state).toBe("ESTABLISHED");
});

test("data is delivered without PSH (MUST-60, MUST-61)", () => {
  const b = TcpBench.at("ESTABLISHED");
  b.in(".", { n: 10 });
  expect(b.events()).not.toBe(0);
  expect(b.read()).toBe(10);
});

test("the MSS is that of our link (SHLD-6), and is sent in every SYN (SHLD-5, MAY-3)", () => {
  for (const mtu of [576, 1400, 1500, 9000]) {
    expect(new TcpBench({ mtu }).connect().out()[0]!.mss).toBe(mtu - 40);
    expect(new TcpBench({ mtu }).listen().in("S", { mss: 100 }).out()[0]!.mss).toBe(mtu - 40);
  }
});

test("error reports may be ignored (SHLD-20): a connection continues if its events are never read", () => {
  const b = TcpBench.at("ESTABLISHED");
  b.send(10);
  b.run(20e6);
  b.out();
  b.in(".");
  b.send(10);
  expect(b.out().length).toBe(1);
});

test("data is collected while the user asks for it, and then sent together (MAY-16)", () => {
  const b = TcpBench.at("ESTABLISHED");
  b.stack.cork(b.tcb, true, b.now);
  for (let i = 0; i < 10; i++) b.send(10);
  expect(b.lines()).toEqual([]);
  b.stack.cork(b.tcb, false, b.now);
  expect(b.lines()).toEqual(["P. 1:101(100) ack 1"]);
});

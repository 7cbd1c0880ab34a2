/** RFC 2385 signatures, which nobody here asks for. */
import { expect, test } from "bun:test";
import { TcpBench } from "../../support/tcp-bench.ts";

const SIGNATURE = [19, 18, ...Array(16).fill(7), 1, 1];

test("with dropSigned a signed segment is dropped; without it, its option is ignored as unknown (MUST-6)", () => {
  for (const dropSigned of [true, false]) {
    const b = TcpBench.at("ESTABLISHED", { params: { dropSigned } });
    b.in("P.", { n: 10, raw: SIGNATURE });
    expect([b.tcb.rcv.unread, b.count("tcp.rx.signed")]).toEqual(dropSigned ? [0, 1] : [10, 0]);
  }
});

test("a signed SYN opens nothing", () => {
  const b = new TcpBench({ params: { dropSigned: true } }).listen();
  b.in("S", { raw: SIGNATURE });
  expect([b.lines(), b.stack.connectionCount]).toEqual([[], 0]);
});

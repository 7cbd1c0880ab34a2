/** How long a connection lasts whose peer keeps its window closed (RFC 9293 §3.8.6.1, MUST-37; RFC 6429). */
import { describe, expect, test } from "bun:test";
import { MINUTE, SECOND } from "#base/time";
import { type BenchOptions, TcpBench } from "../../support/tcp-bench.ts";

const TIMEOUT = 5 * SECOND;

/** The peer's window is closed, and data waits for it. */
function closed(options: BenchOptions["params"]): TcpBench {
  const b = TcpBench.at("ESTABLISHED", { params: options ?? {} });
  b.in(".", { win: 0 });
  b.send(1000);
  b.out();
  return b;
}

/** Time passes; the peer answers what comes, if it answers. Returns how many segments came. */
function pass(b: TcpBench, us: number, answers: (nth: number) => boolean, each = () => {}): number {
  let came = 0;
  for (const until = b.now + us; b.now < until && b.state !== "CLOSED"; ) {
    b.run(Math.min(100_000, until - b.now));
    for (const _ of b.out()) if (answers(came++)) b.in(".", { ack: 1, win: 0 });
    each();
  }
  return came;
}

const always = () => true;
const never = () => false;
const causeOf = (b: TcpBench) => b.stack.info(b.tcb).endedBy;

describe("a peer whose window is closed", () => {
  test("and that answers every probe is alive, however long its user pauses while ours goes on writing", () => {
    const b = closed({ userTimeout: TIMEOUT });
    const came = pass(b, 60 * MINUTE, always, () => b.send(1));
    expect(b.state).toBe("ESTABLISHED");
    expect(came).toBeGreaterThan(100);
    b.in(".", { win: 65_535 });
    expect(b.out()[0]!.data.length).toBeGreaterThan(1000);
  });

  test("and that falls silent is given up within the user timeout and a quarter", () => {
    const b = closed({ userTimeout: TIMEOUT });
    pass(b, 10 * MINUTE, always);
    const begun = b.now;
    pass(b, 60 * MINUTE, never);
    expect(b.stack.info(b.tcb)).toMatchObject({ state: "CLOSED", error: "ETIMEDOUT", endedBy: "tcp.gave-up" });
    expect(b.now - begun).toBeGreaterThanOrEqual(TIMEOUT);
    expect(b.now - begun).toBeLessThanOrEqual(1.25 * TIMEOUT + 200_000);
  });

  test("and of whose answers two of three are lost is not taken for a silent one", () => {
    const b = closed({ userTimeout: TIMEOUT });
    pass(b, 60 * MINUTE, (nth) => nth % 3 === 0);
    expect(b.state).toBe("ESTABLISHED");
  });

  test("and that closed it over what is in flight is alive as long as it answers the retransmissions", () => {
    const b = TcpBench.at("ESTABLISHED", { params: { userTimeout: TIMEOUT } });
    b.send(1000);
    b.out();
    b.in(".", { ack: 1, win: 0 });
    pass(b, 60 * MINUTE, always, () => b.send(1));
    expect(b.state).toBe("ESTABLISHED");
    const begun = b.now;
    pass(b, 60 * MINUTE, never);
    expect(causeOf(b)).toBe("tcp.gave-up");
    expect(b.now - begun).toBeLessThanOrEqual(3 * TIMEOUT);
  });

  test("and answers is given up some minutes after our user closed the connection, and nothing is left of it", () => {
    const b = closed({});
    b.stack.close(b.tcb, b.now);
    b.stack.release(b.tcb);
    const begun = b.now;
    pass(b, 60 * MINUTE, always);
    expect(causeOf(b)).toBe("tcp.gave-up-closed-window");
    expect(b.now - begun).toBeGreaterThan(100 * SECOND);
    expect(b.now - begun).toBeLessThan(6 * MINUTE);
    expect(b.leftovers()).toMatchObject({ connections: 0, records: 0, pages: 0 });
  });

  test("over data in flight is given up as well, once our user closed the connection", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.send(1000);
    b.out();
    b.in(".", { ack: 1, win: 0 });
    b.stack.close(b.tcb, b.now);
    b.stack.release(b.tcb);
    const begun = b.now;
    pass(b, 60 * MINUTE, always);
    expect(causeOf(b)).toBe("tcp.gave-up-closed-window");
    expect(b.now - begun).toBeLessThan(6 * MINUTE);
    expect(b.leftovers()).toMatchObject({ connections: 0, records: 0, pages: 0 });
  });

  test("but opens it for the closed connection gets the rest and the FIN", () => {
    const b = closed({});
    b.stack.close(b.tcb, b.now);
    pass(b, MINUTE, always);
    b.in(".", { win: 65_535 });
    expect(b.lines().at(-1)).toContain("1:1001(1000)");
    b.in("F.", { ack: 1002 });
    expect(b.state).toBe("TIME-WAIT");
  });
});

import { describe, expect, test } from "bun:test";
import { SECOND } from "#base/time";
import { octets, TcpBench } from "../support/tcp-bench.ts";

/** A bench whose backlog is full of SYNs that nobody will follow. */
function crowded(offer: object = {}): TcpBench {
  const b = new TcpBench({ params: { sack: true, timestamps: true, windowScale: true } }).listen({ backlog: 4 });
  for (let i = 0; i < 5; i++) b.in("S", { seq: 0, mss: 1460, port: 100 + i, ...offer }).out();
  expect(b.stack.connectionCount).toBe(5);
  return b;
}

/** A peer that is answered with a cookie, and sends `n` octets with its ACK. */
function knock(b: TcpBench, offer: object, n: number) {
  b.peerNxt = 0;
  b.in("S", { win: 1000, ...offer });
  const [answer] = b.out();
  expect([answer?.flags, answer?.cause]).toEqual(["S.", "tcp.tx.syn-cookie"]);
  b.usesTs = answer!.ts !== null;
  if (b.usesTs) b.seenTs = answer!.ts![0];
  b.in(".", { win: 10_000, n });
  return answer!;
}

describe("beyond the backlog a SYN gets a cookie", () => {
  test("a flood takes no further places in the backlog, and real clients can connect", () => {
    const b = crowded();
    for (let i = 0; i < 20_000; i++) {
      b.in("S", { seq: i, mss: 1460, port: 1_000 + i }).out();
      // As many as may be answered.
      b.now += 100;
    }
    expect([b.stack.connectionCount, b.count("tcp.tx.syn-cookie")]).toEqual([5, 20_000]);
    knock(b, { mss: 1400 }, 10);
    const tcb = b.stack.accept(b.listener!)!;
    const into = new Uint8Array(10);
    expect(b.stack.receive(tcb, into, 0, 10)).toBe(10);
    expect([...into]).toEqual([...octets(0, 10)]);
    expect(b.stack.info(tcb)).toMatchObject({ state: "ESTABLISHED", mss: 1400, sack: false, sndWscale: -1 });
  });

  test("with timestamps the other options are agreed on as in any handshake", () => {
    const b = crowded();
    const answer = knock(b, { mss: 1460, sackOk: true, wscale: 3, ts: [7_000, 0] }, 0);
    expect([answer.sackOk, answer.wscale, answer.ts?.[1]]).toEqual([true, 10, 7_000]);
    const tcb = b.stack.accept(b.listener!)!;
    expect(b.stack.info(tcb)).toMatchObject({ sack: true, timestamps: true, sndWscale: 3, rcvWscale: 10 });
    expect(tcb.snd.wnd).toBe(80_000);
    b.tcb = tcb;
    b.send(5_000);
    expect(b.out().map(({ data }) => data.length)).toEqual([1_448, 1_448, 1_448, 656]);
  });

  test("a cookie expires after two minutes; an ACK without a valid cookie gets an RST", () => {
    const b = crowded();
    b.in("S", { seq: 0, mss: 1460 });
    const [answer] = b.out();
    const again = { seq: 1, win: 1000, ack: answer!.seq + 1 };
    b.in(".", { ...again, ack: again.ack + 1 });
    expect(b.out().map(({ flags }) => flags)).toEqual(["R"]);
    b.run(200 * SECOND);
    b.out();
    b.in(".", again);
    expect(b.out().map(({ flags }) => flags)).toEqual(["R"]);
  });

  test("with a full accept queue not even a cookie is given", () => {
    const b = new TcpBench().listen({ backlog: 0 });
    b.established({ mss: 1460 });
    b.port = 200;
    b.peerNxt = 0;
    b.in("S", { mss: 1460 }).out();
    b.in(".", {}).out();
    b.in("S", { seq: 0, mss: 1460, port: 300 });
    expect(b.out()).toEqual([]);
    expect(b.count("tcp.tx.syn-cookie")).toBe(0);
  });
});

test("if cookies are always used, no state is kept for any SYN", () => {
  const b = new TcpBench({ params: { synCookies: "always" } }).listen();
  knock(b, { mss: 1460 }, 0);
  expect(b.stack.connectionCount).toBe(1);
  expect(b.stack.accept(b.listener!)).not.toBeNull();
  expect(b.listener!.halfOpen).toBe(0);
});

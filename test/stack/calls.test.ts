/** The user's calls (RFC 9293 §3.9.1): which OPENs are let through, what the connection may be told, who hears of what. */
import { describe, expect, test } from "bun:test";
import { HEADROOM, PACKET_MAX, Packet } from "#base/packet";
import { Stack } from "#stack/stack";
import { prefix } from "../support/ip-bench.ts";
import { address, naiveIPv4, naiveIPv6 } from "../support/naive/ip.ts";
import { naiveTcp } from "../support/naive/tcp.ts";
import { TcpBench } from "../support/tcp-bench.ts";

const two = () =>
  new Stack({
    addresses: [address("10.0.0.7"), address("10.0.0.8"), address("fd00::7")],
    prefixes: [prefix("10.0.0.1/24")],
    mtu: 1500,
    seed: 1,
    limits: { memory: 4 << 20 },
  });
const code = (run: () => unknown): string => {
  try {
    run();
    return "OK";
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe("OPEN", () => {
  test.each(["224.0.0.1", "239.1.2.3", "255.255.255.255", "10.0.0.255", "0.0.0.0", "ff02::1", "::"])(
    "to %s is refused (MUST-46)",
    (remote) => {
      expect(code(() => two().connect(address(remote), 80, {}, 0))).toBe("EINVAL");
    },
  );

  test.each([0, -1, 65_536, 1.5, Number.NaN])("to port %d is refused", (port) => {
    expect(code(() => two().connect(address("10.0.1.5"), port, {}, 0))).toBe("EINVAL");
    if (port !== 0) expect(code(() => two().listen(port))).toBe("EINVAL");
  });

  test("a listener on port 0 gets a port that no other listener has", () => {
    const s = two();
    const ports = Array.from({ length: 100 }, () => s.listen(0).port);
    expect(new Set(ports).size).toBe(100);
    expect(Math.min(...ports)).toBeGreaterThanOrEqual(49_152);
  });

  test("our own addresses and loopback addresses are taken; the source is the same address", () => {
    const s = two();
    for (const own of ["10.0.0.7", "10.0.0.8", "fd00::7", "127.0.0.1", "127.255.0.1", "::1"]) {
      expect(s.connect(address(own), 80, {}, 0).local.toString()).toBe(own);
    }
    expect(code(() => s.connect(address("10.0.1.5"), 80, { local: address("127.0.0.1") }, 0))).toBe("EINVAL");
  });

  test.each(["127.0.0.1", "::1"])("what the device brings for %s is not ours (RFC 1122 §3.2.1.3)", (loopback) => {
    const s = two();
    const slot = s.slab.reserve(HEADROOM + PACKET_MAX) + HEADROOM;
    const socket = s.datagrams.open({ port: 9 });
    const six = loopback === "::1";
    const data = [0, 1, 0, 9, 0, 8, 0, 0];
    const bytes = six
      ? naiveIPv6({ nextHeader: 17, source: "fd01::5", destination: loopback }, data)
      : naiveIPv4({ protocol: 17, source: "10.0.1.5", destination: loopback }, data);
    const packet = new Packet();
    packet.o = slot;
    packet.n = bytes.length;
    s.slab.u8.set(bytes, slot);
    s.input(packet, 0);
    expect(s.counters.snapshot()).toEqual({ "ip.not-ours": 1 });
    expect([s.datagrams.waiting(socket), s.poll(packet, 0)]).toEqual([0, false]);
  });

  test("what a stack sends to itself is delivered by poll, a bounded number at a time, and never leaves", () => {
    const s = two();
    const packet = new Packet();
    const socket = s.datagrams.open({ port: 9 });
    for (let i = 0; i < 100; i++) s.datagrams.send(socket, new Uint8Array(1), address("127.0.0.1"), 9);
    expect([s.poll(packet, 5), s.datagrams.waiting(socket), s.nextDeadline()]).toEqual([false, 64, 5]);
    expect([s.poll(packet, 6), s.datagrams.waiting(socket), s.nextDeadline()]).toEqual([
      false,
      100,
      Number.POSITIVE_INFINITY,
    ]);
  });

  test("takes a local address (MUST-43) that is ours, of the same family; else the first of the family (MUST-44)", () => {
    const s = two();
    const open = (local?: string) =>
      s.connect(address("10.0.1.5"), 80, local === undefined ? {} : { local: address(local) }, 0).local.toString();
    expect(open()).toBe("10.0.0.7");
    expect(open("10.0.0.8")).toBe("10.0.0.8");
    expect(code(() => open("10.0.0.9"))).toBe("EADDRNOTAVAIL");
    expect(code(() => open("fd00::7"))).toBe("EINVAL");
    expect(s.connect(address("fd01::5"), 80, {}, 0).local.toString()).toBe("fd00::7");
  });

  test("the same 4-tuple twice is refused; another local address or remote is another connection", () => {
    const s = two();
    const open = (remote: string, local: string) =>
      s.connect(address(remote), 80, { localPort: 1000, local: address(local) }, 0);
    open("10.0.1.5", "10.0.0.7");
    expect(code(() => open("10.0.1.5", "10.0.0.7"))).toBe("EADDRINUSE");
    expect(code(() => open("10.0.1.5", "10.0.0.8"))).toBe("OK");
    expect(code(() => open("10.0.1.6", "10.0.0.7"))).toBe("OK");
  });

  test("the source address stays (MUST-45): every segment of the connection comes from it", () => {
    const b = new TcpBench().connect();
    const sent = b.out();
    b.in("S.", { mss: 1460 });
    b.send(10);
    sent.push(...b.run(2e6).out());
    b.stack.closeSend(b.tcb, b.now);
    sent.push(...b.out());
    b.stack.abort(b.tcb, b.now);
    sent.push(...b.out());
    expect(sent.map((x) => x.flags[0])).toContain("R");
    expect(new Set(sent.map((x) => x.source))).toEqual(new Set([b.local]));
  });
});

describe("passive OPEN", () => {
  test("does not affect other connections (MUST-41) and is possible while the port is in SYN-SENT or SYN-RECEIVED (MUST-42)", () => {
    const b = new TcpBench().connect();
    b.out();
    b.listen();
    b.in("S", { seq: 0, mss: 1460, port: 6000 });
    expect(b.out().map((x) => x.flags)).toEqual(["S."]);
    expect(b.state).toBe("SYN-SENT");
    b.in("S.", { seq: 0, ack: 1, mss: 1460 });
    b.iss = b.tcb.snd.iss >>> 0;
    b.in("S.", { seq: 0, ack: 1, mss: 1460 });
    expect(b.state).toBe("ESTABLISHED");
  });

  test("twice the same is refused; a local address of its own goes before all addresses", () => {
    const s = two();
    const all = s.listen(80);
    expect(code(() => s.listen(80))).toBe("EADDRINUSE");
    s.listen(80, { local: address("10.0.0.8") });
    expect(code(() => s.listen(80, { local: address("10.0.0.9") }))).toBe("EADDRNOTAVAIL");
    s.unlisten(all, 0);
    expect(code(() => s.listen(80))).toBe("OK");
  });

  test("listeners for several remotes share one port; another remote is refused and reported", () => {
    const b = new TcpBench();
    const other = b.stack.listen(80, { remote: address("10.0.1.9") });
    const mine = b.stack.listen(80, { remote: address("10.0.1.5") });
    b.in("S", { seq: 0, mss: 1460 });
    expect(b.out().map((x) => x.flags)).toEqual(["S."]);
    b.in(".", { seq: 1, ack: 1 });
    expect(b.stack.accept(other)).toBeNull();
    expect(b.stack.accept(mine)).not.toBeNull();
  });

  test("a SYN from another remote gets an RST, and the listener reports its address", () => {
    const b = new TcpBench();
    const listener = b.stack.listen(80, { remote: address("10.0.1.9") });
    b.in("S", { seq: 0, mss: 1460 });
    expect(b.lines()).toEqual(["R. 0:0(0) ack 1"]);
    expect(b.stack.nextEvent()).toBe(listener);
    expect(listener.refusedRemote!.toString()).toBe("10.0.1.5");
  });
});

describe("what a connection may be told", () => {
  test("TTL (MUST-49) and DSCP (MUST-48), unchanged to IP (SHLD-22), also while it is open (SHLD-21)", () => {
    const b = TcpBench.at("ESTABLISHED", { params: { ttl: 9, tos: 0x28 } });
    b.send(10);
    expect(b.out()[0]).toMatchObject({ ttl: 9, tos: 0x28 });
    b.in(".");
    b.stack.setParams(b.tcb, { tos: 0xb8, ttl: 200 }, b.now);
    b.send(10);
    expect(b.out()[0]).toMatchObject({ ttl: 200, tos: 0xb8 });
  });

  test("the same over IPv6", () => {
    const b = TcpBench.at("ESTABLISHED", { family: 6, params: { ttl: 9, tos: 0x28 } });
    b.send(10);
    expect(b.out()[0]).toMatchObject({ ttl: 9, tos: 0x28 });
  });

  test("STATUS reports what was negotiated and the current values", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.send(100);
    b.in("P.", { n: 7, ack: 1 });
    b.out();
    expect(b.stack.info(b.tcb)).toMatchObject({
      state: "ESTABLISHED",
      localAddress: "10.0.0.7",
      localPort: 80,
      remoteAddress: "10.0.1.5",
      remotePort: 5555,
      mss: 1460,
      sendQueue: 100,
      receiveQueue: 7,
      inFlight: 100,
      bytesReceived: 7,
    });
  });
});

describe("wire faults", () => {
  test("a bad checksum drops a segment, and is counted (MUST-3)", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.in("P.", { n: 5 });
    b.run(1e6);
    b.out();
    const bytes = [...good(b)];
    bytes[bytes.length - 1]! ^= 1;
    b.inject(bytes);
    expect(b.tcb.rcv.unread).toBe(5);
    expect(b.count("tcp.rx.bad-checksum")).toBe(1);
  });

  test("IP options are ignored (MUST-50): the segment behind them is taken", () => {
    const b = TcpBench.at("ESTABLISHED");
    b.inject(good(b, [0x94, 4, 0, 0]));
    expect(b.tcb.rcv.unread).toBe(5);
  });

  test("a segment shorter than its header, or with an offset below five, is dropped and counted", () => {
    const b = TcpBench.at("ESTABLISHED");
    const bytes = [...good(b)];
    bytes[32] = 0x40;
    b.inject(bytes);
    bytes[32] = 0xf0;
    b.inject(bytes);
    expect(b.tcb.rcv.unread).toBe(0);
    expect(b.count("tcp.bad-data-offset")).toBe(2);
  });
});

/** Five octets for the connection of the bench, as bytes. */
function good(b: TcpBench, ipOptions: number[] = []): number[] {
  const segment = naiveTcp({
    source: b.remote,
    destination: b.local,
    sourcePort: b.port,
    destinationPort: b.localPort,
    flags: "P.",
    seq: (b.irs + b.peerNxt) >>> 0,
    ack: (b.iss + b.peerExpects) >>> 0,
    window: 65_535,
    urgent: 0,
    options: [],
    payload: [1, 2, 3, 4, 5],
  });
  return naiveIPv4({ source: b.remote, destination: b.local, protocol: 6, options: ipOptions }, segment);
}

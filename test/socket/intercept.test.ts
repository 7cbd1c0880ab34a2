/** Interception, in virtual time: whatever is sent to any address and port goes to the application, which decides before anything is answered. */
import { describe, expect, test } from "bun:test";
import { HEADROOM, PACKET_MAX, Packet } from "#base/packet";
import { encodeTcp } from "#lab/drill/packets/codec";
import type { Attempt, EchoRequest, Socket, UdpFlow } from "../../src/index.ts";
import { bytes, HOST, PEER, readAll, rejection, type World, world, writeAll } from "./world.ts";

const FAR = "198.51.100.9";
const FAR_6 = "2001:db8::9";
const v6 = { host: { address: [`${HOST}/24`, "fd00::7/64"] }, peer: { address: [`${PEER}/24`, "fd00::5/64"] } };
const text = (data: Uint8Array) => new TextDecoder().decode(data);
const octets = (words: string) => new TextEncoder().encode(words);

/** The next attempt, UDP flow and echo request that the host of a world gets. */
function intercepting(w: World, options: Record<string, unknown> = {}) {
  const attempts: Attempt[] = [];
  const flows: UdpFlow[] = [];
  const echoes: EchoRequest[] = [];
  const interception = w.host.intercept({
    tcp: (attempt) => void attempts.push(attempt),
    udp: (flow) => void flows.push(flow),
    echo: (request) => void echoes.push(request),
    ...options,
  });
  return { attempts, flows, echoes, interception };
}

describe("connections", () => {
  for (const far of [FAR, FAR_6, HOST]) {
    test(`to ${far} carry data both ways after accept, in the destination's name`, async () => {
      const w = await world(v6);
      const { attempts } = intercepting(w);
      const socket = w.peer.connect({ hostname: far, port: 443 });
      await w.pass(50);
      expect(attempts).toHaveLength(1);
      const [attempt] = attempts as [Attempt];
      expect([attempt.destination, attempt.source, attempt.isOver]).toEqual([
        { hostname: far, port: 443 },
        socket.local,
        false,
      ]);
      // Nothing was answered yet.
      expect([socket.state, w.host.connections().length]).toEqual(["SYN-SENT", 0]);
      const passive = attempt.accept({ nodelay: true })!;
      expect([passive.local, passive.remote]).toEqual([attempt.destination, attempt.source]);
      const [there, back] = [bytes(100_000, 1), bytes(100_000, 2)];
      const sent = Promise.all([
        writeAll(socket, there).then(() => socket.closeWrite()),
        writeAll(passive, back).then(() => passive.closeWrite()),
      ]);
      const got = await w.until(Promise.all([readAll(passive), readAll(socket), sent]));
      expect([got[0], got[1]]).toEqual([there, back]);
      await w.until(Promise.all([socket.closed, passive.closed]));
      expect([attempt.isOver, attempt.accept()]).toEqual([true, null]);
    });
  }

  test("the options of the SYN hold although it was accepted later, and the decision may take as long as SYNs are repeated", async () => {
    const w = await world();
    const { attempts } = intercepting(w);
    const socket = w.peer.connect({ hostname: FAR, port: 80 });
    await w.pass(40_000);
    // Repetitions are one attempt.
    expect(attempts).toHaveLength(1);
    expect(w.host.counters()["tcp.rx.held"]).toBeGreaterThan(2);
    attempts[0]!.accept();
    const info = await w.until(socket.opened);
    expect(info).toMatchObject({ mss: 1448, sack: true, timestamps: true });
    expect(info.wscale).not.toBeNull();
  });

  test("refused stays refused, and unreachable stays unreachable, at once", async () => {
    const w = await world(v6);
    const { attempts } = intercepting(w);
    const answers: [string, (attempt: Attempt) => void, string | null][] = [
      [FAR, (a) => a.refuse(), "ECONNREFUSED"],
      [FAR_6, (a) => a.refuse(), "ECONNREFUSED"],
    ];
    for (const [hostname, answer, code] of answers) {
      const socket = w.peer.connect({ hostname, port: 80 });
      await w.pass(50);
      answer(attempts.pop()!);
      expect(await w.until(rejection(socket.opened))).toMatchObject({ code });
    }
    const reasons = { network: "ENETUNREACH", host: "EHOSTUNREACH", prohibited: "EHOSTUNREACH" } as const;
    for (const [why, code] of Object.entries(reasons)) {
      const socket = w.peer.connect({ hostname: FAR, port: 80 });
      await w.pass(50);
      attempts.pop()!.unreachable(why as keyof typeof reasons);
      await w.pass(50);
      // Our own stack goes on after such errors (RFC 1122 §4.2.3.9), and tells them; Linux gives up.
      expect(socket.softError?.code).toBe(code);
      socket.abort();
    }
    const six = w.peer.connect({ hostname: FAR_6, port: 80 });
    await w.pass(50);
    attempts.pop()!.unreachable();
    await w.pass(50);
    expect(six.softError?.code).toBe("EHOSTUNREACH");
  });

  test("a dropped attempt comes again with the repeated SYN", async () => {
    const w = await world();
    const { attempts } = intercepting(w);
    const socket = w.peer.connect({ hostname: FAR, port: 80 });
    await w.pass(50);
    attempts.pop()!.drop();
    await w.pass(1_500);
    expect(attempts).toHaveLength(1);
    attempts[0]!.accept();
    await w.until(socket.opened);
  });

  test("undecided attempts are bounded by number, and each of them by time", async () => {
    const w = await world();
    const { attempts } = intercepting(w, { attempts: 2 });
    const sockets = [80, 81, 82].map((port) => w.peer.connect({ hostname: FAR, port }));
    await w.pass(50);
    expect(attempts.map(({ destination }) => destination.port)).toEqual([80, 81]);
    expect(w.host.counters()["tcp.rx.backlog"]).toBe(1);
    attempts[0]!.refuse();
    await w.pass(1_500);
    expect(attempts.map(({ destination }) => destination.port)).toEqual([80, 81, 82]);
    for (const socket of sockets) socket.abort();
    await w.pass(200_000);
    expect(attempts.map(({ isOver }) => isOver)).toEqual([true, true, true]);
    expect(attempts[1]!.accept()).toBeNull();
  });

  test("a SYN of another sequence number gives the held one up: its sender has begun anew", async () => {
    const w = await world();
    const { attempts } = intercepting(w);
    const syn = (seq: number) => raw(w, { seq, flags: "S" });
    syn(1000);
    syn(1000);
    syn(5000);
    await w.pass(10);
    // The first was given up before anybody was told of it.
    expect(attempts.map(({ isOver }) => isOver)).toEqual([false]);
    expect(w.host.counters()["tcp.rx.held"]).toBe(1);
    expect(attempts.at(-1)!.accept()).not.toBeNull();
  });

  test("segments of no connection get an RST, a listener of the stack comes first, loopback and groups are not intercepted", async () => {
    const w = await world();
    const { attempts } = intercepting(w);
    const listener = w.host.listen({ port: 7000 });
    const active = w.peer.connect({ hostname: HOST, port: 7000 });
    const accepted = await w.until(listener.accept());
    await w.until(active.opened);
    expect(attempts).toEqual([]);
    raw(w, { seq: 1, flags: ".", ack: 7 });
    expect(w.host.counters()["tcp.tx.rst-closed"]).toBe(1);
    const bound = w.host.bind({ connect: `${HOST}:9` });
    bound.send(octets("x"));
    expect(await w.until(rejection(bound.receive()))).toMatchObject({ code: "ECONNREFUSED" });
    const inside = w.host.connect({ hostname: "127.0.0.1", port: 9 });
    expect(await w.until(rejection(inside.opened))).toMatchObject({ code: "ECONNREFUSED" });
    raw(w, { seq: 1, flags: "S", to: "127.0.0.1" });
    raw(w, { seq: 1, flags: "S", to: "224.0.0.5" });
    raw(w, { seq: 1, flags: "S", to: "10.0.0.255" });
    await w.pass(10);
    expect(attempts).toEqual([]);
    accepted!.abort();
  });

  test("a new connection takes the place of one in TIME-WAIT, and is asked about before", async () => {
    const w = await world();
    const { attempts } = intercepting(w);
    const options = { localPort: 5000 };
    const first = w.peer.connect({ hostname: FAR, port: 80 }, options);
    await w.pass(50);
    const passive = attempts.pop()!.accept()!;
    await w.until(first.opened);
    passive.closeWrite();
    await w.pass(100);
    first.closeWrite();
    await w.until(Promise.all([first.closed, passive.closed]));
    expect(w.host.connections().map(({ state }) => state)).toEqual(["TIME-WAIT"]);
    const second = w.peer.connect({ hostname: FAR, port: 80 }, options);
    await w.pass(50);
    expect(w.host.connections().map(({ state }) => state)).toEqual(["TIME-WAIT"]);
    attempts.pop()!.accept();
    await w.until(second.opened);
    await w.pass(50);
    expect(w.host.connections().map(({ state }) => state)).toEqual(["ESTABLISHED"]);
    expect(w.host.counters()["tcp.rx.time-wait-syn"]).toBe(1);
  });

  test("connections go by handlers as well, and a stack that is closed drops what is undecided", async () => {
    const w = await world();
    const { attempts } = intercepting(w);
    const got: string[] = [];
    const socket = w.peer.connect({ hostname: FAR, port: 80 });
    await w.pass(50);
    attempts.pop()!.accept({
      socket: {
        open: () => void got.push("open"),
        data: (s: Socket, data) => {
          got.push(text(data));
          s.write(data);
          return undefined;
        },
      },
    });
    socket.write(octets("hello"));
    const buffer = new Uint8Array(100);
    expect(text(buffer.subarray(0, await w.until(Promise.resolve(socket.read(buffer)))))).toBe("hello");
    expect(got).toEqual(["open", "hello"]);
    w.peer.connect({ hostname: FAR, port: 81 });
    await w.pass(50);
    await w.until(w.host.close());
    expect([attempts[0]!.isOver, attempts[0]!.accept()]).toEqual([true, null]);
    expect(w.host.engine.slab.used).toBe(0);
  });
});

describe("datagrams", () => {
  for (const far of [FAR, FAR_6]) {
    test(`to ${far} make one flow per pair of ends, which answers in the destination's name`, async () => {
      const w = await world(v6);
      const { flows } = intercepting(w);
      const [one, two] = [w.peer.bind({ connect: `${far.includes(":") ? `[${far}]` : far}:53` }), w.peer.bind()];
      one.send(octets("a"));
      one.send(octets("b"));
      two.send(octets("c"), 54, far);
      await w.pass(50);
      expect(flows.map(({ destination, source }) => [destination.port, source.port])).toEqual([
        [53, one.port],
        [54, two.port],
      ]);
      const got: string[] = [];
      for (const flow of flows) {
        flow.accept({
          data: (f, data) => {
            got.push(text(data));
            f.send(octets(`${text(data)}!`));
          },
        });
      }
      expect(got).toEqual(["a", "b", "c"]);
      one.send(octets("d"));
      const answers = [one.receive(), one.receive(), one.receive()];
      expect((await w.until(Promise.all(answers))).map((d) => text(d!.data))).toEqual(["a!", "b!", "d!"]);
      const answer = await w.until(two.receive());
      expect([answer!.address, answer!.port, text(answer!.data)]).toEqual([far, 54, "c!"]);
    });
  }

  test("an unreachable destination stays unreachable", async () => {
    const w = await world(v6);
    const { flows } = intercepting(w);
    for (const far of [`${FAR}:9`, `[${FAR_6}]:9`]) {
      const socket = w.peer.bind({ connect: far });
      socket.send(octets("x"));
      await w.pass(50);
      const flow = flows.pop()!;
      flow.unreachable();
      expect(flow.closed).toBe(true);
      expect(await w.until(rejection(socket.receive()))).toMatchObject({ code: "ECONNREFUSED" });
    }
  });

  test("flows are bounded: the one not used for longest gives way, an idle one ends, and both are told", async () => {
    const w = await world({ link: "delay 1ms" });
    const { flows } = intercepting(w, { flows: 2, flowIdle: 10_000 });
    const ended: number[] = [];
    const sockets = [1, 2, 3].map((port) => w.peer.bind({ connect: `${FAR}:${port}` }));
    const send = async (i: number) => {
      sockets[i]!.send(octets("x"));
      await w.pass(10);
      for (const flow of flows.splice(0)) flow.accept({ close: (f) => void ended.push(f.destination.port) });
    };
    await send(0);
    await send(1);
    await send(0);
    await send(2);
    expect(ended).toEqual([2]);
    await w.pass(5_000);
    await send(0);
    await w.pass(6_000);
    expect(ended).toEqual([2, 3]);
    await w.pass(10_000);
    expect(ended).toEqual([2, 3, 1]);
    // Another datagram begins another flow.
    await send(0);
    expect(ended).toEqual([2, 3, 1]);
    await w.until(w.host.close());
    expect(ended).toEqual([2, 3, 1, 1]);
    expect(w.host.engine.slab.used).toBe(0);
  });

  test("a flow that nobody takes holds a bounded number of octets, and a closed one none", async () => {
    const w = await world({ link: "delay 1ms" });
    const { flows } = intercepting(w);
    const socket = w.peer.bind({ connect: `${FAR}:9` });
    for (let i = 0; i < 300; i++) {
      socket.send(bytes(1_000));
      if (i % 20 === 0) await w.pass(10);
    }
    await w.pass(100);
    expect(flows).toHaveLength(1);
    expect(flows[0]!.dropped).toBe(300 - Math.floor(212_992 / 1_000));
    flows[0]!.close();
    expect(w.host.engine.slab.used).toBe(0);
    expect(() => flows[0]!.send(octets("x"))).toThrow("the flow has ended");
  });

  test("a full send queue refuses, then drain is called", async () => {
    const w = await world();
    const { flows } = intercepting(w);
    const socket = w.peer.bind({ connect: `${FAR}:9`, receiveBuffer: 1 << 24 });
    socket.send(octets("x"));
    await w.pass(50);
    let drained = 0;
    flows[0]!.accept({ drain: () => void drained++ });
    let sent = 0;
    while (flows[0]!.send(bytes(1_000))) sent++;
    expect([sent, drained]).toEqual([256, 0]);
    await w.pass(100);
    expect(drained).toBe(1);
  });
});

describe("echo requests", () => {
  for (const far of [FAR, FAR_6]) {
    test(`to ${far} are answered only when the application says so`, async () => {
      const w = await world(v6);
      const { echoes } = intercepting(w);
      const ping = w.peer.ping(far, { count: 2, interval: 1000, timeout: 900 });
      await w.pass(50);
      const [request] = echoes as [EchoRequest];
      expect([request.destination, request.sequence, request.data.length]).toEqual([far, 1, 56]);
      request.reply();
      const summary = await w.until(ping);
      expect([summary.sent, summary.received, echoes.length]).toEqual([2, 1, 2]);
      // Its own address the stack answers itself.
      expect(await w.until(w.peer.ping(HOST))).toMatchObject({ received: 1 });
      expect(echoes).toHaveLength(2);
    });

    test(`to ${far} may be unreachable`, async () => {
      const w = await world(v6);
      const { echoes } = intercepting(w);
      const ping = w.peer.ping(far);
      await w.pass(50);
      echoes[0]!.unreachable();
      expect((await w.until(ping)).results[0]!.error?.code).toBe("EHOSTUNREACH");
    });
  }

  test("are bounded while nobody looks at them", async () => {
    const w = await world({ link: "delay 1ms" });
    const { echoes } = intercepting(w);
    for (let i = 0; i < 20; i++) void w.peer.ping(FAR, { size: 60_000 });
    await w.pass(1);
    expect(echoes.splice(0)).toHaveLength(4);
    for (let i = 0; i < 100; i++) void w.peer.ping(FAR);
    await w.pass(1);
    expect(echoes).toHaveLength(64);
  });
});

describe("arguments", () => {
  test("of interception are checked, and it begins once", async () => {
    const w = await world();
    const { interception } = intercepting(w);
    const tcp = () => {};
    expect(() => w.host.intercept({ tcp })).toThrow("this stack intercepts already");
    interception.close();
    interception.close();
    expect(() => w.host.intercept({})).toThrow("intercept needs a handler: tcp, udp or echo");
    expect(() => w.host.intercept({ tcp, attempts: 0 })).toThrow(
      "attempts must be a whole number from 1 to 65536, not 0",
    );
    expect(() => w.host.intercept({ tcp, flowIdle: -1 })).toThrow("flowIdle must be a time in ms");
    expect(() => w.host.intercept({ tpc: tcp } as never)).toThrow('has no "tpc": did you mean tcp?');
    expect(() => w.host.intercept(null as never)).toThrow("intercept's argument must be an object such as");
    const { attempts, flows } = intercepting(w);
    w.peer.connect({ hostname: FAR, port: 80 });
    w.peer.bind({ connect: `${FAR}:9` }).send(octets("x"));
    await w.pass(50);
    expect(() => attempts[0]!.unreachable("no" as never)).toThrow('a destination is unreachable as "network", "host"');
    expect(() => attempts[0]!.accept({ nodlay: true } as never)).toThrow("did you mean nodelay?");
    expect(() => flows[0]!.accept({ dta() {} } as never)).toThrow("did you mean data?");
    expect(() => flows[0]!.send("x" as never)).toThrow("must be a Uint8Array");
    expect(attempts[0]!.isOver).toBe(false);
  });

  test("without a handler nothing is intercepted: an RST, port unreachable, no answer", async () => {
    const w = await world();
    intercepting(w, { tcp: undefined, udp: undefined });
    const socket = w.peer.connect({ hostname: FAR, port: 80 });
    expect(await w.until(rejection(socket.opened))).toMatchObject({ code: "ECONNREFUSED" });
    const udp = w.peer.bind({ connect: `${FAR}:9` });
    udp.send(octets("x"));
    expect(await w.until(rejection(udp.receive()))).toMatchObject({ code: "ECONNREFUSED" });
    const other = await world();
    intercepting(other, { echo: undefined });
    expect(await other.until(other.peer.ping(FAR, { timeout: 100 }))).toMatchObject({ received: 0 });
  });

  test("what a handler throws goes to the error handler outside the turn, and others are still told", async () => {
    const w = await world();
    const seen: unknown[] = [];
    const fail = (what: unknown) => {
      seen.push(what);
      throw new Error(`thrown for ${what}`);
    };
    w.host.intercept({
      tcp: (attempt) => fail(attempt.destination.port),
      udp: (flow) => flow.accept({ data: () => fail("data") }),
      error: (error) => void seen.push((error as Error).message),
    });
    w.peer.connect({ hostname: FAR, port: 80 });
    w.peer.connect({ hostname: FAR, port: 81 });
    w.peer.bind({ connect: `${FAR}:9` }).send(octets("x"));
    await w.pass(50);
    const thrown = ["thrown for 80", "thrown for 81", "thrown for data"];
    expect(seen.toSorted()).toEqual([80, 81, "data", ...thrown].toSorted());
  });
});

interface Raw {
  readonly seq: number;
  readonly flags: string;
  readonly ack?: number;
  readonly to?: string;
}

/** Gives the host a segment from the peer's address. */
function raw(w: World, { seq, flags, ack = 0, to = FAR }: Raw): void {
  const { engine } = w.host;
  const host = (text: string) => Uint8Array.from(text.split("."), Number);
  const ends = { source: host(PEER), destination: host(to), sourcePort: 4000, destinationPort: 80 };
  const bits = flags === "S" ? 2 : 16;
  const none = new Uint8Array(0);
  const fields = { sequence: seq, ack, flags: bits, window: 1000, urgent: 0, options: none, payload: none };
  const octets = encodeTcp(ends, { tos: 0, ttl: 64, flowLabel: 0 }, fields);
  const packet = new Packet();
  slots.set(engine, slots.get(engine) ?? engine.slab.reserve(HEADROOM + PACKET_MAX) + HEADROOM);
  packet.o = slots.get(engine)!;
  packet.n = octets.length;
  engine.slab.u8.set(octets, packet.o);
  engine.input(packet, w.sim.now);
}

const slots = new WeakMap<object, number>();

import { describe, expect, test } from "bun:test";
import { CallError } from "#stack/call-error";
import { bytes, connected, HOST, PEER, PORT, readAll, rejection, world, writeAll } from "./world.ts";

describe("opening", () => {
  test("both ends learn of each other and of what was agreed", async () => {
    const w = await world();
    const listener = w.host.listen({ port: PORT });
    const active = w.peer.connect({ hostname: HOST, port: PORT }, { localPort: 40_000 });
    const info = await w.until(active.opened);
    expect(info).toEqual({
      remoteAddress: "10.0.0.7:7000",
      localAddress: "10.0.1.5:40000",
      mss: 1448,
      sack: true,
      timestamps: true,
      wscale: { send: 10, receive: 10 },
      rtt: 20_000,
      synData: false,
    });
    const passive = (await w.until(listener.accept()))!;
    expect((await passive.opened).remoteAddress).toBe("10.0.1.5:40000");
    expect(passive.local).toEqual({ hostname: HOST, port: PORT });
    expect(passive.remote).toEqual({ hostname: PEER, port: 40_000 });
    expect(active.state).toBe("ESTABLISHED");
  });

  test("options reach the engine: mss, congestion control, no SACK, no scale", async () => {
    const w = await world();
    const [active, passive] = await connected(w, { mss: 600, cc: "newreno", sack: false, windowScale: false });
    expect(active.info()).toMatchObject({ mss: 588, congestionControl: "newreno", sack: false, sndWscale: -1 });
    expect(passive.info()).toMatchObject({ mss: 588, sack: false, rcvWscale: -1 });
  });

  test("IPv6 is the same, and its endpoints are in brackets", async () => {
    const w = await world({ host: { address: "fd00:a::7/64" }, peer: { address: "fd00:b::5/64" } });
    const listener = w.host.listen({ port: PORT });
    expect(listener.address).toEqual({ hostname: "::", port: PORT });
    const active = w.peer.connect({ hostname: "[fd00:a::7]", port: PORT });
    expect((await w.until(active.opened)).remoteAddress).toBe("[fd00:a::7]:7000");
  });

  test("a port where nobody listens refuses, in words", async () => {
    const w = await world();
    const active = w.peer.connect({ hostname: HOST, port: 9 });
    const expected = {
      name: "ConnectionError",
      code: "ECONNREFUSED",
      message: "10.0.0.7:9 refused the connection: no program listens there, or this address may not connect",
    };
    expect(await w.until(rejection(active.opened))).toMatchObject(expected);
    expect(await rejection(active.closed)).toMatchObject(expected);
    expect(await rejection(Promise.resolve(active.read(new Uint8Array(9))))).toMatchObject(expected);
    expect(() => active.write(bytes(1))).toThrow(expected.message);
  });

  test("nobody answers: the attempt ends after 251 s of SYNs, or after the timeout", async () => {
    const w = await world({ link: "loss 100%" });
    const patient = w.peer.connect({ hostname: HOST, port: PORT });
    const hasty = w.peer.connect({ hostname: HOST, port: PORT }, { timeout: 2500 });
    const doubts: string[] = [];
    patient.onSoftError = (error) => doubts.push(error.message);
    expect(await w.until(rejection(hasty.opened))).toMatchObject({
      code: "ETIMEDOUT",
      message: "10.0.0.7:7000 did not answer within 2.5 s (3 SYNs)",
    });
    expect(w.sim.now).toBe(2_500_000);
    expect(await w.until(rejection(patient.closed))).toMatchObject({ code: "ETIMEDOUT" });
    expect(w.sim.now).toBe(251_000_000);
    expect(doubts).toEqual(["10.0.0.7:7000 has not answered for 3.0 s, 3 retransmissions, still retrying"]);
    expect(patient.softError?.code).toBe("ETIMEDOUT");
  });

  test("the timeout of the attempt is none of the connection's", async () => {
    const w = await world();
    const [active, passive] = await connected(w, { timeout: 1000 });
    await w.pass(5_000);
    active.write(bytes(10));
    expect(await w.until(Promise.resolve(passive.read(new Uint8Array(99))))).toBe(10);
  });

  test("what is written and closed before the handshake arrives after it", async () => {
    const w = await world();
    const listener = w.host.listen({ port: PORT });
    const active = w.peer.connect({ hostname: HOST, port: PORT });
    expect(active.write(bytes(5000))).toBe(5000);
    active.closeWrite();
    expect(() => active.write(bytes(1))).toThrow("this side has closed its direction");
    const passive = (await w.until(listener.accept()))!;
    expect(await w.until(readAll(passive))).toEqual(bytes(5000));
  });

  test("both sides may open at once, and close before they are open", async () => {
    const w = await world();
    const a = w.peer.connect({ hostname: HOST, port: 1000 }, { localPort: 2000 });
    const b = w.host.connect({ hostname: PEER, port: 2000 }, { localPort: 1000 });
    for (const [socket, seed] of [[a, 1] as const, [b, 2] as const]) {
      socket.write(bytes(30_000, seed));
      socket.closeWrite();
    }
    const [fromB, fromA] = await w.until(Promise.all([readAll(a), readAll(b)]));
    expect(fromA).toEqual(bytes(30_000, 1));
    expect(fromB).toEqual(bytes(30_000, 2));
    await w.until(Promise.all([a.opened, b.opened, a.closed, b.closed]));
  });

  test("close before the handshake ends the attempt", async () => {
    const w = await world({ link: "loss 100%" });
    const active = w.peer.connect({ hostname: HOST, port: PORT });
    await active.close();
    expect(await rejection(active.opened)).toMatchObject({ code: "ECONNABORTED" });
    expect(await rejection(active.closed)).toBeNull();
    expect(w.peer.connections()).toEqual([]);
  });

  test.each([
    ["a name", { hostname: "example.com", port: 80 }, "does not resolve names"],
    ["an octal look-alike", { hostname: "010.0.0.1", port: 80 }, "leading zero"],
    ["port 0", { hostname: HOST, port: 0 }, "port must be a whole number from 1 to 65535, not 0"],
    ["a broadcast", { hostname: "10.0.1.255", port: 80 }, "not the address of a host"],
    ["the other family", { hostname: "fd00::1", port: 80 }, "no IPv6 address"],
  ])("%s is refused in words, at once", async (_name, remote, words) => {
    const w = await world();
    expect(() => w.peer.connect(remote)).toThrow(CallError);
    expect(() => w.peer.connect(remote)).toThrow(words);
  });

  test("options that are none are refused in words", async () => {
    const w = await world();
    const to = { hostname: HOST, port: PORT };
    expect(() => w.peer.connect(to, { cc: "reno" as "cubic" })).toThrow('no congestion control "reno": use newreno,');
    expect(() => w.peer.connect(to, { timeout: 0 })).toThrow("timeout must be a time in ms above 0 and at most");
    expect(() => w.peer.connect(to, { mss: 1.5 })).toThrow("mss must be a whole number");
    expect(w.peer.connections()).toEqual([]);
  });
});

describe("half-close", () => {
  test("a FIN of the active side leaves the other direction open", async () => {
    const w = await world();
    const [active, passive] = await connected(w);
    active.closeWrite();
    expect(await w.until(readAll(passive))).toEqual(new Uint8Array(0));
    await w.pass(100);
    expect([active.state, passive.state]).toEqual(["FIN-WAIT-2", "CLOSE-WAIT"]);
    const answer = bytes(300_000);
    const sent = writeAll(passive, answer).then(() => passive.closeWrite());
    expect(await w.until(readAll(active))).toEqual(answer);
    await sent;
    await w.until(Promise.all([active.closed, passive.closed]));
    expect([active.state, passive.state]).toEqual(["TIME-WAIT", "CLOSED"]);
  });

  test("a FIN of the passive side leaves the other direction open", async () => {
    const w = await world();
    const [active, passive] = await connected(w);
    passive.closeWrite();
    expect(await w.until(readAll(active))).toEqual(new Uint8Array(0));
    const data = bytes(300_000);
    const sent = writeAll(active, data).then(() => active.closeWrite());
    expect(await w.until(readAll(passive))).toEqual(data);
    await sent;
    await w.until(Promise.all([active.closed, passive.closed]));
  });

  test("both at once", async () => {
    const w = await world();
    const [active, passive] = await connected(w);
    active.closeWrite();
    passive.closeWrite();
    await w.until(Promise.all([active.closed, passive.closed]));
    expect([active.state, passive.state]).toEqual(["TIME-WAIT", "TIME-WAIT"]);
  });

  test("allowHalfOpen: false answers a FIN with a FIN", async () => {
    const w = await world();
    const [active, passive] = await connected(w, { allowHalfOpen: false });
    passive.closeWrite();
    await w.until(Promise.all([active.closed, passive.closed]));
    expect(() => active.write(bytes(1))).toThrow("this side has closed its direction");
  });
});

describe("back-pressure", () => {
  test("a reader that does not read closes the window; the writer stops at its buffer; both go on", async () => {
    const size = 4 << 20;
    const w = await world({ host: { params: { receiveBuffer: size, receiveBufferMax: size } } });
    // HyStart++ would send more bursts, of which each may add some octets by rounding the window up.
    const [active, passive] = await connected(w, { sendBuffer: 1 << 18, params: { slowStartExit: "hystart" } });
    const data = bytes(6 << 20);
    let written = 0;
    const writer = (async () => {
      while (written < data.length) {
        written += active.write(data, written);
        if (written < data.length) await active.drained();
      }
      active.closeWrite();
    })();
    await w.pass(20_000);
    // 4 MiB wait at the reader (each ACK may round the window up to the scale, by less than 128 octets), 256 KiB at the writer.
    const waiting = passive.info().receiveQueue;
    expect(waiting - size).toBeWithin(0, 256);
    // A writer is woken for a quarter of its buffer at the least, so less than that may lie free.
    expect(waiting + (1 << 18) - written).toBeWithin(0, 1 << 16);
    written += active.write(data, written);
    expect(written).toBe(waiting + (1 << 18));
    expect(Buffer.from(await w.until(readAll(passive))).equals(data)).toBe(true);
    await writer;
  });

  test("the receive buffer asked for is the most that is kept", async () => {
    const w = await world();
    const listener = w.host.listen({ port: PORT, receiveBuffer: 10_000 });
    const active = w.peer.connect({ hostname: HOST, port: PORT });
    const passive = (await w.until(listener.accept()))!;
    active.write(bytes(100_000));
    await w.pass(2_000);
    const kept = passive.info().receiveQueue;
    expect(kept).toBeGreaterThan(8_000);
    expect(kept).toBeLessThanOrEqual(10_000);
  });

  test("a greedy writer gets half of the memory, and another one can still write", async () => {
    const w = await world({ peer: { limits: { memory: 4 << 20 } } });
    const [greedy] = await connected(w, { sendBuffer: 8 << 20 });
    const modest = w.peer.connect({ hostname: HOST, port: PORT });
    await w.until(modest.opened);
    expect(greedy.write(bytes(8 << 20))).toBeLessThanOrEqual(2 << 20);
    expect(greedy.write(bytes(1))).toBe(0);
    expect(modest.write(bytes(100))).toBe(100);
  });

  test("a writer that found no memory goes on when another connection gives some back", async () => {
    const w = await world({ peer: { limits: { memory: 4 << 20 } } });
    const [greedy] = await connected(w, { sendBuffer: 8 << 20 });
    const modest = w.peer.connect({ hostname: HOST, port: PORT });
    await w.until(modest.opened);
    expect(greedy.write(bytes(8 << 20))).toBeGreaterThan(1 << 20);
    const { slab } = w.peer.engine;
    const pages: number[] = [];
    while (slab.available > slab.pages >> 4) pages.push(slab.alloc());
    expect(modest.write(bytes(100))).toBe(0);
    for (const page of pages) slab.free(page);
    await w.until(modest.drained());
    expect(modest.write(bytes(100))).toBe(100);
  });
});

describe("reading", () => {
  test("what was written is copied: the caller may change it at once", async () => {
    const w = await world();
    const [active, passive] = await connected(w);
    const data = bytes(1000);
    active.write(data);
    data.fill(0);
    const into = new Uint8Array(2000);
    expect(await w.until(Promise.resolve(passive.read(into)))).toBe(1000);
    expect(into.subarray(0, 1000)).toEqual(bytes(1000));
  });

  test("a read answers at once with what is there, up to its room", async () => {
    const w = await world();
    const [active, passive] = await connected(w);
    active.write(bytes(1000), 100, 300);
    await w.pass(100);
    const into = new Uint8Array(200);
    expect(passive.read(into)).toBe(200);
    expect(into).toEqual(bytes(1000).subarray(100, 300));
    expect(passive.read(into)).toBe(100);
    expect(passive.read(into)).toBeInstanceOf(Promise);
  });

  test("two reads at once, a read of nothing and a write beyond the bytes are mistakes", async () => {
    const w = await world();
    const [active] = await connected(w);
    void active.read(new Uint8Array(1));
    expect(() => active.read(new Uint8Array(1))).toThrow("another read of this connection is still waiting");
    expect(() => active.read(new Uint8Array(0))).toThrow(RangeError);
    expect(() => active.write(bytes(10), 5, 6)).toThrow(RangeError);
  });

  test("flushed resolves when the peer has everything", async () => {
    const w = await world();
    const [active, passive] = await connected(w);
    await active.flushed();
    active.write(bytes(100_000));
    await w.until(active.flushed());
    expect(active.info()).toMatchObject({ sendQueue: 0, bytesAcked: 100_000 });
    active.closeWrite();
    await w.until(active.flushed());
    expect([active.state, passive.state]).toEqual(["FIN-WAIT-2", "CLOSE-WAIT"]);
  });
});

describe("what is noticed beside the octets", () => {
  test("urgent data is announced with how much is left, and stays in the stream", async () => {
    const w = await world();
    const [active, passive] = await connected(w);
    const urgent: number[] = [];
    passive.onUrgent = (left) => urgent.push(left);
    active.write(bytes(100));
    active.markUrgent();
    active.write(bytes(100));
    await w.pass(100);
    expect(urgent).toEqual([100]);
    expect(passive.read(new Uint8Array(300))).toBe(200);
  });

  test("a peer that vanished is noticed: by the user timeout with data, by keep-alive without", async () => {
    const w = await world({ link: "loss 0%" });
    const [active] = await connected(w, { userTimeout: 5_000 });
    const keepAlive = { idle: 10_000, interval: 1_000, count: 3 };
    const other = w.peer.connect({ hostname: HOST, port: PORT }, { keepAlive, params: { keepAliveSpread: 0 } });
    await w.until(other.opened);
    w.cut();
    const begun = w.sim.now;
    active.write(bytes(10));
    expect(await w.until(rejection(active.closed))).toMatchObject({
      code: "ETIMEDOUT",
      message: "gave up: 10.0.0.7:7000 has not answered for 5.4 s",
    });
    expect(w.sim.now - begun).toBeWithin(5_000_000, 5_500_000);
    expect(await w.until(rejection(other.closed))).toMatchObject({ code: "ETIMEDOUT" });
    expect(Math.round((w.sim.now - begun) / 1e6)).toBe(13);
  });
});

describe("ending", () => {
  test("closed does not wait for the reader, and what came can still be read", async () => {
    const w = await world();
    const [active, passive] = await connected(w);
    active.write(bytes(50_000));
    active.closeWrite();
    passive.closeWrite();
    await w.until(passive.closed);
    expect(await readAll(passive)).toEqual(bytes(50_000));
    await w.until(active.closed);
  });

  test("no page and no record is held when all is over", async () => {
    const w = await world({ link: "delay 5ms loss 2%" });
    const [active, passive] = await connected(w);
    const both = [writeAll(active, bytes(400_000)), writeAll(passive, bytes(400_000, 2))];
    void both[0]!.then(() => active.closeWrite());
    void both[1]!.then(() => passive.closeWrite());
    await w.until(Promise.all([readAll(active), readAll(passive)]));
    await w.until(Promise.all([active.closed, passive.closed]));
    await w.pass(120_000);
    for (const { engine } of [w.host, w.peer]) {
      expect([engine.slab.used, engine.recordsInUse, engine.connectionCount]).toEqual([0, 0, 0]);
    }
  });

  test("abort resets: both ends hear of it, each in its words", async () => {
    const w = await world();
    const [active, passive] = await connected(w);
    const reading = rejection(Promise.resolve(passive.read(new Uint8Array(1))));
    active.write(bytes(1_000_000));
    active.abort("enough");
    expect(await rejection(active.closed)).toMatchObject({
      code: "ECONNABORTED",
      message: "the connection to 10.0.0.7:7000 was aborted by this side",
      cause: "enough",
    });
    const reset = { code: "ECONNRESET", message: `${passive.remoteAddress} reset the connection` };
    expect(await w.until(rejection(passive.closed))).toMatchObject(reset);
    expect(await reading).toMatchObject(reset);
    expect(await rejection(passive.drained())).toMatchObject(reset);
    expect(await rejection(passive.flushed())).toMatchObject(reset);
    expect(() => passive.write(bytes(1))).toThrow(reset.message);
    active.abort();
    await w.pass(1000);
    expect(w.peer.engine.slab.used + w.host.engine.slab.used).toBe(0);
  });

  test("a signal aborts while the connection opens and afterwards", async () => {
    const w = await world();
    const early = new AbortController();
    const opening = w.peer.connect({ hostname: HOST, port: PORT }, { signal: early.signal });
    early.abort("changed my mind");
    expect(await rejection(opening.opened)).toMatchObject({ code: "ECONNABORTED" });
    const never = w.peer.connect({ hostname: HOST, port: PORT }, { signal: AbortSignal.abort() });
    expect(await rejection(never.opened)).toMatchObject({ code: "ECONNABORTED" });
    const late = new AbortController();
    const [active, passive] = await connected(w, { signal: late.signal });
    late.abort();
    expect(await rejection(active.closed)).toMatchObject({ code: "ECONNABORTED" });
    expect(await w.until(rejection(passive.closed))).toMatchObject({ code: "ECONNRESET" });
  });

  test("close delivers what was written and tells the peer by an RST that nobody reads its answer", async () => {
    const w = await world();
    const [active, passive] = await connected(w);
    active.write(bytes(20_000));
    const closing = active.close();
    expect(await w.until(readAll(passive))).toEqual(bytes(20_000));
    passive.write(bytes(10));
    expect(await w.until(rejection(passive.closed))).toMatchObject({ code: "ECONNRESET" });
    await w.until(closing);
    expect(await rejection(active.closed)).toMatchObject({
      code: "ECONNRESET",
      message: "10.0.0.7:7000 sent data after this side had closed, so the connection was reset",
    });
  });

  test("close with both sides agreeing is orderly; a pending read ends", async () => {
    const w = await world();
    const [active, passive] = await connected(w);
    const pending = Promise.resolve(active.read(new Uint8Array(1)));
    const closing = active.close();
    expect(await pending).toBe(0);
    await w.until(readAll(passive));
    await w.until(passive.close());
    await w.until(closing);
    await active.closed;
  });

  test("a peer that never closes keeps FIN-WAIT-2 for a minute, not for ever", async () => {
    const w = await world();
    const [active] = await connected(w);
    await w.until(active.close());
    expect(Math.round(w.sim.now / 1e6)).toBe(60);
  });

  test("await using closes", async () => {
    const w = await world();
    const [active, passive] = await connected(w);
    void readAll(passive).then(() => passive.closeWrite());
    await w.until(
      (async () => {
        await using socket = active;
        socket.write(bytes(10));
      })(),
    );
    await w.until(passive.closed);
  });

  test("unheard rejections do not end the program, whatever was taken hold of", async () => {
    const program = `
      const { world, HOST } = await import("./test/socket/world.ts");
      const w = await world({ link: "delay 1ms" });
      const socket = w.peer.connect({ hostname: HOST, port: 9 });
      socket.readable; socket.writable;
      await w.pass(100);
      await new Promise((resolve) => setTimeout(resolve, 5));
      console.log(socket.state);`;
    const child = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe", stderr: "pipe" });
    expect(await new Response(child.stderr).text()).toBe("");
    expect(await new Response(child.stdout).text()).toBe("CLOSED\n");
    expect(await child.exited).toBe(0);
  });
});

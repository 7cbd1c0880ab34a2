/** UDP sockets of the public API, in virtual time: what is sent arrives, what fails is reported, and every queue is bounded. */
import { describe, expect, test } from "bun:test";
import { createStack } from "#socket/create-stack";
import { type Datagram, pair, type UdpHandlers, type UdpSocket } from "../../src/index.ts";
import { bytes, HOST, PEER, rejection, type World, world } from "./world.ts";

const text = (data: Uint8Array) => new TextDecoder().decode(data);
const octets = (words: string) => new TextEncoder().encode(words);

/** Handlers that note each call. */
function noting(): { readonly calls: string[]; readonly socket: UdpHandlers } {
  const calls: string[] = [];
  return {
    calls,
    socket: {
      data: (_, data, port, address, localAddress) => {
        calls.push(`${address}:${port} to ${localAddress}: ${text(data)}`);
      },
      drain: () => void calls.push("drain"),
      error: (_, error) => void calls.push(`error ${(error as { code?: string }).code ?? error}`),
      close: (_, error) => void calls.push(`close ${error?.code ?? "by call"}`),
    },
  };
}

const v6 = { host: { address: [`${HOST}/24`, "fd00::7/64"] }, peer: { address: [`${PEER}/24`, "fd00::5/64"] } };

describe("datagrams", () => {
  test("arrive with the sender's port and address and the address that they were sent to, over both families", async () => {
    const w = await world(v6);
    const { calls, socket } = noting();
    w.host.bind({ port: 53, socket });
    const peer = w.peer.bind({ port: 1000 });
    expect(peer.send(octets("four"), 53, HOST)).toBe(true);
    expect(peer.send(octets("six"), 53, "fd00::7")).toBe(true);
    expect(peer.send(octets(""), 53, HOST)).toBe(true);
    await w.pass(100);
    expect(calls).toEqual([
      `${PEER}:1000 to ${HOST}: four`,
      "fd00::5:1000 to fd00::7: six",
      `${PEER}:1000 to ${HOST}: `,
    ]);
  });

  test("a handler answers from within its call; data is a view that is reused, copies stay", async () => {
    const w = await world();
    w.host.bind({ port: 7, socket: { data: (s, data, port, address) => void s.send(data, port, address) } });
    const peer = w.peer.bind();
    const sent = [bytes(1_000, 1), bytes(40_000, 2), bytes(1_000, 3)];
    for (const data of sent) peer.send(data, 7, HOST);
    for (const data of sent) {
      const back = await w.until(peer.receive());
      expect(back).toEqual({ data, port: 7, address: HOST, localAddress: PEER });
    }
  });

  test("iterating a socket yields datagrams until it is closed; receive then gives null", async () => {
    const w = await world();
    const socket = w.host.bind({ port: 9 });
    const got: string[] = [];
    const reading = (async () => {
      for await (const { data } of socket) got.push(text(data));
    })();
    const peer = w.peer.bind();
    for (const word of ["one", "two", "three"]) peer.send(octets(word), 9, HOST);
    await w.pass(100);
    expect([socket.closed, got]).toEqual([false, ["one", "two", "three"]]);
    await socket.close();
    await w.until(reading);
    expect([socket.closed, await socket.receive()]).toEqual([true, null]);
  });

  test("several receives wait in order", async () => {
    const w = await world();
    const socket = w.host.bind({ port: 9 });
    const both = Promise.all([socket.receive(), socket.receive()]);
    const peer = w.peer.bind();
    peer.sendMany([octets("a"), 9, HOST, octets("b"), 9, HOST]);
    expect((await w.until(both)).map((d) => text((d as Datagram).data))).toEqual(["a", "b"]);
  });

  test("a datagram that exceeds the MTU goes in fragments; one that exceeds IP is refused", async () => {
    const w = await world(v6);
    const socket = w.host.bind({ port: 9 });
    const peer = w.peer.bind();
    const [longest4, longest6] = [bytes(65_507), bytes(65_527)];
    peer.send(longest4, 9, HOST);
    expect((await w.until(socket.receive()))?.data).toEqual(longest4);
    peer.send(longest6, 9, "fd00::7");
    expect((await w.until(socket.receive()))?.data).toEqual(longest6);
    expect(() => peer.send(bytes(65_508), 9, HOST)).toThrow("over IPv4 carries at most 65507 octets, not 65508");
  });

  test("the source may be named: an answer comes from the address that was asked", async () => {
    const w = await world({ host: { address: [`${HOST}/24`, "10.0.0.8/24"] } });
    const answer: UdpHandlers = {
      data: (socket, data, port, address, localAddress) => void socket.send(data, port, address, localAddress),
    };
    w.host.bind({ port: 53, socket: answer });
    const peer = w.peer.bind({ connect: "10.0.0.8:53" });
    peer.send(octets("?"));
    expect((await w.until(peer.receive()))?.address).toBe("10.0.0.8");
  });
});

describe("connected sockets", () => {
  test("send without a port and an address, and hear only their peer", async () => {
    const w = await world();
    const host = w.host.bind({ port: 53 });
    const peer = w.peer.bind({ connect: { hostname: HOST, port: 53 } });
    expect(peer.remote).toEqual({ hostname: HOST, port: 53 });
    expect(peer.sendMany([octets("a"), octets("b")])).toBe(2);
    expect(text((await w.until(host.receive()))!.data)).toBe("a");
    const stranger = w.host.bind({ port: 54 });
    stranger.send(octets("x"), peer.port, PEER);
    host.send(octets("y"), peer.port, PEER);
    expect(text((await w.until(peer.receive()))!.data)).toBe("y");
    // What the socket does not hear is for nobody: the stranger's peer has no such port (RFC 1122 §4.1.3.1).
    expect(w.peer.counters()["udp.rx.no-port"]).toBe(1);
    peer.disconnect();
    stranger.send(octets("z"), peer.port, PEER);
    expect(text((await w.until(peer.receive()))!.data)).toBe("z");
  });

  test("an ICMP error goes to the error handler, or rejects one receive; the socket goes on", async () => {
    const w = await world();
    const { calls, socket } = noting();
    const heard = w.peer.bind({ connect: `${HOST}:9`, socket });
    const read = w.peer.bind({ connect: `${HOST}:9` });
    const waits = read.receive();
    heard.send(octets("x"));
    read.send(octets("x"));
    const words = `${HOST}:9 refused the datagram: no program receives there (ICMP port unreachable)`;
    expect(await w.until(rejection(waits))).toMatchObject({
      name: "ConnectionError",
      code: "ECONNREFUSED",
      message: words,
    });
    expect(calls).toEqual(["error ECONNREFUSED"]);
    expect(heard.softError?.message).toBe(words);
    read.send(octets("x"));
    await w.pass(100);
    expect(await rejection(read.receive())).toMatchObject({ code: "ECONNREFUSED" });
    const host = w.host.bind({ port: 9 });
    read.send(octets("again"));
    expect(text((await w.until(host.receive()))!.data)).toBe("again");
  });

  test("a socket that is not connected hears nothing of ICMP errors", async () => {
    const w = await world();
    const { calls, socket } = noting();
    const peer = w.peer.bind({ socket });
    peer.send(octets("x"), 9, HOST);
    await w.pass(100);
    expect([calls, peer.softError]).toEqual([[], null]);
    expect(w.host.counters()["udp.rx.no-port"]).toBe(1);
  });
});

describe("bounds", () => {
  test("a flood that nobody reads fills one queue and no more; what is dropped is counted", async () => {
    const w = await world({ link: "delay 1ms" });
    const small = w.host.bind({ port: 1, receiveBuffer: 10_000 });
    const large = w.host.bind({ port: 2 });
    const peer = w.peer.bind();
    for (let round = 0; round < 40; round++) {
      for (let i = 0; i < 10; i++) peer.sendMany([bytes(1_000), 1, HOST, bytes(1_000), 2, HOST]);
      await w.pass(10);
    }
    expect([small.dropped, large.dropped]).toEqual([390, 400 - Math.floor(212_992 / 1_000)]);
    expect(w.host.counters()["udp.rx.full"]).toBe(small.dropped + large.dropped);
    let read = 0;
    for (; read < 10; read++) await w.until(small.receive());
    peer.send(bytes(10), 1, HOST);
    expect((await w.until(small.receive()))?.data.length).toBe(10);
    await Promise.all([small.close(), large.close()]);
    expect(w.host.engine.slab.used).toBe(0);
  });

  test("many sockets that nobody reads leave memory to others", async () => {
    const w = await world({ host: { limits: { memory: 8 << 20 } } });
    const sockets = Array.from({ length: 60 }, (_, i) => w.host.bind({ port: 1 + i }));
    const peer = w.peer.bind();
    for (let round = 0; round < 60; round++) {
      for (const { port } of sockets.slice((round % 3) * 20, (round % 3) * 20 + 20))
        peer.send(bytes(8_000), port, HOST);
      await w.pass(50);
    }
    expect(w.host.engine.slab.available).toBeGreaterThan(w.host.engine.slab.pages / 16);
    expect(w.host.counters()["udp.rx.no-memory"]).toBeGreaterThan(0);
    expect(sockets.every(({ dropped }) => dropped > 0)).toBe(true);
  });

  test("a full send queue refuses, then drains: drain is called, drained resolves, and everything was sent once", async () => {
    const w = await world();
    let got = 0;
    w.host.bind({ port: 9, receiveBuffer: 1 << 24, socket: { data: (_, data) => void (got += data.length) } });
    const { calls, socket } = noting();
    const peer = w.peer.bind({ socket });
    const many = Array.from({ length: 300 }, () => [bytes(1_000), 9, HOST] as const).flat();
    const sent = peer.sendMany(many);
    expect(sent).toBeLessThan(300);
    expect(peer.send(bytes(1_000), 9, HOST)).toBe(false);
    await w.until(peer.drained());
    expect(calls).toEqual(["drain"]);
    expect(peer.send(bytes(1), 9, HOST)).toBe(true);
    await w.pass(100);
    expect(got).toBe(sent * 1_000 + 1);
  });
});

describe("ports and addresses", () => {
  test("port 0 is one that is free and tells itself; ports of one address are free at another", async () => {
    const w = await world({ host: { address: [`${HOST}/24`, "10.0.0.8/24"] } });
    const sockets = Array.from({ length: 50 }, () => w.host.bind());
    expect(new Set(sockets.map(({ port }) => port)).size).toBe(50);
    for (const { port, address } of sockets) {
      expect(port).toBeGreaterThanOrEqual(49_152);
      expect(address).toBe("0.0.0.0");
    }
    const bound = w.host.bind({ address: HOST, port: 53 });
    expect([bound.address, bound.port]).toEqual([HOST, 53]);
    expect(() => w.host.bind({ port: 53 })).toThrow("UDP port 53 is already in use");
    expect(w.host.bind({ address: "10.0.0.8", port: 53 }).port).toBe(53);
    await bound.close();
    expect(w.host.bind({ address: HOST, port: 53 }).port).toBe(53);
  });

  test("a closed socket is nobody: its port is unreachable, its calls are refused, its promises settle", async () => {
    const w = await world();
    const { calls, socket } = noting();
    const host = w.host.bind({ port: 9, socket });
    await host.close();
    await host.close();
    await w.pass(1);
    expect(calls).toEqual(["close by call"]);
    expect(() => host.send(octets("x"), 1, PEER)).toThrow("cannot send: the UDP socket of port 9 is closed");
    expect(() => host.connect(`${PEER}:1`)).toThrow("is closed");
    expect(await rejection(host.drained())).toMatchObject({ code: "EPIPE" });
    w.peer.bind().send(octets("x"), 9, HOST);
    await w.pass(100);
    expect(w.host.counters()["udp.rx.no-port"]).toBe(1);
  });

  test("datagrams that wait to be sent are sent although the socket is closed", async () => {
    const w = await world();
    const host = w.host.bind({ port: 9 });
    const peer = w.peer.bind();
    peer.send(octets("last words"), 9, HOST);
    await peer.close();
    expect(text((await w.until(host.receive()))!.data)).toBe("last words");
  });

  test("the stack's close ends its sockets; a device that vanishes does so with ENETDOWN", async () => {
    const w = await world();
    const { calls, socket } = noting();
    w.host.bind({ socket });
    const waits = w.host.bind().receive();
    await w.host.close();
    expect(await waits).toBeNull();
    await w.pass(1);
    expect(calls).toEqual(["close by call"]);
    expect(() => w.host.bind()).toThrow("this stack is closed");

    const [a, b] = pair({ names: ["tun7", "tun8"] });
    const stack = await createStack({ device: a, address: `${HOST}/24` });
    const gone = noting();
    stack.bind({ socket: gone.socket });
    const reader = stack.bind();
    const reading = rejection(reader.receive());
    b.close();
    a.close();
    expect(await reading).toMatchObject({ code: "ENETDOWN", message: "the device tun7 vanished" });
    await Bun.sleep(0);
    expect(gone.calls).toEqual(["close ENETDOWN"]);
    expect(() => reader.send(octets("x"), 1, PEER)).toThrow("the device tun7 vanished");
    await stack.close();
  });

  test("a broadcast needs permission, and reaches sockets of every address; multicast is refused", async () => {
    const w = await world();
    const { calls, socket } = noting();
    w.host.bind({ port: 9, socket });
    const one = w.host.bind({ address: HOST, port: 10 });
    const plain = w.peer.bind();
    expect(() => plain.send(octets("x"), 9, "255.255.255.255")).toThrow("open the socket with broadcast: true");
    expect(() => plain.send(octets("x"), 9, "10.0.1.255")).toThrow("10.0.1.255 is a broadcast address");
    expect(() => plain.send(octets("x"), 9, "224.0.0.251")).toThrow(
      "multicast address, which this stack does not support",
    );
    const allowed = w.peer.bind({ broadcast: true });
    allowed.send(octets("all"), 9, "255.255.255.255");
    allowed.send(octets("all"), 10, "255.255.255.255");
    await w.pass(100);
    expect(calls).toEqual([`${PEER}:${allowed.port} to 255.255.255.255: all`]);
    expect(one.dropped).toBe(0);
  });
});

describe("handlers that throw", () => {
  test("data goes on with the next datagram, and error gets what was thrown", async () => {
    const w = await world();
    const got: string[] = [];
    const errors: unknown[] = [];
    const data = (_: UdpSocket, view: Uint8Array) => {
      got.push(text(view));
      if (got.length === 1) throw new Error("first");
    };
    w.host.bind({ port: 9, socket: { data, error: (_, error) => void errors.push(error) } });
    const peer = w.peer.bind();
    peer.sendMany([octets("a"), 9, HOST, octets("b"), 9, HOST]);
    await w.pass(100);
    expect(got).toEqual(["a", "b"]);
    expect(errors).toEqual([new Error("first")]);
  });

  test("a handler may close its socket: the rest is dropped", async () => {
    const w = await world();
    let calls = 0;
    const data = (socket: UdpSocket) => {
      calls++;
      void socket.close();
    };
    w.host.bind({ port: 9, socket: { data } });
    w.peer.bind().sendMany([octets("a"), 9, HOST, octets("b"), 9, HOST]);
    await w.pass(100);
    expect(calls).toBe(1);
    expect(w.host.engine.slab.used).toBe(0);
  });
});

describe("arguments", () => {
  const loose = (w: World) => w.host as unknown as { bind(options: unknown): UdpSocket };
  test.each([
    [7, "bind's argument must be an object such as { port: 5353 }, not 7"],
    [{ hostname: HOST }, 'bind\'s argument has no "hostname"'],
    [{ port: "53" }, 'port must be a number, not "53"'],
    [{ port: 65_536 }, "port must be a whole number from 0 to 65535"],
    [{ address: "10.0.0.9" }, "10.0.0.9 is not an address of this stack"],
    [{ address: "localhost" }, "does not resolve names"],
    [{ receiveBuffer: 0 }, "receiveBuffer must be a whole number from 1"],
    [{ socket: { message() {} } }, 'socket has no "message"'],
    [{ socket: { data: 1 } }, "data must be a function, not 1"],
    [{ connect: "10.0.1.5" }, '"10.0.1.5" has no port'],
    [{ connect: { hostname: "fd00::9", port: 1 } }, "this stack has no IPv6 address"],
    [{ connect: "224.0.0.1:5" }, "224.0.0.1 is a multicast address, which this stack does not support"],
  ])("bind(%j) is refused in words, and leaves nothing bound", async (options, words) => {
    const w = await world();
    expect(() => loose(w).bind(options)).toThrow(words);
    expect(w.host.bind({ port: 53 }).port).toBe(53);
  });

  test.each([
    [["text", 1, PEER], "the data of a datagram must be a Uint8Array"],
    [[bytes(1)], "the socket is not connected: name a port and an address"],
    [[bytes(1), 1], 'address must be a text such as "10.0.0.7", not undefined'],
    [[bytes(1), 0, PEER], "port must be a whole number from 1 to 65535, not 0"],
    [[bytes(1), "7", PEER], 'port must be a whole number from 1 to 65535, not "7"'],
    [[bytes(1), PEER, 7], 'port must be a whole number from 1 to 65535, not "10.0.1.5"'],
    [[bytes(1), 7, "peer"], "does not resolve names"],
    [[bytes(1), 7, "0.0.0.0"], "0.0.0.0 is not the address of a host"],
    [[bytes(1), 7, "fd00::5"], "this stack has no IPv6 address"],
    [[bytes(1), 7, PEER, "10.0.0.99"], "10.0.0.99 is not an address of this stack"],
    [[bytes(1), 7, PEER, "127.0.0.1"], "127.0.0.1 reaches only this stack's own addresses"],
  ])("send(%j) is refused in words", async (given, words) => {
    const w = await world();
    const socket = w.host.bind() as unknown as { send(...given: unknown[]): boolean };
    expect(() => socket.send(...given)).toThrow(words);
  });

  test("a connected socket takes no address; sendMany takes whole datagrams; receive is the handler's", async () => {
    const w = await world();
    const socket = w.host.bind({ connect: `${PEER}:9` });
    expect(() => socket.send(bytes(1), 9, PEER)).toThrow(`the socket is connected to ${PEER}:9: send only the data`);
    expect(() => w.host.bind().sendMany([bytes(1), 9])).toThrow("2 is not a multiple of 3");
    expect(() => w.host.bind().sendMany("x" as never)).toThrow('must be an array, not "x"');
    expect(() => w.host.bind({ socket: { data() {} } }).receive()).toThrow("go to the data handler");
  });
});

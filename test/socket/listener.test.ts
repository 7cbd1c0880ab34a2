import { describe, expect, test } from "bun:test";
import type { Socket } from "#socket/types";
import { bytes, HOST, PEER, PORT, readAll, rejection, world, writeAll } from "./world.ts";

const dial = { hostname: HOST, port: PORT };

describe("listener", () => {
  test("iterating it yields every connection once, until it is closed", async () => {
    const w = await world();
    const listener = w.host.listen({ port: PORT });
    const ports: number[] = [];
    const serving = (async () => {
      for await (const socket of listener) ports.push(socket.remote.port);
    })();
    const dialed = [1, 2, 3].map((k) => w.peer.connect(dial, { localPort: 1000 + k }));
    await w.until(Promise.all(dialed.map((socket) => socket.opened)));
    await w.pass(100);
    await listener.close();
    await w.until(serving);
    expect(ports).toEqual([1001, 1002, 1003]);
    expect(await listener.accept()).toBeNull();
    const late = w.peer.connect(dial);
    expect(await w.until(rejection(late.opened))).toMatchObject({ code: "ECONNREFUSED" });
  });

  test("closing it resets those that nobody accepted, and leaves the accepted ones alone", async () => {
    const w = await world();
    const listener = w.host.listen({ port: PORT });
    const first = w.peer.connect(dial);
    const accepted = (await w.until(listener.accept()))!;
    const second = w.peer.connect(dial);
    await w.until(second.opened);
    await w.pass(100);
    const waiting = listener.accept();
    expect((await waiting)?.remoteAddress).toBe(second.localAddress);
    const third = w.peer.connect(dial);
    await w.until(third.opened);
    await w.pass(100);
    await listener.close();
    expect(await w.until(rejection(third.closed))).toMatchObject({ code: "ECONNRESET" });
    first.write(bytes(10));
    expect(await w.until(Promise.resolve(accepted.read(new Uint8Array(99))))).toBe(10);
  });

  test("closed resolves when it is closed, and when its stack is", async () => {
    const w = await world();
    const [first, second] = [w.host.listen({ port: PORT }), w.host.listen({ port: PORT + 1 })];
    const ended: string[] = [];
    void first.closed.then(() => ended.push("first"));
    void second.closed.then(() => ended.push("second"));
    await w.pass(10);
    expect(ended).toEqual([]);
    await first.close();
    expect(ended).toEqual(["first"]);
    await w.host.close();
    expect(ended).toEqual(["first", "second"]);
  });

  test("accept waits for the next one; several wait in order", async () => {
    const w = await world();
    const listener = w.host.listen({ port: PORT });
    const accepts = [listener.accept(), listener.accept(), listener.accept()];
    w.peer.connect(dial, { localPort: 1001 });
    w.peer.connect(dial, { localPort: 1002 });
    await w.pass(100);
    await listener.close();
    const got = await Promise.all(accepts);
    expect(got.map((socket) => socket?.remote.port)).toEqual([1001, 1002, undefined]);
  });

  test("with a remote given, other remotes are refused and reported", async () => {
    const w = await world();
    const listener = w.host.listen({ port: PORT, remote: "10.0.1.9" });
    const refused: string[] = [];
    listener.onRemoteRefused = ({ hostname, port }) => refused.push(`${hostname}:${port}`);
    const other = w.peer.connect(dial, { localPort: 1234 });
    expect(await w.until(rejection(other.opened))).toMatchObject({ code: "ECONNREFUSED" });
    expect(refused).toEqual(["10.0.1.5:1234"]);
    expect(w.host.counters()["tcp.rx.remote-refused"]).toBe(1);
    w.host.listen({ port: PORT + 1, remote: PEER });
    await w.until(w.peer.connect({ ...dial, port: PORT + 1 }).opened);
  });

  test("SYNs without room are counted and told, by what there was no room for; their sender gets in later", async () => {
    const w = await world({ host: { limits: { connections: 2, memory: 64 << 20 } } });
    const listener = w.host.listen({ port: PORT });
    const told: string[] = [];
    listener.onFull = (what) => told.push(what);
    const dialed = [1, 2, 3].map((k) => w.peer.connect(dial, { localPort: 1000 + k }));
    await w.until(Promise.all(dialed.slice(0, 2).map((socket) => socket.opened)));
    await w.pass(500);
    expect([told, w.host.counters()["tcp.rx.limit"]]).toEqual([["connections"], 1]);
    dialed[0]!.abort();
    await w.until(dialed[2]!.opened);
    // One that waits to be accepted is in the backlog, and so is the next one, but none after it.
    const small = w.host.listen({ port: PORT + 1, backlog: 1 });
    small.onFull = (what) => told.push(what);
    for (const socket of dialed.slice(1)) socket.abort();
    await w.pass(100);
    const more = [1, 2].map((k) => w.peer.connect({ ...dial, port: PORT + 1 }, { localPort: 2000 + k }));
    await w.until(Promise.all(more.map((socket) => socket.opened)));
    w.peer.connect({ ...dial, port: PORT + 1 });
    await w.pass(500);
    expect(told.at(-1)).toBe("backlog");
  });

  test("a host with as many connections as one may have gets no more; another host does", async () => {
    const w = await world({
      host: { limits: { connectionsPerSource: 1, memory: 64 << 20 } },
      peer: { address: [`${PEER}/24`, "10.0.1.6/24"] },
    });
    const listener = w.host.listen({ port: PORT });
    const told: string[] = [];
    listener.onFull = (what) => told.push(what);
    const first = w.peer.connect(dial);
    await w.until(first.opened);
    const second = w.peer.connect(dial, { timeout: 500 });
    expect(await w.until(rejection(second.opened))).toMatchObject({ code: "ETIMEDOUT" });
    expect(told).toEqual(["source"]);
    await w.until(w.peer.connect(dial, { localAddress: "10.0.1.6" }).opened);
  });

  test("a port has one listener; another address or another port is free", async () => {
    const w = await world({ host: { address: [`${HOST}/24`, "10.0.0.8/24"] } });
    const listener = w.host.listen({ port: PORT, hostname: HOST });
    expect(listener.address).toEqual({ hostname: HOST, port: PORT });
    expect(() => w.host.listen({ port: PORT, hostname: HOST })).toThrow("port 7000 already");
    expect(() => w.host.listen({ port: PORT, hostname: "10.9.9.9" })).toThrow("not an address of this stack");
    w.host.listen({ port: PORT, hostname: "10.0.0.8" });
    w.host.listen({ port: PORT + 1 });
    await listener.close();
    w.host.listen({ port: PORT, hostname: HOST });
  });

  test("one that was reset before it was accepted is accepted broken", async () => {
    const w = await world();
    const listener = w.host.listen({ port: PORT });
    const active = w.peer.connect(dial);
    await w.until(active.opened);
    active.abort();
    await w.pass(100);
    const passive = (await listener.accept())!;
    expect(await rejection(passive.closed)).toMatchObject({ code: "ECONNRESET" });
    expect(w.host.engine.connectionCount).toBe(0);
  });

  test("200 connections at once, each with its own octets both ways", async () => {
    const w = await world({ link: "delay 5ms loss 1%", seed: 3 });
    const listener = w.host.listen({ port: PORT, backlog: 256 });
    const served = (async () => {
      for await (const socket of listener) void echo(socket);
    })();
    const clients = Array.from({ length: 200 }, async (_, k) => {
      const socket = w.peer.connect(dial);
      const data = bytes(2_000 + k * 37, k);
      void writeAll(socket, data).then(() => socket.closeWrite());
      expect(Buffer.from(await readAll(socket)).equals(data)).toBe(true);
      await socket.closed;
    });
    await w.until(Promise.all(clients));
    await w.pass(120_000);
    await listener.close();
    await w.until(served);
    for (const { engine } of [w.host, w.peer]) {
      expect([engine.slab.used, engine.recordsInUse, engine.connectionCount]).toEqual([0, 0, 0]);
    }
  });
});

async function echo(socket: Socket): Promise<void> {
  await writeAll(socket, await readAll(socket));
  socket.closeWrite();
}

describe("a SYN that finds no listener", () => {
  test("is refused, and whoever wants to know hears of it: the last one of a turn, and how many there were", async () => {
    const w = await world();
    const heard: unknown[] = [];
    w.host.onRefused = (remote, port, count) => heard.push([remote.hostname, port, count]);
    w.host.listen({ port: PORT });
    const sockets = [7001, 7002, 7003].map((port) => w.peer.connect({ hostname: HOST, port }));
    for (const socket of sockets)
      expect(await w.until(rejection(socket.opened))).toMatchObject({ code: "ECONNREFUSED" });
    expect(heard.reduce((sum: number, each) => sum + (each as [string, number, number])[2], 0)).toBe(3);
    expect(heard.at(-1)).toEqual([PEER, 7003, expect.any(Number)]);
    // Nobody need listen for it.
    w.host.onRefused = null;
    expect(await w.until(rejection(w.peer.connect({ hostname: HOST, port: 7004 }).opened))).toMatchObject({
      code: "ECONNREFUSED",
    });
  });
});

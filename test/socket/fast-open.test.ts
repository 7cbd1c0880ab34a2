import { describe, expect, test } from "bun:test";
import type { ConnectOptions, Listener, Socket } from "#socket/types";
import { bytes, HOST, PORT, readAll, rejection, type World, world, writeAll } from "./world.ts";

const dial = { hostname: HOST, port: PORT };
const REQUEST = bytes(600, 7);

/** A listener that lets clients begin early, and a client that was there before and has its cookie. */
async function acquainted(fastOpen: boolean | number = true): Promise<{ w: World; listener: Listener }> {
  const w = await world();
  const listener = w.host.listen({ port: PORT, fastOpen });
  const first = w.peer.connect(dial, { fastOpen: true });
  const passive = (await w.until(listener.accept()))!;
  await w.until(first.opened);
  first.abort();
  await w.until(passive.closed.catch(() => {}));
  return { w, listener };
}

/** One exchange: the answer, and how long it took from the call, ms. */
async function exchange(w: World, listener: Listener, options: ConnectOptions): Promise<[Socket, Socket, number]> {
  const begun = w.sim.now;
  const client = w.peer.connect(dial, options);
  const server = (await w.until(listener.accept()))!;
  const buffer = new Uint8Array(9999);
  let got = 0;
  while (got < REQUEST.length) got += await w.until(Promise.resolve(server.read(buffer)));
  server.write(bytes(100));
  await w.until(Promise.resolve(client.read(buffer)));
  return [client, server, (w.sim.now - begun) / 1000];
}

describe("early data (RFC 7413)", () => {
  test("saves the round trip of the handshake from the second connection on, and both sides know", async () => {
    const w = await world();
    const listener = w.host.listen({ port: PORT, fastOpen: true });
    const [first, , slow] = await exchange(w, listener, { earlyData: REQUEST });
    const [second, server, quick] = await exchange(w, listener, { earlyData: REQUEST });
    expect([Math.floor(slow / 10), Math.floor(quick / 10)]).toEqual([4, 2]);
    expect(first.info()).toMatchObject({ synData: false, fastOpenFailure: "no-cookie" });
    expect(second.info()).toMatchObject({ synData: true, fastOpenFailure: "" });
    expect((await second.opened).synData).toBe(true);
    expect((await w.until(server.opened)).synData).toBe(true);
    expect((await server.opened).rtt).toBeGreaterThanOrEqual(20_000);
  });

  test("an early connection is accepted, read and answered before `opened` resolves", async () => {
    const { w, listener } = await acquainted();
    w.peer.connect(dial, { earlyData: REQUEST });
    const server = (await w.until(listener.accept()))!;
    let opened = false;
    void server.opened.then(() => {
      opened = true;
    });
    expect(await w.until(Promise.resolve(server.read(new Uint8Array(9999))))).toBe(REQUEST.length);
    expect([server.state, opened]).toEqual(["SYN-RECEIVED", false]);
    server.write(bytes(10));
    await w.pass(100);
    expect([server.state, opened]).toEqual(["ESTABLISHED", true]);
  });

  test("what is written in the same turn goes along, with `fastOpen` alone", async () => {
    const { w, listener } = await acquainted();
    const client = w.peer.connect(dial, { fastOpen: true });
    client.write(REQUEST);
    const server = (await w.until(listener.accept()))!;
    expect(server.info()).toMatchObject({ state: "SYN-RECEIVED", receiveQueue: REQUEST.length });
  });

  test.each([0, 1, 1420, 1421, 100_000])("%d octets arrive once and in order, then the end", async (n) => {
    const { w, listener } = await acquainted();
    const data = bytes(n, 3);
    const client = w.peer.connect(dial, { earlyData: data });
    client.closeWrite();
    const server = (await w.until(listener.accept()))!;
    expect(Buffer.compare(await w.until(readAll(server)), data)).toBe(0);
    await w.until(Promise.all([server.close(), client.closed]));
  });

  test("without a cookie, without a listener that takes it, or with a key that changed: it arrives all the same", async () => {
    const { w, listener } = await acquainted();
    w.host.setFastOpenKey(new Uint8Array(16).fill(1));
    const [client] = await exchange(w, listener, { earlyData: REQUEST });
    expect(client.info()).toMatchObject({ synData: false, fastOpenFailure: "not-taken" });
    // The answer had a cookie under the new key.
    const [again] = await exchange(w, listener, { earlyData: REQUEST });
    expect(again.info().synData).toBe(true);
    await listener.close();
    const plain = w.host.listen({ port: PORT });
    const [last] = await exchange(w, plain, { earlyData: REQUEST });
    expect(last.info().fastOpenFailure).toBe("not-taken");
  });

  test("the previous key stays good", async () => {
    const { w, listener } = await acquainted();
    const [one, two] = [new Uint8Array(16).fill(1), new Uint8Array(16).fill(2)];
    w.host.setFastOpenKey(one);
    await exchange(w, listener, { earlyData: REQUEST });
    w.host.setFastOpenKey(two, one);
    expect((await exchange(w, listener, { earlyData: REQUEST }))[0].info().synData).toBe(true);
  });

  test("a lost SYN: it arrives after the time-out, once", async () => {
    const { w, listener } = await acquainted();
    w.cut();
    const client = w.peer.connect(dial, { earlyData: REQUEST });
    client.closeWrite();
    await w.pass(500);
    w.heal();
    const server = (await w.until(listener.accept()))!;
    expect(Buffer.compare(await w.until(readAll(server)), REQUEST)).toBe(0);
    expect(client.info().fastOpenFailure).toBe("syn-resent");
  });

  test("half-close, streams and a long answer go as on any other connection", async () => {
    const { w, listener } = await acquainted();
    const client = w.peer.connect(dial, { earlyData: REQUEST });
    client.closeWrite();
    const server = (await w.until(listener.accept()))!;
    const answer = bytes(300_000, 5);
    const serving = (async () => {
      expect(Buffer.compare(await readAll(server), REQUEST)).toBe(0);
      await writeAll(server, answer);
      server.closeWrite();
    })();
    const all = await w.until(new Response(client.readable).bytes());
    await w.until(serving);
    expect(Buffer.compare(all, answer)).toBe(0);
    await w.until(Promise.all([client.closed, server.closed]));
  });
});

describe("closing early", () => {
  test("close before the handshake is over: the answer arrives, then the end", async () => {
    const { w, listener } = await acquainted();
    const client = w.peer.connect(dial, { earlyData: REQUEST });
    const server = (await w.until(listener.accept()))!;
    await w.until(Promise.resolve(server.read(new Uint8Array(9999))));
    expect(server.state).toBe("SYN-RECEIVED");
    server.write(bytes(50));
    const closed = server.close();
    const got = await w.until(readAll(client));
    expect(got.length).toBe(50);
    client.closeWrite();
    await w.until(closed);
  });

  test("closeWrite and abort before the handshake is over", async () => {
    const { w, listener } = await acquainted();
    const one = w.peer.connect(dial, { earlyData: REQUEST });
    const server = (await w.until(listener.accept()))!;
    server.closeWrite();
    expect((await w.until(readAll(one))).length).toBe(0);
    const two = w.peer.connect(dial, { earlyData: REQUEST });
    (await w.until(listener.accept()))!.abort();
    expect(await w.until(rejection(two.closed))).toMatchObject({ code: "ECONNRESET" });
  });

  test("a client that vanishes: `opened` rejects, and so does reading on", async () => {
    const { w, listener } = await acquainted();
    w.peer.connect(dial, { earlyData: REQUEST });
    const server = (await w.until(listener.accept()))!;
    w.cut();
    expect(await w.until(rejection(server.opened))).toMatchObject({ code: "ETIMEDOUT" });
    expect(await rejection(server.closed)).toMatchObject({ code: "ETIMEDOUT" });
  });
});

describe("refusals", () => {
  test("more than the send buffer holds, keys of a wrong size, limits that are none", async () => {
    const w = await world();
    const fastOpen = (n: number) => () => w.host.listen({ port: PORT, fastOpen: n });
    expect(() => w.peer.connect(dial, { earlyData: bytes(2000), sendBuffer: 1000 })).toThrow(
      "1000 octets, and has 2000",
    );
    expect(w.peer.connections()).toEqual([]);
    expect(() => w.host.setFastOpenKey(new Uint8Array(15))).toThrow("16 octets, not 15");
    expect(() => w.host.setFastOpenKey(new Uint8Array(16), new Uint8Array(32))).toThrow("16 octets, not 32");
    for (const n of [-1, 1.5, 70_000]) expect(fastOpen(n)).toThrow("fastOpen must be a whole number");
  });

  test("no more are pending than was said", async () => {
    const { w, listener } = await acquainted(1);
    const clients = [1, 2].map((k) => w.peer.connect(dial, { localPort: 2000 + k, earlyData: REQUEST }));
    await w.until(Promise.all(clients.map((client) => client.opened)));
    expect(clients.map((client) => client.info().synData)).toEqual([true, false]);
    await w.until(Promise.all([listener.accept(), listener.accept()]));
  });
});

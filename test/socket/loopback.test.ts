/** Connections, datagrams and pings to the stack's own addresses and to loopback addresses stay inside it. */
import { describe, expect, test } from "bun:test";
import { createStack } from "#socket/create-stack";
import { pair } from "../../src/index.ts";
import { bytes, HOST, PEER, PORT, readAll, rejection, world, writeAll } from "./world.ts";

const address = [`${HOST}/24`, "10.0.0.8/24", "fd00::7/64"];
const host = { address };

describe("connections", () => {
  test.each([
    ["127.0.0.1", "127.0.0.1"],
    ["127.9.8.7", "127.9.8.7"],
    ["::1", "::1"],
    [HOST, HOST],
    ["10.0.0.8", "10.0.0.8"],
    ["fd00::7", "fd00::7"],
  ])("to %s come from the same address, carry data both ways, and nothing leaves the stack", async (hostname, from) => {
    const w = await world({ host: { ...host, trace: 1 << 16 } });
    w.cut();
    const listener = w.host.listen({ port: PORT });
    const active = w.host.connect({ hostname, port: PORT });
    const passive = (await w.until(listener.accept()))!;
    expect([active.local.hostname, passive.remoteAddress]).toEqual([from, active.localAddress]);
    const [there, back] = [bytes(300_000, 1), bytes(200_000, 2)];
    const sending = [writeAll(active, there), writeAll(passive, back)];
    const reading = [readAll(passive), readAll(active)];
    await w.until(Promise.all(sending));
    active.closeWrite();
    passive.closeWrite();
    const [atPassive, atActive] = await w.until(Promise.all(reading));
    expect([Bun.hash(atPassive!), Bun.hash(atActive!)]).toEqual([Bun.hash(there), Bun.hash(back)]);
    await w.until(Promise.all([active.closed, passive.closed]));
    expect(active.info().retransTotal + passive.info().retransTotal).toBe(0);
    await w.pass(120_000);
    expect([w.host.connections(), w.host.engine.slab.used]).toEqual([[], 0]);
  });

  test("what is corked goes after 200 ms, although all before it was acknowledged between two polls of one push", async () => {
    const w = await world({ host });
    const listener = w.host.listen({ port: PORT, params: { delayedAck: 0 } });
    const active = w.host.connect(`127.0.0.1:${PORT}`, { mss: 100, sack: false, timestamps: false });
    const passive = (await w.until(listener.accept()))!;
    await w.until(active.opened);
    active.cork();
    active.write(bytes(543));
    await w.pass(1);
    expect(passive.info().bytesReceived).toBe(500);
    await w.pass(250);
    expect(passive.info().bytesReceived).toBe(543);
  });

  test("to a port without a listener are refused at once", async () => {
    const w = await world({ host });
    w.cut();
    for (const hostname of ["127.0.0.1", "::1", HOST, "fd00::7"]) {
      const active = w.host.connect({ hostname, port: 9 });
      expect(await w.until(rejection(active.opened), { until: 0 })).toMatchObject({ code: "ECONNREFUSED" });
    }
  });

  test("a listener on a loopback address hears the stack alone", async () => {
    const w = await world({ host });
    const listener = w.host.listen({ port: PORT, hostname: "127.0.0.1" });
    expect(listener.address).toEqual({ hostname: "127.0.0.1", port: PORT });
    expect(await w.until(rejection(w.peer.connect(`${HOST}:${PORT}`).opened))).toMatchObject({ code: "ECONNREFUSED" });
    expect(await w.until(rejection(w.host.connect(`${HOST}:${PORT}`).opened))).toMatchObject({ code: "ECONNREFUSED" });
    const active = w.host.connect(`127.0.0.1:${PORT}`);
    await w.until(active.opened);
  });

  test("any port means another one than the remote's, so nothing connects to itself by chance", async () => {
    const w = await world({ host });
    const refused: string[] = [];
    for (let port = 49_152; port < 49_252; port++) {
      const attempt = w.host.connect({ hostname: "127.0.0.1", port });
      expect(attempt.local.port).not.toBe(port);
      refused.push((await w.until(rejection(attempt.opened)))!.code as string);
    }
    expect(new Set(refused)).toEqual(new Set(["ECONNREFUSED"]));
  });

  test("a port that connects to itself opens, as RFC 9293 §3.5 has it, and echoes what it writes", async () => {
    const w = await world({ host });
    const self = w.host.connect("127.0.0.1:5000", { localPort: 5000 });
    await w.until(self.opened);
    await w.until(writeAll(self, bytes(5_000)));
    self.closeWrite();
    expect(await w.until(readAll(self))).toEqual(Buffer.from(bytes(5_000)));
    await w.until(self.closed);
  });

  test("a loopback address reaches no other host", async () => {
    const w = await world({ host });
    expect(() => w.host.connect(`${PEER}:80`, { localAddress: "127.0.0.1" })).toThrow(
      "127.0.0.1 reaches only this stack's own addresses, and 10.0.1.5 is another host's",
    );
    const mixed = w.host.connect("127.0.0.1:80", { localAddress: HOST });
    expect(await w.until(rejection(mixed.opened))).toMatchObject({ code: "ECONNREFUSED" });
  });

  test("what comes over the device from or for a loopback address, or from our own, is dropped (RFC 1122 §3.2.1.3)", async () => {
    const w = await world({ host });
    w.host.bind({ port: 9 });
    // The peer owns these addresses, too, so that its stack sends with them.
    const liar = await world({ host, peer: { address: [`${PEER}/24`, `${HOST}/24`] } });
    liar.host.bind({ port: 9 });
    liar.peer.bind().send(bytes(1), 9, "10.0.0.8", HOST);
    await liar.pass(100);
    expect(liar.host.counters()["ip.martian-source"]).toBe(1);
    expect(liar.host.counters()["udp.rx.delivered"]).toBe(undefined);
  });
});

describe("in real time, over a device", () => {
  test.each([
    ["plain", {}],
    ["with offload", { offload: { checksum: true, tso4: true, tso6: true } }],
  ])("%s: 8 MiB through 127.0.0.1 arrive while a connection over the device goes on", async (_name, options) => {
    const [a, b] = pair(options);
    const [one, other] = await Promise.all([
      createStack({ device: a, address: `${HOST}/24` }),
      createStack({ device: b, address: `${PEER}/24` }),
    ]);
    let outside = 0;
    one.listen({ port: 80, socket: { data: (_, view) => void (outside += view.length) } });
    const client = other.connect(`${HOST}:80`);
    await client.opened;
    const listener = one.listen({ port: 0, hostname: "127.0.0.1" });
    const active = one.connect(listener.address);
    const passive = (await listener.accept())!;
    const sent = bytes(8 << 20);
    void writeAll(active, sent).then(() => active.closeWrite());
    const pinging = writeAll(client, bytes(1 << 20)).then(() => client.flushed());
    expect(Bun.hash(await readAll(passive))).toBe(Bun.hash(sent));
    await pinging;
    expect(outside).toBe(1 << 20);
    await Promise.all([one.close(), other.close()]);
  });
});

describe("datagrams and pings", () => {
  test.each(["127.0.0.1", "::1", HOST, "fd00::7"])("%s is asked and answers, whole and in fragments", async (to) => {
    const w = await world({ host });
    w.cut();
    const server = w.host.bind({ port: 53, socket: { data: (s, data, port, from) => void s.send(data, port, from) } });
    const client = w.host.bind({ connect: { hostname: to, port: 53 } });
    for (const n of [0, 1, 1_400, 9_000, 65_000]) {
      client.send(bytes(n));
      const back = (await w.until(client.receive()))!;
      expect([back.address, back.port, Bun.hash(back.data)]).toEqual([to, 53, Bun.hash(bytes(n))]);
    }
    await server.close();
    client.send(bytes(1));
    expect(await w.until(rejection(client.receive()))).toMatchObject({ code: "ECONNREFUSED" });
    const { received, localAddress } = await w.until(w.host.ping(to, { size: 5_000 }));
    expect([received, localAddress]).toEqual([1, to]);
  });
});

describe("listen on port 0", () => {
  test("takes a free port and tells it", async () => {
    const w = await world({ host });
    const listeners = Array.from({ length: 20 }, () => w.host.listen({ port: 0 }));
    const ports = listeners.map(({ address: { port } }) => port);
    expect(new Set(ports).size).toBe(20);
    for (const port of ports) expect(port).toBeGreaterThanOrEqual(49_152);
    const active = w.peer.connect({ hostname: HOST, port: ports[7]! });
    expect((await w.until(listeners[7]!.accept()))?.remoteAddress).toBe(active.localAddress);
  });
});

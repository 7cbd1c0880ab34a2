/** Devices over streams, WebSockets and other messages: packets arrive whole, what is too much is dropped, and an end is an end. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Packet } from "#base/packet";
import { Slab } from "#base/slab";
import { createStack } from "#socket/create-stack";
import {
  deframer,
  fromMessages,
  fromStreams,
  fromWebSocket,
  type PacketDevice,
  type PacketStreams,
} from "#socket/stream-device";
import { deviceSuite } from "../device/suite.ts";
import { bytes, readAll, rejection, writeAll } from "./world.ts";

/** Two pairs of streams, joined crosswise. */
function pipes(): [PacketStreams, PacketStreams] {
  const there = new TransformStream<Uint8Array, Uint8Array>();
  const back = new TransformStream<Uint8Array, Uint8Array>();
  return [
    { readable: back.readable, writable: there.writable },
    { readable: there.readable, writable: back.writable },
  ];
}

for (const framing of ["length", "chunks"] as const) {
  const make = (queueLength: number) => {
    const [a, b] = pipes();
    return { a: fromStreams(a, { queueLength, framing }), b: fromStreams(b, { queueLength, framing }) };
  };
  deviceSuite(`streams, framing by ${framing}`, false, make, "messages");
}

deviceSuite(
  "messages",
  false,
  (queueLength) => {
    const a: PacketDevice = fromMessages((packet) => void queueMicrotask(() => b.deliver(packet)), { queueLength });
    const b: PacketDevice = fromMessages((packet) => void queueMicrotask(() => a.deliver(packet)), { queueLength });
    return { a, b };
  },
  "messages",
);

describe("framing by length", () => {
  test("packets come out as they went in, however the octets are cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 }),
        (packets, cuts) => {
          const stream = Buffer.concat(
            packets.flatMap((each) => [Buffer.from([each.length >> 8, each.length & 255]), each]),
          );
          const got: number[][] = [];
          const take = deframer((packet) => got.push([...packet]));
          for (let at = 0, i = 0; at < stream.length; i++) {
            const n = cuts[i % cuts.length]!;
            take(stream.subarray(at, at + n));
            at += n;
          }
          expect(got).toEqual(packets.map((each) => [...each]));
        },
      ),
      { numRuns: 200 },
    );
  });

  test("one octet at a time costs no more than its octets", () => {
    let got = 0;
    const take = deframer((packet) => {
      got += packet.length;
    });
    const begun = performance.now();
    take(new Uint8Array([0xff, 0xff]));
    for (let i = 0; i < 65_535; i++) take(new Uint8Array([i]));
    expect(got).toBe(65_535);
    expect(performance.now() - begun).toBeLessThan(2_000);
  });

  test("the octets on the stream are as documented", async () => {
    const [a, b] = pipes();
    const stack = await createStack({ device: fromStreams(a), address: "10.0.0.7/24" });
    stack.bind().send(new Uint8Array([1, 2, 3]), 9, "10.0.0.5");
    const { value } = await b.readable.getReader().read();
    // 20 octets of IPv4, 8 of UDP, 3 of data.
    expect([...value!.subarray(0, 4)]).toEqual([0, 31, 0x45, 0]);
    expect(value!.length).toBe(33);
    await stack.close();
  });
});

test("chunks that their stream uses again do not change packets: a Buffer is copied as well", async () => {
  const [a, b] = pipes();
  const device = fromStreams(a, { framing: "chunks" });
  const slab = new Slab(1 << 20);
  device.attach(slab);
  const chunk = Buffer.alloc(100, 7);
  await b.writable.getWriter().write(chunk);
  await Bun.sleep(1);
  chunk.fill(9);
  const packet = new Packet();
  packet.o = slab.reserve(1_500);
  expect(device.receive(packet, 0)).toBe(100);
  expect(new Set(slab.u8.subarray(packet.o, packet.o + 100))).toEqual(new Set([7]));
  device.close();
});

describe("two stacks", () => {
  const ends = async (a: Parameters<typeof createStack>[0]["address"] extends never ? never : object, b: object) => {
    const host = await createStack({ address: "10.0.0.7/24", ...(a as { device: never }) });
    const peer = await createStack({ address: "10.0.0.5/24", ...(b as { device: never }) });
    return { host, peer };
  };

  test("over a pair of streams, a transfer in both directions", async () => {
    const [a, b] = pipes();
    const { host, peer } = await ends({ device: fromStreams(a) }, { device: fromStreams(b) });
    host.listen({ port: 7, socket: { data: (it, view) => it.write(view), end: (it) => it.closeWrite() } });
    const socket = peer.connect("10.0.0.7:7");
    const data = bytes(2_000_000);
    const got = readAll(socket);
    await writeAll(socket, data);
    socket.closeWrite();
    expect(Buffer.compare(await got, data)).toBe(0);
    await Promise.all([host.close(), peer.close()]);
  });

  test("over a connection of another stack: a tunnel", async () => {
    const [a, b] = pipes();
    const outer = await ends({ device: fromStreams(a) }, { device: fromStreams(b) });
    const listener = outer.host.listen({ port: 4789 });
    const [dialled, accepted] = [outer.peer.connect("10.0.0.7:4789"), await listener.accept()];
    const inner = await ends({ device: fromStreams(accepted!) }, { device: fromStreams(dialled) });
    const ping = await inner.peer.ping("10.0.0.7");
    expect(ping.received).toBe(1);
    await Promise.all([inner.host, inner.peer, outer.host, outer.peer].map((stack) => stack.close()));
  });

  test("over a WebSocket: the server's side by messages; closing one ends the other", async () => {
    const devices = new Map<unknown, PacketDevice>();
    const { promise: joined, resolve } = Promise.withResolvers<PacketDevice>();
    using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request, self) => (self.upgrade(request) ? undefined : new Response("a WebSocket only", { status: 400 })),
      websocket: {
        open(ws) {
          // 0: the connection is gone; -1: it is queued.
          const device = fromMessages((packet) => ws.send(packet) !== 0);
          devices.set(ws, device);
          resolve(device);
        },
        message: (ws, message) =>
          void (typeof message !== "string" && devices.get(ws)?.deliver(new Uint8Array(message))),
        close: (ws) => devices.get(ws)?.end(),
      },
    });
    const websocket = new WebSocket(`ws://127.0.0.1:${server.port}`);
    const peer = await createStack({ address: "10.0.0.5/24", device: fromWebSocket(websocket) });
    const host = await createStack({ address: "10.0.0.7/24", device: await joined });
    host.listen({ port: 7, socket: { data: (it, view) => it.write(view), end: (it) => it.closeWrite() } });
    const socket = peer.connect("10.0.0.7:7");
    const data = bytes(500_000);
    const got = readAll(socket);
    await writeAll(socket, data);
    socket.closeWrite();
    expect(Buffer.compare(await got, data)).toBe(0);
    websocket.send("a text is no packet");
    const idle = peer.connect("10.0.0.7:7");
    await idle.opened;
    await peer.close();
    expect(await rejection(host.closed)).toMatchObject({ code: "ENETDOWN", message: "the device messages vanished" });
  });

  test("when a stream ends or fails, the device is gone, and its connections with it", async () => {
    for (const fail of [false, true]) {
      const [a, b] = pipes();
      const { host, peer } = await ends({ device: fromStreams(a, { name: "pipe" }) }, { device: fromStreams(b) });
      host.listen({ port: 7 });
      const socket = peer.connect("10.0.0.7:7");
      await socket.opened;
      if (fail) {
        const broken = new ReadableStream<Uint8Array>({
          start: (controller) => controller.error(new Error("unplugged")),
        });
        const third = await createStack({
          address: "10.0.0.9/24",
          device: fromStreams({ readable: broken, writable: new WritableStream() }, { name: "broken" }),
        });
        expect(await rejection(third.closed)).toMatchObject({
          code: "ENETDOWN",
          message: "the device broken vanished",
        });
        await host.close();
      } else await host.close();
      expect(await rejection(peer.closed)).toMatchObject({ code: "ENETDOWN" });
    }
  });
});

describe("arguments", () => {
  const streams = () => pipes()[0];
  const locked = () => {
    const it = streams();
    it.readable.getReader();
    return it;
  };
  test.each<[string, () => unknown, string]>([
    [
      "nothing",
      () => fromStreams(undefined as never),
      "fromStreams needs { readable, writable }, two web streams, not undefined",
    ],
    [
      "a Node stream",
      () => fromStreams(process.stdin as never),
      "fromStreams needs { readable, writable }, two web streams",
    ],
    ["locked streams", () => fromStreams(locked()), "one of them is locked"],
    [
      "another framing",
      () => fromStreams(streams(), { framing: "lines" as never }),
      'framing must be "length" or "chunks", not "lines"',
    ],
    [
      "a small MTU",
      () => fromStreams(streams(), { mtu: 40 }),
      "fromStreams's mtu must be a whole number from 68 to 65535, not 40",
    ],
    [
      "a misspelt option",
      () => fromStreams(streams(), { MTU: 1500 } as never),
      'has no "MTU": there are name, mtu, queueLength, framing',
    ],
    [
      "no WebSocket",
      () => fromWebSocket("ws://127.0.0.1" as never),
      'fromWebSocket needs a WebSocket, not "ws://127.0.0.1"',
    ],
    [
      "a queue of none",
      () => fromMessages(() => {}, { queueLength: 0 }),
      "fromMessages's queueLength must be a whole number",
    ],
    ["no function", () => fromMessages(null as never), "fromMessages needs a function that sends a packet, not null"],
  ])("%s is refused in words", (_, call, words) => {
    expect(call).toThrow(words);
  });

  test("a closed WebSocket", async () => {
    const websocket = new WebSocket("ws://127.0.0.1:9");
    await new Promise((resolve) => websocket.addEventListener("close", resolve));
    expect(() => fromWebSocket(websocket)).toThrow("the WebSocket is closed");
  });

  test("what is no packet is refused where it is delivered, and an ArrayBuffer with what to write", () => {
    const deliver = (packet: unknown) => fromMessages(() => false).deliver(packet as Uint8Array);
    const words = "deliver needs the octets of a packet as a Uint8Array, not";
    expect(() => deliver("text")).toThrow(`${words} "text"`);
    expect(() => deliver(new ArrayBuffer(40))).toThrow(`${words} an ArrayBuffer: use new Uint8Array(buffer)`);
  });

  test("packets of a wrong size, and too many, are dropped and counted", () => {
    const device = fromMessages(() => false, { mtu: 100, queueLength: 2 });
    for (const n of [0, 101, 50, 50, 50]) device.deliver(new Uint8Array(n));
    expect(device.counters.snapshot()).toEqual({ "messages.size": 2, "messages.full": 1 });
  });
});

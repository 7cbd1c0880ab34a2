/** Text that a waiting reader takes directly from the packet: what it is given, and that nothing is lost, repeated or out of order. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { TcpSocket } from "#socket/tcp-socket";
import type { Socket, SocketHandlers } from "#socket/types";
import { bytes, connected, HOST, PORT, readAll, rejection, type World, world, writeAll } from "./world.ts";

/** Segments of up to 60,000 octets, as of a device with segmentation offload. */
const LARGE = { mtu: 60_000 };
const isSame = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

/** A server with these handlers, and a client that is open. */
async function served(w: World, socket: SocketHandlers, more = {}): Promise<Socket> {
  w.host.listen({ port: PORT, socket, ...more });
  const client = w.peer.connect({ hostname: HOST, port: PORT });
  await w.until(client.opened);
  await w.pass(100);
  return client;
}

/** Sends all of it, waits for the end of both directions. */
async function sendAndClose(w: World, client: Socket, sent: Uint8Array): Promise<void> {
  await w.until(writeAll(client, sent));
  client.closeWrite();
  await w.until(client.closed);
}

describe("a data handler", () => {
  for (const link of ["delay 5ms", "delay 5ms loss 3% reorder 10% duplicate 2%"]) {
    test(`is given each octet once and in order (${link})`, async () => {
      const w = await world({ ...LARGE, link, seed: 3 });
      const got: Uint8Array[] = [];
      const end = (socket: Socket) => socket.closeWrite();
      const client = await served(w, { data: (_, view) => void got.push(view.slice()), end });
      const sent = bytes(3_000_000);
      await sendAndClose(w, client, sent);
      expect(isSame(Buffer.concat(got), sent)).toBe(true);
      // A page of the receive queue has 16 KiB.
      expect(Math.max(...got.map((view) => view.length))).toBeGreaterThan(50_000);
    });
  }

  test("what it leaves of a packet stays unread, in front of what follows, and narrows the window", async () => {
    const w = await world(LARGE);
    const got: Uint8Array[] = [];
    let server: Socket | undefined;
    const client = await served(w, {
      data(socket, view) {
        server = socket;
        const n = Math.min(view.length, 10_000);
        got.push(view.slice(0, n));
        return n;
      },
      end: (socket) => socket.closeWrite(),
    });
    const sent = bytes(300_000);
    const written = writeAll(client, sent).then(() => client.closeWrite());
    await w.pass(300);
    expect(got.length).toBe(1);
    expect(server!.info().receiveQueue).toBe(sent.length - 10_000);
    for (let i = 0; i < 40; i++) {
      server!.resume();
      await w.pass(50);
    }
    await w.until(Promise.all([written, client.closed]));
    expect(isSame(Buffer.concat(got), sent)).toBe(true);
  });

  test("an exception of it drops what it was given, as it would come again and again", async () => {
    const w = await world(LARGE);
    const thrown: unknown[] = [];
    let got = 0;
    const client = await served(w, {
      data(_, view) {
        got += view.length;
        throw new Error("no");
      },
      error: (_, error) => void thrown.push((error as Error).message),
      end: (socket) => socket.closeWrite(),
    });
    await sendAndClose(w, client, bytes(200_000));
    expect(got).toBe(200_000);
    expect(new Set(thrown)).toEqual(new Set(["no"]));
  });

  test("peek within it sees what the view shows", async () => {
    const w = await world(LARGE);
    let seen = 0;
    const client = await served(w, {
      data(socket, view) {
        const into = new Uint8Array(100);
        expect(socket.peek(into, view.length - 100)).toBe(100);
        expect(isSame(into, view.subarray(view.length - 100))).toBe(true);
        seen++;
      },
      end: (socket) => socket.closeWrite(),
    });
    await sendAndClose(w, client, bytes(200_000));
    expect(seen).toBeGreaterThan(2);
  });

  test("abort within it ends the connection, and nothing more is given", async () => {
    const w = await world(LARGE);
    const calls: string[] = [];
    const client = await served(w, {
      data(socket) {
        calls.push("data");
        socket.abort();
      },
      close: (_, error) => void calls.push(`close ${error?.code}`),
    });
    client.write(bytes(100_000));
    await w.until(rejection(client.closed));
    await w.pass(100);
    expect(calls).toEqual(["data", "close ECONNABORTED"]);
    expect(w.host.engine.slab.used).toBe(0);
  });

  test("close within it resets the peer, since the text of this packet is unread (RFC 9293 SHLD-3)", async () => {
    const w = await world(LARGE);
    const client = await served(w, { data: (socket) => void socket.close() });
    client.write(bytes(100_000));
    expect(await w.until(rejection(client.closed))).toMatchObject({ code: "ECONNRESET" });
    await w.pass(100);
    expect(w.host.engine.slab.used).toBe(0);
  });

  test("the stack may be closed within it", async () => {
    const w = await world(LARGE);
    let closed: Promise<void> | undefined;
    const client = await served(w, {
      data() {
        closed ??= w.host.close();
      },
    });
    client.write(bytes(100_000));
    expect(await w.until(rejection(client.closed))).toMatchObject({ code: "ECONNRESET" });
    await closed;
    expect(w.host.engine.connectionCount).toBe(0);
  });

  test("an echo without room leaves the rest of the packet, which comes again", async () => {
    const w = await world(LARGE);
    const echo = { data: (s: Socket, view: Uint8Array) => s.write(view), end: (s: Socket) => s.closeWrite() };
    const client = await served(w, echo, { sendBuffer: 20_000 });
    const sent = bytes(500_000);
    const written = writeAll(client, sent).then(() => client.closeWrite());
    const [back] = await w.until(Promise.all([readAll(client), written]));
    expect(isSame(back, sent)).toBe(true);
  });
});

describe("a waiting read", () => {
  for (const [name, mtu] of [
    ["super-segments", 60_000],
    ["segments of 1,448 octets", 1_500],
  ] as const) {
    test(`gets each octet once and in order, from ${name}, with loss`, async () => {
      const w = await world({ mtu, link: "delay 5ms loss 2% reorder 5%", seed: 7 });
      const [client, server] = await connected(w);
      const sent = bytes(800_000);
      const written = writeAll(client, sent).then(() => client.closeWrite());
      const [got] = await w.until(Promise.all([readAll(server, new Uint8Array(50_001)), written]));
      expect(isSame(got, sent)).toBe(true);
    });
  }

  test("one read gets all packets that arrive at once, up to the size of its buffer; the rest is kept", async () => {
    const w = await world({ link: "delay 5ms" });
    const [client, server] = await connected(w);
    const [small, sent] = [new Uint8Array(4_000), bytes(5 * 1_448)];
    const first = server.read(small) as Promise<number>;
    client.write(sent);
    expect(await w.until(first)).toBe(4_000);
    const rest = new Uint8Array(10_000);
    expect(server.read(rest)).toBe(sent.length - 4_000);
    expect(isSame(Buffer.concat([small, rest.subarray(0, sent.length - 4_000)]), sent)).toBe(true);
  });

  test("text is unread until the reader has it, so the window is that of an empty buffer afterwards", async () => {
    const w = await world({ ...LARGE, link: "delay 5ms" });
    const [client, server] = await connected(w);
    const before = server.info().rcvWnd;
    const reading = server.read(new Uint8Array(50_000)) as Promise<number>;
    client.write(bytes(50_000));
    expect(await w.until(reading)).toBe(50_000);
    expect(server.info()).toMatchObject({ receiveQueue: 0, rcvWnd: before });
  });

  test("what came before a reset is given, then the error", async () => {
    const w = await world({ link: "delay 5ms" });
    const [client, server] = await connected(w);
    const reading = server.read(new Uint8Array(100)) as Promise<number>;
    client.write(bytes(10));
    await w.pass(1);
    client.abort();
    expect(await w.until(reading)).toBe(10);
    await w.pass(20);
    expect(await rejection(Promise.resolve(server.read(new Uint8Array(100))))).toMatchObject({ code: "ECONNRESET" });
  });

  test("a byte stream with a reader's own buffer gets the same", async () => {
    const w = await world({ ...LARGE, link: "delay 5ms loss 2%", seed: 5 });
    const [client, server] = await connected(w);
    const sent = bytes(500_000);
    const read = async () => {
      const reader = server.readable.getReader({ mode: "byob" });
      const parts: Uint8Array[] = [];
      for (let buffer = new ArrayBuffer(70_000); ; ) {
        const { value, done } = await reader.read(new Uint8Array(buffer));
        if (done) return Buffer.concat(parts);
        parts.push(value.slice());
        buffer = value.buffer;
      }
    };
    const written = writeAll(client, sent).then(() => client.closeWrite());
    const [got] = await w.until(Promise.all([read(), written]));
    expect(isSame(got, sent)).toBe(true);
  });
});

test("between two sockets of one stack text is kept in the receive queue: each octet once and in order", async () => {
  const w = await world(LARGE);
  const got: Uint8Array[] = [];
  w.host.listen({
    port: PORT,
    socket: { data: (_, view) => void got.push(view.slice()), end: (socket) => socket.closeWrite() },
  });
  const client = w.host.connect({ hostname: HOST, port: PORT });
  await w.until(client.opened);
  await w.pass(10);
  const sent = bytes(1_000_000);
  await sendAndClose(w, client, sent);
  expect(isSame(Buffer.concat(got), sent)).toBe(true);
});

test("a reader who has stopped needs no memory for what arrives", async () => {
  const w = await world(LARGE);
  const [client, server] = await connected(w);
  (server as TcpSocket).stopReading();
  await w.until(writeAll(client, bytes(400_000)));
  await w.pass(200);
  expect(server.info()).toMatchObject({ bytesReceived: 400_000, receiveQueue: 0 });
});

test("copies per octet received: 0 for a data handler with super-segments and for who does not read, else 1", () => {
  const { stdout, stderr } = Bun.spawnSync([process.execPath, join(import.meta.dir, "copies.inside.ts")]);
  expect(stderr.toString()).toBe("");
  // The simulated wire does what the kernel does for a TUN device: one copy into the slot, and one of what is sent.
  expect(JSON.parse(stdout.toString())).toEqual({
    "handler, super-segments": { arriving: 1, within: 0, out: 0 },
    "handler, 1,448 octets": { arriving: 1, within: 1, out: 0 },
    "echo, super-segments": { arriving: 1, within: 1, out: 1 },
    "read, super-segments": { arriving: 1, within: 0, out: 1 },
    "read, 1,448 octets": { arriving: 1, within: 0, out: 1 },
    "reader's own buffer": { arriving: 1, within: 0, out: 1 },
    "not read": { arriving: 1, within: 0, out: 0 },
  });
});

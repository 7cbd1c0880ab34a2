/** `writeShared`: octets that many connections send, and that are not copied for each. */
import { expect, test } from "bun:test";
import { PAGE_SIZE } from "#base/slab";
import { SharedBytes } from "#socket/shared-bytes";
import { bytes, connected, HOST, PORT, readAll, world } from "./world.ts";

test("shared octets arrive in order, also between written ones, whatever part of them is sent, and when packets are lost", async () => {
  const w = await world({ link: "delay 5ms loss 2%", seed: 7 });
  const [active, passive] = await connected(w, { sendBuffer: 200_000 });
  const data = bytes(300_000);
  const shared = new SharedBytes(data);
  const parts = [
    [0, 300_000],
    [17, 65_536],
    [5, 1],
    [100_000, 16_384],
    [299_000, 1_000],
    [1, 40_000],
  ] as const;
  const expected: Uint8Array[] = [];
  const send = async () => {
    for (const [i, [from, n]] of parts.entries()) {
      // Others in between, so that pages begin anywhere in the shared octets.
      const other = bytes(i * 777);
      expected.push(other, data.subarray(from, from + n));
      for (let at = 0; at < other.length; ) {
        at += active.write(other, at);
        if (at < other.length) await active.drained();
      }
      for (let at = 0; at < n; ) {
        const taken = active.writeShared(shared, from + at, n - at);
        at += taken;
        if (taken === 0) await active.drained();
      }
    }
    active.closeWrite();
  };
  const [, received] = await w.until(Promise.all([send(), readAll(passive)]));
  expect(Buffer.compare(received, Buffer.concat(expected))).toBe(0);
});

test("a hundred connections that send the same octets hold them once; the memory comes back when all are acknowledged and they are closed", async () => {
  const w = await world();
  const data = bytes(20 * PAGE_SIZE);
  const shared = new SharedBytes(data);
  const { slab } = w.host.engine;
  const before = slab.used;
  const listener = w.host.listen({
    port: PORT,
    sendBuffer: data.length,
    socket: {
      open(socket) {
        expect(socket.writeShared(shared)).toBe(data.length);
        socket.closeWrite();
      },
      data() {},
    },
  });
  w.cut();
  w.heal();
  const sockets = Array.from({ length: 100 }, () => w.peer.connect({ hostname: HOST, port: PORT }));
  let most = 0;
  const watch = sockets.map(async (socket) => {
    const all = await readAll(socket);
    most = Math.max(most, slab.used - before);
    await socket.close();
    return all;
  });
  const received = await w.until(Promise.all(watch));
  for (const each of received) expect(Buffer.compare(each, data)).toBe(0);
  // Copies would take 2,000 pages.
  expect(most).toBeLessThan(40);
  await w.pass(1_000);
  expect(slab.used - before).toBe(20);
  shared.close();
  expect(slab.used - before).toBe(0);
  listener.close();
});

test("closed while a connection still has to send them: they arrive, and then their memory is free", async () => {
  const w = await world({ link: "delay 50ms" });
  const [active, passive] = await connected(w, { sendBuffer: 200_000 });
  const before = w.peer.engine.slab.used;
  const data = bytes(4 * PAGE_SIZE);
  const shared = new SharedBytes(data);
  expect(active.writeShared(shared)).toBe(data.length);
  shared.close();
  expect(w.peer.engine.slab.used - before).toBe(4);
  active.closeWrite();
  const received = await w.until(readAll(passive));
  expect(Buffer.compare(received, data)).toBe(0);
  await w.pass(1_000);
  expect(w.peer.engine.slab.used - before).toBe(0);
  expect(() => active.writeShared(shared)).toThrow("the shared octets were closed, and cannot be written any more");
});

test("where the stack has no room for them in one piece, they are copied", async () => {
  const w = await world();
  const [active, passive] = await connected(w);
  const { slab } = w.peer.engine;
  const shared = new SharedBytes(bytes((slab.pages >> 1) * PAGE_SIZE + 1));
  const taken = active.writeShared(shared, 5, 10_000);
  expect(taken).toBe(10_000);
  active.closeWrite();
  const received = await w.until(readAll(passive));
  expect(Buffer.compare(received, bytes(10_005).subarray(5))).toBe(0);
});

test("wrong arguments are refused in words", async () => {
  const w = await world();
  const [active] = await connected(w);
  expect(() => new SharedBytes("text" as never)).toThrow(
    'the argument of SharedBytes must be a Uint8Array, not "text"',
  );
  expect(() => active.writeShared(bytes(5) as never)).toThrow(
    "the first argument of writeShared must be a SharedBytes, not",
  );
  expect(() => active.writeShared(undefined as never)).toThrow("must be a SharedBytes, not undefined");
  const shared = new SharedBytes(bytes(10));
  expect(() => active.writeShared(shared, 5, 6)).toThrow("cannot write octets 5 to 11: there are 10");
  active.closeWrite();
  expect(() => active.writeShared(shared)).toThrow("this side has closed its direction");
  const named = w.peer.connect({ hostname: "nobody.test", port: PORT }, { resolve: async () => [] });
  expect(named.writeShared(shared)).toBe(0);
  expect(() => named.writeShared(shared, 11)).toThrow("cannot write octets 11 to 10");
});

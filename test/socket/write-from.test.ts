/** `writeFrom`: octets that the application puts into the send buffer itself. */
import { expect, test } from "bun:test";
import { BUFFERING } from "#tcp/words/policies/buffering";
import { bytes, connected, HOST, PORT, readAll, rejection, world } from "./world.ts";

/** Fills the views with the octets of `data` from `from` on; at most `most`. Returns how many. */
function pour(room: Uint8Array[], data: Uint8Array, from: number, most = data.length): number {
  let done = 0;
  for (const view of room) {
    const piece = data.subarray(from + done, from + Math.min(data.length, most, done + view.length));
    view.set(piece.subarray(0, Math.max(0, most - done)));
    done += Math.min(piece.length, most - done);
  }
  return done;
}

test("octets that were put into the send buffer arrive in order, also between written ones, however many fit", async () => {
  const w = await world({ link: "delay 5ms loss 2%", seed: 7 });
  const [active, passive] = await connected(w, { sendBuffer: 100_000 });
  const data = bytes(700_000);
  const sizes = [1, 17_000, 900, 65_536, 16_384, 300_000];
  const send = async () => {
    let fills = 0;
    for (let done = 0; done < data.length; ) {
      const size = sizes[++fills % sizes.length]!;
      const n =
        fills % 3 === 0
          ? active.write(data, done, Math.min(size, data.length - done))
          : // Sometimes less than there is room for.
            active.writeFrom((room) => pour(room, data, done, fills % 4 === 0 ? 333 : size), size);
      done += n;
      if (n === 0) await active.drained();
    }
    active.closeWrite();
    return fills;
  };
  const [fills, received] = await w.until(Promise.all([send(), readAll(passive)]));
  expect(Buffer.compare(received, data)).toBe(0);
  expect(fills).toBeGreaterThan(30);
});

test("views are of the send buffer: no more than asked for, and none if it is full; drain follows", async () => {
  const w = await world();
  let drains = 0;
  const [active, passive] = await connected(w, { sendBuffer: 50_000, socket: { drain: () => void drains++ } });
  const data = bytes(60_000);
  const offered: number[] = [];
  const write = (n: number) =>
    active.writeFrom((room) => {
      offered.push(room.reduce((sum, view) => sum + view.length, 0));
      return pour(room, data, 0);
    }, n);
  expect([write(20_000), write(100_000), write(100_000)]).toEqual([20_000, 30_000, 0]);
  expect(offered).toEqual([20_000, 30_000]);
  expect(drains).toBe(0);
  await w.pass(200);
  expect(drains).toBe(1);
  expect(passive.info().bytesReceived).toBe(50_000);
  // What was not filled takes no memory, and there is no drain after a call that had room.
  const before = w.peer.engine.slab.used;
  expect(active.writeFrom(() => 0, 40_000)).toBe(0);
  expect(active.writeFrom(() => -11, 40_000)).toBe(0);
  // More than there was room for.
  expect(active.writeFrom(() => 1_000, 10)).toBe(10);
  await w.pass(200);
  expect(passive.info().bytesReceived).toBe(50_010);
  expect(() => active.writeFrom(() => Promise.resolve(1) as never, 40_000)).toThrow(
    "must return how many octets it has filled",
  );
  expect(w.peer.engine.slab.used).toBe(before);
  await w.pass(200);
  expect([drains, passive.info().bytesReceived]).toEqual([1, 50_010]);
});

test("if the function throws nothing is queued; it may not write to the connection; if it ends it, that is the error", async () => {
  const w = await world();
  const [active, passive] = await connected(w);
  const failing = () => {
    throw new Error("no file");
  };
  expect(() => active.writeFrom(failing, 1_000)).toThrow("no file");
  const writing = (room: Uint8Array[]) => active.write(bytes(100)) + pour(room, bytes(500), 0);
  expect(() => active.writeFrom(writing, 1_000)).toThrow("has written to the same connection");
  await w.pass(100);
  expect(passive.info().bytesReceived).toBe(100);
  const ending = () => {
    active.abort();
    return 100;
  };
  expect(() => active.writeFrom(ending, 1_000)).toThrow("was aborted by this side");
  await w.pass(100);
  expect(w.peer.engine.slab.used).toBe(0);
});

test("before the handshake, after closing, and beside a stream it is as write is; wrong arguments are told", async () => {
  const w = await world();
  const listener = w.host.listen({ port: PORT });
  const early = w.peer.connect({ hostname: HOST, port: PORT });
  expect(early.writeFrom((room) => pour(room, bytes(10), 0), 10)).toBe(10);
  const accepted = (await w.until(listener.accept()))!;
  expect(await w.until(Promise.resolve(accepted.read(new Uint8Array(100))))).toBe(10);
  expect(() => early.writeFrom(5 as never, 10)).toThrow("the first argument of writeFrom must be a function, not 5");
  expect(() => early.writeFrom(() => 0, 0)).toThrow("the second argument of writeFrom must be a whole number from 1");
  early.closeWrite();
  expect(() => early.writeFrom(() => 1, 10)).toThrow("this side has closed its direction");
  const writer = accepted.writable.getWriter();
  expect(() => accepted.writeFrom(() => 1, 10)).toThrow("being written as a stream");
  writer.releaseLock();
  const named = w.peer.connect(
    { hostname: "nobody.test", port: 1 },
    { resolve: () => Promise.reject(new Error("none")) },
  );
  expect(named.writeFrom(() => 1, 10)).toBe(0);
  expect(await w.until(rejection(named.opened))).not.toBeNull();
  expect(() => named.writeFrom(() => 1, 10)).toThrow("nobody.test");
});

test("a connection that counts its send buffer by memory takes as many octets from a function as from an array", async () => {
  const w = await world();
  const params = { buffering: { ...BUFFERING.linux, sendBufferCounts: "memory" as const } };
  const [active, passive] = await connected(w, { sendBuffer: 60_000, params });
  const data = bytes(300_000);
  const send = async () => {
    for (let done = 0; done < data.length; ) {
      const n = active.writeFrom((room) => pour(room, data, done), data.length - done);
      done += n;
      if (n === 0) await active.drained();
    }
    active.closeWrite();
  };
  const [, received] = await w.until(Promise.all([send(), readAll(passive)]));
  expect(Buffer.compare(received, data)).toBe(0);
});

import { expect, test } from "bun:test";
import { asyncProperty, boolean, assert as check, constantFrom, integer, record } from "fast-check";
import type { Socket } from "#socket/types";
import { bytes, connected, readAll, world } from "./world.ts";

const links = [
  "delay 0ms",
  "delay 20ms rate 5mbit limit 30",
  "delay 5ms 4ms loss 3%",
  "delay 10ms reorder 20% duplicate 5%",
  "delay 3ms loss 10%",
  "delay 5ms corrupt 2%",
];

/** Writes in pieces of such a size, by stream or by hand, then closes. */
async function send(socket: Socket, data: Uint8Array, piece: number, stream: boolean): Promise<void> {
  const writer = stream ? socket.writable.getWriter() : null;
  for (let at = 0; at < data.length; at += piece) {
    const part = data.subarray(at, at + piece);
    if (writer !== null) await writer.write(part);
    else for (let done = 0; done < part.length; await socket.drained()) done += socket.write(part, done);
  }
  if (writer !== null) await writer.close();
  else socket.closeWrite();
}

async function receive(socket: Socket, piece: number, stream: boolean): Promise<Uint8Array> {
  if (!stream) return readAll(socket, new Uint8Array(piece));
  const parts: Uint8Array[] = [];
  for await (const part of socket.readable) parts.push(part);
  return Buffer.concat(parts);
}

test("whatever the link does, every octet arrives both ways, in order, once, and nothing is left behind", async () => {
  const cases = record({
    link: constantFrom(...links),
    seed: integer({ min: 1, max: 1_000_000 }),
    there: integer({ min: 0, max: 200_000 }),
    back: integer({ min: 0, max: 200_000 }),
    piece: constantFrom(1_000, 1_448, 65_536, 1_000_000),
    sendBuffer: constantFrom(2_000, 50_000, 1 << 20),
    streams: boolean(),
  });
  await check(
    asyncProperty(cases, async ({ link, seed, there, back, piece, sendBuffer, streams }) => {
      const w = await world({ link, seed });
      const [active, passive] = await connected(w, { sendBuffer });
      const [a, b] = [bytes(there, seed), bytes(back, seed + 1)];
      const sending = [send(active, a, piece, streams), send(passive, b, piece, !streams)];
      const got = await w.until(Promise.all([receive(passive, piece, streams), receive(active, piece, streams)]));
      await Promise.all(sending);
      expect(Buffer.compare(got[0], a)).toBe(0);
      expect(Buffer.compare(got[1], b)).toBe(0);
      await w.until(Promise.all([active.closed, passive.closed]));
      await w.pass(130_000);
      for (const { engine } of [w.host, w.peer]) {
        expect([engine.slab.used, engine.recordsInUse, engine.connectionCount]).toEqual([0, 0, 0]);
      }
    }),
    { seed: 1, numRuns: 40 },
  );
});

/** Sockets of Node's over a bad link, written and read in all ways at once: every octet arrives, in order, and both ends close in order. */
import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { nodeNet } from "#node/net";
import type { Socket } from "#node/socket";
import { bytes, HOST, world } from "../socket/world.ts";

/** Integers below `n`, as a function of the seed. */
function dice(seed: number): (n: number) => number {
  let x = seed;
  return (n) => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return Math.floor((x / 2 ** 32) * n);
  };
}

/** Writes `data` in pieces: with and without waiting for `drain`, corked and not. */
async function write(socket: Socket, data: Uint8Array, roll: (n: number) => number): Promise<void> {
  for (let from = 0; from < data.length; ) {
    const n = Math.min([1, 100, 5_000, 70_000][roll(4)]!, data.length - from);
    if (roll(5) === 0) socket.cork();
    const more = socket.write(data.subarray(from, from + n));
    from += n;
    if (socket.writableCorked > 0 && roll(2) === 0) socket.uncork();
    if (!more && socket.writableCorked === 0 && roll(3) > 0) await once(socket, "drain");
    else if (roll(8) === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  while (socket.writableCorked > 0) socket.uncork();
  socket.end();
}

/** Reads to the end, with breaks. */
async function digest(socket: Socket, roll: (n: number) => number): Promise<string> {
  const hash = createHash("sha256");
  socket.on("data", (chunk) => {
    hash.update(chunk);
    if (roll(6) > 0) return;
    socket.pause();
    setImmediate(() => socket.resume());
  });
  await once(socket, "end");
  return hash.digest("hex");
}

const sha = (data: Uint8Array) => createHash("sha256").update(data).digest("hex");

test.each([1, 2, 3, 4, 5])("seed %d", async (seed) => {
  const roll = dice(seed);
  const w = await world({ seed, link: "loss 3% delay 5ms reorder 10% rate 50mbit" });
  const there = bytes(20_000 + roll(400_000), seed);
  const back = bytes(20_000 + roll(400_000), seed + 100);
  const server = nodeNet(w.host).createServer({ allowHalfOpen: true }).listen(80);
  const accepting = once(server, "connection");
  const client = nodeNet(w.peer).connect({ port: 80, host: HOST, allowHalfOpen: true } as object);
  const [accepted] = (await w.until(accepting)) as [Socket];
  const closed = Promise.all([client, accepted].map((socket) => once(socket, "close")));
  const all = Promise.all([
    digest(accepted, roll),
    digest(client, roll),
    write(client, there, roll),
    write(accepted, back, roll),
  ]);
  const [heardThere, heardBack] = await w.until(all);
  expect(await w.until(closed)).toEqual([[false], [false]]);
  expect([heardThere, heardBack]).toEqual([sha(there), sha(back)]);
  expect([client.bytesWritten, accepted.bytesWritten]).toEqual([there.length, back.length]);
  expect([accepted.bytesRead, client.bytesRead]).toEqual([there.length, back.length]);
  const listening = once(server, "close");
  server.close();
  await listening;
  await w.pass(120_000);
  expect([w.host.connections(), w.peer.connections()]).toEqual([[], []]);
});

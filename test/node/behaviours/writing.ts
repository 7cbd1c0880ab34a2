import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { pipeline } from "node:stream/promises";
import { connected, failure, octets, over, pause, type Socket, subject, textOf, turn, until } from "./ground.ts";

const { all, it } = subject("writing");
export default all;

const sha = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

it("four megabytes arrive as they were sent, and both ends count them", async (ground) => {
  const ends = await connected(ground);
  const data = octets(4 << 20);
  const digest = createHash("sha256");
  ends.accepted.on("data", (chunk) => digest.update(chunk));
  ends.client.end(data);
  await once(ends.accepted, "end");
  assert.equal(digest.digest("hex"), sha(data));
  assert.equal(ends.client.bytesWritten, data.length);
  assert.equal(ends.accepted.bytesRead, data.length);
  await over(ends);
});

it("write returns false when the reader is too slow, and drain follows when it reads on", async (ground) => {
  const ends = await connected(ground, { pauseOnConnect: true });
  const chunk = octets(1 << 20);
  let writes = 1;
  while (ends.client.write(chunk)) {
    assert.ok(++writes < 100);
    await turn();
  }
  assert.equal(ends.client.writableNeedDrain, true);
  ends.accepted.resume();
  await once(ends.client, "drain");
  assert.equal(ends.client.writableLength, 0);
  assert.equal(ends.client.writableNeedDrain, false);
  assert.equal(ends.client.bytesWritten, writes * chunk.length);
  await over(ends);
});

it("a reader that does not read stops the writer, and lets it go on when it reads", async (ground) => {
  const ends = await connected(ground, { pauseOnConnect: true });
  const chunk = octets(1 << 20);
  let done = 0;
  const total = 40;
  for (let i = 0; i < total; i++) ends.client.write(chunk, () => done++);
  let before = -1;
  while (before !== done) {
    before = done;
    await pause(100);
  }
  assert.ok(done < total, `all ${total} writes went through though nobody reads`);
  assert.ok(ends.client.writableLength > 0);
  assert.equal(ends.client.bytesWritten, total * chunk.length);
  ends.accepted.resume();
  await until(() => done === total);
  ends.client.end();
  await once(ends.accepted, "end");
  assert.equal(ends.accepted.bytesRead, total * chunk.length);
  await over(ends);
});

it("callbacks of writes come in the order of the writes", async (ground) => {
  const ends = await connected(ground);
  ends.accepted.resume();
  const order: number[] = [];
  for (let i = 0; i < 20; i++) ends.client.write(`${i}`.repeat(i * 1_000), () => order.push(i));
  await new Promise<void>((resolve) => ends.client.end(resolve));
  assert.deepEqual(
    order,
    Array.from({ length: 20 }, (_, i) => i),
  );
  await over(ends);
});

it("texts are written in their encoding", async (ground) => {
  const ends = await connected(ground);
  const text = textOf(ends.accepted);
  ends.client.write("48656c6c6f", "hex");
  ends.client.write("ä", "latin1");
  ends.client.write("IMOk", "base64");
  ends.client.setDefaultEncoding("hex");
  ends.client.end("21");
  assert.equal(await text, "Hello\ufffd ä!".replace("ä", "\u00e4"));
  await over(ends);
});

it("cork holds back, uncork sends", async (ground) => {
  const ends = await connected(ground);
  const chunks: string[] = [];
  ends.accepted.on("data", (chunk) => chunks.push(String(chunk)));
  ends.client.cork();
  ends.client.write("one ");
  ends.client.write("two ");
  await pause(30);
  assert.deepEqual(chunks, []);
  ends.client.uncork();
  await until(() => chunks.join("") === "one two ");
  await over(ends);
});

it("a write after end() fails with ERR_STREAM_WRITE_AFTER_END", async (ground) => {
  const ends = await connected(ground);
  ends.client.end();
  const failed = failure(ends.client);
  const told = new Promise<NodeJS.ErrnoException>((resolve) =>
    ends.client.write("late", (error) => resolve(error as NodeJS.ErrnoException)),
  );
  assert.equal((await failed).code, "ERR_STREAM_WRITE_AFTER_END");
  assert.equal((await told).code, "ERR_STREAM_WRITE_AFTER_END");
  await over(ends);
});

it("a write after destroy() tells its callback, and emits nothing", async (ground) => {
  const ends = await connected(ground);
  ends.client.destroy();
  ends.client.on("error", assert.fail);
  const told = await new Promise<NodeJS.ErrnoException>((resolve) =>
    ends.client.write("late", (error) => resolve(error as NodeJS.ErrnoException)),
  );
  assert.equal(told.code, "ERR_STREAM_DESTROYED");
  await over(ends);
});

/** Callbacks of three writes, of which the peer has room for a part of the first. */
function unfinished(socket: Socket): Promise<(string | undefined)[]> {
  const writes = Array.from({ length: 3 }, () => {
    const told = Promise.withResolvers<string | undefined>();
    socket.write(octets(40 << 20), (error) => told.resolve((error as NodeJS.ErrnoException | null)?.code));
    return told.promise;
  });
  return Promise.all(writes);
}

it("destroy() in the middle of a write: its callback, and those of the writes behind it, get ECANCELED", async (ground) => {
  const ends = await connected(ground, { pauseOnConnect: true });
  const told = unfinished(ends.client);
  ends.client.on("error", assert.fail);
  await pause(20);
  ends.client.destroy();
  assert.deepEqual(await told, ["ECANCELED", "ECANCELED", "ECANCELED"]);
  await over(ends);
});

it("a reset in the middle of a write: its callback gets ECANCELED, those behind it the error", async (ground) => {
  const ends = await connected(ground, { pauseOnConnect: true });
  const told = unfinished(ends.client);
  const failed = failure(ends.client);
  await pause(20);
  ends.accepted.resetAndDestroy();
  assert.equal((await failed).code, "ECONNRESET");
  assert.deepEqual(await told, ["ECANCELED", "ECONNRESET", "ECONNRESET"]);
  await over(ends);
});

it("a socket that was destroyed in the middle of a write writes again after connect()", async (ground) => {
  const ends = await connected(ground, { pauseOnConnect: true });
  const told = unfinished(ends.client);
  await pause(20);
  ends.client.destroy();
  await once(ends.client, "close");
  await told;
  const accepting = once(ends.server, "connection");
  ends.client.connect(ends.port, ground.host);
  const [accepted] = (await accepting) as [Socket];
  ends.client.end("again");
  assert.equal(await textOf(accepted), "again");
  await over(ends);
});

it("a write to a socket that was never connected: Socket is closed", async ({ peer }) => {
  const socket = new peer.Socket();
  socket.write("nobody");
  assert.equal((await failure(socket)).code, "ERR_SOCKET_CLOSED");
});

it("only octets and texts can be written", async (ground) => {
  const ends = await connected(ground);
  for (const wrong of [1, true, {}, [], null, undefined]) {
    assert.throws(() => ends.client.write(wrong as string), TypeError);
  }
  ends.accepted.resume();
  ends.client.write(new Uint8Array([1, 2, 3]));
  await until(() => ends.accepted.bytesRead === 3);
  await over(ends);
});

it("a stream can be piped there and back", async (ground) => {
  const ends = await connected(ground, { allowHalfOpen: true });
  const data = octets(1 << 20);
  ends.accepted.pipe(ends.accepted);
  const digest = createHash("sha256");
  const back = (async () => {
    for await (const chunk of ends.client) digest.update(chunk);
  })();
  await pipeline(
    (async function* () {
      for (let i = 0; i < data.length; i += 100_000) yield data.subarray(i, i + 100_000);
    })(),
    ends.client,
    { end: true },
  ).catch(() => {});
  await back;
  assert.equal(digest.digest("hex"), sha(data));
  await over(ends);
});

it("end() with data and a callback: the data arrives, the callback comes with finish", async (ground) => {
  const ends = await connected(ground);
  const order: string[] = [];
  ends.client.on("finish", () => order.push("finish"));
  const text = textOf(ends.accepted);
  const called = new Promise<void>((resolve) =>
    ends.client.end("last", () => {
      order.push("callback");
      resolve();
    }),
  );
  assert.equal(await text, "last");
  await called;
  assert.deepEqual([...order].sort(), ["callback", "finish"]);
  assert.equal(ends.client.writableFinished, true);
  await over(ends);
});

it("destroySoon() sends what was written", async (ground) => {
  const ends = await connected(ground);
  const data = octets(2 << 20);
  let n = 0;
  ends.accepted.on("data", (chunk) => {
    n += chunk.length;
  });
  ends.client.write(data);
  ends.client.destroySoon();
  await once(ends.client, "close");
  await until(() => n === data.length);
  await over(ends);
});

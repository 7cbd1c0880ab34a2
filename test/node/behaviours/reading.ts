import assert from "node:assert/strict";
import { once } from "node:events";
import { connected, noting, octets, over, pause, subject, textOf, turn, until } from "./ground.ts";

const { all, it } = subject("reading");
export default all;

it("pause() stops data, resume() goes on, nothing is lost", async (ground) => {
  const ends = await connected(ground);
  let n = 0;
  ends.accepted.on("data", (chunk) => {
    n += chunk.length;
    ends.accepted.pause();
    setTimeout(() => ends.accepted.resume(), 1);
  });
  ends.client.end(octets(1 << 20));
  await once(ends.accepted, "end");
  assert.equal(n, 1 << 20);
  await over(ends);
});

it("a paused socket gives neither data nor end", async (ground) => {
  const ends = await connected(ground);
  const seen = noting(ends.accepted, "end", "close");
  let n = 0;
  ends.accepted.on("data", () => n++);
  ends.accepted.pause();
  ends.client.end("data");
  await pause(30);
  assert.equal(n, 0);
  assert.deepEqual(seen, []);
  ends.accepted.resume();
  await once(ends.accepted, "close");
  assert.equal(n, 1);
  assert.deepEqual(seen, ["end", "close"]);
  await over(ends);
});

it("pauseOnConnect: nothing is read before resume()", async (ground) => {
  const ends = await connected(ground, { pauseOnConnect: true });
  assert.equal(ends.accepted.isPaused(), true);
  let text = "";
  ends.accepted.on("data", (chunk) => {
    text += chunk;
  });
  ends.client.write("waits");
  await pause(30);
  assert.equal(ends.accepted.bytesRead, 0);
  ends.accepted.resume();
  await until(() => text === "waits");
  await over(ends);
});

it("setEncoding: characters are whole though their octets come one by one", async (ground) => {
  const ends = await connected(ground);
  ends.accepted.setEncoding("utf8");
  const chunks: string[] = [];
  ends.accepted.on("data", (chunk) => {
    assert.equal(typeof chunk, "string");
    chunks.push(String(chunk));
  });
  for (const octet of Buffer.from("aä€😀")) {
    ends.client.write(Buffer.from([octet]));
    await turn();
  }
  ends.client.end();
  await once(ends.accepted, "end");
  assert.equal(chunks.join(""), "aä€😀");
  await over(ends);
});

it("for await reads to the end", async (ground) => {
  const ends = await connected(ground);
  ends.client.end("all of it");
  assert.equal(await textOf(ends.accepted), "all of it");
  await over(ends);
});

it("readable and read(n)", async (ground) => {
  const ends = await connected(ground);
  ends.client.write("abcdef");
  while (ends.accepted.readableLength < 6) await once(ends.accepted, "readable");
  assert.equal(String(ends.accepted.read(2)), "ab");
  assert.equal(String(ends.accepted.read()), "cdef");
  assert.equal(ends.accepted.read(), null);
  await over(ends);
});

it("unshift puts octets back", async (ground) => {
  const ends = await connected(ground);
  ends.client.write("abc");
  const [first] = await once(ends.accepted, "data");
  ends.accepted.pause();
  assert.equal(String(first), "abc");
  ends.accepted.unshift(first);
  const [again] = await Promise.all([once(ends.accepted, "data"), ends.accepted.resume()]);
  assert.equal(String(again[0]), "abc");
  await over(ends);
});

it("onread: one buffer for everything", async (ground) => {
  const got: string[] = [];
  const buffer = Buffer.alloc(4);
  const onread = {
    buffer,
    callback(n: number, into: Uint8Array) {
      assert.equal(into, buffer);
      got.push(String(buffer.subarray(0, n)));
      return true;
    },
  };
  const ends = await connected(ground, {}, { onread });
  ends.client.on("data", assert.fail);
  ends.accepted.end("abcdefghij");
  await until(() => got.join("") === "abcdefghij");
  assert.ok(got.every((text) => text.length <= 4));
  assert.equal(ends.client.bytesRead, 10);
  await over(ends);
});

it("onread: false pauses, resume() goes on", async (ground) => {
  const got: string[] = [];
  const onread = {
    buffer: () => Buffer.alloc(2),
    callback(n: number, into: Uint8Array) {
      got.push(String(into.subarray(0, n)));
      return false;
    },
  };
  const ends = await connected(ground, {}, { onread });
  ends.accepted.write("abcd");
  await until(() => got.length === 1);
  await pause(30);
  assert.deepEqual(got, ["ab"]);
  ends.client.resume();
  await until(() => got.length === 2);
  assert.deepEqual(got, ["ab", "cd"]);
  await over(ends);
});

it("onread: nothing is given after destroy()", async (ground) => {
  let calls = 0;
  const onread = {
    buffer: Buffer.alloc(2),
    callback() {
      calls++;
      ends.client.destroy();
      return true;
    },
  };
  const ends = await connected(ground, {}, { onread });
  ends.accepted.on("error", () => {});
  ends.accepted.write("abcdefgh");
  await once(ends.client, "close");
  assert.equal(calls, 1);
  await over(ends);
});

it("the end comes though nobody reads, if there is nothing to read", async (ground) => {
  const ends = await connected(ground);
  const seen = noting(ends.accepted, "end", "close");
  ends.client.end();
  await once(ends.accepted, "close");
  assert.deepEqual(seen, ["end", "close"]);
  await over(ends);
});

it("bytesRead stays after the end", async (ground) => {
  const ends = await connected(ground);
  ends.accepted.resume();
  ends.client.end("12345");
  await once(ends.accepted, "close");
  assert.equal(ends.accepted.bytesRead, 5);
  assert.equal(ends.client.bytesWritten, 5);
  await over(ends);
});

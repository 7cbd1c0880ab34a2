import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connected, failure, listening, noting, over, pause, subject, textOf, turn, until } from "./ground.ts";

const { all, it } = subject("odds and ends");
export default all;

it("ping and pong, a thousand times", async (ground) => {
  const ends = await connected(ground);
  let pongs = 0;
  ends.accepted.on("data", (chunk) => ends.accepted.write(String(chunk) === "ping" ? "pong" : "what?"));
  await new Promise<void>((resolve) => {
    ends.client.on("data", (chunk) => {
      assert.equal(String(chunk), "pong");
      if (++pongs === 1_000) resolve();
      else ends.client.write("ping");
    });
    ends.client.write("ping");
  });
  await over(ends);
});

it("a megabyte of text in one write", async (ground) => {
  const ends = await connected(ground);
  const text = "äöü".repeat(170_000);
  const heard = textOf(ends.accepted.setEncoding("utf8"));
  ends.client.end(text);
  assert.equal(await heard, text);
  assert.equal(ends.client.bytesWritten, Buffer.byteLength(text));
});

it("every octet value passes", async (ground) => {
  const ends = await connected(ground);
  const data = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const chunks: Buffer[] = [];
  ends.accepted.on("data", (chunk: Buffer) => chunks.push(chunk));
  ends.client.end(data);
  await once(ends.accepted, "end");
  assert.deepEqual(Buffer.concat(chunks), data);
  await over(ends);
});

it("end() without a connection: finish, and nothing else", async ({ peer }) => {
  const socket = new peer.Socket();
  const seen = noting(socket, "finish", "error");
  socket.end();
  await until(() => seen.length > 0);
  await pause(10);
  assert.deepEqual(seen, ["finish"]);
  socket.destroy();
});

it("destroy() without a connection closes once, and again does nothing", async ({ peer }) => {
  const socket = new peer.Socket();
  const seen = noting(socket, "close", "error", "end");
  socket.destroy();
  socket.destroy();
  await once(socket, "close");
  socket.destroy();
  await turn();
  assert.deepEqual(seen, ["close"]);
});

it("end() in the connect callback", async (ground) => {
  const server = ground.net.createServer((socket) => socket.resume());
  const port = await listening(ground, server);
  const client = ground.peer.connect(port, ground.host, () => client.end());
  client.resume();
  assert.deepEqual(await once(client, "close"), [false]);
  server.close();
});

it("the server ends at once: the client has connect, end and close", async (ground) => {
  const server = ground.net.createServer((socket) => socket.end());
  const port = await listening(ground, server);
  const client = ground.peer.connect(port, ground.host);
  const seen = noting(client, "connect", "end", "finish", "close");
  client.resume();
  await once(client, "close");
  assert.deepEqual(seen, ["connect", "end", "finish", "close"]);
  server.close();
});

it("an error in end() and destroy() is told once", async (ground) => {
  const ends = await connected(ground);
  const seen = noting(ends.client, "error", "close");
  ends.client.destroy(new Error("first"));
  ends.client.destroy(new Error("second"));
  await until(() => seen.includes("close"));
  await pause(5);
  assert.deepEqual(seen, ["error", "close"]);
  await over(ends);
});

it("end twice: the second one is too late, its data an error", async (ground) => {
  const ends = await connected(ground);
  ends.client.end("once");
  ends.client.end();
  const failed = failure(ends.client);
  ends.client.end("twice");
  assert.equal((await failed).code, "ERR_STREAM_WRITE_AFTER_END");
  await over(ends);
});

it("a socket of the server writes before the client reads", async (ground) => {
  const server = ground.net.createServer((socket) => {
    socket.write("early ");
    socket.end("bird");
  });
  const port = await listening(ground, server);
  const client = ground.peer.connect(port, ground.host);
  await once(client, "connect");
  await pause(20);
  assert.equal(await textOf(client), "early bird");
  server.close();
});

it("close() of a server in its connection listener lets the connection go on", async (ground) => {
  const server = ground.net.createServer((socket) => {
    server.close();
    socket.end("still here");
  });
  const port = await listening(ground, server);
  const closed = once(server, "close");
  assert.equal(await textOf(ground.peer.connect(port, ground.host)), "still here");
  await closed;
});

it("listen at every address, and each one answers", async (ground) => {
  const server = ground.net.createServer((socket) => socket.end(String(socket.localAddress).replace("::ffff:", "")));
  server.listen(0);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  for (const host of [ground.host, ground.otherHost]) {
    assert.equal(await textOf(ground.peer.connect(port, host)), host);
  }
  server.close();
});

it("two servers at one port, each at its address", async (ground) => {
  const first = ground.net.createServer((socket) => socket.end("first"));
  const port = await listening(ground, first);
  const second = ground.net.createServer((socket) => socket.end("second"));
  second.listen(port, ground.otherHost);
  await once(second, "listening");
  assert.equal(await textOf(ground.peer.connect(port, ground.host)), "first");
  assert.equal(await textOf(ground.peer.connect(port, ground.otherHost)), "second");
  first.close();
  second.close();
});

it("an exception in a listener is the program's, and the connection goes on", async (ground) => {
  const ends = await connected(ground);
  const before = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  const thrown = new Promise<Error>((resolve) => process.once("uncaughtException", resolve));
  ends.accepted.once("data", () => {
    throw new Error("of the listener");
  });
  ends.client.write("one");
  assert.equal((await thrown).message, "of the listener");
  for (const listener of before) process.on("uncaughtException", listener);
  const next = once(ends.accepted, "data");
  ends.client.write("two");
  assert.equal(String((await next)[0]), "two");
  await over(ends);
});

it("a connection in the connection listener of another one", async (ground) => {
  const inner = ground.net.createServer((socket) => socket.end("inner"));
  const innerPort = await listening(ground, inner);
  const outer = ground.net.createServer(async (socket) => {
    socket.end(`outer ${await textOf(ground.net.connect(innerPort, ground.host))}`);
  });
  const port = await listening(ground, outer);
  assert.equal(await textOf(ground.peer.connect(port, ground.host)), "outer inner");
  inner.close();
  outer.close();
});

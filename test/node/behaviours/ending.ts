import assert from "node:assert/strict";
import { once } from "node:events";
import { connected, emitted, failure, heard, noting, octets, over, pause, subject, textOf, until } from "./ground.ts";

const { all, it } = subject("ending");
export default all;

it("without allowHalfOpen a side closes when its peer does", async (ground) => {
  const ends = await connected(ground);
  const there = noting(ends.accepted, "end", "finish", "close");
  const here = noting(ends.client, "end", "finish", "close");
  ends.accepted.resume();
  ends.client.resume();
  ends.client.end("bye");
  await Promise.all([once(ends.client, "close"), once(ends.accepted, "close")]);
  assert.deepEqual(there, ["end", "finish", "close"]);
  assert.deepEqual(here, ["finish", "end", "close"]);
  await over(ends);
});

it("with allowHalfOpen it may go on writing", async (ground) => {
  const ends = await connected(ground, { allowHalfOpen: true });
  ends.client.end("question");
  assert.equal(await heard(ends.accepted), "question");
  assert.equal(ends.accepted.readyState, "writeOnly");
  const answer = textOf(ends.client);
  ends.accepted.write("answer");
  await pause(10);
  ends.accepted.end("!");
  assert.equal(await answer, "answer!");
  await once(ends.server.close(), "close");
});

it("after end() it still reads", async (ground) => {
  const ends = await connected(ground, { allowHalfOpen: true });
  ends.client.end();
  assert.equal(ends.client.readyState, "readOnly");
  ends.accepted.resume();
  await once(ends.accepted, "end");
  const data = octets(300_000);
  let n = 0;
  ends.client.on("data", (chunk) => {
    n += chunk.length;
  });
  ends.accepted.end(data);
  await once(ends.client, "close");
  assert.equal(n, data.length);
  await over(ends);
});

it("a write after the peer's end, and our own, is EPIPE: ended by the other party", async (ground) => {
  const ends = await connected(ground);
  ends.accepted.resume();
  ends.client.end();
  await once(ends.accepted, "end");
  const failed = failure(ends.accepted);
  const told = new Promise<NodeJS.ErrnoException>((resolve) =>
    process.nextTick(() => ends.accepted.write("late", (error) => resolve(error as NodeJS.ErrnoException))),
  );
  const error = await failed;
  assert.equal(error.code, "EPIPE");
  assert.equal(error.message, "This socket has been ended by the other party");
  assert.equal((await told).code, "EPIPE");
  await over(ends);
});

it("resetAndDestroy(): the peer gets read ECONNRESET, this side closes without an error", async (ground) => {
  const ends = await connected(ground);
  const closed = emitted(ends.accepted, "close");
  const failed = failure(ends.accepted);
  ends.client.on("error", assert.fail);
  ends.client.resetAndDestroy();
  assert.deepEqual(await once(ends.client, "close"), [false]);
  const { code, syscall, errno, message } = await failed;
  assert.deepEqual(
    { code, syscall, errno, message },
    { code: "ECONNRESET", syscall: "read", errno: -104, message: "read ECONNRESET" },
  );
  assert.deepEqual(await closed, [true]);
  await over(ends);
});

it("resetAndDestroy() while it connects waits for the connection", async (ground) => {
  const server = ground.net.createServer();
  server.listen(0, ground.host);
  await once(server, "listening");
  const accepting = once(server, "connection");
  const client = ground.peer.connect((server.address() as { port: number }).port, ground.host);
  client.resetAndDestroy();
  await once(client, "connect");
  const [accepted] = await accepting;
  assert.equal((await failure(accepted)).code, "ECONNRESET");
  server.close();
});

it("resetAndDestroy() without a connection: Socket is closed", async ({ peer }) => {
  const socket = new peer.Socket();
  socket.resetAndDestroy();
  assert.equal((await failure(socket)).code, "ERR_SOCKET_CLOSED");
});

it("destroy() with an error emits it, then close(true)", async (ground) => {
  const ends = await connected(ground);
  const seen = noting(ends.client, "error", "close");
  const mine = new Error("mine");
  const failed = failure(ends.client);
  assert.equal(ends.client.destroy(mine), ends.client);
  assert.equal(ends.client.destroyed, true);
  assert.deepEqual(seen, []);
  assert.equal(await failed, mine);
  await until(() => seen.length === 2);
  assert.deepEqual(seen, ["error", "close"]);
  ends.client.destroy(new Error("too late"));
  await over(ends);
});

it("destroy() with unread data resets the connection", async (ground) => {
  const ends = await connected(ground, { pauseOnConnect: true });
  ends.client.write("never read");
  await pause(20);
  const failed = failure(ends.client);
  ends.accepted.destroy();
  assert.equal((await failed).code, "ECONNRESET");
  await over(ends);
});

it("destroy() while data is given: the peer gets what was written, and the end", async (ground) => {
  const ends = await connected(ground);
  const answer = textOf(ends.client);
  ends.accepted.once("data", () => {
    ends.accepted.write("answer");
    ends.accepted.destroy();
  });
  ends.client.write("question");
  assert.equal(await answer, "answer");
  await over(ends);
});

it("what was written before destroy() arrives", async (ground) => {
  const ends = await connected(ground);
  const text = textOf(ends.accepted);
  await new Promise<void>((resolve) => ends.client.write("written", () => resolve()));
  ends.client.destroy();
  assert.equal(await text, "written");
  await over(ends);
});

it("writing on to a peer that has gone ends with EPIPE or ECONNRESET", async (ground) => {
  const ends = await connected(ground, {}, { allowHalfOpen: true });
  ends.client.resume();
  const failed = failure(ends.client);
  ends.accepted.destroy();
  await once(ends.client, "end");
  const timer = setInterval(() => ends.client.write("anybody?"), 5);
  const { code } = await failed;
  clearInterval(timer);
  assert.match(String(code), /^(?:EPIPE|ECONNRESET)$/);
  await over(ends);
});

it("the signal of connect destroys with an AbortError", async (ground) => {
  const controller = new AbortController();
  const ends = await connected(ground, {}, { signal: controller.signal });
  const failed = failure(ends.client);
  controller.abort();
  const { name, code } = await failed;
  assert.deepEqual([name, code], ["AbortError", "ABORT_ERR"]);
  await over(ends);
});

it("a signal that has fired already: no connection", async (ground) => {
  const client = ground.peer.connect({ port: 9, host: ground.host, signal: AbortSignal.abort() });
  const seen = noting(client, "connect");
  assert.equal((await failure(client)).name, "AbortError");
  await pause(10);
  assert.deepEqual(seen, []);
});

it("states after the end", async (ground) => {
  const ends = await connected(ground);
  await over(ends);
  const { readyState, destroyed, connecting, pending, readable, writable } = ends.client;
  assert.deepEqual(
    { readyState, destroyed, connecting, pending, readable, writable },
    { readyState: "closed", destroyed: true, connecting: false, pending: true, readable: false, writable: false },
  );
});

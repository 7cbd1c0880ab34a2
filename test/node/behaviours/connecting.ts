import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo, LookupFunction } from "node:net";
import { connected, emitted, failure, listening, noting, over, subject, textOf, turn } from "./ground.ts";

const { all, it } = subject("connecting");
export default all;

it("connect and ready come in this order, once each, and never before connect() returns", async (ground) => {
  const server = ground.net.createServer((socket) => socket.end());
  const port = await listening(ground, server);
  let called = 0;
  const client = ground.peer.connect(port, ground.host, () => called++);
  const seen = noting(client, "connect", "ready", "end", "close");
  assert.equal(client.connecting, true);
  assert.equal(client.pending, true);
  assert.equal(client.readyState, "opening");
  assert.deepEqual(seen, []);
  await once(client, "connect");
  assert.equal(client.connecting, false);
  assert.equal(client.pending, false);
  assert.equal(client.readyState, "open");
  client.resume();
  await once(client, "close");
  assert.deepEqual(seen, ["connect", "ready", "end", "close"]);
  assert.equal(called, 1);
  server.close();
});

it("both ends name the same addresses and ports", async (ground) => {
  const ends = await connected(ground);
  const { client, accepted, port } = ends;
  assert.equal(client.remoteAddress, ground.host);
  assert.equal(client.remotePort, port);
  assert.equal(client.remoteFamily, "IPv4");
  assert.equal(accepted.localAddress, ground.host);
  assert.equal(accepted.localPort, port);
  assert.equal(accepted.remotePort, client.localPort);
  assert.equal(accepted.remoteAddress, client.localAddress);
  assert.deepEqual(client.address(), { address: client.localAddress, family: "IPv4", port: client.localPort });
  await over(ends);
});

it("addresses are unknown before connect, and those that were asked for are known after close", async (ground) => {
  assert.equal(new ground.peer.Socket().remoteAddress, undefined);
  assert.deepEqual(new ground.peer.Socket().address(), {});
  const ends = await connected(ground);
  const { client, accepted } = ends;
  assert.equal(client.remoteAddress, ground.host);
  await over(ends);
  assert.equal(client.remoteAddress, ground.host);
  assert.equal(accepted.remoteAddress, undefined);
});

it("a refused connection: error with code, syscall, address and port, then close(true)", async (ground) => {
  const server = ground.net.createServer();
  const port = await listening(ground, server);
  server.close();
  await once(server, "close");
  const client = ground.peer.connect({ port, host: ground.host });
  const seen = noting(client, "connect", "ready", "end", "error", "close");
  const closed = emitted(client, "close");
  const error = await failure(client);
  const { code, errno, syscall, address, message } = error;
  assert.deepEqual(
    { code, errno, syscall, address, port: error.port, message },
    {
      code: "ECONNREFUSED",
      errno: -111,
      syscall: "connect",
      address: ground.host,
      port,
      message: `connect ECONNREFUSED ${ground.host}:${port}`,
    },
  );
  assert.deepEqual(await closed, [true]);
  assert.deepEqual(seen, ["error", "close"]);
  assert.equal(client.destroyed, true);
  assert.equal(client.connecting, false);
});

it("what is written before the connection is open arrives, in order, and counts as written", async (ground) => {
  const server = ground.net.createServer();
  const port = await listening(ground, server);
  const accepting = once(server, "connection");
  const client = ground.peer.connect(port, ground.host);
  const done: string[] = [];
  client.write("one ", () => done.push("one"));
  client.write("two ", () => done.push("two"));
  client.end("three", () => done.push("three"));
  assert.equal(client.bytesWritten, 13);
  assert.deepEqual(done, []);
  // The client may have sent everything before the server hears of the connection.
  const finished = once(client, "finish");
  const [accepted] = await accepting;
  assert.equal(await textOf(accepted), "one two three");
  await finished;
  assert.deepEqual(done, ["one", "two", "three"]);
  server.close();
});

it("destroy() while it connects: no connect, no error, close(false)", async (ground) => {
  const server = ground.net.createServer();
  const port = await listening(ground, server);
  const client = ground.peer.connect(port, ground.host);
  const seen = noting(client, "connect", "error");
  client.destroy();
  assert.deepEqual(await once(client, "close"), [false]);
  await turn();
  assert.deepEqual(seen, []);
  assert.equal(client.connecting, false);
  server.close();
});

it("a write that waits for a connection that is destroyed fails", async (ground) => {
  const server = ground.net.createServer();
  const port = await listening(ground, server);
  const client = ground.peer.connect(port, ground.host);
  const failed = new Promise<NodeJS.ErrnoException>((resolve) =>
    client.write("never", (error) => resolve(error as NodeJS.ErrnoException)),
  );
  client.destroy();
  assert.equal((await failed).code, "ERR_SOCKET_CLOSED_BEFORE_CONNECTION");
  server.close();
});

it("arguments are checked before anything is done", async ({ peer, host }) => {
  const throws = (options: unknown, code: string) =>
    assert.throws(() => peer.connect(options as { port: number }), { code }, JSON.stringify(options));
  throws({ host }, "ERR_MISSING_ARGS");
  throws({ host, port: 65_536 }, "ERR_SOCKET_BAD_PORT");
  throws({ host, port: -1 }, "ERR_SOCKET_BAD_PORT");
  throws({ host, port: 1.5 }, "ERR_SOCKET_BAD_PORT");
  throws({ host, port: "" }, "ERR_SOCKET_BAD_PORT");
  throws({ host, port: null }, "ERR_INVALID_ARG_TYPE");
  throws({ host, port: true }, "ERR_INVALID_ARG_TYPE");
  throws({ host, port: 80, localAddress: "foobar" }, "ERR_INVALID_IP_ADDRESS");
  throws({ host, port: 80, localPort: "x" }, "ERR_INVALID_ARG_TYPE");
  throws({ host: "a.name", port: 80, lookup: "x" }, "ERR_INVALID_ARG_TYPE");
  throws({ host, port: 80, autoSelectFamily: "x" }, "ERR_INVALID_ARG_TYPE");
  throws({ host, port: 80, autoSelectFamilyAttemptTimeout: 0 }, "ERR_OUT_OF_RANGE");
});

it("a port may be a text", async (ground) => {
  const server = ground.net.createServer((socket) => socket.end("hi"));
  const port = await listening(ground, server);
  const client = ground.peer.connect({ port: `${port}` as unknown as number, host: ground.host });
  assert.equal(await textOf(client), "hi");
  server.close();
});

it("lookup resolves the name, and its results are told", async (ground) => {
  const server = ground.net.createServer((socket) => socket.end("hi"));
  const port = await listening(ground, server);
  const asked: unknown[] = [];
  const lookup: LookupFunction = (name, { all }, callback) => {
    asked.push(name, all);
    process.nextTick(callback, null, [{ address: ground.host, family: 4 }]);
  };
  const client = ground.peer.connect({ port, host: "a.name", lookup });
  const told = once(client, "lookup");
  assert.equal(await textOf(client), "hi");
  assert.deepEqual(asked, ["a.name", true]);
  assert.deepEqual(await told, [null, ground.host, 4, "a.name"]);
  server.close();
});

it("with a family, lookup is asked for one address", async (ground) => {
  const server = ground.net.createServer((socket) => socket.end("hi"));
  const port = await listening(ground, server);
  const asked: unknown[] = [];
  const lookup: LookupFunction = (_name, { family, all }, callback) => {
    asked.push(family, Boolean(all));
    callback(null, ground.host, 4);
  };
  const client = ground.peer.connect({ port, host: "a.name", family: 4, autoSelectFamily: false, lookup });
  assert.equal(await textOf(client), "hi");
  assert.deepEqual(asked, [4, false]);
  server.close();
});

it("an error of lookup is the socket's", async (ground) => {
  const lookup: LookupFunction = (_name, _options, callback) =>
    process.nextTick(callback, Object.assign(new Error("no such name"), { code: "ENOTFOUND" }), "", 0);
  const client = ground.peer.connect({ port: 80, host: "a.name", lookup });
  const seen = noting(client, "lookup", "error", "close");
  const error = await failure(client);
  assert.equal(error.code, "ENOTFOUND");
  await once(client, "close");
  assert.deepEqual(seen, ["lookup", "error", "close"]);
});

it("lookup must give an IP address", async (ground) => {
  const lookup: LookupFunction = (_name, _options, callback) => callback(null, "not an address", 4);
  const client = ground.peer.connect({ port: 80, host: "a.name", autoSelectFamily: false, lookup });
  assert.equal((await failure(client)).code, "ERR_INVALID_IP_ADDRESS");
});

it("localPort is the port that the peer sees", async (ground) => {
  const probe = ground.peer.createServer();
  probe.listen(0);
  await once(probe, "listening");
  const { port: localPort } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  const ends = await connected(ground, {}, { localPort });
  assert.equal(ends.accepted.remotePort, localPort);
  await over(ends);
});

it("a localAddress that is not ours: bind EADDRNOTAVAIL", async (ground) => {
  const client = ground.peer.connect({ port: 80, host: ground.host, localAddress: ground.foreign });
  const { code, syscall, address } = await failure(client);
  assert.deepEqual({ code, syscall, address }, { code: "EADDRNOTAVAIL", syscall: "bind", address: ground.foreign });
});

it("a socket can be connected again after it has closed", async (ground) => {
  const server = ground.net.createServer((socket) => socket.end("hi"));
  const port = await listening(ground, server);
  const client = new ground.peer.Socket();
  for (let i = 0; i < 3; i++) {
    let text = "";
    const take = (chunk: Buffer) => {
      text += chunk;
    };
    client.on("data", take);
    client.connect(port, ground.host);
    assert.equal(client.destroyed, false);
    await once(client, "close");
    client.off("data", take);
    assert.equal(text, "hi");
  }
  server.close();
});

it("connect() while it connects: the socket is destroyed with EALREADY", async (ground) => {
  const server = ground.net.createServer((socket) => socket.on("error", () => {}).resume());
  const port = await listening(ground, server);
  const client = ground.peer.connect(port, ground.host);
  const seen = noting(client, "connect", "error", "close");
  client.connect(port, ground.host);
  const closed = emitted(client, "close");
  const { code, syscall, address, port: to } = await failure(client);
  assert.deepEqual(
    { code, syscall, address, to },
    { code: "EALREADY", syscall: "connect", address: ground.host, to: port },
  );
  assert.deepEqual(await closed, [true]);
  assert.deepEqual(seen, ["error", "close"]);
  await once(server.close(), "close");
});

it("addresses of a name are tried one after another", async (ground) => {
  const server = ground.net.createServer((socket) => socket.end("hi"));
  const port = await listening(ground, server);
  const lookup: LookupFunction = (_name, _options, callback) =>
    process.nextTick(callback, null, [
      { address: ground.otherHost, family: 4 },
      { address: ground.host, family: 4 },
    ]);
  const client = ground.peer.connect({ port, host: "a.name", lookup });
  const attempts: unknown[] = [];
  client.on("connectionAttempt", (...about) => attempts.push(["attempt", ...about]));
  client.on("connectionAttemptFailed", (address, of, family, error: NodeJS.ErrnoException) =>
    attempts.push(["failed", address, of, family, error.code]),
  );
  assert.equal(await textOf(client), "hi");
  assert.deepEqual(attempts, [
    ["attempt", ground.otherHost, port, 4],
    ["failed", ground.otherHost, port, 4, "ECONNREFUSED"],
    ["attempt", ground.host, port, 4],
  ]);
  assert.deepEqual(client.autoSelectFamilyAttemptedAddresses, [
    `${ground.otherHost}:${port}`,
    `${ground.host}:${port}`,
  ]);
  server.close();
});

it("if all addresses of a name fail, the error has them all", async (ground) => {
  const server = ground.net.createServer();
  const port = await listening(ground, server);
  server.close();
  await once(server, "close");
  const lookup: LookupFunction = (_name, _options, callback) =>
    process.nextTick(callback, null, [
      { address: ground.otherHost, family: 4 },
      { address: ground.host, family: 4 },
    ]);
  const client = ground.peer.connect({ port, host: "a.name", lookup });
  const error = await failure(client);
  assert.ok(error instanceof AggregateError);
  assert.equal(error.code, "ECONNREFUSED");
  assert.deepEqual(
    error.errors.map(({ message }) => message),
    [`connect ECONNREFUSED ${ground.otherHost}:${port}`, `connect ECONNREFUSED ${ground.host}:${port}`],
  );
});

it("localhost is this host", async (ground) => {
  const server = ground.net.createServer((socket) => socket.end("me"));
  server.listen(0, "localhost");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  assert.equal(await textOf(ground.net.connect(port)), "me");
  assert.equal(await textOf(ground.net.connect(port, "localhost")), "me");
  server.close();
});

it("setNoDelay, setKeepAlive, ref, unref and setTimeout return the socket, before and after it is open", async (ground) => {
  const ends = await connected(ground);
  for (const socket of [ends.client, new ground.peer.Socket()]) {
    assert.equal(socket.setNoDelay(), socket);
    assert.equal(socket.setNoDelay(false), socket);
    assert.equal(socket.setKeepAlive(true, 1_000), socket);
    assert.equal(socket.setKeepAlive(), socket);
    assert.equal(socket.ref(), socket);
    assert.equal(socket.unref(), socket);
    assert.equal(socket.setTimeout(0), socket);
    assert.equal(socket.ref(), socket);
  }
  await over(ends);
});

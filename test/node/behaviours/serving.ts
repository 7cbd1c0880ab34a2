import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo, DropArgument, Server } from "node:net";
import { connected, failure, listening, noting, over, pause, subject, textOf, until } from "./ground.ts";

const { all, it } = subject("serving");
export default all;

it("listening comes after listen() has returned, and address() tells the port", async (ground) => {
  const server = ground.net.createServer();
  assert.equal(server.address(), null);
  assert.equal(server.listening, false);
  let called = 0;
  assert.equal(
    server.listen({ port: 0, host: ground.host }, () => called++),
    server,
  );
  const seen = noting(server, "listening", "close");
  assert.deepEqual(seen, []);
  await once(server, "listening");
  assert.equal(called, 1);
  assert.equal(server.listening, true);
  const { address, family, port } = server.address() as AddressInfo;
  assert.deepEqual({ address, family }, { address: ground.host, family: "IPv4" });
  assert.ok(port > 0);
  server.close();
  assert.equal(server.listening, false);
  assert.equal(server.address(), null);
  await once(server, "close");
  assert.deepEqual(seen, ["listening", "close"]);
});

it("listen takes its arguments in several forms", async (ground) => {
  const forms: ((server: Server, done: () => void) => Server)[] = [
    (server, done) => server.listen(done),
    (server, done) => server.listen(0, done),
    (server, done) => server.listen("0", done),
    (server, done) => server.listen(0, ground.host, done),
    (server, done) => server.listen(0, 5, done),
    (server, done) => server.listen(0, ground.host, 5, done),
    (server, done) => server.listen({ port: 0 }, done),
    (server, done) => server.listen({ port: 0, host: ground.host, backlog: 5, exclusive: true }, done),
    (server, done) => server.on("listening", done).listen(),
  ];
  for (const form of forms) {
    const server = ground.net.createServer();
    await new Promise<void>((resolve) => form(server, resolve));
    assert.ok((server.address() as AddressInfo).port > 0);
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
});

it("arguments of listen are checked", async ({ net }) => {
  const server = net.createServer();
  const throws = (port: unknown, code: string) => assert.throws(() => server.listen(port as number), { code });
  throws(65_536, "ERR_SOCKET_BAD_PORT");
  throws(-1, "ERR_SOCKET_BAD_PORT");
  throws(1.5, "ERR_SOCKET_BAD_PORT");
  throws({ port: -1 }, "ERR_SOCKET_BAD_PORT");
  throws({}, "ERR_INVALID_ARG_VALUE");
  throws({ host: "localhost" }, "ERR_INVALID_ARG_VALUE");
});

it("a port in use: listen EADDRINUSE with address and port, as an event", async (ground) => {
  const first = ground.net.createServer();
  const port = await listening(ground, first);
  const second = ground.net.createServer();
  second.listen(port, ground.host);
  const error = await failure(second);
  const { code, errno, syscall, address, message } = error;
  assert.deepEqual(
    { code, errno, syscall, address, port: error.port, message },
    {
      code: "EADDRINUSE",
      errno: -98,
      syscall: "listen",
      address: ground.host,
      port,
      message: `listen EADDRINUSE: address already in use ${ground.host}:${port}`,
    },
  );
  assert.equal(second.listening, false);
  first.close();
  await once(first, "close");
  second.listen(port, ground.host);
  await once(second, "listening");
  second.close();
});

it("an address that is not ours: listen EADDRNOTAVAIL", async (ground) => {
  const server = ground.net.createServer();
  server.listen(0, ground.foreign);
  const { code, syscall, address, message } = await failure(server);
  assert.deepEqual(
    { code, syscall, address, message },
    {
      code: "EADDRNOTAVAIL",
      syscall: "listen",
      address: ground.foreign,
      message: `listen EADDRNOTAVAIL: address not available ${ground.foreign}`,
    },
  );
});

it("listen twice is an error, listen after close is not", async (ground) => {
  const server = ground.net.createServer((socket) => socket.end("hi"));
  await listening(ground, server);
  assert.throws(() => server.listen(0), { code: "ERR_SERVER_ALREADY_LISTEN" });
  server.close();
  await once(server, "close");
  const port = await listening(ground, server);
  assert.equal(await textOf(ground.peer.connect(port, ground.host)), "hi");
  server.close();
});

it("close() of a server that does not listen tells its callback", async ({ net }) => {
  const server = net.createServer();
  const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => server.close(resolve));
  assert.equal(error?.code, "ERR_SERVER_NOT_RUNNING");
});

it("close waits for the connections", async (ground) => {
  const ends = await connected(ground);
  const seen = noting(ends.server, "close");
  let called: unknown[] | null = null;
  ends.server.close((...args) => {
    called = args;
  });
  await pause(20);
  assert.deepEqual(seen, []);
  ends.client.end();
  ends.client.resume();
  ends.accepted.resume();
  await once(ends.server, "close");
  assert.deepEqual(called, []);
});

it("a closed server refuses", async (ground) => {
  const server = ground.net.createServer();
  const port = await listening(ground, server);
  server.close();
  assert.equal((await failure(ground.peer.connect(port, ground.host))).code, "ECONNREFUSED");
});

it("getConnections counts", async (ground) => {
  const ends = await connected(ground);
  const count = () =>
    new Promise<number>((resolve, reject) =>
      ends.server.getConnections((error, n) => (error === null ? resolve(n) : reject(error))),
    );
  assert.equal(await count(), 1);
  const another = ground.peer.connect(ends.port, ground.host);
  const [accepted] = await once(ends.server, "connection");
  assert.equal(await count(), 2);
  accepted.destroy();
  await once(another.resume(), "close");
  assert.equal(await count(), 1);
  await over(ends);
});

it("maxConnections: what is too much is dropped, and told", async (ground) => {
  const ends = await connected(ground);
  ends.server.maxConnections = 1;
  const dropping = once(ends.server, "drop");
  const client = ground.peer.connect(ends.port, ground.host);
  client.on("error", () => {});
  await once(client, "connect");
  const { localPort } = client;
  client.resume();
  const [dropped] = (await dropping) as [DropArgument];
  assert.deepEqual(
    [dropped.remotePort, dropped.localPort, dropped.localAddress, dropped.remoteFamily],
    [localPort, ends.port, ground.host, "IPv4"],
  );
  if (!client.closed) await new Promise((resolve) => client.once("close", resolve));
  await over(ends);
});

it("the listener of createServer and connection get the socket, which knows its server", async (ground) => {
  const sockets: unknown[] = [];
  const server = ground.net.createServer((socket) => sockets.push(socket));
  server.on("connection", (socket) => sockets.push(socket));
  const port = await listening(ground, server);
  const client = ground.peer.connect(port, ground.host);
  await until(() => sockets.length === 2);
  assert.equal(sockets[0], sockets[1]);
  assert.ok(sockets[0] instanceof ground.net.Socket);
  assert.equal((sockets[0] as unknown as { server: unknown }).server, server);
  client.destroy();
  (sockets[0] as { destroy(): void }).destroy();
  server.close();
});

it("a signal closes the server", async (ground) => {
  const controller = new AbortController();
  const server = ground.net.createServer();
  server.listen({ port: 0, host: ground.host, signal: controller.signal });
  await once(server, "listening");
  controller.abort();
  await once(server, "close");
  assert.equal(server.listening, false);
});

it("await using closes the server", async (ground) => {
  const server = ground.net.createServer();
  await listening(ground, server);
  await server[Symbol.asyncDispose]();
  assert.equal(server.listening, false);
});

it("a hundred connections at once, each with its own data", async (ground) => {
  const server = ground.net.createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
  const port = await listening(ground, server);
  const answers = await Promise.all(
    Array.from({ length: 100 }, async (_, i) => {
      const client = ground.peer.connect({ port, host: ground.host });
      client.end(`number ${i}`);
      return textOf(client);
    }),
  );
  assert.deepEqual(
    answers,
    Array.from({ length: 100 }, (_, i) => `number ${i}`),
  );
  server.close();
});

/** What a socket of Node's is told, and what the stack does then: in virtual time. */
import { expect, test } from "bun:test";
import { once } from "node:events";
import { nodeFetch } from "#node/fetch";
import { nodeNet } from "#node/net";
import type { Server } from "#node/server";
import type { Socket } from "#node/socket";
import { HOST, type World, world } from "../socket/world.ts";

async function connected(
  w: World,
  options: object = {},
): Promise<{ client: Socket; accepted: Socket; server: Server }> {
  const server = nodeNet(w.host).createServer().listen(80);
  const accepting = once(server, "connection");
  const client = nodeNet(w.peer).connect({ port: 80, host: HOST, ...options });
  const [[accepted]] = await w.until(Promise.all([accepting, once(client, "connect")]));
  return { client, accepted, server };
}

/** When the client has last sent something, µs. */
const lastSent = (w: World) => w.peer.connections()[0]!.lastSentAt;

const smallWrites = async (w: World, client: Socket) => {
  client.write("one");
  await w.pass(1);
  const first = lastSent(w);
  client.write("two");
  await w.pass(1);
  return lastSent(w) > first;
};

test("setNoDelay: a small segment does not wait for the ACK of the one before", async () => {
  const w = await world({ link: "delay 50ms" });
  const { client } = await connected(w);
  expect(await smallWrites(w, client)).toBe(false);
  client.setNoDelay();
  await w.pass(300);
  expect(await smallWrites(w, client)).toBe(true);
  client.setNoDelay(false);
  await w.pass(300);
  expect(await smallWrites(w, client)).toBe(false);
});

test("the option noDelay of connect", async () => {
  const w = await world({ link: "delay 50ms" });
  const { client } = await connected(w, { noDelay: true });
  expect(await smallWrites(w, client)).toBe(true);
});

test("setNoDelay before connect", async () => {
  const w = await world({ link: "delay 50ms" });
  const { server } = await connected(w);
  const net = nodeNet(w.peer);
  const client = new net.Socket().setNoDelay();
  client.connect(80, HOST);
  await w.until(Promise.all([once(server, "connection"), once(client, "connect")]));
  client.write("one");
  await w.pass(1);
  const sent = () => Math.max(...w.peer.connections().map(({ lastSentAt }) => lastSentAt));
  const first = sent();
  client.write("two");
  await w.pass(1);
  expect(sent()).toBeGreaterThan(first);
});

test.each(["setKeepAlive", "the option of connect", "the option of createServer"])(
  "a peer that is gone is noticed after the delay and ten probes, one a second: %s",
  async (how) => {
    const w = await world();
    const keepAlive = { keepAlive: true, keepAliveInitialDelay: 60_000 };
    const server = nodeNet(w.host).createServer(how.endsWith("createServer") ? keepAlive : {});
    server.listen(80);
    const accepting = once(server, "connection");
    const options = how.endsWith("connect") ? keepAlive : {};
    const client = nodeNet(w.peer).connect({ port: 80, host: HOST, ...options });
    const [[accepted]] = await w.until(Promise.all([accepting, once(client, "connect")]));
    if (how === "setKeepAlive") client.setKeepAlive(true, 60_000);
    const watched: Socket = how.endsWith("createServer") ? accepted : client;
    const failed = new Promise<Record<string, unknown>>((resolve) => watched.once("error", resolve as never));
    w.cut();
    const begun = w.sim.now;
    expect(await w.until(failed)).toMatchObject({ code: "ETIMEDOUT", syscall: "read" });
    const seconds = (w.sim.now - begun) / 1e6;
    // An eighth of the delay is another one for each connection.
    expect(seconds).toBeGreaterThan(60);
    expect(seconds).toBeLessThan(80);
  },
);

test("a connection to a host that does not answer fails with connect ETIMEDOUT", async () => {
  const w = await world();
  w.cut();
  const client = nodeNet(w.peer).connect(80, HOST);
  const failed = new Promise<Record<string, unknown>>((resolve) => client.once("error", resolve as never));
  expect(await w.until(failed)).toMatchObject({ code: "ETIMEDOUT", syscall: "connect", address: HOST, port: 80 });
  // Linux' six retransmissions of the SYN, or one more: between two and five minutes.
  expect(w.sim.now / 1e6).toBeGreaterThan(100);
});

test("a timeout while it connects comes as well", async () => {
  const w = await world();
  w.cut();
  const client = nodeNet(w.peer).connect({ port: 80, host: HOST, timeout: 20 });
  await once(client, "timeout");
  expect(client.connecting).toBe(true);
  client.destroy();
});

test("an address that does not answer is given up after 250 ms if the name has another one", async () => {
  const w = await world({ host: { address: [`${HOST}/24`, "10.0.1.9/24"] } });
  nodeNet(w.host).createServer().listen(80, HOST);
  const lookup = (_name: string, _query: object, callback: (error: null, all: object[]) => void) =>
    process.nextTick(callback, null, [
      { address: "10.0.1.77", family: 4 },
      { address: HOST, family: 4 },
    ]);
  const client = nodeNet(w.peer).connect({ port: 80, host: "two.example", lookup });
  const told: unknown[] = [];
  for (const name of ["connectionAttempt", "connectionAttemptTimeout"]) {
    client.on(name, (address) => told.push([name, address]));
  }
  const begun = performance.now();
  const pump = setInterval(() => w.pass(10), 5);
  await once(client, "connect");
  clearInterval(pump);
  expect(performance.now() - begun).toBeGreaterThan(200);
  expect(told).toEqual([
    ["connectionAttempt", "10.0.1.77"],
    ["connectionAttemptTimeout", "10.0.1.77"],
    ["connectionAttempt", HOST],
  ]);
  expect(client.remoteAddress).toBe(HOST);
});

test("a stack without an address of that family: connect ENETUNREACH", async () => {
  const w = await world();
  const client = nodeNet(w.peer).connect(80, "fd00::7");
  const failed = new Promise<Record<string, unknown>>((resolve) => client.once("error", resolve as never));
  expect(await w.until(failed)).toMatchObject({ code: "ENETUNREACH", syscall: "connect", address: "fd00::7" });
});

async function failureOf(w: World, client: Socket): Promise<Error & Record<string, unknown>> {
  return w.until(new Promise((resolve) => client.once("error", resolve as never)));
}

test("a name that the stack cannot resolve: getaddrinfo ENOTFOUND, and the cause says what to do", async () => {
  const w = await world();
  const error = await failureOf(w, nodeNet(w.peer).connect(80, "db.example"));
  expect(error).toMatchObject({ code: "ENOTFOUND", syscall: "getaddrinfo", hostname: "db.example" });
  expect(String((error.cause as Error).message)).toContain("createStack");
});

test("names are resolved by the stack's resolver", async () => {
  const resolve = async (name: string) => (name === "db.example" ? ["10.0.1.77", HOST] : []);
  const w = await world({ peer: { resolve } });
  nodeNet(w.host).createServer().listen(80, HOST);
  const client = nodeNet(w.peer).connect({ port: 80, host: "db.example", family: 4 });
  const told = once(client, "lookup");
  expect(await w.until(told)).toEqual([null, "10.0.1.77", 4, "db.example"]);
  client.destroy();
  expect(await failureOf(w, nodeNet(w.peer).connect(80, "web.example"))).toMatchObject({ code: "ENOTFOUND" });
  const six = nodeNet(w.peer).connect({ port: 80, host: "db.example", family: 6 });
  expect(await failureOf(w, six)).toMatchObject({ code: "ENOTFOUND" });
});

test("the stack's end closes its sockets, open or connecting, without an error of theirs; then connect is refused", async () => {
  const w = await world();
  const { client, accepted } = await connected(w);
  const connecting = nodeNet(w.peer).connect(81, "10.0.1.77");
  await w.pass(1);
  const seen: unknown[] = [];
  for (const socket of [client, connecting]) socket.on("close", (hadError) => seen.push(hadError));
  const failed = new Promise<Record<string, unknown>>((resolve) => accepted.once("error", resolve as never));
  await w.peer.close();
  await w.pass(100);
  await new Promise((resolve) => setImmediate(resolve));
  expect(seen).toEqual([false, false]);
  expect(await failed).toMatchObject({ code: "ECONNRESET", syscall: "read" });
  const late = nodeNet(w.peer).connect(80, HOST);
  expect(await failureOf(w, late)).toMatchObject({ code: "ECONNABORTED", syscall: "connect" });
});

test("connect of a socket that has a connection: EISCONN, and there is no second one", async () => {
  const w = await world();
  const { client, server } = await connected(w);
  let more = 0;
  server.on("connection", () => more++);
  client.connect(80, HOST);
  expect(await failureOf(w, client)).toMatchObject({ code: "EISCONN", syscall: "connect", address: HOST, port: 80 });
  await w.pass(100);
  expect([more, client.destroyed]).toEqual([0, true]);
});

test("the stack's end closes its servers: they listen no more, and close after their connections", async () => {
  const w = await world();
  const { accepted, server } = await connected(w);
  const seen: string[] = [];
  accepted.on("close", () => seen.push("connection"));
  server.on("close", () => seen.push("server"));
  const closed = once(server, "close");
  await w.host.close();
  expect([server.listening, server.address()]).toEqual([false, null]);
  await closed;
  expect(seen).toEqual(["connection", "server"]);
  const late = await new Promise((resolve) => server.once("error", resolve).listen(80));
  expect(late).toMatchObject({ code: "ECONNABORTED", syscall: "listen" });
});

test("fetch: a status that no Response can have is an error, and its connection ends", async () => {
  const w = await world();
  const { accepted } = await connected(w);
  const server = accepted.server as Server;
  const closed = new Promise((resolve) => {
    server.once("connection", (socket: Socket) => {
      socket.on("error", () => {}).on("close", resolve);
      socket.once("data", () => socket.write("HTTP/1.1 600 Odd\r\ncontent-length: 2\r\n\r\nhi"));
    });
  });
  const refused = nodeFetch(w.peer)(`http://${HOST}/`).catch((error: Error) => error);
  expect(await w.until(refused)).toMatchObject({
    name: "TypeError",
    message: "fetch failed",
    cause: { name: "RangeError" },
  });
  await w.until(closed);
});

test("what a stack does not have is refused in words", async () => {
  const w = await world();
  const net = nodeNet(w.peer);
  const refused = { code: "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM", message: expect.stringContaining("TCP only") };
  for (const call of [
    () => net.connect("/run/sock"),
    () => net.connect({ path: "/run/sock" }),
    () => net.createServer().listen("/run/sock"),
    () => net.createServer().listen({ path: "/run/sock" }),
    () => net.createServer().listen({ fd: 3 }),
  ]) {
    expect(call).toThrow(expect.objectContaining(refused));
  }
  const Bare = net.Socket as unknown as new (options: object) => Socket;
  expect(() => new (Object.getPrototypeOf(Bare))({})).toThrow("a stack of createStack");
});

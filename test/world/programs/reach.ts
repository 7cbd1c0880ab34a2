/**
 * No program of a world reaches this machine's network: whatever could has been replaced, and ends at the host's stack or in an error that says
 * what to use. Two servers on this machine's loopback tell if anything arrives.
 */
import assert from "node:assert/strict";
import cluster from "node:cluster";
import dgram from "node:dgram";
import dns from "node:dns";
import http from "node:http";
import http2 from "node:http2";
import https from "node:https";
import { builtinModules } from "node:module";
import net from "node:net";
import tls from "node:tls";
import { BUN, MODULES, OTHERS, UNCHANGEABLE } from "./known.ts";

type Bag = Record<string, unknown>;

const load = (name: string) => process.getBuiltinModule(`node:${name}`) as unknown as Bag;
const { Bun: bun } = globalThis as { Bun?: Bag };
const GLOBALS = ["fetch", "WebSocket", "EventSource", "XMLHttpRequest", "WebTransport"];
const scope = globalThis as unknown as Bag;

/** Everything as it was before `tcpnet/sim` was loaded. */
const before = new Map(Object.keys(MODULES).map((name) => [name, { ...load(name) }]));
const promisesBefore = { ...(dns.promises as unknown as Bag) };
const bunBefore = { ...bun };
const globalsBefore = Object.fromEntries(GLOBALS.map((name) => [name, scope[name]]));
/** What somebody took from the modules before that. */
const early = { connect: net.connect, secure: tls.connect, socket: dgram.createSocket, get: http.get };
class Own extends net.Socket {}

await import("#lab/world/hooks");
const { assert: _, between, report } = await import("./cases.ts");
const { places } = await import("#lab/world/place");

const arrived: string[] = [];
const server = net.createServer((socket) => {
  arrived.push("TCP");
  socket.destroy();
});
const receiver = dgram.createSocket("udp4", () => arrived.push("UDP"));
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const { port } = server.address() as net.AddressInfo;
await new Promise<void>((resolve) => receiver.bind(0, "127.0.0.1", resolve));
const udp = receiver.address().port;
const host = "127.0.0.1";

const event = (emitter: NodeJS.EventEmitter, ...names: string[]) =>
  new Promise<unknown>((resolve) => {
    for (const name of names) emitter.once(name, (result) => resolve(result ?? name));
  });
const called = (call: (done: (error: unknown, result: unknown) => void) => void) =>
  new Promise<unknown>((resolve) => call((error, result) => resolve(error ?? result)));

/** What each call comes to on a host whose own loopback has nobody at these ports: an error's code, or what is returned. */
const CALLS: Readonly<Record<string, [call: () => unknown, outcome: unknown]>> = {
  "net.connect": [() => event(net.connect(port, host), "error", "connect"), "ECONNREFUSED"],
  "new net.Socket": [() => event(new net.Socket().connect(port, host), "error", "connect"), "ECONNREFUSED"],
  "a class of net.Socket": [() => new Own().connect(port, host), "ENOTSUP"],
  "net.connect, imported before": [() => early.connect(port, host), "ENOTSUP"],
  "net.connect to a path": [() => event(net.connect("/tmp/none.sock"), "error"), "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM"],
  "tls.connect": [() => event(tls.connect(port, host), "error", "secureConnect"), "ECONNREFUSED"],
  "new tls.TLSSocket": [() => new tls.TLSSocket(undefined as never).connect(port, host), "ENOTSUP"],
  "http.get": [() => event(http.get({ host, port }), "error", "response"), "ECONNREFUSED"],
  "http.request by URL": [
    () => event(http.request(`http://${host}:${port}`).end(), "error", "response"),
    "ECONNREFUSED",
  ],
  "http.get, imported before": [() => event(early.get({ host, port }), "error", "response"), "ECONNREFUSED"],
  "http over a Unix socket": [() => http.get({ socketPath: "/tmp/none.sock" }), "ENOTSUP"],
  "new http.ClientRequest": [
    () => event(new http.ClientRequest(`http://${host}:${port}`).end(), "error", "response"),
    "ECONNREFUSED",
  ],
  "https.get": [() => event(https.get({ host, port }), "error", "response"), "ECONNREFUSED"],
  "https.get with an agent": [
    () => event(https.get({ host, port, agent: new https.Agent() }), "error", "response"),
    "ECONNREFUSED",
  ],
  "http2.connect": [() => event(http2.connect(`http://${host}:${port}`), "error"), "ECONNREFUSED"],
  "http2.connect with TLS": [() => event(http2.connect(`https://${host}:${port}`), "error"), "ECONNREFUSED"],
  fetch: [() => fetch(`http://${host}:${port}`).catch((error) => error.cause), "ECONNREFUSED"],
  "fetch of https:": [() => fetch(`https://${host}:${port}`).catch((error) => error.cause), "ECONNREFUSED"],
  WebSocket: [
    () => new Promise((resolve) => (new WebSocket(`ws://${host}:${port}`).onclose = ({ code }) => resolve(code))),
    1006,
  ],
  "dgram.send": [() => called((done) => dgram.createSocket("udp4").send("x", udp, host, done)), 1],
  "dgram.createSocket, imported before": [() => early.socket("udp4").send("x", udp, host), "ENOTSUP"],
  "tls.connect, imported before": [() => early.secure(port, host), "ENOTSUP"],
  "dns.lookup": [() => called((done) => dns.lookup("localhost", done)), "127.0.0.1"],
  "dns.resolve4": [() => called((done) => dns.resolve4("nobody", done)), "ENOTFOUND"],
  "dns.resolve of AAAA": [() => called((done) => dns.resolve("client", "AAAA", done)), "ENOTFOUND"],
  "dns.promises.resolve": [() => dns.promises.resolve("client").then(String), "10.0.0.1"],
  "dns.Resolver": [() => called((done) => new dns.Resolver().resolve4("client", done)).then(String), "10.0.0.1"],
  "dns.promises.Resolver": [() => new dns.promises.Resolver().resolve4("client").then(String), "10.0.0.1"],
  ...Object.fromEntries(
    ["Mx", "Txt", "Srv", "Ns", "Cname", "Caa", "Soa", "Ptr", "Naptr", "Any"].map((type) => {
      const name = `resolve${type}` as "resolveMx";
      return [
        `dns.${name}`,
        [() => called((done) => dns[name]("client", done as never)), "ENOTSUP"] as [() => unknown, unknown],
      ];
    }),
  ),
  "dns.resolve of MX": [() => dns.promises.resolve("client", "MX"), "ENOTSUP"],
  "dns.reverse": [() => called((done) => dns.reverse(host, done)), "ENOTSUP"],
  "dns.promises.Resolver.resolveMx": [() => new dns.promises.Resolver().resolveMx("client"), "ENOTSUP"],
  "dns.lookupService": [() => dns.promises.lookupService(host, port), "ENOTSUP"],
  "cluster.fork": [() => cluster.fork(), "ENOTSUP"],
  "net.Server.listen": [() => event(net.createServer().listen(port, host), "listening", "error"), "listening"],
  "http.Server.listen": [() => event(http.createServer().listen(port + 1, host), "listening", "error"), "listening"],
  "a server on a path": [
    () => event(http.createServer().listen("/tmp/none.sock"), "listening", "error"),
    "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM",
  ],
};

const bunCalls = (): typeof CALLS => {
  const {
    connect,
    listen,
    serve,
    udpSocket,
    sql,
    SQL,
    redis,
    RedisClient,
    s3,
    file,
    write,
    dns: names,
  } = bun as Record<string, never>;
  const use = (call: unknown, ...args: unknown[]) => (call as (...all: unknown[]) => unknown)(...args);
  const make = (Class: unknown, ...args: unknown[]) => Reflect.construct(Class as new () => object, args);
  const member = (object: unknown, name: string, ...args: unknown[]) =>
    Reflect.apply(Reflect.get(object as object, name), object, args) as unknown;
  const url = `http://${host}:${port}/`;
  const packages = ["undici", "ws"].map((name) => process.getBuiltinModule(name as never) as Bag);
  return {
    "Bun.connect": [() => use(connect, { hostname: host, port, socket: { data() {} } }), "ECONNREFUSED"],
    "Bun.connect with TLS": [() => use(connect, { hostname: host, port, tls: true, socket: { data() {} } }), "ENOTSUP"],
    "Bun.listen": [
      () => (use(listen, { hostname: host, port, socket: { data() {} } }) as { port: number }).port === port,
      true,
    ],
    "Bun.serve": [() => use(serve, { port: 0, fetch: () => new Response() }), "ENOTSUP"],
    "Bun.udpSocket": [async () => member(await use(udpSocket, {}), "send", "x", udp, host), true],
    "Bun.sql": [() => use(sql, ["select 1"]), "ENOTSUP"],
    "Bun.sql.begin": [() => member(sql, "begin", () => {}), "ENOTSUP"],
    "Bun.SQL": [() => make(SQL, `postgres://${host}:${port}/`), "ENOTSUP"],
    "Bun.redis": [() => member(redis, "get", "x"), "ENOTSUP"],
    "Bun.RedisClient": [() => make(RedisClient, `redis://${host}:${port}`), "ENOTSUP"],
    "Bun.s3": [() => member(s3, "list"), "ENOTSUP"],
    "Bun.file of a bucket": [() => use(file, "s3://bucket/name"), "ENOTSUP"],
    "Bun.write to a bucket": [() => use(write, "s3://bucket/name", "x"), "ENOTSUP"],
    "Bun.dns.lookup": [
      async () => String(((await member(names, "lookup", "client")) as { address: string }[])[0]!.address),
      "10.0.0.1",
    ],
    "Bun.dns.resolveMx": [() => member(names, "resolveMx", "client"), "ENOTSUP"],
    "Bun.dns.prefetch": [() => member(names, "prefetch", "localhost"), "ENOTSUP"],
    "fetch.preconnect": [() => member(fetch, "preconnect", url), "ENOTSUP"],
    "undici.request": [() => member(packages[0], "request", url), "ENOTSUP"],
    "undici.Client": [() => make(packages[0]!.Client, url), "ENOTSUP"],
    "ws.WebSocket": [() => make(packages[1]!.WebSocket, url), "ENOTSUP"],
    "ws.WebSocketServer": [() => make(packages[1]!.WebSocketServer, { port: 0 }), "ENOTSUP"],
  };
};

/** The code of what was thrown, or came about. */
async function outcome(call: () => unknown): Promise<unknown> {
  const isError = (value: unknown): value is NodeJS.ErrnoException => value instanceof Error;
  let result: unknown;
  try {
    result = await call();
  } catch (error) {
    result = error;
  }
  if (isError(result)) return result.code ?? result.message;
  return typeof result === "object" ? "an object" : result;
}

const calls = bun ? { ...CALLS, ...bunCalls() } : CALLS;

/** Exports that are what they were. */
const unchanged = (now: Bag, was: Bag) => Object.keys(now).filter((name) => now[name] === was[name]);

await report({
  ...Object.fromEntries(
    Object.entries(MODULES).map(([name, known]) => [
      `of node:${name} only what uses no network is as it was`,
      () =>
        assert.deepEqual(
          unchanged(load(name), before.get(name)!).filter((each) => !known.includes(each)),
          [],
        ),
    ]),
  ),
  "of dns.promises, too": () =>
    assert.deepEqual(
      unchanged(dns.promises as unknown as Bag, promisesBefore).filter((name) => !MODULES.dns!.includes(name)),
      [],
    ),
  "all modules of the runtime are known": () => {
    const known = new Set([...OTHERS, ...Object.keys(MODULES)]);
    assert.deepEqual(
      builtinModules.filter((name) => !known.has(name)),
      [],
    );
  },
  "of the global scope": () =>
    assert.deepEqual(
      GLOBALS.filter((name) => scope[name] !== undefined && scope[name] === globalsBefore[name]),
      [],
    ),
  "of Bun, but for what it lets nobody change": () => {
    if (!bun) return;
    const left = unchanged(bun, bunBefore).filter((name) => !BUN.includes(name));
    assert.deepEqual(left.sort(), [...UNCHANGEABLE].sort());
    for (const name of UNCHANGEABLE)
      assert.equal(Object.getOwnPropertyDescriptor(bun, name)?.writable, false, `Bun.${name} can be refused now`);
  },
  ...Object.fromEntries(
    Object.entries(calls).map(([name, [call, expected]]) => [
      name,
      () =>
        between(
          () => {},
          async () => assert.equal(await outcome(call), expected),
        ),
    ]),
  ),
  "code that belongs to no host is refused while a world runs": () =>
    between(
      () => {},
      async () => {
        for (const call of [
          () => net.connect(port, host),
          () => fetch(`http://${host}:${port}`),
          () => dgram.createSocket("udp4"),
        ])
          assert.equal(await places.exit(() => outcome(call)), "EINVAL");
      },
    ),
  "what refuses says what to use instead": () =>
    between(
      () => {},
      () =>
        assert.throws(
          () => cluster.fork(),
          /^WorldError: the process of cluster\.fork would use this machine's network, not the world's: use several hosts$/,
        ),
    ),
  "nothing has arrived on this machine's loopback": async () => {
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual(arrived, []);
  },
  "outside of worlds all of it is this machine's": async () => {
    const socket = early.connect(port, host);
    await event(socket, "close");
    assert.equal(await called((done) => dgram.createSocket("udp4").send("x", udp, host, done)), 1);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual(arrived.sort(), ["TCP", "UDP"]);
  },
});

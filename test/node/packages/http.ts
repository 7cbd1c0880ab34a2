/** HTTP, TLS and WebSocket. What follows a comment "glue" is in docs/NODE.md. */
import assert from "node:assert/strict";
import { type EventEmitter, once } from "node:events";
import http, { type IncomingMessage, type Server } from "node:http";
import http2, { type ClientHttp2Stream } from "node:http2";
import https from "node:https";
import tls from "node:tls";
import { httpAgent, httpsAgent, undiciConnect } from "#node/agents";
import { nodeFetch } from "#node/fetch";
import type { Case, Ground } from "./ground.ts";

interface Undici {
  Agent: new (options: object) => { destroy(): Promise<void> };
  request(url: string, options: object): Promise<{ statusCode: number; body: { text(): Promise<string> } }>;
  fetch(url: string, options: object): Promise<Response>;
}

interface WebSocketLike extends EventEmitter {
  send(data: unknown, options?: { binary: boolean }): void;
  close(): void;
}

type WebSocketClass = new (url: string, options: object) => WebSocketLike;
type WebSocketServerClass = new (options: object) => EventEmitter;

/** What comes until the end. */
async function textOf(stream: AsyncIterable<unknown>): Promise<string> {
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  return text;
}

/** A server that answers with what it was asked for, and with the number of the connection. */
function answering(): Server {
  const sockets: unknown[] = [];
  return http.createServer(async (request, response) => {
    if (!sockets.includes(request.socket)) sockets.push(request.socket);
    const body = await textOf(request);
    response.end(`${request.method} ${request.url} ${body} ${sockets.indexOf(request.socket) + 1}`);
  });
}

async function plain({ net }: Ground): Promise<number> {
  const server = answering();
  // glue: http server
  const listener = net.createServer({ allowHalfOpen: true }, (socket) => server.emit("connection", socket));
  return listening(listener);
}

async function secured({ net, key, cert }: Ground): Promise<number> {
  const server = answering();
  // glue: https server
  const shield = tls.createServer({ key, cert }, (socket) => server.emit("connection", socket));
  return listening(net.createServer({ allowHalfOpen: true }, (socket) => shield.emit("connection", socket)));
}

async function listening(listener: ReturnType<Ground["net"]["createServer"]>): Promise<number> {
  listener.listen(0);
  await once(listener, "listening");
  return listener.address()!.port;
}

function answer(request: http.ClientRequest): Promise<string> {
  return new Promise((resolve, reject) => {
    request.on("error", reject);
    request.on("response", (response: IncomingMessage) => textOf(response).then(resolve, reject));
  });
}

async function httpCase(ground: Ground): Promise<void> {
  const { host, peerStack } = ground;
  const port = await plain(ground);
  // glue: http client
  const agent = httpAgent(peerStack, { keepAlive: true });
  const get = http.get({ host, port, path: "/one", agent });
  assert.equal(await answer(get), "GET /one  1");
  const post = http.request({ host, port, path: "/two", method: "POST", agent });
  post.end("body");
  assert.equal(await answer(post), "POST /two body 1");
  agent.destroy();
}

async function createConnectionCase(ground: Ground): Promise<void> {
  const { host, peer } = ground;
  const port = await plain(ground);
  // glue: createConnection client
  const get = http.get({ host, port, path: "/one", createConnection: peer.connect as never });
  assert.equal(await answer(get), "GET /one  1");
}

async function httpsCase(ground: Ground): Promise<void> {
  const { host, peerStack, cert } = ground;
  const port = await secured(ground);
  // glue: https client
  const agent = httpsAgent(peerStack, { ca: cert, keepAlive: true });
  const get = https.get({ host, port, path: "/one", agent, servername: "server.example" });
  assert.equal(await answer(get), "GET /one  1");
  agent.destroy();
  const suspicious = https.get({ host, port, path: "/", agent: httpsAgent(peerStack), servername: "server.example" });
  await assert.rejects(answer(suspicious), /self.signed|unable to verify|DEPTH_ZERO/i);
}

async function tlsCase({ net, peer, host, key, cert }: Ground): Promise<void> {
  const server = tls.createServer({ key, cert }, (socket) => socket.pipe(socket));
  // glue: tls server
  const listener = net.createServer({ allowHalfOpen: true }, (socket) => server.emit("connection", socket));
  const port = await listening(listener);
  // glue: tls client
  const socket = tls.connect({ socket: peer.connect(port, host), ca: cert, servername: "server.example" });
  socket.end("over TLS");
  assert.equal(await textOf(socket), "over TLS");
  assert.equal(socket.authorized, true);
}

async function http2Case(ground: Ground): Promise<void> {
  const { net, peer, host } = ground;
  const server = http2.createServer((request, response) => response.end(`h2 ${request.url}`));
  // glue: http2 server
  const listener = net.createServer({ allowHalfOpen: true }, (socket) => server.emit("connection", socket));
  const port = await listening(listener);
  const socket = peer.connect(port, host);
  // glue: http2 client
  const session = http2.connect(`http://${host}`, { createConnection: () => socket as never });
  const answers = ["/one", "/two"].map(async (path) => {
    const stream: ClientHttp2Stream = session.request({ ":path": path });
    stream.setEncoding("utf8");
    return textOf(stream);
  });
  assert.deepEqual(await Promise.all(answers), ["h2 /one", "h2 /two"]);
  session.close();
  await http2OverTls(ground);
}

async function http2OverTls({ net, peer, host, key, cert }: Ground): Promise<void> {
  const server = http2.createServer((request, response) => response.end(`secure ${request.url}`));
  const shield = tls.createServer({ key, cert, ALPNProtocols: ["h2"] }, (socket) => server.emit("connection", socket));
  const port = await listening(
    net.createServer({ allowHalfOpen: true }, (socket) => shield.emit("connection", socket)),
  );
  const options = { ca: cert, servername: "server.example", ALPNProtocols: ["h2"] };
  const socket = tls.connect({ ...options, socket: peer.connect(port, host) });
  await once(socket, "secureConnect");
  const session = http2.connect("https://server.example", { createConnection: () => socket as never });
  const stream = session.request({ ":path": "/one" });
  stream.setEncoding("utf8");
  assert.equal(await textOf(stream), "secure /one");
  session.close();
}

async function undiciCase(ground: Ground): Promise<void> {
  const { host, peerStack, cert, load } = ground;
  const { Agent, request, fetch } = load<Undici>("undici/index.js");
  // glue: undici client
  const dispatcher = new Agent({ connect: undiciConnect(peerStack, { tls: { ca: cert } }) });
  const port = await plain(ground);
  const { statusCode, body } = await request(`http://${host}:${port}/one`, { dispatcher });
  assert.deepEqual([statusCode, await body.text()], [200, "GET /one  1"]);
  const init = { method: "POST", body: "body", dispatcher };
  assert.match(await (await fetch(`http://${host}:${port}/two`, init)).text(), /^POST \/two body [12]$/);
  const securePort = await secured(ground);
  const secure = `https://${host}:${securePort}/three`;
  const trusted = await request(secure, { dispatcher, servername: "server.example" });
  assert.equal(await trusted.body.text(), "GET /three  1");
  const strangers = new Agent({ connect: undiciConnect(peerStack, { tls: { ca: cert } }) });
  await assert.rejects(request(secure, { dispatcher: strangers }), { code: "ERR_TLS_CERT_ALTNAME_INVALID" });
  await strangers.destroy();
  await dispatcher.destroy();
}

async function wsCase({ net, peer, host, load, key, cert }: Ground): Promise<void> {
  // By their paths, because Bun has a `ws` of its own.
  const WebSocket = load<WebSocketClass>("ws/lib/websocket.js");
  const WebSocketServer = load<WebSocketServerClass>("ws/lib/websocket-server.js");
  const server = http.createServer();
  // glue: ws server
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket: WebSocketLike) =>
    socket.on("message", (data: Buffer, isBinary: boolean) => socket.send(data, { binary: isBinary })),
  );
  const port = await listening(
    net.createServer({ allowHalfOpen: true }, (socket) => server.emit("connection", socket)),
  );
  // glue: ws client
  const socket = new WebSocket(`ws://${host}:${port}/`, { createConnection: peer.connect });
  await once(socket, "open");
  socket.send("hello");
  const [text] = await once(socket, "message");
  assert.equal(String(text), "hello");
  const big = Buffer.alloc(300_000, 7);
  socket.send(big);
  const [back] = await once(socket, "message");
  assert.deepEqual(back, big);
  socket.close();
  const [code] = await once(socket, "close");
  assert.equal(code, 1005);
  const shield = tls.createServer({ key, cert }, (encrypted) => server.emit("connection", encrypted));
  const securePort = await listening(
    net.createServer({ allowHalfOpen: true }, (plain) => shield.emit("connection", plain)),
  );
  const options = { ca: cert, servername: "server.example" };
  const secure = new WebSocket("wss://server.example/", {
    createConnection: () => tls.connect({ ...options, socket: peer.connect(securePort, host) }),
  });
  await once(secure, "open");
  secure.send("over TLS");
  assert.equal(String((await once(secure, "message"))[0]), "over TLS");
  secure.close();
  await once(secure, "close");
}

async function fetchCase(ground: Ground): Promise<void> {
  const { host, peerStack } = ground;
  const port = await plain(ground);
  // glue: fetch client
  const fetch = nodeFetch(peerStack);
  const response = await fetch(`http://${host}:${port}/one`);
  assert.deepEqual([response.status, await response.text()], [200, "GET /one  1"]);
  await fetch.close();
}

export const HTTP: readonly Case[] = [
  { name: "http", run: httpCase },
  { name: "createConnection", run: createConnectionCase },
  { name: "https", run: httpsCase },
  { name: "tls", run: tlsCase },
  { name: "http2", run: http2Case },
  { name: "fetch", run: fetchCase },
  { name: "undici", run: undiciCase },
  { name: "ws", run: wsCase },
];

/** The global `WebSocket` on hosts of a world, with a server of `ws`. */

import { createHash } from "node:crypto";
import http from "node:http";
import https from "node:https";
import { createRequire } from "node:module";
import net from "node:net";
import { places } from "#lab/world/place";
import { certificate } from "../runners/certificate.ts";
import { assert, between, report } from "./cases.ts";

const folder = process.argv[2]!;
const require = createRequire(`${folder}/`);
// By its path: Bun has one of its own by the name.
const WebSocketServer = require(`${folder}/ws/lib/websocket-server.js`);

interface Peer {
  on(name: string, call: (...args: never[]) => void): void;
  send(data: unknown, options?: object): void;
  ping(data: string): void;
  close(code?: number, reason?: string): void;
  terminate(): void;
}

/** What the server's connections were closed with. */
const closed: unknown[] = [];

function chat(server: object): void {
  const sockets = new WebSocketServer({
    server,
    handleProtocols: (protocols: Set<string>) => (protocols.has("chat") ? "chat" : false),
  });
  sockets.on("connection", (peer: Peer, request: http.IncomingMessage) => {
    peer.on("message", (data: Buffer, isBinary: boolean) => {
      const text = isBinary ? "" : String(data);
      if (text === "close") peer.close(4_001, "as you like");
      else if (text === "cut") peer.terminate();
      else if (text === "ping") peer.ping("x");
      else if (text === "headers") peer.send(String(request.headers["x-mine"]));
      else peer.send(data, { binary: isBinary });
    });
    peer.on("pong", (data: Buffer) => peer.send(`pong ${data}`));
    peer.on("close", (code: number, reason: Buffer) => closed.push([code, String(reason)]));
    peer.on("error", () => {});
  });
}

const serve = () => {
  const plain = http.createServer((_, response) => response.writeHead(404).end());
  chat(plain);
  plain.listen(80);
  const secure = https.createServer(certificate);
  chat(secure);
  secure.listen(443);
};

const opened = (socket: WebSocket) =>
  new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    socket.addEventListener("error", () => reject(new Error("no connection")));
  });
const message = (socket: WebSocket) =>
  new Promise<unknown>((resolve) => socket.addEventListener("message", ({ data }) => resolve(data), { once: true }));
const ended = (socket: WebSocket) =>
  new Promise<unknown>((resolve) =>
    socket.addEventListener("close", ({ code, reason, wasClean }) => resolve([code, reason, wasClean])),
  );

/** A server that answers the handshake as `answer` says, and then sends these octets. */
const odd = (answer: (key: string) => string, octets: Uint8Array) => () =>
  void net
    .createServer((socket) => {
      socket
        .on("error", () => {})
        .once("data", (head) => {
          const key = /sec-websocket-key: (\S+)/i.exec(String(head))![1]!;
          socket.write(answer(key));
          socket.write(octets);
        });
    })
    .listen(80);
const agreed = (key: string) =>
  `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${createHash(
    "sha1",
  )
    .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest("base64")}\r\n\r\n`;

await report({
  "texts and octets of all sizes come back, in the type that was asked for": () =>
    between(serve, async () => {
      const socket = new WebSocket("ws://server/");
      assert.deepEqual([socket instanceof WebSocket, socket.readyState, socket.url], [true, 0, "ws://server/"]);
      assert.throws(() => socket.send("early"), { name: "InvalidStateError" });
      await opened(socket);
      assert.equal(places.getStore()?.name, "client");
      for (const length of [0, 1, 125, 126, 65_535, 65_536, 300_000]) {
        socket.send("x".repeat(length));
        assert.equal(await message(socket), "x".repeat(length));
        const octets = Uint8Array.from({ length }, (_, i) => i * 7);
        for (const [type, read] of [
          ["arraybuffer", (data: unknown) => new Uint8Array(data as ArrayBuffer)],
          ["blob", async (data: unknown) => new Uint8Array(await (data as Blob).arrayBuffer())],
        ] as const) {
          socket.binaryType = type;
          socket.send(type === "blob" ? new Blob([octets]) : octets);
          assert.deepEqual(await read(await message(socket)), octets);
        }
      }
      assert.equal(socket.bufferedAmount, 0);
    }),

  "it closes in order, from either side, and by itself where the connection is cut": () =>
    between(serve, async () => {
      for (const [say, expected] of [
        [(socket: WebSocket) => socket.send("close"), [4_001, "as you like", true]],
        [(socket: WebSocket) => socket.close(3_000, "enough"), [3_000, "enough", true]],
        [(socket: WebSocket) => socket.close(), [1_005, "", true]],
        [(socket: WebSocket) => socket.send("cut"), [1_006, "", false]],
      ] as const) {
        const socket = new WebSocket("ws://server/");
        await opened(socket);
        const end = ended(socket);
        say(socket);
        assert.deepEqual(await end, expected);
        assert.equal(socket.readyState, WebSocket.CLOSED);
      }
      assert.deepEqual(closed.slice(1, 3), [
        [3_000, "enough"],
        [1_005, ""],
      ]);
    }),

  "subprotocols, headers, and pings": () =>
    between(serve, async () => {
      const socket = new WebSocket("ws://server/", {
        protocols: ["other", "chat"],
        headers: { "x-mine": "7" },
      } as never);
      const open = new Promise((resolve) => (socket.onopen = resolve));
      await open;
      assert.equal(socket.protocol, "chat");
      socket.send("headers");
      assert.equal(await message(socket), "7");
      socket.send("ping");
      assert.equal(await message(socket), "pong x");
    }),

  "wss:, with options of TLS; an untrusted certificate is an error": () =>
    between(serve, async () => {
      const socket = new WebSocket("wss://server/", { tls: { ca: certificate.cert } } as never);
      await opened(socket);
      socket.send("secret");
      assert.equal(await message(socket), "secret");
      assert.deepEqual(await ended(new WebSocket("wss://server/")), [1_006, "", false]);
    }),

  "after a crash of the server the next message resets it": () =>
    between(serve, async (world) => {
      const socket = new WebSocket("ws://server/");
      await opened(socket);
      const end = ended(socket);
      world.restart("server");
      socket.send("hello?");
      assert.deepEqual(await end, [1_006, "", false]);
    }),

  "what is refused": () =>
    between(serve, async () => {
      for (const [url, protocols] of [
        ["ftp://server/", []],
        ["ws://server/#x", []],
        ["no url", []],
        ["ws://server/", ["a", "a"]],
        ["ws://server/", ["no token"]],
      ] as const)
        assert.throws(() => new WebSocket(url, [...protocols]), { name: "SyntaxError" });
      const socket = new WebSocket("ws://server/");
      assert.throws(() => socket.close(1_001), { name: "InvalidAccessError" });
      assert.throws(() => socket.close(1_000, "x".repeat(124)), { name: "SyntaxError" });
      const end = ended(socket);
      socket.close();
      assert.deepEqual(await end, [1_006, "", false]);
      assert.deepEqual(await ended(new WebSocket("ws://server:81/")), [1_006, "", false]);
      assert.deepEqual(await ended(new WebSocket("ws://nobody/")), [1_006, "", false]);
    }),

  "a server that breaks the rules": async () => {
    for (const [what, answer, octets, code] of [
      ["not 101", () => "HTTP/1.1 200 OK\r\n\r\n", [], 1_006],
      ["a wrong Sec-WebSocket-Accept", () => agreed("other"), [], 1_006],
      ["a masked frame", agreed, [0x81, 0x81, 0, 0, 0, 0, 65], 1_002],
      ["a reserved bit", agreed, [0xc1, 1, 65], 1_002],
      ["an opcode that does not exist", agreed, [0x83, 0], 1_002],
      ["a control frame in fragments", agreed, [0x09, 0], 1_002],
      ["a continuation of nothing", agreed, [0x80, 0], 1_002],
      ["a text that is not UTF-8", agreed, [0x81, 1, 0xff], 1_007],
    ] as const) {
      await between(odd(answer, Uint8Array.from(octets)), async () => {
        const socket = new WebSocket("ws://server/");
        assert.deepEqual(await ended(socket), [code, "", false], what);
      });
    }
  },

  "fragments are put together, with a ping between them": () =>
    between(odd(agreed, Uint8Array.from([0x01, 1, 65, 0x89, 0, 0x00, 1, 66, 0x80, 1, 67])), async () => {
      assert.equal(await message(new WebSocket("ws://server/")), "ABC");
    }),

  "two runs of a seed are the same": async () => {
    const run = async () => {
      const world = await between(
        serve,
        async () => {
          const socket = new WebSocket("ws://server/");
          await opened(socket);
          for (let i = 0; i < 10; i++) {
            socket.send("x".repeat(i * 1_000));
            await message(socket);
          }
        },
        { seed: 9, link: "delay 20ms jitter 5ms loss 5%" },
      );
      return [world.digest, world.now];
    };
    assert.deepEqual(await run(), await run());
  },
});

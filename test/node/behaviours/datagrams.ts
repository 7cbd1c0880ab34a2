/** `dgram`. */
import assert from "node:assert/strict";
import type * as dgram from "node:dgram";
import { type EventEmitter, once } from "node:events";
import { emitted, failure, type Ground, noting, subject, turn } from "./ground.ts";

const { all, it } = subject("dgram");
export default all;

type Udp = dgram.Socket;

/** A socket of the side that serves, bound to a free port. */
async function bound(ground: Ground): Promise<{ socket: Udp; port: number }> {
  const socket = ground.dgram.createSocket("udp4");
  socket.bind(0, ground.host);
  await once(socket, "listening");
  return { socket, port: socket.address().port };
}

const close = async (...sockets: Udp[]) => {
  for (const socket of sockets) await new Promise<void>((resolve) => socket.close(resolve));
};

const message = async (socket: EventEmitter) => {
  const [octets, remote] = (await emitted(socket, "message")) as [Buffer, dgram.RemoteInfo];
  return { text: String(octets), isBuffer: Buffer.isBuffer(octets), remote };
};

const thrown = (call: () => unknown): NodeJS.ErrnoException | undefined => {
  try {
    call();
  } catch (error) {
    return error as NodeJS.ErrnoException;
  }
  return undefined;
};

it("a datagram arrives with its sender's address, family, port and size, and the answer finds the way back", async (ground) => {
  const { socket, port } = await bound(ground);
  const client = ground.peerDgram.createSocket("udp4");
  const asked = message(socket);
  client.send("hello", port, ground.host);
  const { text, isBuffer, remote } = await asked;
  assert.deepEqual([text, isBuffer, remote.family, remote.size], ["hello", true, "IPv4", 5]);
  assert.deepEqual(Object.keys(remote).sort(), ["address", "family", "port", "size"]);
  assert.equal(remote.port, client.address().port);
  const answered = message(client);
  socket.send("world", remote.port, remote.address);
  const answer = await answered;
  assert.deepEqual([answer.text, answer.remote.address, answer.remote.port], ["world", ground.host, port]);
  await close(socket, client);
});

it("send takes texts, views, lists and a part of a buffer, and its callback the number of octets", async (ground) => {
  const { socket, port } = await bound(ground);
  const client = ground.peerDgram.createSocket("udp4");
  const sent = async (...args: unknown[]) => {
    const arrived = message(socket);
    const told = new Promise((resolve) =>
      (client.send as (...all: unknown[]) => void)(...args, port, ground.host, (...results: unknown[]) =>
        resolve(results),
      ),
    );
    return [(await arrived).text, await told];
  };
  assert.deepEqual(await sent("tést"), ["tést", [null, 5]]);
  assert.deepEqual(await sent(Uint8Array.of(65, 66)), ["AB", [null, 2]]);
  assert.deepEqual(await sent(new DataView(Uint8Array.of(65, 66, 67).buffer, 1)), ["BC", [null, 2]]);
  assert.deepEqual(await sent([Buffer.from("a"), "b", Buffer.from("c")]), ["abc", [null, 3]]);
  assert.deepEqual(await sent(Buffer.from("0123456"), 2, 3), ["234", [null, 3]]);
  assert.deepEqual(await sent(""), ["", [null, 0]]);
  await close(socket, client);
});

it("bind takes port and address, options, or nothing; its callback is called at listening", async (ground) => {
  for (const args of [[], [0], [0, ground.host], [{ port: 0, address: ground.host }], [{}]] as unknown[][]) {
    const socket = ground.dgram.createSocket({ type: "udp4" });
    const seen = noting(socket, "listening", "close");
    await new Promise<void>((resolve) => (socket.bind as (...all: unknown[]) => void)(...args, resolve));
    assert.ok(socket.address().port > 0);
    assert.equal(socket.address().family, "IPv4");
    assert.equal(socket.address().address, args.length > 1 || "address" in Object(args[0]) ? ground.host : "0.0.0.0");
    await close(socket);
    assert.deepEqual(seen, ["listening", "close"]);
  }
});

it("bind a second time is refused, and so is a port that another socket has", async (ground) => {
  const { socket, port } = await bound(ground);
  assert.equal(thrown(() => socket.bind(0))?.code, "ERR_SOCKET_ALREADY_BOUND");
  const other = ground.dgram.createSocket("udp4");
  const failing = failure(other);
  other.bind(port, ground.host);
  const { code, syscall, port: at, address, message: text } = await failing;
  assert.deepEqual([code, syscall, at, address], ["EADDRINUSE", "bind", port, ground.host]);
  assert.equal(text, `bind EADDRINUSE ${ground.host}:${port}`);
  other.bind(0, ground.host);
  await once(other, "listening");
  const elsewhere = ground.dgram.createSocket("udp4");
  elsewhere.bind(0, ground.foreign);
  assert.equal((await failure(elsewhere)).code, "EADDRNOTAVAIL");
  await close(socket, other, elsewhere);
});

it("a socket that sends before it is bound is bound to a free port, and what was sent first arrives first", async (ground) => {
  const { socket, port } = await bound(ground);
  const client = ground.peerDgram.createSocket("udp4");
  assert.equal(thrown(() => client.address())?.syscall, "getsockname");
  const seen = noting(client, "listening");
  const texts: string[] = [];
  socket.on("message", (octets) => texts.push(String(octets)));
  for (let i = 0; i < 3; i++) client.send(`${i}`, port, ground.host);
  while (texts.length < 3) await turn();
  assert.deepEqual(texts, ["0", "1", "2"]);
  assert.deepEqual(seen, ["listening"]);
  await close(socket, client);
});

it("a connected socket sends without an address, knows its remote, and hears nobody else", async (ground) => {
  const { socket, port } = await bound(ground);
  const client = ground.peerDgram.createSocket("udp4");
  assert.equal(thrown(() => client.remoteAddress())?.code, "ERR_SOCKET_DGRAM_NOT_CONNECTED");
  assert.equal(thrown(() => client.disconnect())?.code, "ERR_SOCKET_DGRAM_NOT_CONNECTED");
  await new Promise<void>((resolve) => client.connect(port, ground.host, resolve));
  assert.deepEqual(client.remoteAddress(), { address: ground.host, family: "IPv4", port });
  assert.equal(thrown(() => client.connect(port, ground.host))?.code, "ERR_SOCKET_DGRAM_IS_CONNECTED");
  assert.equal(thrown(() => client.send("x", 0, 1, port, ground.host))?.code, "ERR_SOCKET_DGRAM_IS_CONNECTED");
  const arrived = message(socket);
  client.send("one");
  const { text, remote } = await arrived;
  assert.equal(text, "one");
  const stranger = ground.dgram.createSocket("udp4");
  const heard = message(client);
  await new Promise((resolve) => stranger.send("stranger", remote.port, remote.address, resolve));
  socket.send("known", remote.port, remote.address);
  assert.equal((await heard).text, "known");
  const part = message(socket);
  client.send(Buffer.from("0123"), 1, 2);
  assert.equal((await part).text, "12");
  client.disconnect();
  assert.equal(thrown(() => client.remoteAddress())?.code, "ERR_SOCKET_DGRAM_NOT_CONNECTED");
  const again = message(socket);
  client.send("again", port, ground.host);
  assert.equal((await again).text, "again");
  await close(socket, client, stranger);
});

it("a connected socket is told that nobody receives", async (ground) => {
  const { socket, port } = await bound(ground);
  await close(socket);
  const client = ground.peerDgram.createSocket("udp4");
  await new Promise<void>((resolve) => client.connect(port, ground.host, resolve));
  const failing = failure(client);
  client.send("anybody?");
  const { code, syscall } = await failing;
  assert.deepEqual([code, syscall], ["ECONNREFUSED", "recvmsg"]);
  await close(client);
});

it("what a listener throws is the program's, whatever its code is", async (ground) => {
  const { socket, port } = await bound(ground);
  const before = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  const uncaught = new Promise<Error>((resolve) => process.once("uncaughtException", resolve));
  const seen = noting(socket, "error");
  const client = ground.peerDgram.createSocket("udp4");
  socket.once("message", () => {
    throw Object.assign(new Error("of the listener"), { code: "ECONNREFUSED" });
  });
  client.send("one", port, ground.host);
  assert.equal((await uncaught).message, "of the listener");
  for (const listener of before) process.on("uncaughtException", listener);
  assert.deepEqual(seen, []);
  await close(socket, client);
});

it("after close nothing can be called, and close is emitted once", async (ground) => {
  const { socket } = await bound(ground);
  const seen = noting(socket, "close");
  await close(socket);
  for (const call of [
    () => socket.send("x", 1, ground.host),
    () => socket.bind(0),
    () => socket.address(),
    () => socket.close(),
  ])
    assert.equal(thrown(call)?.code, "ERR_SOCKET_DGRAM_NOT_RUNNING");
  assert.deepEqual(seen, ["close"]);
});

it("a socket that is closed right after bind never listens; one that is closed right after send is bound first", async (ground) => {
  const socket = ground.dgram.createSocket("udp4");
  const seen = noting(socket, "listening", "close", "error");
  socket.bind(0, ground.host);
  socket.close();
  await emitted(socket, "close");
  assert.deepEqual(seen, ["close"]);
  const client = ground.peerDgram.createSocket("udp4");
  const seenToo = noting(client, "listening", "close", "error");
  client.send("last", 9, ground.host);
  client.close();
  await emitted(client, "close");
  assert.deepEqual(seenToo, ["listening", "close"]);
});

it("wrong types, ports and messages are refused at once", async (ground) => {
  const { dgram: own } = ground;
  const make = own.createSocket as (...args: unknown[]) => Udp;
  assert.equal(thrown(() => make("udp5"))?.code, "ERR_SOCKET_BAD_TYPE");
  assert.equal(thrown(() => make({}))?.code, "ERR_SOCKET_BAD_TYPE");
  const socket = make("udp4");
  const send = socket.send.bind(socket) as (...args: unknown[]) => void;
  for (const port of [0, 65_536, -1, 1.5, "", "x", undefined])
    assert.equal(thrown(() => send("x", port, ground.host))?.code, "ERR_SOCKET_BAD_PORT", `${port}`);
  assert.equal(thrown(() => send(5, 1, ground.host))?.code, "ERR_INVALID_ARG_TYPE");
  assert.equal(thrown(() => send("x", 1, 5))?.code, "ERR_INVALID_ARG_TYPE");
  assert.equal(thrown(() => send(Buffer.alloc(4), 3, 2, 1, ground.host))?.code, "ERR_BUFFER_OUT_OF_BOUNDS");
  assert.equal(thrown(() => send(Buffer.alloc(4), 5, 0, 1, ground.host))?.code, "ERR_BUFFER_OUT_OF_BOUNDS");
  assert.equal(thrown(() => socket.connect(0))?.code, "ERR_SOCKET_BAD_PORT");
  await close(socket);
});

it("a datagram that is too long is told to the callback, or as an error", async (ground) => {
  const { socket, port } = await bound(ground);
  const client = ground.peerDgram.createSocket("udp4");
  const told = await new Promise<NodeJS.ErrnoException>((resolve) =>
    client.send(Buffer.alloc(70_000), port, ground.host, (error) => resolve(error as NodeJS.ErrnoException)),
  );
  assert.deepEqual(
    [told.code, told.syscall, (told as { address?: string }).address],
    ["EMSGSIZE", "send", ground.host],
  );
  await close(socket, client);
});

it("names are looked up, by the option lookup, for the socket's family", async (ground) => {
  const { socket, port } = await bound(ground);
  const families: unknown[] = [];
  const lookup = (name: string, options: number | { family?: number }, done: (...args: unknown[]) => void) => {
    families.push(typeof options === "number" ? options : options.family);
    const all = typeof options === "object" && "all" in options && options.all === true;
    if (/^[\d.]+$/.test(name)) done(null, name, 4);
    else if (name !== "server.example") done(Object.assign(new Error("no such name"), { code: "ENOTFOUND" }));
    else if (all) done(null, [{ address: ground.host, family: 4 }]);
    else done(null, ground.host, 4);
  };
  const client = ground.peerDgram.createSocket({ type: "udp4", lookup: lookup as never });
  await new Promise<void>((resolve) => client.bind(0, resolve));
  families.length = 0;
  const arrived = message(socket);
  client.send("named", port, "server.example");
  assert.equal((await arrived).text, "named");
  assert.deepEqual(families, [4]);
  const told = await new Promise<NodeJS.ErrnoException>((resolve) =>
    client.send("x", port, "nobody.example", (error) => resolve(error as NodeJS.ErrnoException)),
  );
  assert.equal(told.code, "ENOTFOUND");
  const failing = failure(client);
  client.send("x", port, "nobody.example");
  assert.equal((await failing).code, "ENOTFOUND");
  await close(socket, client);
});

it("a signal closes the socket", async (ground) => {
  const { signal, abort } = (() => {
    const controller = new AbortController();
    return { signal: controller.signal, abort: () => controller.abort() };
  })();
  const socket = ground.dgram.createSocket({ type: "udp4", signal });
  socket.bind(0, ground.host);
  await once(socket, "listening");
  const closed = emitted(socket, "close");
  abort();
  await closed;
  const never = ground.dgram.createSocket({ type: "udp4", signal });
  await emitted(never, "close");
});

it("the listener of createSocket gets the messages", async (ground) => {
  const { socket, port } = await bound(ground);
  const answered = new Promise<string>((resolve) => {
    const client = ground.peerDgram.createSocket("udp4", (octets) => {
      resolve(String(octets));
      client.close();
    });
    client.send("x", port, ground.host);
  });
  const { remote } = await message(socket);
  socket.send("for the listener", remote.port, remote.address);
  assert.equal(await answered, "for the listener");
  await close(socket);
});

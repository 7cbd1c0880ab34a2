/** How our `fetch` ends where the runtimes' own do not: prints a line of JSON for each case, in Bun and in Node. */
import assert from "node:assert/strict";
import { writeSync } from "node:fs";
import type { RequestListener } from "node:http";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type Ground, pause, type Socket, subject, until, withServer } from "./behaviours/ground.ts";
import { ours } from "./behaviours/ours.ts";
import { tried } from "./behaviours/tried.ts";

const { all, it } = subject("our fetch");

const nameOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "resolved",
    (error: Error) => error.name,
  );

/** Collects what nobody refers to. */
async function collect(): Promise<void> {
  const { Bun: bun } = globalThis as { Bun?: { gc(now: boolean): void } };
  setFlagsFromString("--expose-gc");
  const gc = bun === undefined ? (runInNewContext("gc") as () => void) : () => bun.gc(true);
  for (let i = 0; i < 3; i++) {
    gc();
    await pause(5);
  }
}

/** A stream without end, and what it was cancelled with. */
function endless(): { readonly body: ReadableStream<Uint8Array>; readonly cancelled: unknown[]; pulls: number } {
  const cancelled: unknown[] = [];
  const source = { cancelled, pulls: 0 };
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      source.pulls++;
      await pause(1);
      controller.enqueue(new Uint8Array(100));
    },
    cancel: (reason) => void cancelled.push(reason),
  });
  return Object.assign(source, { body });
}

it("a signal fires before the answer and within the body, whatever has been collected meanwhile", async (ground) => {
  let asked = 0;
  const listener: RequestListener = (request, response) => {
    asked++;
    if (request.url === "/body") response.write("begun");
  };
  await withServer(ground, listener, async (url) => {
    for (const make of [
      (path: string, signal: AbortSignal) => ground.fetch(`${url}${path}`, { signal }),
      (path: string, signal: AbortSignal) => ground.fetch(new Request(`${url}${path}`, { signal })),
    ]) {
      const before = asked;
      const first = new AbortController();
      const waits = nameOf(make("/waits", first.signal));
      await until(() => asked > before);
      await collect();
      first.abort();
      assert.equal(await waits, "AbortError");
      const second = new AbortController();
      const text = nameOf((await make("/body", second.signal)).text());
      await collect();
      second.abort();
      assert.equal(await text, "AbortError");
    }
  });
});

it("a stream that is sent is cancelled with the reason of the signal, and is not read any more", async (ground) => {
  await withServer(
    ground,
    (request) => void request.resume(),
    async (url) => {
      for (const isRequest of [false, true]) {
        const { signal, abort } = (() => {
          const controller = new AbortController();
          return { signal: controller.signal, abort: (reason: unknown) => controller.abort(reason) };
        })();
        const source = endless();
        const init = { method: "POST", body: source.body, duplex: "half", signal } as RequestInit;
        const sent = (isRequest ? ground.fetch(new Request(url, init)) : ground.fetch(url, init)).catch(
          (error: unknown) => error,
        );
        await until(() => source.pulls > 3);
        const mine = new Error("mine");
        abort(mine);
        assert.equal(await sent, mine);
        await until(() => source.cancelled.length > 0);
        assert.deepEqual(source.cancelled, [mine]);
        const { pulls } = source;
        await pause(20);
        assert.ok(source.pulls <= pulls + 1);
      }
    },
  );
});

type Accepted = Socket;

/** A server that answers each request, once its head has come, with these octets. */
async function answering(ground: Ground, octets: (asked: number, socket: Accepted) => string) {
  let asked = 0;
  const sockets = new Set<Accepted>();
  const server = ground.net.createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    socket.on("data", () => void socket.write(octets(asked++, socket)));
  });
  server.listen(0, ground.host);
  await until(() => server.listening);
  const { port } = server.address() as { port: number };
  return { url: `http://${ground.host}:${port}`, sockets, close: () => server.close() };
}

it("an answer without a body has none, though the server sends one without end: the connection is ended", async (ground) => {
  const served = await answering(ground, () => "HTTP/1.1 205 Reset\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n");
  const response = await ground.fetch(served.url);
  assert.deepEqual([response.status, await response.text()], [205, ""]);
  await until(() => served.sockets.size === 0);
  served.close();
});

it("what is no octet in the name of a user is left as it is, also where a server redirects to it", async (ground) => {
  const served = await answering(ground, (asked) =>
    asked === 0
      ? `HTTP/1.1 302 Found\r\nlocation: ${served.url.replace("//", "//%zz:%41@")}\r\ncontent-length: 0\r\n\r\n`
      : "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
  );
  assert.equal(await (await ground.fetch(served.url)).text(), "ok");
  served.close();
  for (const socket of served.sockets) socket.destroy();
});

it("a request goes on to a new connection, however many that waited have ended", async (ground) => {
  let isOld = true;
  const ok = (text: string) => `HTTP/1.1 200 OK\r\ncontent-length: ${text.length}\r\n\r\n${text}`;
  let old: ReadonlySet<unknown> = new Set();
  const served = await answering(ground, (_, socket) => {
    if (isOld) return ok("old");
    if (!old.has(socket)) return ok("new");
    socket.resetAndDestroy();
    return "";
  });
  const texts = await Promise.all([1, 2, 3].map(async () => await (await ground.fetch(served.url)).text()));
  assert.deepEqual(texts, ["old", "old", "old"]);
  old = new Set(served.sockets);
  assert.equal(old.size, 3);
  isOld = false;
  await pause(20);
  assert.equal(await (await ground.fetch(served.url)).text(), "new");
  served.close();
  for (const socket of served.sockets) socket.destroy();
});

const ground = await ours();
for (const each of all) writeSync(1, `${JSON.stringify({ name: each.name, error: await tried(each, ground) })}\n`);
process.exit(0);

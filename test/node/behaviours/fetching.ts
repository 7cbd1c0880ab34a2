import assert from "node:assert/strict";
import http, { type IncomingMessage, type RequestListener } from "node:http";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { listening, octets, pause, serving, subject, until, withServer } from "./ground.ts";

const { all, it } = subject("fetch");
export default all;

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Answers with what was asked. */
const echo: RequestListener = async (request, response) => {
  const body = await bodyOf(request);
  const { method, url, headers } = request;
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ method, url, headers, body: String(body) }));
};

interface Echoed {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => assert.fail("it did not fail"),
    (error: Error & { code?: string; cause?: { code?: string } }) => error,
  );

it("a response has status, headers, url and body", async (ground) => {
  const listener: RequestListener = (_request, response) => {
    response.writeHead(201, "Made", [
      ["x-one", "1"],
      ["set-cookie", "a=1"],
      ["set-cookie", "b=2"],
      ["content-type", "application/json"],
    ] as never);
    response.end('{"answer":42}');
  };
  await withServer(ground, listener, async (url) => {
    const response = await ground.fetch(`${url}/path?query#fragment`);
    const { status, statusText, ok, redirected } = response;
    assert.deepEqual(
      { status, statusText, ok, redirected },
      { status: 201, statusText: "Made", ok: true, redirected: false },
    );
    assert.equal(response.url, `${url}/path?query`);
    assert.equal(response.headers.get("x-one"), "1");
    assert.deepEqual(response.headers.getSetCookie(), ["a=1", "b=2"]);
    assert.deepEqual(await response.json(), { answer: 42 });
    await assert.rejects(response.text(), TypeError);
  });
});

it("bodies of all kinds are sent, with their content-type", async (ground) => {
  await withServer(ground, echo, async (url) => {
    const form = new FormData();
    form.set("field", "value");
    const kinds: [NonNullable<RequestInit["body"]>, RegExp, RegExp][] = [
      ["text", /^text\/plain;charset=utf-8$/i, /^text$/],
      [new URLSearchParams({ a: "1 2" }), /^application\/x-www-form-urlencoded/, /^a=1\+2$/],
      [new TextEncoder().encode("octets"), /^undefined$/, /^octets$/],
      [new Blob(["blob"], { type: "text/x-blob" }), /^text\/x-blob/, /^blob$/],
      [form, /^multipart\/form-data; ?boundary=/, /name="field"\r\n\r\nvalue\r\n/],
    ];
    for (const [body, type, text] of kinds) {
      const response = await ground.fetch(url, { method: "POST", body });
      const echoed = (await response.json()) as Echoed;
      assert.match(String(echoed.headers["content-type"]), type);
      assert.match(echoed.body, text);
      assert.equal(Number(echoed.headers["content-length"]), Buffer.byteLength(echoed.body));
    }
  });
});

it("a stream is sent while it is made", async (ground) => {
  await withServer(ground, echo, async (url) => {
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        for (const part of ["one ", "two ", "three"]) {
          controller.enqueue(new TextEncoder().encode(part));
          await pause(5);
        }
        controller.close();
      },
    });
    const response = await ground.fetch(url, { method: "PUT", body, duplex: "half" } as RequestInit);
    const echoed = (await response.json()) as Echoed;
    assert.deepEqual([echoed.method, echoed.body], ["PUT", "one two three"]);
    assert.equal(echoed.headers["transfer-encoding"], "chunked");
  });
});

it("headers and a Request object", async (ground) => {
  await withServer(ground, echo, async (url) => {
    const request = new Request(`${url}/a`, { method: "PATCH", headers: { "X-Mine": "yes" }, body: "b" });
    const first = (await (await ground.fetch(request)).json()) as Echoed;
    assert.deepEqual([first.method, first.url, first.headers["x-mine"], first.body], ["PATCH", "/a", "yes", "b"]);
    const second = (await (await ground.fetch(new URL(`${url}/b`))).json()) as Echoed;
    assert.deepEqual([second.method, second.url, second.headers.accept], ["GET", "/b", "*/*"]);
    assert.equal(second.headers.host, url.slice("http://".length));
  });
});

it("HEAD, 204 and 304 have no body", async (ground) => {
  const listener: RequestListener = (request, response) => {
    response.statusCode = Number(request.url!.slice(1));
    response.setHeader("content-length", response.statusCode === 200 ? 5 : 0);
    response.end();
  };
  await withServer(ground, listener, async (url) => {
    for (const [method, status] of [
      ["HEAD", 200],
      ["GET", 204],
      ["GET", 304],
    ] as const) {
      const response = await ground.fetch(`${url}/${status}`, { method });
      assert.equal(response.status, status);
      assert.equal(await response.text(), "");
    }
  });
});

it("a body comes in pieces, as the server sends it", async (ground) => {
  let next: () => void = () => {};
  const listener: RequestListener = (_request, response) => {
    response.write("first");
    next = () => response.end("second");
  };
  await withServer(ground, listener, async (url) => {
    const reader = (await ground.fetch(url)).body!.getReader();
    const read = async () => String(Buffer.from((await reader.read()).value ?? []));
    assert.equal(await read(), "first");
    next();
    assert.equal(await read(), "second");
    assert.equal((await reader.read()).done, true);
  });
});

it("three megabytes there and back", async (ground) => {
  const data = octets(3 << 20);
  const listener: RequestListener = async (request, response) => void response.end(await bodyOf(request));
  await withServer(ground, listener, async (url) => {
    const response = await ground.fetch(url, { method: "POST", body: data });
    assert.ok(Buffer.from(await response.arrayBuffer()).equals(data));
  });
});

it("gzip and br are decoded", async (ground) => {
  const text = "over and over ".repeat(1_000);
  const listener: RequestListener = (request, response) => {
    const coding = request.url!.slice(1);
    assert.match(String(request.headers["accept-encoding"]), /gzip/);
    response.setHeader("content-encoding", coding);
    response.end(coding === "br" ? brotliCompressSync(text) : gzipSync(text));
  };
  await withServer(ground, listener, async (url) => {
    for (const coding of ["gzip", "br"]) assert.equal(await (await ground.fetch(`${url}/${coding}`)).text(), text);
  });
});

it("a signal that has fired, that fires before the answer, and that fires within the body", async (ground) => {
  const asked: string[] = [];
  const listener: RequestListener = (request, response) => {
    asked.push(request.url!);
    if (request.url === "/body") response.write("begun");
  };
  await withServer(ground, listener, async (url) => {
    const early = await failureOf(ground.fetch(`${url}/early`, { signal: AbortSignal.abort() }));
    assert.equal(early.name, "AbortError");
    const controller = new AbortController();
    const waits = failureOf(ground.fetch(`${url}/waits`, { signal: controller.signal }));
    await until(() => asked.includes("/waits"));
    controller.abort();
    assert.equal((await waits).name, "AbortError");
    const late = new AbortController();
    const response = await ground.fetch(`${url}/body`, { signal: late.signal });
    const text = failureOf(response.text());
    late.abort();
    assert.equal((await text).name, "AbortError");
    const slow = await failureOf(ground.fetch(`${url}/slow`, { signal: AbortSignal.timeout(20) }));
    assert.equal(slow.name, "TimeoutError");
    assert.deepEqual(asked.includes("/early"), false);
  });
});

it("a reason of one's own is what it rejects with", async (ground) => {
  await withServer(
    ground,
    () => {},
    async (url) => {
      const controller = new AbortController();
      const waits = failureOf(ground.fetch(url, { signal: controller.signal }));
      const mine = new Error("mine");
      controller.abort(mine);
      assert.equal(await waits, mine);
    },
  );
});

/** Redirects from /STATUS to /end. */
const redirecting: RequestListener = async (request, response) => {
  if (request.url === "/end") return echo(request, response);
  await bodyOf(request);
  response.writeHead(Number(request.url!.slice(1)) || 302, { location: request.url === "/loop" ? "/loop" : "/end" });
  response.end("elsewhere");
};

it("redirects: 301, 302 and 303 turn a POST into a GET, 307 and 308 do not", async (ground) => {
  await withServer(ground, redirecting, async (url) => {
    for (const status of [301, 302, 303, 307, 308]) {
      const response = await ground.fetch(`${url}/${status}`, { method: "POST", body: "body" });
      assert.deepEqual([response.status, response.redirected, response.url], [200, true, `${url}/end`]);
      const { method, body } = (await response.json()) as Echoed;
      assert.deepEqual([method, body], status < 304 ? ["GET", ""] : ["POST", "body"], `${status}`);
    }
    const put = (await (await ground.fetch(`${url}/302`, { method: "PUT", body: "body" })).json()) as Echoed;
    assert.deepEqual([put.method, put.body], ["PUT", "body"]);
  });
});

it("redirects: manual, error, and not for ever", async (ground) => {
  await withServer(ground, redirecting, async (url) => {
    const manual = await ground.fetch(`${url}/302`, { redirect: "manual" });
    assert.deepEqual([manual.status, manual.headers.get("location")], [302, "/end"]);
    await manual.body?.cancel();
    assert.ok((await failureOf(ground.fetch(`${url}/302`, { redirect: "error" }))) instanceof TypeError);
    assert.ok((await failureOf(ground.fetch(`${url}/loop`))) instanceof TypeError);
  });
});

it("redirects: another host gets no credentials", async (ground) => {
  await withServer(ground, echo, async (there) => {
    const listener: RequestListener = (_request, response) => {
      response.writeHead(302, { location: `${there}/` });
      response.end();
    };
    await withServer(ground, listener, async (here) => {
      const headers = { authorization: "Bearer secret", cookie: "a=1", "x-kept": "yes" };
      const echoed = (await (await ground.fetch(here, { headers })).json()) as Echoed;
      assert.equal(echoed.headers.authorization, undefined);
      assert.equal(echoed.headers.cookie, undefined);
      assert.equal(echoed.headers["x-kept"], "yes");
      assert.equal(echoed.headers.host, there.slice("http://".length));
    });
  });
});

it("connections are kept for the next request", async (ground) => {
  const sockets = new Set<unknown>();
  const listener: RequestListener = (request, response) => {
    sockets.add(request.socket);
    response.end("answer");
  };
  await withServer(ground, listener, async (url) => {
    for (let i = 0; i < 5; i++) {
      assert.equal(await (await ground.fetch(url)).text(), "answer");
      await pause(5);
    }
    assert.equal(sockets.size, 1);
  });
});

it("a kept connection that the server has closed is not an error", async (ground) => {
  let closed = Promise.withResolvers<void>();
  const listener: RequestListener = (request, response) => {
    request.socket.once("close", () => closed.resolve());
    response.on("finish", () => setTimeout(() => request.socket.destroy(), 5));
    response.end("answer");
  };
  await withServer(ground, listener, async (url) => {
    for (let i = 0; i < 4; i++) {
      closed = Promise.withResolvers();
      assert.equal(await (await ground.fetch(url)).text(), "answer");
      await closed.promise;
      // The client has to hear of it: a request that crosses the server's FIN fails, in Node as well.
      await pause(50);
    }
  });
});

it("twenty requests at once", async (ground) => {
  await withServer(ground, echo, async (url) => {
    const answers = Array.from({ length: 20 }, async (_, i) => {
      const response = await ground.fetch(`${url}/${i}`);
      return ((await response.json()) as Echoed).url;
    });
    assert.deepEqual(
      await Promise.all(answers),
      Array.from({ length: 20 }, (_, i) => `/${i}`),
    );
  });
});

it("a refused connection is a TypeError whose cause has the code", async (ground) => {
  const served = await serving(ground, http.createServer());
  served.close();
  await pause(5);
  const error = await failureOf(ground.fetch(served.url));
  assert.ok(error instanceof TypeError);
  assert.equal(error.message, "fetch failed");
  assert.equal(error.cause?.code, "ECONNREFUSED");
});

it("a server that breaks off within the body is an error of the body", async (ground) => {
  const listener: RequestListener = (_request, response) => {
    response.writeHead(200, { "content-length": 1_000 });
    response.write("begun");
    setTimeout(() => response.destroy(), 10);
  };
  await withServer(ground, listener, async (url) => {
    const response = await ground.fetch(url);
    assert.ok((await failureOf(response.text())) instanceof Error);
  });
});

it("a server that switches to another protocol is a TypeError", async (ground) => {
  const server = ground.net.createServer((socket) =>
    socket.once("data", () => socket.end("HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: odd\r\n\r\n")),
  );
  const port = await listening(ground, server);
  const error = await failureOf(ground.fetch(`http://${ground.host}:${port}/`));
  server.close();
  assert.ok(error instanceof TypeError);
  assert.equal(error.message, "fetch failed");
});

it("other schemes and broken URLs are TypeErrors", async ({ fetch }) => {
  for (const url of ["ftp://10.0.0.7/", "nonsense"]) assert.ok((await failureOf(fetch(url))) instanceof TypeError, url);
});

/** `stack.fetch`: what `nodeFetch` gives, from the stack itself, and loaded only when it is called (test/package has it installed and bundled). */
import { afterAll, beforeAll, expect, test } from "bun:test";
import http from "node:http";
import { pair } from "#device/pair";
import { nodeFetch } from "#node/fetch";
import { nodeNet } from "#node/net";
import { createStack } from "#socket/create-stack";
import type { NetStack } from "#socket/stack-types";

let host: NetStack;
let peer: NetStack;

const server = http.createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  response.end(`${request.method} ${request.headers.host} ${body}`);
});

beforeAll(async () => {
  const [a, b] = pair();
  host = await createStack({ device: a, address: "10.0.0.7/24" });
  peer = await createStack({ device: b, address: "10.0.0.5/24", resolve: () => ["10.0.0.7"] });
  nodeNet(host)
    .createServer({ allowHalfOpen: true }, (socket) => server.emit("connection", socket))
    .listen(80);
});
afterAll(() => Promise.all([host.close(), peer.close()]));

test("stack.fetch asks over the stack, by names that the stack resolves, and can be given away", async () => {
  const { fetch } = peer;
  const response: Response = await fetch("http://server/");
  expect([response.status, await response.text()]).toEqual([200, "GET server "]);
  const posted = await fetch(new Request("http://10.0.0.7/", { method: "POST", body: "a body" }));
  expect(await posted.text()).toBe("POST 10.0.0.7 a body");
});

test("calls one after another use the connection of the first, as fetch does", async () => {
  const before = peer.connections().length;
  for (let i = 0; i < 5; i++) await (await peer.fetch("http://10.0.0.7:80/")).text();
  expect(peer.connections().length - before).toBeLessThanOrEqual(1);
});

test("stack.fetch rejects, and never throws: bad URLs, bad schemes, aborted signals, closed stacks", async () => {
  const failure = (call: Promise<Response>) =>
    call.then(
      () => null,
      (error: Error) => `${error}`,
    );
  expect(await failure(peer.fetch("no URL"))).toMatch(/TypeError.*URL/);
  expect(await failure(peer.fetch("ftp://10.0.0.7/"))).toBe(
    "TypeError: fetch over a stack takes http: and https: URLs, not ftp:",
  );
  expect(await failure(peer.fetch("http://10.0.0.7/", { signal: AbortSignal.abort(new Error("mine")) }))).toBe(
    "Error: mine",
  );
  const closed = await createStack({ device: pair()[0], address: "10.0.0.9/24" });
  await closed.close();
  const error = await closed.fetch("http://10.0.0.7/").catch((caught: Error) => caught);
  expect([`${error}`, `${(error as Error).cause}`]).toEqual([
    "TypeError: fetch failed",
    "Error: connect ECONNABORTED 10.0.0.7:80",
  ]);
});

test("a signal that fires in the turn in which the answer arrives is not missed", async () => {
  const controller = new AbortController();
  const connect: NetStack["connect"] = (remote, options) => {
    const { data, ...handlers } = options!.socket!;
    return peer.connect(remote, {
      ...options,
      socket: {
        ...handlers,
        data(socket, octets) {
          const taken = data!(socket, octets);
          controller.abort();
          return taken;
        },
      },
    });
  };
  const aborting = new Proxy(peer, { get: (stack, name) => (name === "connect" ? connect : Reflect.get(stack, name)) });
  const fetch = nodeFetch(aborting);
  await expect(fetch("http://10.0.0.7/", { signal: controller.signal })).rejects.toThrow(/aborted/);
  fetch.close();
});

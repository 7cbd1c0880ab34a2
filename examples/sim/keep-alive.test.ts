/**
 * A server closes connections that were idle for a time (five seconds, to which Node adds one), and a client sends a request on one at the same moment: "socket hang up". The
 * request may not be sent again, because it is a POST. Run it with `node --test keep-alive.test.ts`: the server of Bun's node:http has no
 * keepAliveTimeout on connections from elsewhere.
 */

import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import KeepAliveAgent from "agentkeepalive";
import { forSeeds, type World } from "tcpnet/sim";

function post(agent: http.Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: "server", method: "POST", path: "/orders", agent }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode ?? 0));
    });
    request.on("error", reject).end("one of these");
  });
}

async function scenario(world: World, makeAgent: () => http.Agent): Promise<void> {
  world.link("client", "server", "delay 40ms jitter 10ms");
  world.host("server").start(() => {
    const server = http.createServer({ keepAliveTimeout: 5_000 }, (request, response) => {
      // As many load balancers, it does not tell its clients how long it waits.
      response.setHeader("Connection", "keep-alive");
      request.resume().on("end", () => response.end());
    });
    server.listen(80);
  });
  await world.host("client").run(async () => {
    const agent = makeAgent();
    for (let i = 0; i < 20; i++) {
      assert.equal(await post(agent), 200);
      await new Promise((resolve) => setTimeout(resolve, 5_500 + Math.random() * 1_000));
    }
  });
}

test("an agent that keeps connections for ever loses an order, in one of 50 seeds", async () => {
  await assert.rejects(
    forSeeds({ seeds: 50 }, (world) => scenario(world, () => new http.Agent({ keepAlive: true }))),
    { code: "ECONNRESET" },
  );
});

test("one that gives them up a second before the server does loses none", async () => {
  await forSeeds({ seeds: 10 }, (world) => scenario(world, () => new KeepAliveAgent({ freeSocketTimeout: 4_000 })));
});

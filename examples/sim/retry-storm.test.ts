/**
 * Clients poll a server each second and retry what fails. While the network is partitioned they pile up retries, which all arrive when it heals.
 * Run it with `node --test retry-storm.test.ts`, `bun test` or, with another import of `test`, in vitest.
 */

import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import pRetry, { type Options } from "p-retry";
import { forSeeds, type World } from "tcpnet/sim";

const CLIENTS = 5;
/** Connections in one second that the server endures. */
const CAPACITY = 20;

interface Client {
  readonly options: Options;
  /** Whether a poll begins while the one before still retries. */
  readonly overlaps: boolean;
}

/** What goes wrong: a poll each second whatever became of the others, and retries at a fixed pace. */
const STORMS: Client = { options: { retries: 100, factor: 1, minTimeout: 200 }, overlaps: true };
/** One at a time, with exponential back-off and random pauses. */
const CALM: Client = {
  options: { retries: 100, factor: 2, minTimeout: 200, maxTimeout: 5_000, randomize: true },
  overlaps: false,
};

async function poll({ options, overlaps }: Client): Promise<void> {
  for (;;) {
    const done = pRetry(
      async () => (await fetch("http://server/", { signal: AbortSignal.timeout(500) })).text(),
      options,
    );
    if (!overlaps) await done;
    else done.catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

async function scenario(world: World, client: Client): Promise<void> {
  world.host("server").start(() => {
    http.createServer((_, response) => response.end("ok")).listen(80);
  });
  for (let i = 0; i < CLIENTS; i++) {
    world.link(`client-${i}`, "server", "delay 20ms jitter 5ms");
    world.host(`client-${i}`).start(() => poll(client));
  }
  await world.sleep(2_000);
  world.partition(["server"]);
  await world.sleep(Math.random() * 20_000);
  world.heal();
  const healed = world.now;
  await world.sleep(5_000);
  for (let after = healed; after < healed + 4_000; after += 1_000) {
    const connections = world.packets({ to: "server", flags: "SYN", fate: "delivered", after, before: after + 1_000 });
    assert.ok(connections.length <= CAPACITY, `${connections.length} connections in one second: a storm`);
  }
}

test("retries that overlap are a storm after a partition, in one of 20 seeds", async () => {
  await assert.rejects(
    forSeeds({ seeds: 20 }, (world) => scenario(world, STORMS)),
    /a storm/,
  );
});

test("one at a time, with back-off and random pauses, they are none", async () => {
  await forSeeds({ seeds: 3 }, (world) => scenario(world, CALM));
});

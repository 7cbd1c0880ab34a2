/**
 * Three nodes count, and tell each other by WebSocket. With "the last write wins" increments are lost: two that happen at once, or on a node whose
 * clock is behind. A counter per node, merged by its maximum, loses none. Run it with `node --test counter.test.ts` (Bun has a `ws` of its own,
 * which uses the system's network).
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { forSeeds, type World, type WorldHost } from "tcpnet/sim";
import { WebSocket, WebSocketServer } from "ws";

const NODES = ["a", "b", "c"];

/** What a node knows, as JSON. */
interface Counter {
  increment(): void;
  merge(other: unknown): void;
  state(): unknown;
  value(): number;
}

class LastWriteWins implements Counter {
  #count = 0;
  #at = 0;

  increment(): void {
    this.#count++;
    this.#at = Date.now();
  }

  merge(other: { count: number; at: number }): void {
    if (other.at <= this.#at) return;
    this.#count = other.count;
    this.#at = other.at;
  }

  state = () => ({ count: this.#count, at: this.#at });
  value = () => this.#count;
}

class GrowOnly implements Counter {
  readonly #counts: Record<string, number> = {};
  readonly #own: string;

  constructor(own: string) {
    this.#own = own;
  }

  increment(): void {
    this.#counts[this.#own] = (this.#counts[this.#own] ?? 0) + 1;
  }

  merge(other: Record<string, number>): void {
    for (const [node, count] of Object.entries(other)) this.#counts[node] = Math.max(count, this.#counts[node] ?? 0);
  }

  state = () => this.#counts;
  value = () => Object.values(this.#counts).reduce((sum, count) => sum + count, 0);
}

/** Takes the others' states, and tells each of them its own twice a second. */
function serve(host: WorldHost, counter: Counter): void {
  new WebSocketServer({ port: 80 }).on("connection", (socket) => {
    socket.on("message", (data) => counter.merge(JSON.parse(String(data)))).on("error", () => {});
  });
  const connect = (peer: string) => {
    const socket = new WebSocket(`ws://${peer}/`, { handshakeTimeout: 1_000 });
    const timer = setInterval(
      () => socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify(counter.state())),
      500,
    );
    socket
      .on("error", () => {})
      .on("close", () => {
        clearInterval(timer);
        setTimeout(connect, 500, peer);
      });
  };
  for (const peer of NODES) if (peer !== host.name) connect(peer);
}

async function scenario(world: World, make: (name: string) => Counter): Promise<void> {
  world.mesh(NODES, "delay 10ms jitter 5ms loss 1%");
  const counters = NODES.map(make);
  for (const [i, name] of NODES.entries()) {
    const host = world.host(name);
    host.skew = Math.round(Math.random() * 100);
    host.start(() => serve(host, counters[i]!));
  }
  await world.sleep(2_000);
  let increments = 0;
  for (let round = 0; round < 20; round++) {
    if (round === 8) world.partition([NODES[Math.floor(Math.random() * 3)]!]);
    if (round === 14) world.heal();
    const i = Math.floor(Math.random() * 3);
    world.host(NODES[i]!).run(() => counters[i]!.increment());
    increments++;
    await world.sleep(Math.random() * 1_500);
  }
  await world.sleep("2min");
  assert.deepEqual(
    counters.map((counter) => counter.value()),
    NODES.map(() => increments),
    "increments were lost",
  );
}

test("the last write wins, and others are lost, in one of 10 seeds", async () => {
  await assert.rejects(
    forSeeds({ seeds: 10 }, (world) => scenario(world, () => new LastWriteWins())),
    /increments were lost/,
  );
});

test("a counter per node loses none", async () => {
  await forSeeds({ seeds: 3 }, (world) => scenario(world, (name) => new GrowOnly(name)));
});

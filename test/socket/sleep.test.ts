/** Connections at rest are folded up. Nobody can tell: not the peer, not the user. */
import { describe, expect, test } from "bun:test";
import { array, asyncProperty, boolean, assert as check, constantFrom, integer, record } from "fast-check";
import type { Socket } from "#socket/types";
import { bytes, connected, readAll, rejection, type World, type WorldOptions, world } from "./world.ts";

const NEVER_SLEEPS = 1 << 30;

const sleepy = (more: WorldOptions = {}, sleepAfter = 1_000): Promise<World> => {
  const limits = { limits: { memory: 64 << 20, sleepAfter } };
  return world({ ...more, host: { ...limits, ...more.host }, peer: { ...limits, ...more.peer } });
};

const asleep = (w: World) => [w.host.engine.asleepCount, w.peer.engine.asleepCount];

/** Long enough for whoever is at rest to fall asleep, and for a delayed ACK before that. */
const REST_MS = 500;

describe("waking", () => {
  test("both ends fall asleep when nothing happens, and a packet wakes the one it comes to", async () => {
    const w = await sleepy();
    const [active, passive] = await connected(w);
    expect(asleep(w)).toEqual([0, 0]);
    await w.pass(REST_MS);
    expect(asleep(w)).toEqual([1, 1]);
    active.write(bytes(10));
    expect(w.peer.engine.asleepCount).toBe(0);
    expect(await w.until(Promise.resolve(passive.read(new Uint8Array(99))))).toBe(10);
    await w.pass(REST_MS);
    expect(asleep(w)).toEqual([1, 1]);
  });

  test("each call of the socket works, and the connection falls asleep again after those that only look", async () => {
    const w = await sleepy();
    const [active] = await connected(w);
    const calls: readonly ((socket: Socket) => unknown)[] = [
      (socket) => socket.info().state,
      (socket) => socket.state,
      (socket) => socket.read(new Uint8Array(1)),
      (socket) => socket.flushed(),
      (socket) => socket.remoteAddress,
      () => w.peer.connections().length,
    ];
    for (const call of calls) {
      await w.pass(REST_MS);
      expect(w.peer.engine.asleepCount).toBe(1);
      call(active);
    }
    await w.pass(REST_MS);
    expect(w.peer.engine.asleepCount).toBe(1);
    expect([active.remoteAddress, active.state]).toEqual(["10.0.0.7:7000", "ESTABLISHED"]);
  });

  test("a reset, an abort and the end of the stack reach one that sleeps", async () => {
    const w = await sleepy();
    const [active, passive] = await connected(w);
    await w.pass(REST_MS);
    active.abort();
    expect(await w.until(rejection(passive.closed))).toMatchObject({ code: "ECONNRESET" });
    expect(w.host.engine.connectionCount + w.peer.engine.connectionCount).toBe(0);
    const second = w.peer.connect({ hostname: "10.0.0.7", port: 7000 });
    await w.until(second.opened);
    await w.pass(REST_MS);
    const closing = w.peer.close();
    await w.pass(100);
    await closing;
    expect(await rejection(second.closed)).toMatchObject({ code: "ECONNABORTED" });
  });

  test("keep-alive goes on: a peer that answers is kept, one that vanished is noticed in its time", async () => {
    const w = await sleepy();
    const keepAlive = { idle: 10_000, interval: 1_000, count: 3 };
    const [active] = await connected(w, { keepAlive });
    await w.pass(35_000);
    expect(asleep(w)).toEqual([1, 1]);
    expect(active.state).toBe("ESTABLISHED");
    const began = w.sim.now;
    w.cut();
    expect(await w.until(rejection(active.closed))).toMatchObject({ code: "ETIMEDOUT" });
    expect(w.sim.now - began).toBeLessThan(14_000_000);
  });

  test("what waits for the user does not sleep: octets unread, a window that is closed, an accept that nobody called", async () => {
    const w = await sleepy();
    const [active, passive] = await connected(w);
    active.write(bytes(10));
    await w.pass(REST_MS);
    expect(w.host.engine.asleepCount).toBe(0);
    await passive.read(new Uint8Array(99));
    await w.pass(REST_MS);
    expect(w.host.engine.asleepCount).toBe(1);
    w.host.listen({ port: 7001 });
    await w.until(w.peer.connect({ hostname: "10.0.0.7", port: 7001 }).opened);
    await w.pass(REST_MS);
    expect(w.host.engine.asleepCount).toBe(1);
  });
});

/** A conversation with pauses: who writes how much, and how long nothing is said then. */
const turn = record({
  left: boolean(),
  octets: integer({ min: 1, max: 60_000 }),
  pause: integer({ min: 0, max: 3_000 }),
});
const cases = record({
  seed: integer({ min: 1, max: 1_000_000 }),
  link: constantFrom("delay 5ms", "delay 20ms 5ms loss 3%", "delay 1ms rate 2mbit limit 20", "delay 10ms reorder 20%"),
  cc: constantFrom("cubic" as const, "newreno" as const),
  turns: array(turn, { minLength: 1, maxLength: 8 }),
});

async function converse(
  options: {
    seed: number;
    link: string;
    cc: "cubic" | "newreno";
    turns: readonly { left: boolean; octets: number; pause: number }[];
  },
  sleepAfter: number,
): Promise<{ digest: string; slept: number; infos: unknown[] }> {
  const w = await sleepy({ seed: options.seed, link: options.link }, sleepAfter);
  const [active, passive] = await connected(w, { cc: options.cc });
  let slept = 0;
  for (const { left, octets, pause } of options.turns) {
    const [from, to] = left ? [active, passive] : [passive, active];
    from.write(bytes(octets, octets));
    const into = new Uint8Array(65_536);
    for (let got = 0; got < octets; ) got += await w.until(Promise.resolve(to.read(into)));
    await w.pass(pause);
    slept += w.host.engine.asleepCount + w.peer.engine.asleepCount;
  }
  const infos = [active.info(), passive.info()];
  active.closeWrite();
  passive.closeWrite();
  await w.until(Promise.all([readAll(active), readAll(passive), active.closed, passive.closed]));
  return { digest: w.sim.log.digest(), slept, infos };
}

test("whatever is said and left unsaid: the packets, their times and all statistics are those of connections that never sleep", async () => {
  let slept = 0;
  await check(
    asyncProperty(cases, async (options) => {
      const [often, never] = [await converse(options, 1_000), await converse(options, NEVER_SLEEPS)];
      expect(never.slept).toBe(0);
      slept += often.slept;
      expect(often.infos).toEqual(never.infos);
      expect(often.digest).toBe(never.digest);
    }),
    { seed: 1, numRuns: 40 },
  );
  expect(slept).toBeGreaterThan(20);
});

/** While memory or a table is short, idle connections are probed earlier, so that those of dead peers end first. Afterwards all is as before. */
import { describe, expect, test } from "bun:test";
import { SECOND } from "#base/time";
import type { Sleeper } from "#tcp/words/dormant";
import { PROFILE_NAMES, PROFILES } from "#tcp/words/profiles";
import { type BenchOptions, TcpBench } from "../support/tcp-bench.ts";

const ALIVE = { keepAlive: true, keepAliveIdle: 100 * SECOND, keepAliveInterval: 16 * SECOND, keepAliveCount: 3 };

interface Client {
  readonly port: number;
  readonly isDead: boolean;
  readonly iss: number;
  probes: number;
}

/** A user that lets its connection sleep. */
const USER: Sleeper = { fellAsleep() {}, woke() {} };

/** A server with so many idle clients. Every second one has vanished, unless all live; the others answer probes. */
class Service {
  readonly b: TcpBench;
  readonly clients: Client[] = [];

  constructor(n: number, options: BenchOptions = {}, sleeps = false, allLive = false) {
    this.b = new TcpBench({ ...options, params: { ...ALIVE, ...options.params } }).listen({ backlog: n });
    for (let i = 0; i < n; i++) this.open(i, sleeps, !allLive && i % 2 === 1);
  }

  open(i: number, sleeps: boolean, isDead: boolean): void {
    const { b } = this;
    Object.assign(b, { port: 1_000 + i, peerNxt: 0, peerExpects: 0 });
    b.established();
    if (sleeps) b.tcb.user = USER;
    this.clients.push({ port: b.port, isDead, iss: b.iss, probes: 0 });
  }

  /** Time passes, and the clients that live answer. */
  run(seconds: number): void {
    const { b } = this;
    for (let step = 0; step < seconds * 10; step++) {
      b.run(SECOND / 10);
      for (const { cause, remotePort } of b.out()) {
        if (cause !== "tcp.tx.keep-alive") continue;
        const client = this.clients[remotePort - 1_000]!;
        client.probes++;
        if (client.isDead) continue;
        Object.assign(b, { port: remotePort, iss: client.iss });
        b.in(".", { seq: 1, ack: 1 });
      }
      b.events();
    }
  }

  get living(): number {
    return this.b.stack.connectionCount;
  }

  /** The clients' ports of the connections that are still there. */
  ports(): number[] {
    return [...this.b.stack.connections()].map(({ remotePort }) => remotePort);
  }

  probes(): number {
    return this.clients.reduce((sum, { probes }) => sum + probes, 0);
  }

  /** Takes more than half of the slab, as queues of other connections would; returns how to give it back. */
  press(): () => void {
    const { slab } = this.b.stack;
    const pages: number[] = [];
    while (!slab.isTight) pages.push(slab.alloc());
    // Pressure is noticed when some connection has done something.
    this.touch();
    return () => {
      for (const page of pages) slab.free(page);
    };
  }

  touch(): void {
    const { b, clients } = this;
    const [client] = clients;
    Object.assign(b, { port: client!.port, iss: client!.iss });
    b.in(".", { seq: 1, ack: 1 }).out();
  }
}

describe.each([
  ["awake", false],
  ["asleep", true],
] as const)("of idle connections that are %s", (_, sleeps) => {
  test("those of dead peers end in a tenth of the time while memory is short, those of living ones stay", () => {
    const service = new Service(100, {}, sleeps);
    service.run(20);
    expect([service.living, service.probes(), service.b.stack.asleepCount]).toEqual([100, 0, sleeps ? 100 : 0]);
    const relieve = service.press();
    service.run(1);
    // All but the one that was just heard: 20 s are longer than an eighth of 112 s.
    expect(service.probes()).toBeGreaterThanOrEqual(99);
    service.run(7);
    expect(service.living).toBe(50);
    expect(service.ports().every((port) => port % 2 === 0)).toBe(true);
    relieve();
    service.run(1);
    const before = service.probes();
    // Those that answered are idle for 100 s from then on, as if nothing had happened.
    service.run(88);
    expect(service.probes()).toBe(before);
    // Each has its part of `keepAliveSpread` besides.
    service.run(24);
    expect(service.probes()).toBeGreaterThanOrEqual(before + 50);
    expect(service.living).toBe(50);
  });

  test("a turn probes 64 at most, and a stack whose connections were all heard lately probes none", () => {
    const service = new Service(300, {}, sleeps, true);
    service.run(5);
    const relieve = service.press();
    service.run(5);
    expect(service.probes()).toBe(0);
    service.run(2);
    const seen: number[] = [];
    for (let i = 0; i < 40; i++) {
      const before = service.b.count("tcp.timer.keep-alive");
      service.run(0.1);
      seen.push(service.b.count("tcp.timer.keep-alive") - before);
    }
    expect(Math.max(...seen)).toBeLessThanOrEqual(64);
    expect(seen.reduce((sum, each) => sum + each)).toBe(299);
    relieve();
  });
});

test("without pressure nothing is probed early, and there is no timer for it", () => {
  const service = new Service(10);
  service.run(99);
  expect(service.probes()).toBe(0);
  expect(service.b.stack.nextDeadline() - service.b.now).toBeGreaterThan(SECOND / 2);
});

test("the timer ends with the pressure", () => {
  const service = new Service(2, { params: { keepAliveIdle: 4_000 * SECOND } });
  const relieve = service.press();
  service.run(3);
  expect(service.b.stack.nextDeadline() - service.b.now).toBeLessThanOrEqual(SECOND);
  relieve();
  service.run(2);
  expect(service.b.stack.nextDeadline() - service.b.now).toBeGreaterThan(1_000 * SECOND);
});

test("a table of connections that is nearly full makes dead ones leave, so that new clients get in", () => {
  const service = new Service(64, { limits: { connections: 64 } });
  const { b } = service;
  expect(service.living).toBe(64);
  service.run(13);
  service.run(8);
  expect(service.living).toBe(32);
  Object.assign(b, { port: 9_999, peerNxt: 0, peerExpects: 0 });
  b.established();
  expect(service.living).toBe(33);
});

test("who has not asked for keep-alive is not probed, nor whose parameters say 1; the profiles of other stacks say so", () => {
  for (const params of [{ keepAlive: false }, { keepAliveUnderPressure: 1 }]) {
    const service = new Service(10, { params });
    service.run(50);
    service.press();
    service.run(40);
    expect([service.living, service.probes()]).toEqual([10, 0]);
  }
  for (const name of PROFILE_NAMES) expect(PROFILES[name].keepAliveUnderPressure).toBe(1);
});

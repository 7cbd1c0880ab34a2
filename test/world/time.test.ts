/** The program's timers, clocks, random numbers and modules while a world runs, and that they come back. */
import { expect, test } from "bun:test";
import crypto from "node:crypto";
import dns from "node:dns";
import http from "node:http";
import net from "node:net";
import timers from "node:timers/promises";
import { promisify } from "node:util";
import "#lab/world/hooks";
import { createWorld } from "#lab/world/world";

const quiet = (seed = 1) => createWorld({ seed, report: false, print: () => {} });

test("timers fire in the order of their times, then in that in which they were set", async () => {
  const order: string[] = [];
  const world = quiet();
  await world.run(async () => {
    setTimeout(() => order.push("20 ms"), 20);
    setTimeout(() => order.push("10 ms"), 10);
    setTimeout((what: string) => order.push(what), 10, "10 ms, later");
    setImmediate(() => order.push("immediate"));
    setTimeout(() => order.push("none, so 1 ms"));
    clearTimeout(setTimeout(() => order.push("never"), 5));
    const cancelled = setTimeout(() => order.push("never"), 5);
    clearTimeout(Number(cancelled));
    Promise.resolve().then(() => order.push("promise"));
    await timers.setTimeout(30);
    expect(world.now).toBe(30);
  });
  expect(order).toEqual(["promise", "immediate", "none, so 1 ms", "10 ms", "10 ms, later", "20 ms"]);
});

test("intervals, refresh, hasRef, promisify, AbortSignal.timeout and Bun.sleep", async () => {
  const world = quiet();
  await world.run(async () => {
    let ticks = 0;
    const interval = setInterval(() => ++ticks === 3 && clearInterval(interval), 100);
    await promisify(setTimeout)(1_000);
    expect([ticks, world.now]).toEqual([3, 1_000]);
    const timer = setTimeout(() => ticks++, 100);
    await Bun.sleep(60);
    timer.refresh();
    await Bun.sleep(60);
    expect([ticks, timer.hasRef(), timer.unref().hasRef()]).toEqual([3, true, false]);
    await Bun.sleep(60);
    expect(ticks).toBe(4);
    const signal = AbortSignal.timeout(500);
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    expect([world.now, signal.reason.name]).toEqual([1_680, "TimeoutError"]);
  });
});

test("setInterval, scheduler.wait and scheduler.yield of node:timers/promises", async () => {
  const world = quiet();
  await world.run(async () => {
    const values: unknown[] = [];
    for await (const value of timers.setInterval(1_000, "tick")) {
      values.push([value, world.now]);
      if (values.length === 3) break;
    }
    expect(values).toEqual([1, 2, 3].map((n) => ["tick", n * 1_000]));
    await timers.scheduler.wait(500);
    await timers.scheduler.yield();
    expect(world.now).toBe(3_500);
    const aborting = new AbortController();
    setTimeout(() => aborting.abort(new Error("enough")), 50);
    const ticking = (async () => {
      for await (const _ of timers.setInterval(1_000, 0, { signal: aborting.signal }));
    })();
    await expect(ticking).rejects.toThrow("enough");
    expect(world.now).toBe(3_550);
  });
});

test("a timer from before the world is cleared in it, and no virtual one with its number", async () => {
  let real = 0;
  const before = Array.from({ length: 20 }, () => setInterval(() => real++, 1));
  let virtual = 0;
  await quiet().run(async () => {
    const last = Number(before.at(-1));
    for (let i = 0; i <= Math.min(last, 5_000); i++) setTimeout(() => virtual++, 10);
    for (const each of before) clearInterval(each);
    await timers.setTimeout(20);
    expect(virtual).toBe(Math.min(last, 5_000) + 1);
  });
  real = 0;
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(real).toBe(0);
});

test("what sleeps on a host does not wake up after its crash", async () => {
  const world = quiet();
  let woke = 0;
  world.host("a").start(async () => {
    for (;;) {
      await world.sleep(1_000);
      woke++;
    }
  });
  await world.run(async () => {
    await world.sleep(2_500);
    world.crash("a");
    await world.sleep(5_000);
  });
  expect(woke).toBe(2);
});

test("a server that has listened in a world listens on this machine afterwards, and closes there", async () => {
  const server = http.createServer((_, response) => response.end("served"));
  const world = quiet();
  world.link("a", "b");
  world.host("b").start(() => void server.listen(80));
  expect(await world.run(() => world.host("a").run(async () => (await fetch("http://b/")).text()))).toBe("served");
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  expect([server.listening, await (await fetch(`http://127.0.0.1:${port}/`)).text()]).toEqual([true, "served"]);
  await new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
  expect(server.listening).toBe(false);
});

test("an interval ends with the crash of its host, so nothing is left that could happen", async () => {
  const world = quiet();
  let ticks = 0;
  world.host("a").start(() => void setInterval(() => ticks++, 1_000));
  const run = world.run(async () => {
    await world.sleep(2_500);
    world.crash("a");
    await new Promise(() => {});
  });
  await expect(run).rejects.toMatchObject({ code: "EDEADLK" });
  expect(ticks).toBe(2);
});

test("a sleep that is over does not listen to its signal any more", async () => {
  const world = quiet();
  const { signal } = new AbortController();
  let listening = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listening++;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listening--;
    removeEventListener.apply(signal, args);
  };
  await world.run(() => timers.setTimeout(10, undefined, { signal }));
  expect([world.now, listening]).toEqual([10, 0]);
  const aborting = new AbortController();
  const run = world.run(() => {
    setTimeout(() => aborting.abort(new Error("no longer")), 5);
    return timers.setTimeout(10, undefined, { signal: aborting.signal });
  });
  await expect(run).rejects.toThrow("no longer");
});

test("Date, performance.now and process.hrtime tell virtual time; a host's skew is in Date alone", async () => {
  const world = quiet();
  world.host("a", { skew: -250 });
  await world.run(async () => {
    await world.sleep(1_500);
    expect(new Date().toISOString()).toBe("2024-01-01T00:00:01.500Z");
    expect([new Date() instanceof Date, new Date(5).getTime(), Date.UTC(1970, 0, 1), typeof Date()]).toEqual([
      true,
      5,
      0,
      "string",
    ]);
    expect([performance.now(), process.hrtime.bigint(), process.hrtime([1, 0])]).toEqual([
      1_500,
      1_500_000_000n,
      [0, 500_000_000],
    ]);
    const host = world.host("a");
    expect(host.run(() => [Date.now() - Date.UTC(2024, 0, 1), performance.now()])).toEqual([1_250, 1_500]);
    host.skew = 10;
    const later = host.run(async () => {
      await timers.setTimeout(5);
      return Date.now() - Date.UTC(2024, 0, 1);
    });
    expect(await later).toBe(1_515);
  });
});

test("random numbers follow from the seed, and differ between hosts", async () => {
  const drawn = async (seed: number) => {
    const world = quiet(seed);
    return await world.run(() =>
      ["a", "b"].map((name) =>
        world
          .host(name)
          .run(() => [
            Math.random(),
            globalThis.crypto.randomUUID(),
            globalThis.crypto.getRandomValues(new Uint32Array(2)).join(),
            crypto.randomBytes(4).toString("hex"),
            crypto.randomInt(1_000),
          ]),
      ),
    );
  };
  const [a, b] = await drawn(1);
  expect(await drawn(1)).toEqual([a, b] as never);
  expect(a).not.toEqual(b);
  expect(await drawn(2)).not.toEqual([a, b] as never);
  expect(a![1]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test("random numbers come to callbacks as well, and fill what they are asked to", async () => {
  await quiet().run(async () => {
    const n = await new Promise<number>((resolve) => crypto.randomInt(5, 8, (_, n) => resolve(n)));
    expect([5, 6, 7]).toContain(n);
    const filled = await new Promise<Uint8Array>((resolve) =>
      crypto.randomFill(new Uint8Array(8), 6, (_, octets) => resolve(octets)),
    );
    expect([filled.subarray(0, 6).join(), filled.subarray(6).some((octet) => octet > 0)]).toEqual([
      "0,0,0,0,0,0",
      true,
    ]);
    const words = crypto.randomFillSync(new Uint16Array(4), 2, 2);
    expect([words[0], words[1], words[2]! > 0, words[3]! > 0]).toEqual([0, 0, true, true]);
    expect(new Uint8Array(crypto.randomFillSync(new ArrayBuffer(16))).some((octet) => octet > 0)).toBe(true);
  });
});

test("after the run, also one that fails, all is as it was", async () => {
  const now = () => [
    setTimeout,
    clearInterval,
    Date,
    performance.now,
    Math.random,
    process.nextTick,
    AbortSignal.timeout,
    Bun.sleep,
  ];
  const before = now();
  await quiet().run(() => {});
  await expect(quiet().run(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(now()).toEqual(before);
  expect(Date.now()).toBeGreaterThan(Date.UTC(2025, 0, 1));
});

test("http with agents, and dns, are those of the host; connections of one host are not another's", async () => {
  const world = quiet();
  world.router("r");
  for (const name of ["a", "b", "server"]) world.link(name, "r", "delay 5ms");
  world.host("server").start(() => {
    http.createServer((request, response) => response.end(`${request.socket.remoteAddress}`)).listen(80);
  });
  const get = (options: object) =>
    new Promise<string>((resolve, reject) => {
      const request = http.get({ host: "server", ...options }, (response) => {
        let text = "";
        response.on("data", (chunk) => (text += chunk)).on("end", () => resolve(text));
      });
      request.on("error", reject);
    });
  await world.run(async () => {
    const agent = new http.Agent({ keepAlive: true });
    for (const [name, address] of [
      ["a", "10.0.0.1"],
      ["b", "10.0.0.2"],
    ] as const) {
      const host = world.host(name);
      for (const options of [{}, {}, { agent: false }]) expect(await host.run(() => get(options))).toBe(address);
      expect(await host.run(() => dns.promises.lookup("server"))).toEqual({ address: "10.0.0.3", family: 4 });
      expect(await host.run(() => dns.promises.lookup("server", { family: "IPv4", all: true }))).toEqual([
        { address: "10.0.0.3", family: 4 },
      ]);
      expect(await host.run(() => promisify(dns.lookup)("server", 4))).toEqual({ address: "10.0.0.3", family: 4 });
      for (const lookup of [() => dns.promises.lookup("nobody"), () => dns.promises.lookup("server", 6)])
        await expect(host.run(lookup)).rejects.toMatchObject({ code: "ENOTFOUND", syscall: "getaddrinfo" });
      expect(host.run(() => new net.Socket()) instanceof net.Socket).toBe(true);
    }
    expect(await world.host("a").run(() => get({ agent }))).toBe("10.0.0.1");
  });
  expect(world.packets({ link: "a>r", flags: "SYN" }).length).toBe(3);
  expect(world.packets({ link: "b>r", flags: "SYN" }).length).toBe(2);
});

test("outside of worlds, net, http, dns and fetch are the system's", async () => {
  const server = http.createServer((request, response) => response.end(`real ${request.url}`));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  expect(await (await fetch(`http://127.0.0.1:${port}/fetch`)).text()).toBe("real /fetch");
  const got = new Promise<string>((resolve, reject) => {
    const agent = new http.Agent({ keepAlive: false });
    const request = http.get({ host: "127.0.0.1", port, path: "/get", agent }, (response) => {
      response.setEncoding("utf8").on("data", resolve);
    });
    request.on("error", reject);
  });
  expect(await got).toBe("real /get");
  const Own = class extends net.Socket {};
  const socket = new Own();
  await new Promise<void>((resolve) => socket.connect(port, "127.0.0.1", resolve));
  expect([socket instanceof Own, socket instanceof net.Socket]).toEqual([true, true]);
  socket.destroy();
  expect((await dns.promises.lookup("127.0.0.1")).family).toBe(4);
  await new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
});

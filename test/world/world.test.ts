/** Programs on hosts in virtual time: links, partitions, crashes, and how a failure is told. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { World, WorldHost, WorldOptions } from "#lab/world/types";
import { createWorld } from "#lab/world/world";
import "#lab/world/hooks";
import { forSeeds } from "#lab/world/seeds";

const scratch = mkdtempSync(join(tmpdir(), "tcpnet-world-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** A world that says nothing. */
const quiet = (options: WorldOptions = {}) => createWorld({ report: false, print: () => {}, ...options });

/** Sends what arrives back. */
const echo = () => void net.createServer((socket) => socket.on("error", () => {}).pipe(socket)).listen(7);

/** What host b echoes to host a; rejects with the socket's error. */
const asked = (world: World, text: string) =>
  world.host("a").run(
    () =>
      new Promise<string>((resolve, reject) => {
        const socket = net.connect(7, "b", () => socket.end(text));
        let all = "";
        socket.on("data", (chunk) => (all += chunk));
        socket.on("end", () => resolve(all)).on("error", reject);
      }),
  );

describe("a world", () => {
  test("carries TCP between programs on its hosts, and time is that of its links", async () => {
    const world = quiet();
    world.link("a", "b", "delay 40ms");
    world.host("b").start(echo);
    expect(await world.run(() => asked(world, "hello"))).toBe("hello");
    // A round trip for the handshake, one for the text, and half of one, with which the FIN comes, is in it.
    expect(world.now).toBe(160);
    const syn = world.expectPacket({ from: "a", to: "b", flags: "SYN", port: 7 }, 1);
    expect([syn.time, syn.arrived, syn.fate]).toEqual([0, 40, "delivered"]);
  });

  test("has stack.fetch in virtual time as well: no call waits for a module", async () => {
    const times = [];
    for (const fetchOf of [() => fetch, ({ stack }: WorldHost) => stack.fetch]) {
      const world = quiet();
      world.link("a", "b", "delay 40ms");
      world.host("b").start(() => void http.createServer((_, response) => response.end("hello")).listen(80));
      const text = async (host: WorldHost) => (await fetchOf(host)("http://b/")).text();
      expect(await world.run(() => world.host("a").run(text))).toBe("hello");
      times.push(world.now);
    }
    expect(times[1]).toBe(times[0]!);
  });

  test("takes the way with the fewest links, through routers, and never through a host", async () => {
    const world = quiet();
    world.router("r");
    world.link("a", "r", "delay 5ms");
    world.link("b", "r", "delay 5ms");
    world.link("a", "c");
    world.link("c", "b");
    world.host("b").start(echo);
    await world.run(() => asked(world, "x"));
    expect(new Set(world.packets().map(({ link }) => link))).toEqual(new Set(["a>r", "r>b", "b>r", "r>a"]));
    const arrived = ["a>r", "b>r"].flatMap((link) => world.packets({ link, fate: "delivered" }));
    expect(world.router("r").counters()["router.forwarded"]).toBe(arrived.length);
  });

  test("link.set changes a link while packets move; cut and mend", async () => {
    const world = quiet();
    const link = world.link("a", "b", "delay 10ms");
    world.host("b").start(echo);
    await world.run(async () => {
      await asked(world, "x");
      link.set("delay 100ms");
      expect(link.words).toBe("delay 100ms");
      const began = Date.now();
      await asked(world, "x");
      expect(Date.now() - began).toBe(400);
      link.cut();
      const late = asked(world, "x");
      await world.sleep("2s");
      expect(world.packets({ fate: "lost" }).every(({ cause }) => cause === "link.down")).toBe(true);
      link.mend();
      expect(await late).toBe("x");
    });
  });

  test("a partition lasts until heal, in both directions; block is for one", async () => {
    const world = quiet();
    world.mesh(["a", "b", "c"], "delay 1ms");
    world.host("b").start(echo);
    await world.run(async () => {
      world.partition(["a"], ["b", "c"]);
      const held = asked(world, "late");
      await world.sleep(500);
      world.expectPacket({ from: "a", to: "b", fate: "lost" }, 1);
      expect(world.packets({ from: "b" })).toEqual([]);
      world.heal();
      expect(await held).toBe("late");
      world.block("b", "a");
      const before = world.now;
      const blocked = asked(world, "later");
      await world.sleep(500);
      expect(world.packets({ from: "a", fate: "delivered", after: before }).length).toBeGreaterThan(0);
      world.expectPacket({ from: "b", fate: "lost", after: before });
      world.heal();
      expect(await blocked).toBe("later");
    });
  });

  test("a crash ends timers and sockets without a word; after a restart the disk is there, and old connections are reset", async () => {
    const world = quiet();
    world.link("a", "b", "delay 1ms");
    const ticks: string[] = [];
    let lives = 0;
    world.host("b").start((host) => {
      const life = ++lives;
      host.disk.set("lives", life);
      setInterval(() => ticks.push(`${life}`), 100);
      echo();
    });
    await world.run(async () => {
      const socket = world.host("a").run(() => net.connect(7, "b"));
      await new Promise((resolve) => socket.on("connect", resolve));
      await world.sleep(350);
      world.crash("b");
      expect(world.host("b").isUp).toBe(false);
      expect(() => world.host("b").stack).toThrow("has crashed");
      const before = world.now;
      await world.sleep(1000);
      expect(ticks).toEqual(["1", "1", "1"]);
      expect(world.packets({ from: "b", after: before })).toEqual([]);
      world.restart("b");
      const error = new Promise<NodeJS.ErrnoException>((resolve) => socket.on("error", resolve));
      socket.write("are you there?");
      expect((await error).code).toBe("ECONNRESET");
      expect(await asked(world, "again")).toBe("again");
      expect(world.host("b").disk.get("lives")).toBe(2);
    });
  });

  test("a program that throws fails the run, wherever it throws", async () => {
    const throws: ((world: World) => unknown)[] = [
      (world) => world.host("a").start(() => Promise.reject(new Error("here"))),
      (world) => world.host("a").start(() => setTimeout(() => raise("here"), 10)),
      (world) => world.host("a").start(() => process.nextTick(() => raise("here"))),
      (world) => world.host("a").start(() => queueMicrotask(() => raise("here"))),
      (world) => world.host("a").start(() => new net.Socket().emit("error", new Error("here"))),
    ];
    for (const each of throws) {
      const world = quiet();
      world.link("a", "b");
      const run = world.run(() => {
        each(world);
        return world.sleep("1h");
      });
      await expect(run).rejects.toThrow("here");
    }
  });
});

const raise = (message: string) => {
  throw new Error(message);
};

describe("a seed", () => {
  const run = async (seed: number, record = true) => {
    const world = quiet({ seed, record });
    world.link("a", "b", "delay 20ms jitter 5ms loss 10%");
    world.host("b").start(echo);
    const drawn = await world.run(async () => {
      await asked(world, "x".repeat(20_000));
      return world.host("a").run(() => [Math.random(), crypto.randomUUID()]);
    });
    return [world.digest, world.now, ...drawn];
  };

  test("decides all that happens: the same again, and another one differs", async () => {
    const [one, again, other] = [await run(1), await run(1), await run(2)];
    expect(again).toEqual(one);
    expect(other[0]).not.toBe(one[0]);
  });

  test("the digest does not depend on whether packets are kept", async () => {
    expect((await run(1, false))[0]).toBe((await run(1))[0]!);
  });

  test("has the same digest in two processes", async () => {
    const digests = await Promise.all(
      [1, 2].map(async () => {
        const child = Bun.spawn([process.execPath, join(import.meta.dir, "digest.ts")], {
          stdout: "pipe",
          stderr: "inherit",
        });
        const text = (await child.stdout.text()).trim();
        expect(await child.exited).toBe(0);
        return text;
      }),
    );
    expect(digests[0]).toMatch(/^[0-9a-f]{16} \d/);
    expect(digests[1]).toBe(digests[0]!);
  });

  test("that fails is told with the line that replays it, and a report of its events", async () => {
    const lines: string[] = [];
    const report = join(scratch, "failed");
    const options = { seeds: 50, report, print: (text: string) => void lines.push(text) };
    const found = forSeeds(options, async (world) => {
      world.link("a", "b", "delay 10ms loss 5%");
      world.host("b").start(echo);
      await asked(world, "x");
      if (world.now > 40) throw new Error("a packet was lost");
    });
    await expect(found).rejects.toThrow("a packet was lost");
    const [, seed] = /^seed (\d+) failed after [\d.]+ s of virtual time: a packet was lost\n/.exec(lines[0]!)!;
    expect(lines[0]).toContain(`  replay: TCPNET_SEED=${seed} bun test ./test/world/world.test.ts`);
    expect(lines[1]).toBe(`  report: ${report}.html`);
    const html = readFileSync(`${report}.html`, "utf8");
    expect(html).toContain(`seed ${seed}: a packet was lost`);
    expect(html).toContain("10.0.0.1");
    process.env.TCPNET_SEED = seed;
    try {
      lines.length = 0;
      const again = forSeeds({ ...options, report: false }, async (world) => {
        world.link("a", "b", "delay 10ms loss 5%");
        world.host("b").start(echo);
        await asked(world, "x");
        if (world.now > 40) throw new Error("a packet was lost");
      });
      await expect(again).rejects.toThrow("a packet was lost");
      expect(lines[0]).toStartWith(`seed ${seed} failed`);
    } finally {
      delete process.env.TCPNET_SEED;
    }
  });
});

describe("an end that is not the program's", () => {
  test("nothing is left that could happen, or the time is over", async () => {
    const world = quiet();
    await expect(world.run(() => new Promise(() => {}))).rejects.toMatchObject({
      code: "EDEADLK",
      message: expect.stringContaining("for something real, such as a file: await world.hold(…)"),
    });
    await expect(world.run(() => world.sleep("3h"), { until: "2h" })).rejects.toMatchObject({ code: "ETIMEDOUT" });
  });

  test("a run that fails names the hosts that have no link", async () => {
    const lines: string[] = [];
    const world = quiet({ print: (line) => void lines.push(line) });
    world.link("b", "c");
    await expect(world.run(() => asked(world, "x"))).rejects.toThrow("connect ETIMEDOUT");
    expect(lines).toEqual([expect.stringMatching(/^seed 1 failed/), "  without a link, so without a network: a"]);
  });

  test("real work stops virtual time while it is held", async () => {
    const world = quiet();
    await world.run(async () => {
      const late = world.sleep(1).then(() => "virtual");
      const real = world.hold(
        Bun.file(import.meta.path)
          .text()
          .then(() => "real"),
      );
      expect(await Promise.race([late, real])).toBe("real");
    });
  });
});

test("wrong arguments are refused in words", async () => {
  const world = quiet();
  world.host("a");
  for (const [call, words] of [
    [() => world.link("a", "a"), "a link has two ends, and both of this one are a"],
    [() => world.link("a", "b", "loss lots"), 'the link "loss lots": '],
    [() => world.host("No Name"), '"No Name" is not a host\'s name: use letters a to z, digits and hyphens'],
    [() => world.host("a", {}), "host a is there already: give its options where it is first named"],
    [() => world.router("a"), "a is a host already: use another name"],
    [() => world.link("a", undefined as unknown as string), 'a link has two ends: link("a", "b", "delay 80ms")'],
    [() => world.host("d", { address: "10.0.0.1" }), "10.0.0.1 is the address of a already"],
    [() => world.host("d", { address: "home" }), '"home" is not an IP address'],
    [() => world.crash("nobody"), "there is no host nobody in this world"],
    [() => world.partition(), "partition takes groups of hosts"],
    [() => world.partition("a" as unknown as string[]), 'each an array: partition(["a"], ["b", "c"])'],
    [() => world.sleep("5s"), "virtual time passes only while the world runs: sleep in world.run(…)"],
    [() => world.expectPacket({ from: "nobody" }), "there is no host nobody in this world"],
    [() => world.expectPacket({ to: "10.0.0.1" }), "no packet was sent at all"],
    [() => world.sleep("5"), 'the time "5" has no unit: use 5ms or 5s'],
    [() => world.packets({ host: "a" } as object), "packets are not filtered by host: use from, to, link"],
    [() => quiet({ record: false }).packets(), "this world keeps no packets"],
    [() => quiet({ sead: 1 } as object), "a world has no option sead: use seed, epoch, report, record, print"],
    [() => world.host("d", { skwe: 1 } as object), "host d has no option skwe: use address, skew, drift, stack, mtu"],
    [() => quiet({ seed: 1.5 }), "seed must be a whole number"],
    [() => quiet({ epoch: "now" } as object), "epoch must be a number of ms since 1970, not now"],
    [() => world.host("d", { skew: "1s" } as object), "skew must be a number of ms, not 1s"],
    [() => world.expectPacket({ flags: "RST" }), "no packet was sent at all"],
  ] as const) {
    expect(call).toThrow(words);
  }
  expect(() => world.host("a").run(() => 1)).toThrow("only while its world does");
  await expect(world.run(() => net.connect(7, "a"))).rejects.toThrow("which host?");
  await expect(world.run(() => quiet().run(() => {}))).rejects.toThrow("one world runs at a time");
  await expect(world.run(() => {}, { until: -1 })).rejects.toThrow("until must be a number of ms");
  await expect(world.run(() => {}, { untli: 1 } as object)).rejects.toThrow("run has no option untli: use until");
  process.env.TCPNET_SEED = "many";
  try {
    expect(() => quiet()).toThrow("TCPNET_SEED=many is not a seed: use a whole number from 0 to 4294967295");
    await expect(forSeeds({ seeds: 1 }, () => {})).rejects.toThrow("TCPNET_SEED=many is not a seed");
  } finally {
    delete process.env.TCPNET_SEED;
  }
  for (const [options, words] of [
    [{ seeds: [] }, "forSeeds needs at least one seed"],
    [{ seed: 1 }, "forSeeds has no option seed: use seeds, until, epoch"],
    [{}, "seeds must be how many seeds, or an array of them, not undefined"],
  ] as const)
    await expect(forSeeds(options as unknown as { seeds: number }, () => {})).rejects.toThrow(words);
});

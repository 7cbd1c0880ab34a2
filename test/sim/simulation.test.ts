import { expect, test } from "bun:test";
import { HOUR, MILLISECOND, NEVER, SECOND } from "#base/time";
import { LINK_QUEUE_FULL } from "#device/link-marks";
import { parseLink } from "#device/link-words";
import { ROUTER_FORWARDED } from "#lab/sim/router";
import { Simulation, type SimulationOptions } from "#lab/sim/simulation";
import { bytesAllocated } from "../support/allocation.ts";
import { processorSeconds } from "../support/processor.ts";
import { ToyEngine, type ToyOptions } from "../support/toy-engine.ts";

const A = 0x0a000001;
const B = 0x0a000101;

/** Two toys and a link between them. */
function twoNodes(
  words: string,
  a: Partial<ToyOptions>,
  b: Partial<ToyOptions>,
  options: Partial<SimulationOptions> = {},
) {
  const sim = new Simulation({ seed: 1, ...options });
  const left = new ToyEngine({ from: A, to: B, ...a });
  const right = new ToyEngine({ from: B, to: A, ...b });
  const nodeA = sim.node("a", left);
  const nodeB = sim.node("b", right);
  const profile = parseLink(words);
  const wires = sim.connect(nodeA, nodeB, { there: profile, back: profile });
  return { sim, left, right, nodeA, nodeB, wires };
}

test("virtual time is exact: a round trip is two delays and two transmissions", () => {
  const { sim, left } = twoNodes("delay 20ms rate 8mbit", { count: 3, interval: SECOND }, { echo: true });
  expect(sim.run()).toBe("idle");
  // 100 bytes at 8 Mbit/s: 100 us each way.
  expect(left.received.map((r) => r.at)).toEqual([40_200, SECOND + 40_200, 2 * SECOND + 40_200]);
});

const CHAOS = "delay 20ms 5ms loss 5% duplicate 2% corrupt 1% reorder 10% rate 2mbit queue 20";

function chaos(seed: number): { lines: string[]; digest: string } {
  const lines: string[] = [];
  const line = (text: string) => void lines.push(text);
  const { sim } = twoNodes(CHAOS, { count: 500, interval: 700 }, { echo: true }, { seed, line });
  sim.run();
  return { lines, digest: sim.log.digest() };
}

test("the same seed gives the same event log, byte for byte; another seed another one", () => {
  const one = chaos(7);
  expect(one.lines.length).toBeGreaterThan(1_500);
  expect(chaos(7)).toEqual(one);
  expect(chaos(8).digest).not.toBe(one.digest);
  expect(one.lines.slice(0, 2)).toEqual(["    0.000000 a>b link.offered 100", "    0.000400 a>b link.reordered 100"]);
});

test("the digest is the same whether lines are kept or not, and whether it runs in one go or in pieces", () => {
  const { sim } = twoNodes(CHAOS, { count: 500, interval: 700 }, { echo: true }, { seed: 7 });
  for (let t = 0; t < 2 * SECOND; t += 3 * MILLISECOND) sim.run({ until: t });
  sim.run();
  expect(sim.log.digest()).toBe(chaos(7).digest);
});

test("a run ends at a time, at a condition, or when nothing more will happen", () => {
  const { sim, right } = twoNodes("delay 1ms", { count: 10, interval: SECOND }, {});
  expect(sim.run({ until: 2_500_000 })).toBe("time");
  expect([sim.now, right.packetsIn]).toEqual([2_500_000, 3]);
  expect(sim.run({ stop: () => right.packetsIn === 5 })).toBe("condition");
  expect(sim.now).toBe(4 * SECOND + 1_000);
  expect(sim.run({ until: HOUR })).toBe("idle");
  expect([sim.now, right.packetsIn]).toEqual([HOUR, 10]);
});

/** n senders and n receivers around one bottleneck between two routers. */
function dumbbell(n: number, bottleneck: string) {
  const sim = new Simulation({ seed: 3 });
  const left = sim.router("r1");
  const right = sim.router("r2");
  const shared = sim.connect(left, right, { there: parseLink(bottleneck), back: parseLink(bottleneck) });
  right.routes.default = shared.back;
  const receivers = Array.from({ length: n }, (_, i) => {
    const from = 0x0a000000 + (i << 8) + 1;
    const to = 0x0a010000 + (i << 8) + 1;
    const sender = sim.node(`s${i}`, new ToyEngine({ from, to, count: 2_000, bytes: 1_000, interval: 1_000 }));
    const engine = new ToyEngine({ from: to, to: from });
    const receiver = sim.node(`d${i}`, engine);
    const access = parseLink(`delay ${i + 1}ms rate 100mbit`);
    left.routes.add(`10.0.${i}.0/24`, sim.connect(sender, left, { there: access, back: access }).back);
    right.routes.add(`10.1.${i}.0/24`, sim.connect(right, receiver, { there: access, back: access }).there);
    return engine;
  });
  return { sim, left, right, shared, receivers };
}

test("a dumbbell: senders share the bottleneck, the rest is dropped in its queue, each hop takes one off the TTL", () => {
  const { sim, left, shared, receivers } = dumbbell(3, "rate 12mbit delay 10ms queue 50");
  sim.run();
  // Each sends 8 Mbit/s for two seconds: 24 into 12. The 50 in the queue and the one in the transmitter come after that.
  const arrived = receivers.reduce((sum, r) => sum + r.packetsIn, 0);
  expect(arrived).toBeGreaterThanOrEqual(3_000);
  expect(arrived).toBeLessThanOrEqual(3_052);
  expect(arrived + shared.there.link.counters.get(LINK_QUEUE_FULL)).toBe(6_000);
  expect(left.counters.get(ROUTER_FORWARDED)).toBe(6_000);
  for (const receiver of receivers) expect(new Set(receiver.received.map((r) => r.ttl))).toEqual(new Set([62]));
});

test("timers run in the order of their times, then of their asking, and before packets of the same moment", () => {
  const { sim, right } = twoNodes("delay 5us", { count: 1, start: 5 }, {});
  const order: string[] = [];
  const note = (what: string) => () => void order.push(`${what} ${right.packetsIn}`);
  sim.at(10, note("second"));
  sim.at(10, note("third"));
  sim.at(3, () => {
    sim.after(0, note("at once"));
    sim.after(7, note("last"));
  });
  const cancelled = sim.at(10, note("never"));
  cancelled.cancel();
  sim.run();
  expect(order).toEqual(["at once 0", "second 0", "third 0", "last 0"]);
  expect(right.packetsIn).toBe(1);
});

test("an application is called when its stack has events, and data that it then sends goes out at once", () => {
  const { sim, left, right, nodeB } = twoNodes("delay 1ms", { count: 4, interval: 10 }, {});
  nodeB.onEvents = () => {
    right.seen();
    right.send();
  };
  sim.run();
  expect(left.received.map((r) => r.at)).toEqual([2_000, 2_010, 2_020, 2_030]);
});

test("applications of promises run over virtual time, all of them before the clock goes on", async () => {
  const run = async () => {
    const { sim, left, right, nodeA, nodeB } = twoNodes("delay 30ms", {}, { echo: true });
    const story: string[] = [];
    let answered = () => {};
    nodeB.onEvents = () => right.seen();
    nodeA.onEvents = () => {
      left.seen();
      answered();
    };
    const client = async () => {
      for (let i = 0; i < 3; i++) {
        const reply = new Promise<void>((resolve) => {
          answered = resolve;
        });
        left.send();
        nodeA.wake();
        await reply;
        story.push(`reply ${i} at ${nodeA.now()}`);
        await sim.sleep(HOUR);
      }
    };
    const done = client();
    expect(await sim.runSettled()).toBe("idle");
    await done;
    return story;
  };
  const story = await run();
  expect(story).toEqual(["reply 0 at 60000", `reply 1 at ${HOUR + 120_000}`, `reply 2 at ${2 * HOUR + 180_000}`]);
  expect(await run()).toEqual(story);
});

test("after a restart the new stack receives packets that were sent to the old one", () => {
  const { sim, right, nodeB } = twoNodes("delay 100ms", { count: 5, interval: 1_000 }, {});
  const reborn = new ToyEngine({ from: B, to: A });
  sim.at(102_500, () => nodeB.restart(reborn));
  sim.run();
  expect(right.received.map((r) => r.id)).toEqual([0, 1, 2]);
  expect(reborn.received.map((r) => r.id)).toEqual([3, 4]);
});

test("a wire's profile may change while the simulation runs", () => {
  const { sim, right, wires } = twoNodes("delay 1ms", { count: 10, interval: 1_000 }, {});
  sim.at(4_500, () => wires.there.set(parseLink("loss 100%")));
  sim.at(7_500, () => wires.there.set(parseLink("delay 5ms")));
  sim.run();
  expect(right.received.map((r) => [r.id, r.at])).toEqual([
    ...[0, 1, 2, 3, 4].map((id) => [id, id * 1_000 + 1_000]),
    ...[8, 9].map((id) => [id, id * 1_000 + 5_000]),
  ]);
});

test("an application that never comes to rest fails the run, with its name", () => {
  const { sim, nodeB } = twoNodes("", { count: 1 }, {});
  nodeB.onEvents = () => {};
  expect(() => sim.run()).toThrow("b and its application keep each other busy without end at 0 us");
});

test("an hour of virtual time takes seconds", () => {
  const { sim, left } = twoNodes("delay 20ms rate 10mbit", { count: 360_000, interval: 10_000 }, { echo: true });
  // Of processor time: other programs take the rest.
  const before = processorSeconds(process.pid);
  sim.run();
  expect(left.packetsIn).toBe(360_000);
  expect(sim.now).toBeGreaterThan(0.99 * HOUR);
  expect(processorSeconds(process.pid) - before).toBeLessThan(15);
});

test("once warm, a simulation allocates nothing per packet", () => {
  const echoes = { echo: true, bytes: 1_000 };
  const { sim, left } = twoNodes("delay 20ms rate 100mbit", { ...echoes, count: 50, interval: 10 }, echoes);
  // Fifty packets that both sides echo for ever.
  const cutoff = { until: 0 };
  const packets = (count: number) => {
    const end = left.packetsIn + count;
    while (left.packetsIn < end) {
      cutoff.until = sim.now + SECOND;
      sim.run(cutoff);
    }
  };
  packets(20_000);
  expect(bytesAllocated(() => packets(50_000))).toBeLessThan(512 * 1024);
});

test("if nothing is due the deadline is NEVER, and the driver does not spin", () => {
  const sim = new Simulation({ seed: 1 });
  expect(sim.run()).toBe("idle");
  expect(sim.step(NEVER)).toBe(false);
  expect(sim.events).toBe(0);
});

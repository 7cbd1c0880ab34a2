import { afterEach, expect, test } from "bun:test";
import { HEADROOM, PACKET_MAX, Packet } from "#base/packet";
import { MILLISECOND, NEVER } from "#base/time";
import { type Device, RX_NONE, TX_AGAIN, TX_REFUSED } from "#device/device";
import { type PairDevice, pair } from "#device/pair";
import { BUDGET, Driver, FULL_POLLS_MAX } from "#driver/driver";
import type { Engine } from "#driver/engine";
import { sometimes } from "../support/sometimes.ts";
import { EchoEngine } from "./echo-engine.ts";

const started: Driver[] = [];

/** A driver with an echo engine at one end of a pair; the other end is the test's. */
function echo(device?: (inner: PairDevice) => Device): { engine: EchoEngine; driver: Driver; far: Far; near: Device } {
  const [a, b] = pair({ queueLength: 1_000 });
  const engine = new EchoEngine();
  const near = device?.(a) ?? a;
  const driver = new Driver(engine, near);
  started.push(driver);
  return { engine, driver, far: new Far(b), near };
}

afterEach(() => {
  for (const driver of started.splice(0)) driver.stop();
});

/** The other end of the pair: sends packets of a size, reads what comes. */
class Far {
  readonly device: PairDevice;
  readonly #engine = new EchoEngine();
  readonly #o = this.#engine.slab.reserve(HEADROOM + PACKET_MAX) + HEADROOM;
  readonly #packet = new Packet();

  constructor(device: PairDevice) {
    this.device = device;
    device.attach(this.#engine.slab);
  }

  send(n: number): void {
    this.#packet.clear();
    this.#packet.o = this.#o;
    this.#packet.n = n;
    this.device.transmit(this.#packet, 0);
  }

  /** Sizes of the packets that have come. */
  sizes(): number[] {
    return this.read().map(([size]) => size);
  }

  /** Sizes and last bytes of the packets that have come. */
  read(): [number, number][] {
    const packets: [number, number][] = [];
    this.#packet.o = this.#o;
    for (let n: number; (n = this.device.receive(this.#packet, 0)) > 0; )
      packets.push([n, this.#engine.slab.u8[this.#o + n - 1]!]);
    return packets;
  }
}

async function until(condition: () => boolean, ms = 20_000): Promise<void> {
  const end = performance.now() + ms;
  while (performance.now() < end) {
    if (condition()) return;
    await Bun.sleep(1);
  }
  throw new Error(`it did not happen within ${ms} ms`);
}

/** Long enough to be idle. */
const idle = () => Bun.sleep(20);

test("a packet is answered while the driver is busy, and while it is idle", async () => {
  const { driver, far } = echo();
  driver.start();
  far.send(100);
  await until(() => far.sizes().includes(100));
  await sometimes(async () => {
    await idle();
    const { polls } = driver.statistics;
    await Bun.sleep(50);
    expect(driver.statistics.polls - polls).toBeLessThanOrEqual(2);
  });
  far.send(101);
  await until(() => far.sizes().includes(101));
  expect(driver.statistics).toMatchObject({ packetsIn: 2, packetsOut: 2 });
});

test("a packet that comes between the last look and the arming of the bell is not missed", async () => {
  await sometimes(async () => {
    let far: Far | undefined;
    const rig = echo((inner) => {
      const arm = inner.wakeable.arm.bind(inner.wakeable);
      inner.wakeable.arm = (notify) => {
        far?.send(77);
        far = undefined;
        arm(notify);
      };
      return inner;
    });
    far = rig.far;
    rig.driver.start();
    // Missed, it would lie there until the longest sleep is over.
    await until(() => rig.engine.received === 1, 200);
  });
});

test("a deadline is met: never early, and no more than a few ms late", async () => {
  const { driver, engine } = echo();
  driver.start();
  for (const wait of [300, 2_500, 30_000]) {
    let early = false;
    await sometimes(async () => {
      await idle();
      const due = driver.now() + wait;
      engine.deadline = due;
      driver.wake();
      await until(() => engine.deadline === NEVER);
      early ||= engine.fired.at(-1)! < due;
      expect(engine.fired.at(-1)! - due).toBeLessThan(15 * MILLISECOND);
    });
    expect(early).toBe(false);
  }
});

test("deadlines that are too near for a JavaScript timer are waited for in the device, by few polls each", async () => {
  const { driver, engine, near } = echo();
  const never = new Int32Array(new SharedArrayBuffer(4));
  const wait = (us: number) => Atomics.wait(never, 0, 0, us / 1_000) === "ok";
  Object.assign(near.wakeable!, { wait, seesLoop: true });
  const again = engine.advance.bind(engine);
  engine.advance = (now) => {
    again(now);
    if (engine.deadline === NEVER) engine.deadline = now + 300;
  };
  driver.start();
  await until(() => engine.fired.length > 20);
  const [polls, fired] = [driver.statistics.polls, engine.fired.length];
  await until(() => engine.fired.length > fired + 100);
  expect((driver.statistics.polls - polls) / (engine.fired.length - fired)).toBeLessThan(8);
});

test("a turn is over only when the device has heard of it: it is asked for its deadline", async () => {
  const { driver, far, near, engine } = echo();
  let order = "";
  const receive = near.receive.bind(near);
  near.receive = (packet, now) => {
    const n = receive(packet, now);
    if (n > 0) order += "r";
    return n;
  };
  near.nextDeadline = () => {
    order += "d";
    return NEVER;
  };
  driver.start();
  const other = setInterval(() => (order += " "), 1);
  for (let i = 0; i < 200; i++) {
    far.send(50);
    await Bun.sleep(0);
  }
  await until(() => engine.received === 200);
  clearInterval(other);
  expect(order).not.toMatch(/r[^d]* /);
});

test("a request and its response take one read, one wait and one write: the device is not asked for a second packet each time", async () => {
  const [a, b] = pair({ queueLength: 1_000 });
  const engine = new EchoEngine();
  const far = new Far(b);
  // Time passes only while the device is found empty, so that the turn does not end before.
  let [reads, requests, now] = [0, 200, 1_000];
  // Until the last packet.
  let counted = 0;
  const receive = a.receive.bind(a);
  a.receive = (packet, at) => {
    reads++;
    const n = receive(packet, at);
    if (n <= 0) now += 10;
    else counted = reads;
    return n;
  };
  // The other side's next request comes while the driver waits.
  const wait = () => {
    if (requests === 0) return false;
    requests--;
    far.send(50);
    return true;
  };
  Object.assign(a.wakeable, { wait });
  const driver = new Driver(engine, a, { clock: () => now });
  driver.onEvents = () => {
    engine.events = false;
  };
  started.push(driver);
  driver.start();
  await until(() => engine.received === 200);
  expect(far.sizes().length).toBe(200);
  // Once in twenty it asks, so that timers fire.
  expect(counted).toBeLessThan(200 * 1.05 + 20);
  expect(counted).toBeGreaterThan(200);
});

test("a packet that comes at once needs no wait, and a driver that looked in vain three times waits without looking", async () => {
  const [a, b] = pair({ queueLength: 1_000 });
  const engine = new EchoEngine();
  const far = new Far(b);
  let [now, requests, waits, reads, counted] = [1_000, 100, 0, 0, 0];
  let comesAtOnce = true;
  const receive = a.receive.bind(a);
  a.receive = (packet, at) => {
    reads++;
    const n = receive(packet, at);
    // The peer sends its next request right after our response, or only while we wait.
    if (n <= 0) now += 10;
    else counted = reads;
    if (n <= 0 && comesAtOnce && requests-- > 0) far.send(50);
    return n;
  };
  const wait = () => {
    if (requests > 0) waits++;
    if (comesAtOnce || requests-- <= 0) return false;
    far.send(50);
    return true;
  };
  Object.assign(a.wakeable, { wait });
  const driver = new Driver(engine, a, { clock: () => now });
  driver.onEvents = () => {
    engine.events = false;
  };
  started.push(driver);
  driver.start();
  far.send(50);
  await until(() => engine.received === 101);
  expect(waits).toBeLessThan(10);
  comesAtOnce = false;
  [requests, reads, waits] = [200, 0, 0];
  far.send(50);
  await until(() => engine.received === 302);
  expect(waits).toBeGreaterThanOrEqual(200);
  expect(counted).toBeLessThan(250);
});

test("a thousand wakes are one turn, and never happen within the call", async () => {
  await sometimes(async () => {
    const { driver, engine, far } = echo();
    driver.start();
    await idle();
    engine.toSend.push(60, 61);
    const { polls, wakes } = driver.statistics;
    for (let i = 0; i < 1_000; i++) driver.wake();
    expect(driver.statistics.polls).toBe(polls);
    expect(far.sizes()).toEqual([]);
    await until(() => far.sizes().length === 2, 100);
    expect(driver.statistics.wakes).toBe(wakes + 1);
  });
});

test("what the application asks for within onEvents is done without waiting for anything else", async () => {
  await sometimes(async () => {
    const { driver, engine, far } = echo();
    engine.answer = false;
    driver.onEvents = () => {
      engine.events = false;
      engine.toSend.push(500);
      driver.wake();
    };
    driver.start();
    await idle();
    far.send(99);
    await until(() => far.sizes().includes(500), 100);
  });
});

test("a poll is bounded: a flood comes in pieces, with the program's own work between them", async () => {
  const { driver, engine, far } = echo();
  engine.answer = false;
  for (let i = 0; i < 300; i++) far.send(60);
  const seen: number[] = [];
  driver.onEvents = (beforeSending) => {
    engine.events = false;
    if (beforeSending) seen.push(engine.received);
  };
  driver.start();
  await until(() => engine.received === 300);
  expect(seen.slice(0, 4)).toEqual([BUDGET, 2 * BUDGET, 3 * BUDGET, 4 * BUDGET]);
});

test("what the engine drops at first sight never reaches it, and takes no part of the budget; its own work goes on in between", async () => {
  const { driver, engine, far } = echo();
  engine.answer = false;
  let asked = 0;
  Object.assign(engine, { isFlooded: () => true, sheds: (packet: Packet) => ++asked > 0 && packet.n === 60 });
  const seen: number[] = [];
  driver.onEvents = (beforeSending) => {
    engine.events = false;
    if (beforeSending) seen.push(engine.received);
  };
  // In each ten of them one is not to be dropped.
  for (let i = 0; i < 1_000; i++) far.send(i % 10 === 0 ? 61 : 60);
  driver.start();
  await until(() => engine.received === 100);
  expect(asked).toBe(1_000);
  // 256 dropped ones end a poll, or 64 others.
  expect(seen).toEqual([29, 57, 86, 100]);
});

/** A driver whose program stands still for a second after a look at the device, in which packets come. */
function stalled(packets: number): { engine: EchoEngine; receivedBefore: number[]; begin(): void } {
  let time = 1_000_000;
  let far: Far | undefined;
  const [a, b] = pair({ queueLength: 5_000 });
  const receive = a.receive.bind(a);
  a.receive = (packet, now) => {
    const n = receive(packet, now);
    if (n === RX_NONE && far !== undefined) {
      for (let i = 0; i < packets; i++) far.send(60);
      far = undefined;
      time += 1_000_000;
    }
    return n;
  };
  const engine = new EchoEngine();
  engine.answer = false;
  const receivedBefore: number[] = [];
  const advance = engine.advance.bind(engine);
  engine.advance = (now) => {
    const { length } = engine.fired;
    advance(now);
    if (engine.fired.length > length) receivedBefore.push(engine.received);
  };
  const driver = new Driver(engine, a, { clock: () => time++ });
  started.push(driver);
  const begin = () => {
    far = new Far(b);
    engine.deadline = time + 500_000;
    driver.start();
  };
  return { engine, receivedBefore, begin };
}

test.each([1, BUDGET, 500])(
  "a program that stood still reads all that came (%d packets) before a timer fires that fell due meanwhile",
  async (packets) => {
    const { engine, receivedBefore, begin } = stalled(packets);
    begin();
    await until(() => engine.fired.length === 1);
    expect(receivedBefore).toEqual([packets]);
  },
);

test("a flood does not keep timers from firing", async () => {
  const { engine, receivedBefore, begin } = stalled(4_000);
  begin();
  await until(() => engine.fired.length === 1);
  expect(receivedBefore[0]).toBeLessThanOrEqual((FULL_POLLS_MAX + 2) * BUDGET);
});

test("two stacks that answer one another for ever leave the program its timers and promises", async () => {
  const [a, b] = pair();
  const engines = [new EchoEngine(), new EchoEngine()];
  const drivers = [new Driver(engines[0]!, a), new Driver(engines[1]!, b)];
  started.push(...drivers);
  engines[0]!.toSend.push(84);
  for (const driver of drivers) driver.start();
  let worst = 0;
  for (let i = 0; i < 100; i++) {
    const before = drivers[0]!.statistics.polls;
    await Bun.sleep(1);
    worst = Math.max(worst, drivers[0]!.statistics.polls - before);
  }
  expect(engines[0]!.received).toBeGreaterThan(1_000);
  // In turns, not in time, which a busy machine takes away: a turn of a packet or two needs some microseconds.
  expect(worst).toBeLessThan(5_000);
});

test("a packet that the device has no room for is sent later, as it was, once", async () => {
  let room = false;
  const { driver, engine, far } = echo((inner) => {
    const transmit = inner.transmit.bind(inner);
    inner.transmit = (packet, now) => (room ? transmit(packet, now) : TX_AGAIN);
    return inner;
  });
  engine.scribble(5);
  engine.toSend.push(200);
  driver.start();
  await idle();
  // What the packet was made of belongs to somebody else by now.
  engine.scribble(9);
  engine.toSend.push(201);
  expect(far.sizes()).toEqual([]);
  room = true;
  await until(() => driver.statistics.packetsOut === 2);
  expect(far.read()).toEqual([
    [200, 5],
    [201, 9],
  ]);
});

test("the engine hears at once of a packet that the device refused, unless the packet had to wait before", async () => {
  const answers = [TX_REFUSED, TX_AGAIN, TX_REFUSED];
  const { driver, engine, far } = echo((inner) => {
    const transmit = inner.transmit.bind(inner);
    inner.transmit = (packet, now) => answers.shift() ?? transmit(packet, now);
    return inner;
  });
  const failed: number[] = [];
  (engine as Engine).sendFailed = (packet) => failed.push(packet.total());
  engine.toSend.push(200, 201, 202);
  driver.start();
  await until(() => driver.statistics.packetsOut > 2);
  expect(failed).toEqual([200]);
  expect(far.sizes()).toEqual([202]);
});

test("when the device vanishes the driver stops and says so, once", async () => {
  const { driver, far } = echo();
  let gone = 0;
  driver.onGone = () => gone++;
  driver.start();
  await idle();
  far.device.close();
  await until(() => gone === 1);
  driver.wake();
  await idle();
  expect(gone).toBe(1);
});

test("after stop nothing is called any more, and start goes on", async () => {
  const { driver, engine, far } = echo();
  driver.start();
  await idle();
  driver.stop();
  far.send(80);
  driver.wake();
  await idle();
  expect(engine.received).toBe(0);
  driver.start();
  await until(() => far.sizes().includes(80));
});

/** Runs a program with an idle driver in it; answers its exit code, or "alive". */
async function livesOn(statement: string, patience: number): Promise<number | "alive"> {
  const program = `
    import { pair } from "#device/pair";
    import { Driver } from "#driver/driver";
    import { EchoEngine } from "./test/driver/echo-engine.ts";
    const driver = new Driver(new EchoEngine(), pair()[0]);
    driver.start();
    setTimeout(() => { ${statement}; console.log("done"); }, 20);`;
  const child = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe", stderr: "inherit" });
  await child.stdout.getReader().read();
  // Whoever ends does so soon after that; whoever does not is given time enough to be caught.
  const outcome = await Promise.race([child.exited, Bun.sleep(patience).then(() => "alive" as const)]);
  child.kill("SIGKILL");
  await child.exited;
  return outcome;
}

test("a started driver keeps the process alive, until stop or unref", async () => {
  const outcomes = await Promise.all([
    livesOn("", 500),
    livesOn("driver.stop()", 20_000),
    livesOn("driver.unref()", 20_000),
  ]);
  expect(outcomes).toEqual(["alive", 0, 0]);
});

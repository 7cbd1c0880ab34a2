/** Run by stack-group.test.ts inside a namespace of its own: stacks on the queues of one device, and the kernel as their peer. */
import { afterEach, expect, test } from "bun:test";
import { createServer, connect as dial, type Socket } from "node:net";
import { createStackGroup, type StackGroup, type StackGroupOptions } from "#socket/stack-group";
import type { Order } from "./stack-group-worker.ts";

const KERNEL = { address: Uint8Array.of(10, 0, 0, 1), length: 24 };
const ADDRESS = "10.0.0.7";

let open: StackGroup | null = null;

afterEach(async () => {
  await open?.close();
  open = null;
});

async function group(more: Partial<StackGroupOptions> = {}): Promise<StackGroup> {
  open = await createStackGroup({
    tun: { name: "tun0", prefix: KERNEL },
    queues: 2,
    worker: new URL("./stack-group-worker.ts", import.meta.url),
    address: `${ADDRESS}/24`,
    kernelAddress: "10.0.0.1",
    ...more,
  });
  return open;
}

/** A connection of the kernel's to the echo. */
class Client {
  readonly socket: Socket;
  readonly opened: Promise<void>;
  readonly ended: Promise<void>;
  received = 0;

  constructor() {
    this.socket = dial({ host: ADDRESS, port: 7, allowHalfOpen: true });
    this.socket.on("data", (bytes: Buffer) => (this.received += bytes.length));
    this.opened = new Promise((resolve, reject) => {
      this.socket.on("connect", resolve);
      this.socket.on("error", reject);
    });
    this.ended = new Promise((resolve, reject) => {
      this.socket.on("end", resolve);
      this.socket.on("error", reject);
    });
    this.ended.catch(() => {});
  }

  /** Resolves once everything that it has sent came back. */
  async echoed(sent: number, limitMs = 60_000): Promise<void> {
    const until = performance.now() + limitMs;
    while (this.received < sent && performance.now() < until) await Bun.sleep(5);
    expect(this.received).toBe(sent);
  }
}

async function clients(n: number): Promise<Client[]> {
  const all = Array.from({ length: n }, () => new Client());
  await Promise.all(all.map(({ opened }) => opened));
  return all;
}

const portOf = (client: Client) => client.socket.localPort;

test("64 connections at once over 2 queues: all get their data back, both queues have some, and none is reset", async () => {
  const stacks = await group();
  const all = await clients(64);
  const connections = await stacks.connections();
  expect(connections.length).toBe(64);
  for (const queue of [0, 1]) expect(connections.filter((each) => each.queue === queue).length).toBeGreaterThan(8);
  const sent = 300_000;
  for (const { socket } of all) socket.end(Buffer.alloc(sent, 1));
  await Promise.all(all.map(({ ended }) => ended));
  expect(all.every(({ received }) => received === sent)).toBe(true);
  const counters = await stacks.counters();
  expect(Object.keys(counters).filter((name) => name.startsWith("tcp.tx.rst") || name === "tcp.rx.rst")).toEqual([]);
  expect(counters["tcp.tx.syn-ack"]).toBe(64);
}, 150_000);

test("a thread that is busy does not stop the others", async () => {
  const stacks = await group();
  const all = await clients(32);
  const connections = await stacks.connections();
  const other = connections.filter(({ queue }) => queue === 1).map(({ remotePort }) => remotePort);
  const alive = all.filter((client) => other.includes(portOf(client)!));
  expect(alive.length).toBeGreaterThan(0);
  stacks.workers[0]!.postMessage("block" satisfies Order);
  await Bun.sleep(500);
  const late = all.filter((client) => !alive.includes(client));
  for (const { socket } of late) socket.write(Buffer.alloc(1_000, 2));
  for (const { socket } of alive) socket.write(Buffer.alloc(1_000, 2));
  await Promise.all(alive.map((client) => client.echoed(1_000)));
  // The thread still sleeps: its connections have got nothing yet, and are only late.
  expect(late.every(({ received }) => received === 0)).toBe(true);
  await Promise.all(late.map((client) => client.echoed(1_000)));
  for (const { socket } of all) socket.destroy();
}, 150_000);

test("connections that the threads open hear their answers, also after the kernel has forgotten which queue they are on", async () => {
  const stacks = await group();
  const heard: { socket: Socket; queue: number; echoes: number }[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const one = { socket, queue: -1, echoes: 0 };
    heard.push(one);
    socket.on("error", () => (one.echoes = Number.NaN));
    socket.on("data", (bytes: Buffer) => {
      if (one.queue < 0) one.queue = bytes[0]!;
      else one.echoes += bytes.length;
    });
  });
  const port = await new Promise<number>((resolve) =>
    server.listen(0, "10.0.0.1", () => resolve((server.address() as { port: number }).port)),
  );
  const connect = new Array(40).fill(port);
  for (const worker of stacks.workers) worker.postMessage({ connect, remote: "10.0.0.1" } satisfies Order);
  const all = () => heard.length === 80 && heard.every(({ queue }) => queue >= 0);
  for (const until = performance.now() + 60_000; !all() && performance.now() < until; ) await Bun.sleep(10);
  expect([0, 1].map((queue) => heard.filter((one) => one.queue === queue).length)).toEqual([40, 40]);
  // The kernel keeps a flow for 3 s (TUN_FLOW_EXPIRE), then it goes by its own hash: half of these arrive on the other queue.
  await Bun.sleep(4_500);
  for (const { socket } of heard) socket.write(Buffer.alloc(500, 3));
  const echoed = () => heard.every(({ echoes }) => echoes === 500);
  for (const until = performance.now() + 60_000; !echoed() && performance.now() < until; ) await Bun.sleep(10);
  expect(heard.map(({ echoes }) => echoes)).toEqual(new Array(80).fill(500));
  const counters = await stacks.counters();
  expect(counters["queue.handed-over"]).toBeGreaterThan(5);
  expect(Object.keys(counters).filter((name) => name.startsWith("tcp.tx.rst"))).toEqual([]);
  for (const { socket } of heard) socket.destroy();
  server.close();
}, 150_000);

test("a thread that dies ends the group with an error, and the other connections are reset", async () => {
  const stacks = await group();
  const [client] = await clients(1);
  const closed = stacks.closed.then(
    () => null,
    (error: unknown) => error,
  );
  stacks.workers[1]!.postMessage("die" satisfies Order);
  expect(await closed).toMatchObject({
    name: "ConnectionError",
    code: "ECONNABORTED",
    message: "the thread of queue 1 ended: a defect",
  });
  client!.socket.destroy();
  // The device is gone with its last descriptor.
  const shown = Bun.spawnSync(["ip", "link", "show", "tun0"]);
  expect(shown.stderr.toString()).toContain("does not exist");
}, 90_000);

test("a thread that cannot start, wrong options, a device of one queue, too many queues: each in words", async () => {
  const failure = async (more: object) => {
    try {
      await group(more);
      return "";
    } catch (error) {
      return (error as Error).message;
    }
  };
  expect(await failure({ data: "refuse" })).toBe("the thread of queue 1 ended: it does not want to");
  expect(await failure({ queues: 0 })).toBe("queues must be a whole number from 1 to 256, not 0");
  expect(await failure({ queues: 257 })).toBe("queues must be a whole number from 1 to 256, not 257");
  expect(await failure({ worker: undefined })).toContain("createStackGroup needs worker");
  expect(await failure({ worker: new URL("./nothing.ts", import.meta.url) })).toMatch(
    /the thread of queue [01] ended: Cannot find module/,
  );
  expect(await failure({ workers: "x" })).toContain("did you mean worker?");
  expect(await failure({ address: "10.0.0.1/24" })).toContain("is the kernel's address");
  Bun.spawnSync(["ip", "tuntap", "add", "tun3", "mode", "tun"]);
  expect(await failure({ tun: { name: "tun3" } })).toContain("tun3 was made for one queue");
  Bun.spawnSync(["ip", "link", "del", "tun3"]);
}, 90_000);

test("a device with several queues is opened by one program at a time, with as many queues as it wants", async () => {
  Bun.spawnSync(["ip", "tuntap", "add", "tun0", "mode", "tun", "multi_queue"]);
  for (const queues of [1, 3]) {
    const stacks = await group({ queues });
    expect(stacks.workers.length).toBe(queues);
    let message = "";
    await createStackGroup({
      tun: { name: "tun0" },
      queues: 2,
      worker: new URL("./stack-group-worker.ts", import.meta.url),
      address: "10.0.0.8/24",
    }).catch((error: Error) => (message = error.message));
    expect(message).toContain("device or resource busy (EBUSY)");
    const all = await clients(8);
    for (const { socket } of all) socket.end("hello");
    await Promise.all(all.map(({ ended }) => ended));
    await stacks.close();
  }
  Bun.spawnSync(["ip", "link", "del", "tun0"]);
}, 90_000);

import { describe, expect, test } from "bun:test";
import { createStack, pair } from "../../src/index.ts";
import { openTun } from "../../src/package/tun.ts";
import { ROOT } from "../support/root.ts";
import { bytes, connected, HOST, PEER, PORT, readAll, rejection, world, writeAll } from "./world.ts";

const host = () => ({ now: () => 0, wake() {}, onEvents: null });

describe("createStack", () => {
  test.each([
    ["no address", { address: [] }, "a stack needs an address"],
    ["an address that is none", { address: "10.0.0.1/33" }, "IPv4 prefixes go up to /32"],
    ["a network's own address", { address: "10.0.0.0/24" }, "no host can use 10.0.0.0"],
    ["the kernel's address", { address: "10.0.0.1/24", kernelAddress: "10.0.0.1" }, "10.0.0.1 is the kernel's"],
  ])("%s is refused in words", async (_name, settings, words) => {
    expect((await rejection(createStack({ ...settings, host })))?.message).toContain(words);
  });

  test("an address without a prefix is one host; owned makes a prefix ours but for the kernel's address", async () => {
    const net = await createStack({
      address: [HOST, "fd00::7"],
      owned: "10.9.0.0/16",
      kernelAddress: "10.9.0.1",
      host,
    });
    expect(net.addresses).toEqual([HOST, "fd00::7"]);
    net.listen({ port: 1, hostname: "10.9.8.7" });
    expect(() => net.listen({ port: 1, hostname: "10.9.0.1" })).toThrow("not an address of this stack");
  });

  test("the same seed is the same run; without one nothing can be guessed", async () => {
    const port = async (seed?: number) => {
      const settings = seed === undefined ? {} : { seed };
      const net = await createStack({ address: "10.0.0.7/24", host, ...settings });
      return net.connect({ hostname: PEER, port: PORT }).local.port;
    };
    expect(await port(7)).toBe(await port(7));
    const ports = new Set(await Promise.all(Array.from({ length: 8 }, () => port())));
    expect(ports.size).toBeGreaterThan(4);
  });
});

describe("NetStack", () => {
  test("lists its connections and counters", async () => {
    const w = await world();
    const [active] = await connected(w);
    expect(w.peer.connections()).toEqual([active.info()]);
    expect(w.host.counters()["tcp.tx.syn-ack"]).toBe(1);
  });

  test("close ends everything: listeners, sockets by RST, and what waits", async () => {
    const w = await world();
    const [active, passive] = await connected(w);
    const listener = w.host.listen({ port: 9 });
    const accepting = listener.accept();
    await w.host.close();
    expect(await accepting).toBeNull();
    expect(await rejection(passive.closed)).toMatchObject({
      code: "ECONNABORTED",
      cause: { message: "this stack was closed" },
    });
    expect(await w.until(rejection(active.closed))).toMatchObject({ code: "ECONNRESET" });
    await w.host.closed;
    await w.host.close();
    expect(w.host.connections()).toEqual([]);
    expect(() => w.host.listen({ port: 1 })).toThrow("this stack is closed");
    expect(() => w.host.connect({ hostname: PEER, port: 1 })).toThrow("this stack is closed");
  });

  test("the trace is handed over after each turn and never overflows", async () => {
    const w = await world({ peer: { trace: 4096 } });
    let records = 0;
    let lost = 0;
    w.peer.onTrace = (trace) => {
      records += trace.size;
      lost += trace.lost;
    };
    const [active, passive] = await connected(w);
    const reading = readAll(passive);
    await w.until(writeAll(active, bytes(1_000_000)).then(() => active.closeWrite()));
    await w.until(reading);
    expect(records).toBeGreaterThan(700);
    expect(lost).toBe(0);
  });
});

describe("in real time, over a pair of devices", () => {
  const offload = { checksum: true, tso4: true, tso6: true };

  test.each([
    ["plain", {}],
    ["with offload", { offload }],
  ])("%s: 8 MiB both ways arrive byte for byte, close sends the RSTs, the program ends", async (_name, options) => {
    const [a, b] = pair(options);
    const host = await createStack({ device: a, address: `${HOST}/24` });
    const peer = await createStack({ device: b, address: `${PEER}/24` });
    const listener = host.listen({ port: PORT });
    const active = peer.connect({ hostname: HOST, port: PORT });
    const passive = (await listener.accept())!;
    await active.opened;
    const [there, back] = [bytes(8 << 20, 1), bytes(8 << 20, 2)];
    void writeAll(active, there).then(() => active.closeWrite());
    void writeAll(passive, back).then(() => passive.closeWrite());
    const [atHost, atPeer] = await Promise.all([readAll(passive), readAll(active)]);
    expect(Bun.hash(atHost)).toBe(Bun.hash(there));
    expect(Bun.hash(atPeer)).toBe(Bun.hash(back));
    await Promise.all([active.closed, passive.closed]);
    const idle = peer.connect({ hostname: HOST, port: PORT });
    const waiting = (await listener.accept())!;
    await idle.opened;
    await peer.close();
    expect(await rejection(waiting.closed)).toMatchObject({ code: "ECONNRESET" });
    await host.close();
  });

  test("onEvents that throws is an uncaught exception, and the stack goes on", async () => {
    const program = `
import { createStack, pair } from "${ROOT}src/index.ts";
const seen = new Set();
process.on("uncaughtException", ({ message }) => seen.add(message));
const [a, b] = pair();
const host = await createStack({ device: a, address: "${HOST}/24" });
const peer = await createStack({ device: b, address: "${PEER}/24", trace: 100 });
host.listen({ port: 7 });
let turns = 0;
peer.onEvents = (events) => {
  turns += events.length > 0 ? 1 : 0;
  throw new Error("mine");
};
const { mss } = await peer.connect("${HOST}:7").opened;
await Promise.all([host.close(), peer.close()]);
console.log(mss, turns > 1, ...seen);`;
    const child = Bun.spawn([process.execPath, "-e", program], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
    const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    expect([await child.exited, out.trim(), err]).toEqual([0, "1448 true mine", ""]);
  });

  test("a device that vanishes aborts its connections and says so", async () => {
    const [a, b] = pair({ names: ["tun7", "tun8"] });
    const host = await createStack({ device: a, address: `${HOST}/24` });
    const peer = await createStack({ device: b, address: `${PEER}/24` });
    host.listen({ port: PORT });
    const active = peer.connect({ hostname: HOST, port: PORT });
    await active.opened;
    a.close();
    expect(await rejection(peer.closed)).toMatchObject({ code: "ENETDOWN", message: "the device tun8 vanished" });
    expect(await rejection(active.closed)).toMatchObject({ code: "ENETDOWN", message: "the device tun8 vanished" });
    expect(active.state).toBe("CLOSED");
    expect(await rejection(host.closed)).toMatchObject({ code: "ENETDOWN", message: "the device tun7 vanished" });
    await Promise.all([host.close(), peer.close()]);
  });

  test("a device that vanishes loses no octet silently: an orderly end stays readable, any other read rejects", async () => {
    const [a, b] = pair({ names: ["tun7", "tun8"] });
    const host = await createStack({ device: a, address: `${HOST}/24` });
    const peer = await createStack({ device: b, address: `${PEER}/24` });
    const listener = host.listen({ port: PORT });
    const open = async () => {
      const active = peer.connect({ hostname: HOST, port: PORT });
      return [active, (await listener.accept())!] as const;
    };
    const [waiting, closed] = await open();
    const [reader, half] = await open();
    const sent = bytes(3_000);
    waiting.closeWrite();
    await closed.read(new Uint8Array(1));
    closed.write(sent);
    closed.closeWrite();
    await waiting.closed;
    half.write(sent);
    half.closeWrite();
    await half.flushed();
    expect([waiting.state, reader.state]).toEqual(["TIME-WAIT", "CLOSE-WAIT"]);
    a.close();
    expect(await rejection(peer.closed)).toMatchObject({ code: "ENETDOWN" });
    expect(Bun.hash(await readAll(waiting))).toBe(Bun.hash(sent));
    expect(await rejection(reader.read(new Uint8Array(10)) as Promise<number>)).toMatchObject({ code: "ENETDOWN" });
    expect(peer.connections()).toEqual([]);
    await Promise.all([host.close(), peer.close()]);
  });

  test("a stack keeps the process alive until it is closed, unless it was told not to", async () => {
    const program = (more: string) => `
      const { createStack, pair } = await import("./src/index.ts");
      const stack = await createStack({ device: pair()[0], address: "10.0.0.7/24" });
      stack.listen({ port: 1 });
      ${more}
      console.log("done");`;
    const alive = async (more: string, patience = 20_000) => {
      const child = Bun.spawn([process.execPath, "-e", program(more)], { stdout: "pipe", stderr: "inherit" });
      await child.stdout.getReader().read();
      const ended = await Promise.race([child.exited, Bun.sleep(patience).then(() => "alive")]);
      child.kill();
      return ended;
    };
    expect(await Promise.all([alive("", 500), alive("stack.unref();"), alive("await stack.close();")])).toEqual([
      "alive",
      0,
      0,
    ]);
  });

  test("openTun is part of the package", () => {
    expect(openTun).toBeFunction();
  });
});

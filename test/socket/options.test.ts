/** Options that are changed while the connection is open, idle timeouts, lingering, and what keeps a program alive. */
import { describe, expect, test } from "bun:test";
import { pair } from "#device/pair";
import { createStack } from "#socket/create-stack";
import type { SocketHandlers } from "#socket/types";
import { bytes, connected, HOST, PORT, readAll, rejection, world, writeAll } from "./world.ts";

describe("options after open", () => {
  test("nodelay: small segments go at once", async () => {
    const w = await world({ link: "delay 50ms" });
    const [active] = await connected(w);
    const gone = () => active.info().lastSentAt;
    active.write(bytes(10));
    await w.pass(1);
    const first = gone();
    active.write(bytes(10));
    await w.pass(1);
    expect(gone()).toBe(first);
    active.setOptions({ nodelay: true });
    await w.pass(1);
    expect(gone()).toBeGreaterThan(first);
  });

  test("keep-alive: a peer that is gone is noticed after idle + count · interval", async () => {
    const w = await world();
    const [active] = await connected(w);
    active.setOptions({ keepAlive: { idle: 1_000, interval: 200, count: 3 }, nodelay: true });
    w.cut();
    const begun = w.sim.now;
    expect(await w.until(rejection(active.closed))).toMatchObject({ code: "ETIMEDOUT" });
    const after = (w.sim.now - begun) / 1_000;
    expect(after).toBeGreaterThanOrEqual(1_500);
    expect(after).toBeLessThan(1_800);
  });

  test("keep-alive is switched off again", async () => {
    const w = await world();
    const [active] = await connected(w, { keepAlive: { idle: 1_000, interval: 200, count: 3 } });
    active.setOptions({ keepAlive: false });
    w.cut();
    await w.pass(20_000);
    expect(active.state).toBe("ESTABLISHED");
  });

  test("buffers: the receive buffer limits the window, the send buffer what write takes", async () => {
    const w = await world();
    const [active, passive] = await connected(w);
    active.setOptions({ sendBuffer: 5_000 });
    expect(active.write(bytes(20_000))).toBe(5_000);
    await w.until(active.flushed());
    passive.setOptions({ receiveBuffer: 3_000_000 });
    expect(passive.info().receiveBuffer).toBe(3_000_000);
    const data = bytes(100_000, 2);
    const all = readAll(passive);
    await w.until(writeAll(active, data));
    active.closeWrite();
    expect((await w.until(all)).length).toBe(105_000);
  });

  test("userTimeout and cc", async () => {
    const w = await world();
    const [active] = await connected(w);
    active.setOptions({ userTimeout: 3_000, cc: "newreno" });
    expect(active.info().congestionControl).toBe("newreno");
    w.cut();
    active.write(bytes(10));
    const begun = w.sim.now;
    expect(await w.until(rejection(active.closed))).toMatchObject({ code: "ETIMEDOUT" });
    expect((w.sim.now - begun) / 1_000).toBeLessThan(4_000);
  });

  test("allowHalfOpen: false answers the next FIN with a FIN", async () => {
    const w = await world();
    const [active, passive] = await connected(w);
    passive.setOptions({ allowHalfOpen: false });
    active.closeWrite();
    await w.until(active.closed);
    expect(active.info().error).toBe("OK");
  });

  test("mistakes are refused in words, and change nothing", async () => {
    const w = await world();
    const [active] = await connected(w);
    const set = (options: unknown) => () => active.setOptions(options as never);
    expect(set(null)).toThrow("setOptions' argument must be an object such as { nodelay: true }, not null");
    expect(set({ noDelay: true })).toThrow('setOptions\' argument has no "noDelay": did you mean nodelay?');
    expect(set({ mss: 500 })).toThrow("mss cannot be changed any more: give it to connect or listen");
    expect(set({ socket: {} })).toThrow("socket cannot be changed any more: give it to connect or listen");
    expect(set({ nodelay: 1 })).toThrow("nodelay must be true or false, not 1");
    expect(set({ idleTimeout: -1 })).toThrow("idleTimeout must be 0, or a time in ms above 0 and at most");
    expect(set({ linger: Number.NaN })).toThrow("linger must be 0, or a time in ms above 0 and at most");
    expect(set({ sendBuffer: 0 })).toThrow("sendBuffer must be a whole number from 1 to 1073741824, not 0");
    expect(set({ keepAlive: { idle: 0 } })).toThrow("keepAlive.idle must be a time in ms above 0");
    expect(set({ allowHalfOpen: false, cc: "vegas" })).toThrow('there is no congestion control "vegas"');
    active.abort();
    expect(set({ nodelay: true })).toThrow(`the connection to ${HOST}:${PORT} is over`);
  });
});

describe("idle timeout", () => {
  test("ends a connection on which nothing moves, and says so", async () => {
    const w = await world();
    const [active] = await connected(w, { idleTimeout: 5_000 });
    const begun = w.sim.now;
    const { message, code } = (await w.until(rejection(active.closed)))!;
    expect({ message, code }).toEqual({
      code: "ETIMEDOUT",
      message: `nothing was sent to or received from ${HOST}:${PORT} for 5.0 s (idleTimeout)`,
    });
    expect((w.sim.now - begun) / 1_000).toBeWithin(4_900, 5_001);
  });

  test("what is sent or received puts it off, in either direction", async () => {
    const w = await world();
    const [active, passive] = await connected(w, { idleTimeout: 1_000 });
    for (let i = 0; i < 6; i++) {
      await w.pass(700);
      (i % 2 ? active : passive).write(bytes(1));
    }
    await w.pass(700);
    expect(active.state).toBe("ESTABLISHED");
    await w.until(rejection(active.closed));
    expect(active.info().error).toBe("ECONNABORTED");
  });

  test("a handler is called each time instead, and the connection goes on", async () => {
    const w = await world();
    const at: number[] = [];
    const socket: SocketHandlers = {
      timeout(it) {
        at.push(w.sim.now);
        if (at.length === 3) it.abort();
      },
    };
    const [active] = await connected(w, { idleTimeout: 1_000, socket });
    await w.until(rejection(active.closed));
    expect(at.length).toBe(3);
    expect(at.slice(1).map((time, i) => time - at[i]!)).toEqual([1_000_000, 1_000_000]);
    expect(w.peer.engine.alarms.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
  });

  test("a handler that throws is told to error, and does not stop the clock", async () => {
    const w = await world();
    const thrown: unknown[] = [];
    let calls = 0;
    const socket: SocketHandlers = {
      timeout() {
        calls++;
        throw new Error("mine");
      },
      error: (_, error) => void thrown.push((error as Error).message),
    };
    const [active] = await connected(w, { idleTimeout: 1_000, socket });
    await w.pass(2_500);
    expect(calls).toBe(2);
    expect(thrown).toEqual(["mine", "mine"]);
    expect(active.state).toBe("ESTABLISHED");
  });

  test("it is set, moved and switched off while the connection is open", async () => {
    const w = await world();
    const [active] = await connected(w);
    active.setOptions({ idleTimeout: 1_000 });
    await w.pass(500);
    active.setOptions({ idleTimeout: 0 });
    await w.pass(10_000);
    expect(active.state).toBe("ESTABLISHED");
    active.setOptions({ idleTimeout: 2_000 });
    await w.until(rejection(active.closed));
  });

  test("a listener passes it on, also to a connection that slept", async () => {
    const w = await world();
    const listener = w.host.listen({ port: PORT, idleTimeout: 120_000 });
    const active = w.peer.connect(`${HOST}:${PORT}`);
    const passive = (await w.until(listener.accept()))!;
    await w.pass(100_000);
    expect(w.host.engine.asleepCount).toBe(1);
    active.write(bytes(1));
    await w.pass(100_000);
    expect(passive.state).toBe("ESTABLISHED");
    expect(await w.until(rejection(passive.closed))).toMatchObject({ code: "ETIMEDOUT" });
  });

  test("a connection that is over leaves no timer behind", async () => {
    const w = await world();
    const [active, passive] = await connected(w, { idleTimeout: 3_600_000 });
    void passive.close();
    await w.until(active.close());
    expect(w.peer.engine.alarms.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("linger", () => {
  test("0: close resets, and drops what is queued", async () => {
    const w = await world();
    const [active, passive] = await connected(w, { linger: 0 });
    active.write(bytes(100));
    await w.until(active.close());
    expect(await w.until(rejection(passive.closed))).toMatchObject({ code: "ECONNRESET" });
  });

  test("close waits so long for the peer, then resets", async () => {
    const w = await world();
    const [active] = await connected(w, { linger: 2_000 });
    w.cut();
    active.write(bytes(100));
    const begun = w.sim.now;
    const closed = rejection(active.closed);
    await w.until(active.close());
    expect(w.sim.now - begun).toBe(2_000_000);
    expect((await closed)!.message).toBe(
      `${HOST}:${PORT} has not acknowledged everything within 2.0 s after close (linger)`,
    );
  });

  test("what the peer acknowledges in time is not reset", async () => {
    const w = await world();
    const [active, passive] = await connected(w, { linger: 2_000 });
    active.write(bytes(100));
    void active.close();
    expect((await w.until(readAll(passive))).length).toBe(100);
    await w.pass(5_000);
    expect(active.state).toBe("FIN-WAIT-2");
    passive.closeWrite();
    await w.until(active.closed);
  });
});

test("a socket, a listener and a UDP socket can keep the program alive after unref of their stack, until they end", async () => {
  const program = `
    import { createStack, pair } from "${new URL("../../src/index.ts", import.meta.url).pathname}";
    // Not at the top: in Bun a module that is not yet evaluated keeps the program alive.
    const program = async () => {
      const [a, b] = pair();
      const host = await createStack({ device: a, address: "10.0.0.7/24" });
      const peer = await createStack({ device: b, address: "10.0.0.5/24" });
      host.unref();
      peer.unref();
      const listener = host.listen({ port: 7 });
      const udp = host.bind({});
      const socket = peer.connect("10.0.0.7:7");
      // It outlives its listener.
      await listener.accept();
      for (const each of [listener, udp, socket]) each.ref();
      const hold = (ms) => new Promise((resolve) => setTimeout(resolve, ms).unref());
      await hold(50);
      console.log("listener");
      await listener.close();
      await hold(50);
      console.log("udp");
      await udp.close();
      await hold(50);
      console.log("socket");
      socket.unref();
      await hold(60_000);
      console.log("never");
    };
    void program();
  `;
  const run = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe", stderr: "inherit", timeout: 20_000 });
  expect(await new Response(run.stdout).text()).toBe("listener\nudp\nsocket\n");
  expect([await run.exited, run.signalCode]).toEqual([0, null]);
}, 30_000);

test("an unreferenced stack that nothing holds lets the program end", async () => {
  const stack = await createStack({ device: pair()[0], address: "10.0.0.7/24" });
  const listener = stack.listen({ port: 0 });
  listener.ref();
  listener.unref();
  await listener.close();
  listener.ref();
  stack.unref();
  await stack.close();
});

describe("multicast is out of scope, and every call says so", async () => {
  const stack = await createStack({ device: pair()[0], address: ["10.0.0.7/24", "fd00::7/64"] });
  const udp = stack.bind();
  stack.unref();
  const words = (group: string) => `${group} is a multicast address, which this stack does not support`;
  test.each([
    ["connect", (group: string) => stack.connect({ hostname: group, port: 80 })],
    ["connect from", (group: string) => stack.connect("10.0.0.1:80", { localAddress: group })],
    ["listen", (group: string) => stack.listen({ port: 0, hostname: group })],
    ["listen for", (group: string) => stack.listen({ port: 0, remote: group })],
    ["bind", (group: string) => stack.bind({ address: group })],
    ["connect of UDP", (group: string) => udp.connect({ hostname: group, port: 5353 })],
    ["send", (group: string) => udp.send(bytes(1), 5353, group)],
    ["ping", (group: string) => stack.ping(group)],
  ] as const)("%s", (_, call) => {
    for (const group of ["224.0.0.251", "ff02::fb"]) expect(() => call(group)).toThrow(words(group));
  });

  test("join", () => {
    expect(() => udp.addMembership("224.0.0.251")).toThrow(
      'cannot join "224.0.0.251": this stack does not support multicast',
    );
  });

  test("a stack of its own", async () => {
    await expect(createStack({ device: pair()[0], address: "224.0.0.1/24" })).rejects.toThrow(
      "224.0.0.1 is a multicast address: a stack needs the address of one host",
    );
  });
});

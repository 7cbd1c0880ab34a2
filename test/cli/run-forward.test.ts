/** `tcpnet run`: a connection of this machine that ends before the stack has one, and a stack that has no room for one. */
import { expect, test } from "bun:test";
import { writeSync } from "node:fs";
import { Looks } from "#cli/run/looks";
import { type HostSocket, Relay } from "#cli/run/relay";
import { TcpForward } from "#cli/run/tcp-forward";
import { close } from "#ffi/libc";
import { socketPair } from "#ffi/pass-descriptor";
import type { NetStack } from "#socket/stack-types";
import type { Socket } from "#socket/types";
import { bytes, connected, readAll, world } from "../socket/world.ts";

test("a reset that comes before the stack's connection is there reaches the command", () => {
  const calls: string[] = [];
  const socket = {
    write: () => calls.push("write"),
    closeWrite: () => calls.push("closeWrite"),
    abort: () => calls.push("abort"),
  } as unknown as Socket;
  const reset = new Relay(() => {});
  reset.toStack(Uint8Array.of(1));
  reset.hostClosed(true);
  reset.joined(socket);
  expect(calls.splice(0)).toEqual(["abort"]);
  const ended = new Relay(() => {});
  ended.hostEnded();
  ended.joined(socket);
  expect(calls).toEqual(["closeWrite"]);
});

test("after a large piece, the rest is read from the host's socket into the send buffer, and Bun is asked again when it is empty", async () => {
  const [near, far] = socketPair();
  const w = await world();
  const relay = new Relay(() => {});
  const [active, passive] = await connected(w, {
    sendBuffer: 100_000,
    socket: { drain: () => relay.stackDrained() },
  });
  const calls: string[] = [];
  const host = { fd: near, pause: () => calls.push("pause"), resume: () => calls.push("resume") };
  let copied = 0;
  const { write } = active;
  active.write = (...args) => {
    copied += args[0].length;
    return write.apply(active, args);
  };
  try {
    relay.host = host as unknown as HostSocket;
    relay.joined(active);
    const data = bytes(180_000);
    relay.toStack(data.subarray(0, 1_000));
    expect(calls).toEqual([]);
    writeSync(far, data, 71_000);
    relay.toStack(data.subarray(1_000, 71_000));
    // The send buffer is full.
    expect(calls).toEqual(["pause"]);
    await w.pass(500);
    expect(calls).toEqual(["pause", "resume"]);
    relay.hostEnded();
    expect(Buffer.compare(await w.until(readAll(passive)), data)).toBe(0);
    expect(copied).toBe(71_000);
  } finally {
    close(near);
    close(far);
  }
});

test("who connects to a published port while the stack has no room is disconnected, and nothing is kept of it", async () => {
  const full = {
    connect() {
      throw new Error("no room");
    },
  } as unknown as NetStack;
  const forward = new TcpForward();
  const listener = forward.publish(full, { hostname: "127.0.0.1", port: 0 }, { hostname: "10.0.2.100", port: 80 });
  try {
    const { promise, resolve } = Promise.withResolvers<string>();
    const { port } = listener;
    await Bun.connect({ hostname: "127.0.0.1", port, socket: { data: () => {}, close: () => resolve("closed") } });
    expect(await promise).toBe("closed");
    expect(forward.isOver).toBe(true);
  } finally {
    listener.stop(true);
  }
});

test("looks are as far apart as an answer may be late, and end when there is nothing to look for", async () => {
  const times: number[] = [];
  const began = performance.now();
  const { promise, resolve } = Promise.withResolvers<void>();
  const looks = new Looks(() => {
    times.push(performance.now() - began);
    if (times.at(-1)! < 500) return true;
    resolve();
    return false;
  });
  looks.begin();
  await promise;
  const { length } = times;
  // Once a millisecond it would be 500 times; a distance of a 64th part begins to grow at 64 ms: 64 + 64 · ln(500 / 64) = 196.
  expect(length).toBeLessThan(230);
  await Bun.sleep(50);
  expect(times).toHaveLength(length);
});

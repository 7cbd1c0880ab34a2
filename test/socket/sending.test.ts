/** What a program may say of its octets and of its ACKs: cork, MSG_MORE, ends of records, peeking, quick ACKs. */
import { describe, expect, test } from "bun:test";
import { bytes, connected, rejection, world } from "./world.ts";

/** One write after another; the segments with data that the peer got of them. */
async function written(
  act: (socket: import("#socket/types").Socket, pass: (ms: number) => Promise<void>) => Promise<void>,
) {
  const w = await world();
  const [active, passive] = await connected(w);
  await act(active, (ms) => w.pass(ms));
  await w.pass(500);
  const { dataSegsIn, bytesReceived } = passive.info();
  return { segments: dataSegsIn, octets: bytesReceived };
}

describe("small writes", () => {
  test("a cork gathers them, and drawing it sends them as one segment", async () => {
    const result = await written(async (socket, pass) => {
      socket.cork();
      for (let i = 0; i < 5; i++) {
        socket.write(bytes(100));
        await pass(20);
      }
      expect(socket.info().dataSegsOut).toBe(0);
      socket.uncork();
    });
    expect(result).toEqual({ segments: 1, octets: 500 });
  });

  test("a write that announces more waits for the next write", async () => {
    const result = await written(async (socket, pass) => {
      socket.write(bytes(100), 0, 100, { more: true });
      await pass(50);
      expect(socket.info().dataSegsOut).toBe(0);
      socket.write(bytes(100));
    });
    expect(result).toEqual({ segments: 1, octets: 200 });
  });

  test("no segment carries octets from both sides of a record's end", async () => {
    const result = await written(async (socket) => {
      socket.cork();
      socket.write(bytes(100), 0, 100, { record: true });
      socket.write(bytes(100), 0, 100, { record: true });
      socket.uncork();
    });
    expect(result).toEqual({ segments: 2, octets: 200 });
  });

  test("options that are none are refused", async () => {
    const [active] = await connected(await world());
    const wrong = { mroe: true } as object;
    expect(() => active.write(bytes(1), 0, 1, wrong)).toThrow("did you mean more?");
    active.closeWrite();
    expect(() => active.cork()).toThrow("this side has closed its direction");
  });
});

test("what is peeked at can be read afterwards; a window does not open", async () => {
  const w = await world();
  const [active, passive] = await connected(w);
  active.write(bytes(300));
  await w.pass(100);
  const into = new Uint8Array(200);
  expect([passive.peek(into), passive.peek(into, 250), passive.peek(into, 300)]).toEqual([200, 50, 0]);
  expect(into.subarray(0, 50)).toEqual(bytes(300).subarray(250));
  expect(passive.info().receiveQueue).toBe(300);
  expect(await passive.read(new Uint8Array(1000))).toBe(300);
  expect(() => passive.peek(into, -1)).toThrow("after must be a whole number");
  active.abort();
  await rejection(active.closed);
});

test("quickAck lets the ACK go that waits", async () => {
  const w = await world();
  const [active, passive] = await connected(w);
  passive.quickAck(false);
  active.write(bytes(100));
  await w.pass(15);
  const before = passive.info().segsOut;
  expect(await passive.read(new Uint8Array(1000))).toBe(100);
  passive.quickAck(true);
  await w.pass(5);
  expect(passive.info().segsOut).toBe(before + 1);
});

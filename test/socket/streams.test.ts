import { describe, expect, test } from "bun:test";
import { bytes, connected, readAll, rejection, world, writeAll } from "./world.ts";

describe("readable", () => {
  test("yields every octet in order, then ends; the other direction stays open", async () => {
    const w = await world();
    const [active, passive] = await connected(w);
    const data = bytes(1_000_000);
    void writeAll(active, data).then(() => active.closeWrite());
    const parts: Uint8Array[] = [];
    await w.until(
      (async () => {
        for await (const chunk of passive.readable) parts.push(chunk);
      })(),
    );
    expect(Buffer.concat(parts).equals(data)).toBe(true);
    expect(passive.state).toBe("CLOSE-WAIT");
  });

  test("fills a reader's own buffer, and ends it with an empty view", async () => {
    const w = await world();
    const [active, passive] = await connected(w);
    active.write(bytes(1000));
    active.closeWrite();
    const reader = passive.readable.getReader({ mode: "byob" });
    const got: Uint8Array[] = [];
    let buffer = new ArrayBuffer(300);
    await w.until(
      (async () => {
        for (;;) {
          const { value, done } = await reader.read(new Uint8Array(buffer));
          if (done) {
            expect(value?.length ?? 0).toBe(0);
            return;
          }
          got.push(value.slice());
          buffer = value.buffer as ArrayBuffer;
        }
      })(),
    );
    expect(got.map((part) => part.length)).toEqual([300, 300, 300, 100]);
    expect(new Uint8Array(Buffer.concat(got))).toEqual(bytes(1000));
  });

  test("holds nothing itself: without a reader the window closes", async () => {
    const w = await world();
    const [active, passive] = await connected(w);
    expect(passive.readable).toBe(passive.readable);
    void writeAll(active, bytes(8 << 20)).catch(() => {});
    await w.pass(10_000);
    expect(passive.info().receiveQueue).toBeGreaterThanOrEqual(passive.info().receiveBuffer);
    expect(active.info().sndWnd).toBe(0);
  });

  test("breaks with the reason when the peer resets", async () => {
    const w = await world();
    const [active, passive] = await connected(w);
    const reading = passive.readable.getReader().read();
    active.abort();
    expect(await w.until(rejection(reading))).toMatchObject({ code: "ECONNRESET" });
  });

  test("cancelled, it throws away what comes, and writing goes on", async () => {
    const w = await world();
    const [active, passive] = await connected(w);
    await passive.readable.cancel();
    await w.until(writeAll(active, bytes(10 << 20)).then(() => active.flushed()));
    passive.write(bytes(1000));
    passive.closeWrite();
    expect(await w.until(readAll(active))).toEqual(bytes(1000));
  });

  test("a reader excludes the fast way", async () => {
    const w = await world();
    const [active] = await connected(w);
    active.readable.getReader();
    expect(() => active.read(new Uint8Array(9))).toThrow("being read as a stream");
    active.writable.getWriter();
    expect(() => active.write(bytes(9))).toThrow("being written as a stream");
  });
});

describe("writable", () => {
  test("a write waits for the send buffer; closing it sends the FIN and reading goes on", async () => {
    const w = await world();
    const [active, passive] = await connected(w, { sendBuffer: 100_000 });
    const data = bytes(6 << 20);
    const writer = active.writable.getWriter();
    let taken = false;
    const writing = writer.write(data).then(() => {
      taken = true;
    });
    await w.pass(10_000);
    expect(taken).toBe(false);
    const reading = readAll(passive);
    await w.until(writing);
    await w.until(writer.close());
    expect(Buffer.from(await w.until(reading)).equals(data)).toBe(true);
    passive.write(bytes(9));
    expect(await w.until(Promise.resolve(active.read(new Uint8Array(99))))).toBe(9);
  });

  test("aborting it resets", async () => {
    const w = await world();
    const [active, passive] = await connected(w);
    await active.writable.abort("no more");
    expect(await rejection(active.closed)).toMatchObject({ cause: "no more" });
    expect(await w.until(rejection(passive.closed))).toMatchObject({ code: "ECONNRESET" });
  });

  test("a connection that breaks breaks it, pending writes included", async () => {
    const w = await world();
    const [active, passive] = await connected(w, { sendBuffer: 10_000 });
    const writer = active.writable.getWriter();
    const writing = rejection(writer.write(bytes(6 << 20)));
    await w.pass(1_000);
    passive.abort();
    expect(await w.until(writing)).toMatchObject({ code: "ECONNRESET" });
    expect(await rejection(writer.closed)).toMatchObject({ code: "ECONNRESET" });
  });

  test("takes every kind of bytes, and no text", async () => {
    const w = await world();
    const [active, passive] = await connected(w);
    const writer = active.writable.getWriter() as WritableStreamDefaultWriter<unknown>;
    await writer.write(new Uint8Array([1, 2]).buffer);
    await writer.write(new DataView(new Uint8Array([9, 3, 4, 9]).buffer, 1, 2));
    expect((await rejection(writer.write("text")))?.message).toStartWith("a socket takes bytes, not string");
    await w.pass(100);
    const into = new Uint8Array(9);
    expect(passive.read(into)).toBe(4);
    expect([...into.subarray(0, 4)]).toEqual([1, 2, 3, 4]);
  });
});

test("an echo by pipeTo returns every octet, over a link that loses, reorders and duplicates", async () => {
  const w = await world({ link: "delay 5ms 3ms loss 2% duplicate 1% reorder 5%", seed: 5 });
  const [active, passive] = await connected(w);
  const data = bytes(700_000);
  void passive.readable.pipeTo(passive.writable);
  void writeAll(active, data).then(() => active.closeWrite());
  expect(Buffer.from(await w.until(readAll(active))).equals(data)).toBe(true);
  await w.until(Promise.all([active.closed, passive.closed]));
});

import { expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CliError } from "#cli/cli-error";
import { echo, FileSink, FileSource, Flow, isFile, receive, type Sink, send, sendPattern } from "#cli/pump";
import { pair } from "#device/pair";
import { createStack } from "#socket/create-stack";
import type { Socket } from "#socket/types";

/** Two sockets with an open connection, over a link in memory. */
async function connected(work: (a: Socket, b: Socket) => Promise<void>): Promise<void> {
  const [left, right] = pair();
  const one = await createStack({ device: left, address: "10.0.0.1/24", seed: 1 });
  const two = await createStack({ device: right, address: "10.0.0.2/24", seed: 2 });
  try {
    const listener = two.listen({ port: 7 });
    const a = one.connect({ hostname: "10.0.0.2", port: 7 });
    const b = (await listener.accept())!;
    await a.opened;
    await work(a, b);
  } finally {
    await Promise.all([one.close(), two.close()]);
  }
}

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "tcpnet-pump-"));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("what a flow handed over counts as sent once the peer has it", () => {
  const flow = new Flow();
  flow.add(1_000);
  expect(flow.acknowledged(1_000)).toBe(flow);
  const { bytes, took } = flow.acknowledged(400);
  expect(bytes).toBe(400);
  expect(took).toBeGreaterThanOrEqual(0);
});

test("a file goes through a connection into another file, byte for byte, and the flows count it", () =>
  withFolder(async (folder) => {
    const bytes = Buffer.alloc(1_000_003, "0123456789abcde");
    writeFileSync(join(folder, "a"), bytes);
    const from = openSync(join(folder, "a"), "r");
    const to = openSync(join(folder, "b"), "w");
    const [sent, received] = [new Flow(), new Flow()];
    await connected(async (a, b) => {
      b.closeWrite();
      await Promise.all([send(a, new FileSource(from, "a"), sent), receive(b, new FileSink(to, "b"), received)]);
    });
    closeSync(from);
    closeSync(to);
    expect(readFileSync(join(folder, "b")).equals(bytes)).toBe(true);
    expect([sent.bytes, received.bytes]).toEqual([bytes.length, bytes.length]);
    expect(received.took).toBeGreaterThan(0);
  }));

test("a pattern has the length that was asked for and goes on without a seam, whatever fits", () =>
  connected(async (a, b) => {
    let at = 0;
    const sink: Sink = {
      write(from, n) {
        for (let i = 0; i < n; i++) if (from[i] !== ((at + i) & 0xff)) throw new Error(`seam at ${at + i}`);
        at += n;
      },
    };
    await Promise.all([sendPattern(a, 700_001, new Flow()), receive(b, sink, new Flow())]);
    expect(at).toBe(700_001);
  }));

test("what is echoed comes back whole, and the end after it", () =>
  connected(async (a, b) => {
    const back: number[] = [];
    const sink: Sink = { write: (from, n) => void back.push(...from.subarray(0, n)) };
    await Promise.all([
      echo(b, new Flow(), new Flow()),
      sendPattern(a, 50_000, new Flow()),
      receive(a, sink, new Flow()),
    ]);
    expect(back.length).toBe(50_000);
    expect(back.every((byte, i) => byte === (i & 0xff))).toBe(true);
  }));

test("a sink that takes its time closes the window: the sender gets no further than the buffers", () =>
  connected(async (a, b) => {
    const total = 64 << 20;
    const sent = new Flow();
    let open = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    let taken = 0;
    const slow: Sink = {
      write: async (_, n) => {
        taken += n;
        await gate;
      },
    };
    const sending = sendPattern(a, total, sent);
    const receiving = receive(b, slow, new Flow());
    await Bun.sleep(300);
    expect(sent.bytes).toBeLessThan(16 << 20);
    open();
    b.closeWrite();
    await Promise.all([sending, receiving]);
    expect([sent.bytes, taken]).toEqual([total, total]);
  }));

test("what the disk refuses is told with the file's name and the reason", () =>
  withFolder(async (folder) => {
    const path = join(folder, "read-only");
    writeFileSync(path, "x");
    const fd = openSync(path, "r");
    try {
      await new FileSink(fd, path).write(new Uint8Array(4), 4);
      throw new Error("it was written");
    } catch (error) {
      expect(error).toBeInstanceOf(CliError);
      expect((error as CliError).what).toBe(`cannot write ${path}`);
    } finally {
      closeSync(fd);
    }
  }));

test("a file read by position is read from there by every reader, whatever the descriptor's offset is", () =>
  withFolder(async (folder) => {
    writeFileSync(join(folder, "a"), "0123456789");
    const fd = openSync(join(folder, "a"), "r");
    const into = new Uint8Array(100);
    for (let i = 0; i < 2; i++) {
      const source = new FileSource(fd, "a", 4);
      expect([await source.read(into), await source.read(into), source.bytes]).toEqual([6, 0, 6]);
      expect(Buffer.from(into.subarray(0, 6)).toString()).toBe("456789");
    }
    closeSync(fd);
  }));

test("what comes for a reader that has left goes to the next one; a pipe at its end is spent", () =>
  withFolder(async (folder) => {
    expect(Bun.spawnSync(["mkfifo", join(folder, "pipe")]).exitCode).toBe(0);
    // Both ends are held open until the writer is done.
    const fd = openSync(join(folder, "pipe"), "r+");
    const reading = openSync(join(folder, "pipe"), "r");
    const source = new FileSource(reading, "pipe");
    const [first, second] = [new Uint8Array(100), new Uint8Array(100)];
    const left = source.read(first);
    source.leave();
    writeSync(fd, "for the second");
    expect(await left).toBe(0);
    const n = await source.read(second);
    expect(Buffer.from(second.subarray(0, n)).toString()).toBe("for the second");
    expect(first[0]).toBe(0);
    expect(source.isSpent).toBe(false);
    closeSync(fd);
    expect(await source.read(first)).toBe(0);
    expect(source.isSpent).toBe(true);
    closeSync(reading);
  }));

test("a pipe is no file, a file is one, and what is not open is none", () =>
  withFolder(async (folder) => {
    const fd = openSync(join(folder, "a"), "w");
    expect(isFile(fd)).toBe(true);
    closeSync(fd);
    expect(isFile(9_999)).toBe(false);
  }));

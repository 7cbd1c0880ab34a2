import { afterAll, expect, test } from "bun:test";
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mark } from "#base/mark";
import { CaptureDevice } from "#device/capture";
import { pair } from "#device/pair";
import { CaptureFile, type CaptureOptions } from "#observe/capture-file";
import { OutputError } from "#observe/output-file";
import { createStack } from "#socket/create-stack";
import { bytes, HOST, PEER, PORT, readAll, writeAll } from "../socket/world.ts";
import { bytesAllocated } from "../support/allocation.ts";
import { readCapture } from "../support/capture-reader.ts";
import { processorSeconds } from "../support/processor.ts";
import { testUnless } from "../support/test-unless.ts";
import { lacks } from "../support/tools.ts";
import { tshark, tsharkTest } from "./tshark.ts";

const CAUSE = mark("test.capture", "because it is a test: ä → ✓");
const folder = mkdtempSync(join(tmpdir(), "tcpnet-capture-"));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;
const fresh = () => join(folder, `${files++}.pcapng`);

function add(file: CaptureFile, packet: Uint8Array, now: number, outbound = true, cause = 0): void {
  const o = file.begin(packet.length, now, outbound);
  if (o < 0) return;
  file.u8.set(packet, o);
  file.end(cause);
}

const make = (options: Partial<CaptureOptions> = {}) => new CaptureFile({ path: fresh(), name: "tun0", ...options });

/** An IPv4 packet of `n` bytes with a protocol that nothing is known of. */
function packetOf(n: number): Uint8Array {
  const packet = bytes(n, n);
  packet.set([0x45, 0, n >> 8, n & 255, 0, 0, 0, 0, 64, 253]);
  return packet;
}

/** Begins a packet, whose bytes are complete; `end` is still to be called. */
function begin(file: CaptureFile, packet: Uint8Array, now: number): void {
  file.u8.set(packet, file.begin(packet.length, now, false));
}

test("a packet for which the stack has no word yet is whole, whatever is written meanwhile", async () => {
  const path = fresh();
  const file = make({ path });
  const packets = [20, 1500, 40, 900, 60].map(packetOf);
  add(file, packets[0]!, 0);
  begin(file, packets[1]!, 1);
  // What is complete is written after 100 ms.
  await Bun.sleep(250);
  file.end(CAUSE);
  begin(file, packets[2]!, 2);
  file.flush();
  file.end(CAUSE);
  begin(file, packets[3]!, 3);
  await file.drain();
  file.end(CAUSE);
  begin(file, packets[4]!, 4);
  await file.close();
  const { packets: read } = readCapture(readFileSync(path));
  expect(read.map(({ bytes }) => bytes)).toEqual(packets);
  // Of what was to be written at once, nobody waited for the word.
  expect(read.map(({ comment }) => comment !== null)).toEqual([false, true, false, false, false]);
});

test("a packet for which the stack has no word yet stays in the file that it came to", async () => {
  const path = fresh();
  const file = make({ path });
  const packets = [20, 1500, 40].map(packetOf);
  add(file, packets[0]!, 0);
  begin(file, packets[1]!, 1);
  renameSync(path, `${path}.1`);
  file.reopen();
  file.end(CAUSE);
  add(file, packets[2]!, 2);
  await file.close();
  expect(readCapture(readFileSync(`${path}.1`)).packets.map(({ bytes }) => bytes)).toEqual(packets.slice(0, 2));
  expect(readCapture(readFileSync(path)).packets.map(({ bytes }) => bytes)).toEqual(packets.slice(2));
});

test("what is written is read: stamps to the nanosecond, direction, cause, and every length", async () => {
  const path = fresh();
  // 2026-11-22 and some µs: beyond what fits into 32 bits of anything.
  const epoch = 1_795_000_000_123_456;
  const file = make({ path, epoch });
  const lengths = [20, 21, 22, 23, 1500, 65_535];
  lengths.forEach((n, i) => {
    add(file, packetOf(n), i * 999_999, i % 2 === 0, i % 3 === 0 ? CAUSE : 0);
  });
  await file.close();
  const { packets, linkType, interfaceName, rest } = readCapture(readFileSync(path));
  expect({ linkType, interfaceName, rest, count: file.packets }).toEqual({
    linkType: 101,
    interfaceName: "tun0",
    rest: 0,
    count: lengths.length,
  });
  packets.forEach((packet, i) => {
    expect(packet).toEqual({
      time: BigInt(epoch + i * 999_999) * 1_000n,
      bytes: packetOf(lengths[i]!),
      length: lengths[i]!,
      direction: i % 2 === 0 ? "out" : "in",
      comment: i % 3 === 0 ? "because it is a test: ä → ✓" : null,
    });
  });
});

test("a snap length keeps the beginning of each packet, and its true length", async () => {
  const path = fresh();
  const file = make({ path, snapLength: 61, comments: false });
  add(file, packetOf(1000), 0, true, CAUSE);
  add(file, packetOf(40), 0);
  await file.close();
  const { packets } = readCapture(readFileSync(path));
  expect(packets.map(({ bytes, length, comment }) => [bytes.length, length, comment])).toEqual([
    [61, 1000, null],
    [40, 40, null],
  ]);
});

test("a full disk ends the capture once, in words; the program goes on", async () => {
  const ends: OutputError[] = [];
  const file = make({ path: "/dev/full", onEnd: (error) => ends.push(error) });
  for (let i = 0; i < 2_000; i++) add(file, packetOf(1500), i);
  expect(ends.map((error) => error.message)).toEqual(["the capture /dev/full ends here: the disk is full (ENOSPC)"]);
  expect(file.begin(100, 0, true)).toBe(-1);
  await file.close();
  // No reader was too slow: there is no file any more.
  expect([file.isOpen, file.packets, file.dropped, file.missed]).toEqual([false, 0, 0, 2_001]);
});

/** Why a file system cannot be mounted in a namespace here, or "". */
function noMounts(): string {
  if (lacks(["unshare", "mount"]) !== "") return lacks(["unshare", "mount"]);
  const tried = Bun.spawnSync(["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"], { stderr: "pipe" });
  return tried.exitCode === 0 ? "" : `mounting was refused: ${tried.stderr.toString().trim()}`;
}

testUnless(noMounts(), "a disk that fills leaves a file of whole packets", async () => {
  // A file system of 300 KiB, in a mount namespace of its own.
  const program = `
    const { CaptureFile } = await import("#observe/capture-file");
    const { readCapture } = await import("./test/support/capture-reader.ts");
    const { readFileSync } = await import("node:fs");
    const file = new CaptureFile({ path: "/mnt/x.pcapng", name: "t", onEnd: (error) => console.log(error.code) });
    for (let i = 0; i < 3000; i++) {
      if (file.begin(700, i, true) >= 0) file.end(0);
      if (i % 100 === 99) {
        file.flush();
        await Bun.sleep(1);
      }
    }
    await file.close();
    const { packets, rest } = readCapture(readFileSync("/mnt/x.pcapng"));
    console.log(packets.length, rest, file.packets, file.missed);`;
  const script = 'mount -t tmpfs -o size=300k none /mnt && exec "$0" -e "$1"';
  const child = Bun.spawn(["unshare", "-rm", "sh", "-c", script, process.execPath, program], { stderr: "pipe" });
  const [out, complaints] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  expect({ out, complaints }).toEqual({ out: "ENOSPC\n412 0 412 2588\n", complaints: "" });
});

test("a slow reader gets whole packets, and those that it left no room for are counted", async () => {
  const path = fresh();
  Bun.spawnSync(["mkfifo", path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const file = make({ path });
  // Nobody reads meanwhile: a write that waited would not come back.
  const before = processorSeconds(process.pid);
  for (let i = 0; i < 10_000; i++) add(file, packetOf(1500), i);
  expect(processorSeconds(process.pid) - before).toBeLessThan(5);
  const { packets, dropped } = file;
  expect([packets + dropped, dropped > 5_000, packets > 2_000]).toEqual([10_000, true, true]);
  // It reads on for a while, and then no more.
  const chunks: Uint8Array[] = [];
  for (let n = 0, tries = 0; n < 3_000_000 && tries < 10_000; tries++) {
    const chunk = new Uint8Array(50_000);
    let read = 0;
    try {
      read = readSync(reader, chunk);
    } catch {
      await Bun.sleep(1);
    }
    chunks.push(chunk.subarray(0, read));
    n += read;
  }
  const closed = performance.now();
  await file.close(100);
  expect(performance.now() - closed).toBeLessThan(4_000);
  expect(file.packets + file.dropped).toBe(10_000);
  for (let read = 1; read > 0; ) {
    const chunk = new Uint8Array(1 << 20);
    read = readSync(reader, chunk);
    chunks.push(chunk.subarray(0, read));
  }
  closeSync(reader);
  expect(readCapture(Buffer.concat(chunks)).packets.length).toBe(file.packets);
});

test("a reader that has stopped is waited for once, however often the end is asked for", async () => {
  const path = fresh();
  Bun.spawnSync(["mkfifo", path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const file = make({ path });
  for (let i = 0; i < 1_000; i++) add(file, packetOf(1500), i);
  const began = performance.now();
  await file.drain();
  const drained = performance.now() - began;
  expect(drained).toBeGreaterThan(4_500);
  await file.close();
  expect(performance.now() - began - drained).toBeLessThan(2_000);
  expect([file.packets + file.dropped, file.dropped > 500]).toEqual([1_000, true]);
  closeSync(reader);
}, 30_000);

test("captures without an object per packet", async () => {
  const file = make({ path: "/dev/null" });
  const packet = packetOf(1500);
  const run = (n: number) => {
    for (let i = 0; i < n; i++) add(file, packet, i, true, CAUSE);
  };
  run(100_000);
  expect(bytesAllocated(() => run(50_000))).toBeLessThan(512 * 1024);
  await file.close();
});

test("a file that cannot be made is refused in words", () => {
  const refusal = (path: string) => {
    try {
      make({ path });
      return "";
    } catch (error) {
      return error instanceof OutputError ? error.message : String(error);
    }
  };
  expect(refusal("/no/such/place.pcapng")).toBe(
    "cannot write the capture /no/such/place.pcapng: its folder does not exist (ENOENT)",
  );
  expect(refusal("/tmp")).toBe("cannot write the capture /tmp: it is a directory (EISDIR)");
});

test("reopened, it begins anew under its name: both files are whole", async () => {
  const path = fresh();
  const file = make({ path });
  add(file, packetOf(100), 0);
  renameSync(path, `${path}.1`);
  file.reopen();
  add(file, packetOf(200), 0);
  add(file, packetOf(300), 0);
  await file.close();
  const lengths = (name: string) => readCapture(readFileSync(name)).packets.map((packet) => packet.length);
  expect(lengths(`${path}.1`)).toEqual([100]);
  expect(lengths(path)).toEqual([200, 300]);
});

test("what was captured is in the file a moment later, without anybody closing it", async () => {
  const path = fresh();
  const file = make({ path });
  add(file, packetOf(100), 0);
  const packets = () => (statSync(path).size === 0 ? 0 : readCapture(readFileSync(path)).packets.length);
  for (let i = 0; i < 1_000 && packets() === 0; i++) await Bun.sleep(10);
  expect(packets()).toBe(1);
  await file.close();
});

test("the reader takes a file that was cut off anywhere, and says how much of it is no block", async () => {
  const path = fresh();
  const file = make({ path });
  for (let i = 0; i < 3; i++) add(file, packetOf(50), i, true, CAUSE);
  await file.close();
  const whole = new Uint8Array(readFileSync(path));
  for (let n = 28; n < whole.length; n++) {
    const { packets, rest } = readCapture(whole.subarray(0, n));
    expect(packets.length).toBeLessThan(3);
    expect(rest).toBeLessThanOrEqual(n);
  }
  expect(() => readCapture(bytes(100))).toThrow("neither a pcapng nor a pcap file");
});

/** A transfer of 1 MB over a pair of devices, captured at one of them. */
async function captured(offload: boolean): Promise<string> {
  const path = fresh();
  const [a, b] = pair(offload ? { offload: { checksum: true, tso4: true, tso6: true } } : {});
  const file = make({ path });
  const host = await createStack({ device: new CaptureDevice(a, file), address: [`${HOST}/24`, "fd00:a::7/64"] });
  const peer = await createStack({ device: b, address: [`${PEER}/24`, "fd00:b::5/64"] });
  for (const hostname of [HOST, "fd00:a::7"]) {
    const listener = host.listen({ port: PORT });
    const active = peer.connect({ hostname, port: PORT });
    const passive = (await listener.accept())!;
    void writeAll(passive, bytes(300_000)).then(() => passive.closeWrite());
    void writeAll(active, bytes(50_000)).then(() => active.closeWrite());
    await Promise.all([readAll(active), readAll(passive), active.closed, passive.closed]);
    await listener.close();
  }
  await host.close();
  await peer.close();
  await file.close();
  return path;
}

for (const offload of [false, true]) {
  tsharkTest(`tshark finds nothing wrong with a capture ${offload ? "of super-segments" : "of segments"}`, async () => {
    const path = await captured(offload);
    const fields = ["frame.len", "frame.packet_flags_direction", "frame.comment", "tcp.checksum.status"];
    const rows = await tshark(path, [...fields, "ip.checksum.status", "_ws.malformed", "tcp.len", "tcp.flags.syn"]);
    const { packets } = readCapture(readFileSync(path));
    expect(rows.length).toBe(packets.length);
    for (const [i, [length, direction, comment, tcpSum, ipSum, malformed]] of rows.entries()) {
      const packet = packets[i]!;
      expect(Number(length)).toBe(packet.length);
      expect(direction).toBe(packet.direction === "in" ? "0x00000001" : "0x00000002");
      expect(comment).toBe(packet.comment ?? "");
      expect([tcpSum, malformed]).toEqual(["1", ""]);
      expect(ipSum).toBe(packet.bytes[0]! >> 4 === 4 ? "1" : "");
    }
    expect(rows.map((row) => row[2])).toContain("answer to a SYN");
    const longest = Math.max(...rows.map((row) => Number(row[6])));
    if (offload) expect(longest).toBeGreaterThan(10_000);
    else expect(longest).toBe(1448);
  });
}

tsharkTest("tshark reads the stamps as they are", async () => {
  const path = fresh();
  const file = make({ path, epoch: 1_795_000_000_123_456 });
  add(file, packetOf(60), 1);
  await file.close();
  expect(await tshark(path, ["frame.time_epoch", "frame.interface_name"])).toEqual([["1795000000.123457000", "tun0"]]);
});

test("a classic pcap is read as well, of either byte order", () => {
  const path = fresh();
  for (const little of [false, true]) {
    const v = new DataView(new ArrayBuffer(24 + 16 + 20));
    [0xa1b2c3d4, 0x00020004, 0, 0, 65_535, 101, 1_795_000_000, 123_456, 20, 40].forEach((word, i) => {
      v.setUint32(i * 4, word, little);
    });
    writeFileSync(path, new Uint8Array(v.buffer));
    const { packets, linkType } = readCapture(readFileSync(path));
    expect(linkType).toBe(101);
    expect(packets).toMatchObject([{ time: 1_795_000_000_123_456_000n, length: 40 }]);
  }
});

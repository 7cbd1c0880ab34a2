import { afterAll, afterEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EAGAIN, EBADF, ENOENT } from "#ffi/errno";
import { getFlags, getMtu, IFF_UP, interfaceIndex } from "#ffi/interface";
import * as libc from "#ffi/libc";
import { putIovec } from "#ffi/virtio";

const folder = mkdtempSync(join(tmpdir(), "tcpnet-ffi-"));
const path = join(folder, "file");
const opened: number[] = [];

afterEach(() => {
  for (const fd of opened.splice(0)) libc.close(fd);
  rmSync(path, { force: true });
});

afterAll(() => rmSync(folder, { recursive: true }));

function open(file: string, flags: number): number {
  const fd = libc.open(file, flags);
  if (fd >= 0) opened.push(fd);
  return fd;
}

test("a call that fails answers its error number, negated", () => {
  expect(libc.open(join(folder, "none"), libc.O_RDONLY)).toBe(-ENOENT);
  expect(libc.read(1_000_000, 0, 0)).toBe(-EBADF);
  expect(libc.close(1_000_000)).toBe(-EBADF);
  expect(libc.ioctl(1_000_000, 0x8913, new Uint8Array(40))).toBe(-EBADF);
});

test("error numbers of different calls are never mixed up", () => {
  for (let i = 0; i < 10_000; i++) {
    expect(libc.close(1_000_000)).toBe(-EBADF);
    expect(libc.open("/none/at/all", libc.O_RDONLY)).toBe(-ENOENT);
  }
});

test("bytes are written from pieces and read into pieces, at the addresses given", () => {
  writeFileSync(path, "");
  const fd = open(path, libc.O_RDWR);
  const memory = new ArrayBuffer(4_096);
  const bytes = new Uint8Array(memory);
  const base = libc.pin(memory);
  bytes.set(new TextEncoder().encode("hello, world"), 100);
  const iovecs = new Uint32Array(new ArrayBuffer(64));
  const iovecsAddress = libc.pin(iovecs.buffer);
  putIovec(iovecs, 0, base + 107, 5);
  putIovec(iovecs, 1, base + 105, 2);
  putIovec(iovecs, 2, base + 100, 5);
  expect(libc.writev(fd, iovecsAddress, 3)).toBe(12);
  expect(libc.write(fd, base + 100, 3)).toBe(3);
  expect(readFileSync(path, "utf8")).toBe("world, hellohel");

  const again = open(path, libc.O_RDONLY);
  expect(libc.read(again, base + 2_000, 4)).toBe(4);
  putIovec(iovecs, 0, base + 3_000, 1);
  putIovec(iovecs, 1, base + 2_500, 100);
  expect(libc.readv(again, iovecsAddress, 2)).toBe(11);
  const text = (o: number, n: number) => new TextDecoder().decode(bytes.subarray(o, o + n));
  expect([text(2_000, 5), text(3_000, 1), text(2_500, 10)]).toEqual(["worl\0", "d", ", hellohel"]);
  libc.unpin(memory);
  libc.unpin(iovecs.buffer);
});

test("an iovec carries all 64 bits of an address", () => {
  const words = new Uint32Array(8);
  putIovec(words, 1, 0x7fff_8765_4321, 65_535);
  expect([...words]).toEqual([0, 0, 0, 0, 0x8765_4321, 0x7fff, 65_535, 0]);
});

test("a pinned buffer is held until every pin is undone", () => {
  const before = libc.pinnedBuffers();
  const buffer = new ArrayBuffer(10);
  expect(libc.pin(buffer)).toBe(libc.pin(buffer));
  expect(libc.pinnedBuffers()).toBe(before + 1);
  libc.unpin(buffer);
  expect(libc.pinnedBuffers()).toBe(before + 1);
  libc.unpin(buffer);
  expect(libc.pinnedBuffers()).toBe(before);
});

test("status flags are set: a read of an empty pipe then answers at once", () => {
  const fifo = join(folder, "fifo");
  expect(Bun.spawnSync(["mkfifo", fifo]).exitCode).toBe(0);
  const fd = open(fifo, libc.O_RDWR);
  const F_GETFL = 3;
  const F_SETFL = 4;
  expect(libc.fcntl(fd, F_SETFL, libc.fcntl(fd, F_GETFL, 0) | libc.O_NONBLOCK)).toBe(0);
  const memory = new ArrayBuffer(16);
  expect(libc.read(fd, libc.pin(memory), 16)).toBe(-EAGAIN);
  libc.unpin(memory);
});

test("the interfaces of this machine are seen without a command", () => {
  expect(interfaceIndex("lo")).toBeGreaterThan(0);
  expect(getMtu("lo")).toBeGreaterThan(1_000);
  expect(getFlags("lo") & ~IFF_UP).not.toBe(0);
  expect(interfaceIndex("none0")).toBeLessThan(0);
});

test("the thread's id is the process's on the main thread", () => {
  expect(libc.gettid()).toBe(process.pid);
});

test("the C library is opened by the path that this process has it mapped from, never by a bare name", () => {
  const line = (path: string) => `7fa61a8fa000-7fa61a920000 r--p 00000000 fe:00 339380                     ${path}\n`;
  const found = (...paths: string[]) => libc.mappedLibrary(paths.map(line).join(""));
  const debian = "/usr/lib/x86_64-linux-gnu/libc.so.6";
  expect(found("/usr/bin/bun", "/usr/lib/x86_64-linux-gnu/libm.so.6", debian, "[vdso]")).toBe(debian);
  expect(found("/lib/ld-musl-aarch64.so.1")).toBe("/lib/ld-musl-aarch64.so.1");
  expect(found("/nix/store/a b/lib/libc-2.31.so")).toBe("/nix/store/a b/lib/libc-2.31.so");
  expect(() => found("/usr/lib/libcap.so.2", "/tmp/libc.so.6.evil", "libc.so.6", "")).toThrow();
  expect(libc.mappedLibrary(readFileSync("/proc/self/maps", "utf8"))).toStartWith("/");
});

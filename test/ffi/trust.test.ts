import { afterAll, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EAGAIN, ECONNREFUSED, ENOENT } from "#ffi/errno";
import { lockFile } from "#ffi/file-lock";
import * as libc from "#ffi/libc";
import { networkCookie } from "#ffi/namespace";
import { distrust } from "#ffi/trust";
import { connectTo, isAbandoned, isHeard } from "#ffi/unix-socket";
import { netTest } from "../support/netns.ts";

const folder = mkdtempSync(join(tmpdir(), "tcpnet-trust-"));
const at = (name: string) => join(folder, name);
const me = process.geteuid!();

afterAll(() => rmSync(folder, { recursive: true }));

test("only what its owner alone can have made and changed is trusted", () => {
  writeFileSync(at("file"), "", { mode: 0o644 });
  mkdirSync(at("folder"), { mode: 0o755 });
  symlinkSync(at("file"), at("link"));
  expect(distrust(at("file"), "file", me)).toBe("");
  expect(distrust(at("folder"), "folder", me)).toBe("");
  expect(distrust(at("link"), "file", me)).toBe(`${at("link")} is a symbolic link`);
  expect(distrust(at("file"), "socket", me)).toBe(`${at("file")} is not a socket`);
  expect(distrust(at("file"), "file", me + 1)).toBe(`${at("file")} belongs to user ${me}`);
  for (const mode of [0o620, 0o602]) {
    chmodSync(at("file"), mode);
    expect(distrust(at("file"), "file", me)).toBe(`others may write to ${at("file")} (mode ${mode.toString(8)})`);
  }
  expect(() => distrust(at("none"), "file", me)).toThrow("ENOENT");
});

test("a lock is held by one descriptor, and free again when that is closed", () => {
  writeFileSync(at("lock"), "");
  const [first, second] = [libc.open(at("lock"), libc.O_RDWR), libc.open(at("lock"), libc.O_RDWR)];
  expect([lockFile(first), lockFile(second)]).toEqual([0, -EAGAIN]);
  libc.close(first);
  expect(lockFile(second)).toBe(0);
  libc.close(second);
});

test("a socket is abandoned once its program has ended, and not while it only does not answer", async () => {
  const path = at("socket");
  const listen = `Bun.listen({ unix: process.argv[1], socket: { data() {} } }); console.log("listening");`;
  const child = Bun.spawn([process.execPath, "-e", listen, path], { stdout: "pipe" });
  await child.stdout.getReader().read();
  child.kill("SIGSTOP");
  expect([isHeard(path), isAbandoned(path)]).toEqual([true, false]);
  child.kill("SIGKILL");
  await child.exited;
  expect([connectTo(path), isHeard(path), isAbandoned(path)]).toEqual([-ECONNREFUSED, false, true]);
  expect([connectTo(at("none")), isHeard(at("none")), isAbandoned(at("none"))]).toEqual([-ENOENT, false, false]);
  const long = `/${"x".repeat(107)}`;
  expect([isHeard(long), isAbandoned(long)]).toEqual([false, false]);
  expect(() => connectTo(long)).toThrow("ENAMETOOLONG");
});

netTest("each network namespace has a cookie of its own", async (ns) => {
  const script = `import { networkCookie } from "#ffi/namespace"; console.log(networkCookie());`;
  const there = await ns.must([process.execPath, "-e", script], { cwd: import.meta.dir });
  expect(there.trim()).toMatch(/^\d+$/);
  expect(networkCookie()).toMatch(/^\d+$/);
  expect(there.trim()).not.toBe(networkCookie()!);
});

import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { networkInode } from "#ffi/namespace";
import { controlFolder, controlPath, deviceAt, prepareFolder, ROOT_FOLDER } from "#lab/chaos/control-path";
import { testUnless } from "../support/test-unless.ts";

const me = process.geteuid!();
const noRoot = me === 0 ? "" : "it needs root, to be two users";
const USER = 65_534;
let above = "";

beforeEach(() => {
  above = mkdtempSync(join(tmpdir(), "tcpnet-path-"));
});
afterEach(() => rmSync(above, { recursive: true, force: true }));

test("root's sockets lie in root's folder, whatever the environment says", () => {
  expect(controlFolder(0, { XDG_RUNTIME_DIR: above })).toBe(ROOT_FOLDER);
});

testUnless(noRoot, "a user's sockets lie in the runtime folder if it is the user's own, else in /tmp", () => {
  const folder = () => controlFolder(USER, { XDG_RUNTIME_DIR: above });
  const temporary = `/tmp/tcpnet-${USER}`;
  chownSync(above, USER, USER);
  expect(folder()).toBe(`${above}/tcpnet`);
  chmodSync(above, 0o777);
  expect(folder()).toBe(temporary);
  chmodSync(above, 0o700);
  chownSync(above, USER + 1, USER);
  expect(folder()).toBe(temporary);
  symlinkSync(above, `${above}.link`);
  expect(controlFolder(USER, { XDG_RUNTIME_DIR: `${above}.link` })).toBe(temporary);
  rmSync(`${above}.link`);
  for (const nowhere of ["", "relative", "/no/such/folder"])
    expect(controlFolder(USER, { XDG_RUNTIME_DIR: nowhere })).toBe(temporary);
});

test("a folder that somebody else may have made, or may write to, is refused", () => {
  const folder = join(above, "tcpnet");
  mkdirSync(folder);
  chmodSync(folder, 0o777);
  expect(() => prepareFolder(folder)).toThrow(`others may write to ${folder} (mode 777)`);
  chmodSync(folder, 0o700);
  prepareFolder(folder);
  expect(() => prepareFolder(folder, me + 1)).toThrow(`${folder} belongs to user ${me}`);
  symlinkSync(folder, join(above, "link"));
  expect(() => prepareFolder(join(above, "link"))).toThrow("is a symbolic link");
  writeFileSync(join(above, "file"), "");
  expect(() => prepareFolder(join(above, "file"))).toThrow();
});

test("what killed programs left goes with the next start, and nothing else", async () => {
  const folder = join(above, "tcpnet");
  prepareFolder(folder);
  const path = (name: string) => join(folder, name);
  const names = ["link-1-dead.sock", "link-1-alive.sock", "link-1-young.sock", "other.sock"];
  const listen = `for (const unix of process.argv.slice(1)) Bun.listen({ unix, socket: { data() {} } }); console.log("listening");`;
  const start = async (...paths: string[]) => {
    const child = Bun.spawn([process.execPath, "-e", listen, ...paths], { stdout: "pipe" });
    await child.stdout.getReader().read();
    return child;
  };
  const alive = await start(path(names[1]!));
  const dead = await start(path(names[0]!), path(names[2]!), path(names[3]!));
  dead.kill("SIGKILL");
  await dead.exited;
  writeFileSync(path("link-1-file.sock"), "");
  for (const name of [...names, "link-1-file.sock"]) if (!name.includes("young")) utimesSync(path(name), 1, 1);
  prepareFolder(folder);
  expect(readdirSync(folder).sort()).toEqual([
    "link-1-alive.sock",
    "link-1-file.sock",
    "link-1-young.sock",
    "other.sock",
  ]);
  alive.kill("SIGKILL");
  await alive.exited;
});

test("a socket is named after its network namespace and its device, and the device is read from there alone", () => {
  expect(controlPath("tun0")).toBe(`${controlFolder()}/link-${networkInode()}-tun0.sock`);
  expect(deviceAt(controlPath("tun0"))).toBe("tun0");
  expect(deviceAt(`${ROOT_FOLDER}/link-1-a-b.sock`)).toBe("a-b");
  for (const path of ["/elsewhere/link-1-tun0.sock", `${ROOT_FOLDER}/link-tun0.sock`, `${ROOT_FOLDER}/my.sock`])
    expect([path, deviceAt(path)]).toEqual([path, undefined]);
});

/** Run by tun-descriptor.test.ts inside a namespace of its own: TUN descriptors that somebody else has opened. */
import { afterEach, expect, test } from "bun:test";
import { closeSync, openSync } from "node:fs";
import { openTun, openTunQueues } from "#device/tun";
import type { TunDescriptorOptions } from "#device/tun-descriptor";
import { statusFlags } from "#ffi/async";
import * as libc from "#ffi/libc";
import { SystemError } from "#ffi/system-error";
import * as tunctl from "#ffi/tun";
import { createStack } from "#socket/create-stack";

afterEach(() => {
  for (const name of ["t0", "tap0"]) Bun.spawnSync(["ip", "link", "del", name]);
});

const prefix = { address: Uint8Array.of(10, 9, 0, 1), length: 24 };
const ROOT = new URL("../..", import.meta.url).pathname;

/** /dev/net/tun, attached with these flags, or not at all; it blocks, as descriptors do by default. */
function attached(flags: number | null, name = "t0"): number {
  const fd = libc.open("/dev/net/tun", libc.O_RDWR);
  if (flags !== null) expect(tunctl.setInterface(fd, name, flags)).toBe(0);
  return fd;
}

function refusal(options: unknown): string {
  try {
    openTun(options as TunDescriptorOptions).close();
  } catch (error) {
    expect(error).toBeInstanceOf(SystemError);
    return (error as Error).message;
  }
  return "taken";
}

test.each([
  ["with offload", {}, {}, { checksum: true, tso4: true, tso6: true }],
  ["with checksum offload", {}, { offload: false }, { checksum: true, tso4: false, tso6: false }],
  ["plain", { checksums: false }, {}, { checksum: false, tso4: false, tso6: false }],
] as const)("a descriptor %s is a device: the kernel reaches a stack on it", async (_, made, options, offload) => {
  const [fd] = openTunQueues({ name: "t0", prefix, mtu: 1_400, queueLength: 77, ...made }, 1) as [number];
  const device = openTun({ fd, ...options });
  expect([device.name, device.mtu, device.queueLength, device.descriptor]).toEqual(["t0", 1_400, 77, fd]);
  expect(device.offload).toEqual(offload);
  const stack = await createStack({ device, address: "10.9.0.7/24", kernelAddress: "10.9.0.1", dns: false });
  stack.listen({ port: 7, socket: { data: (it, view) => it.write(view), end: (it) => it.closeWrite() } });
  const { promise, resolve } = Promise.withResolvers<number>();
  let got = 0;
  const sent = new Uint8Array(300_000);
  let written = 0;
  const write = (socket: Bun.Socket) => {
    if (written === sent.length) return;
    written += socket.write(sent.subarray(written));
    if (written === sent.length) socket.shutdown();
  };
  await Bun.connect({
    hostname: "10.9.0.7",
    port: 7,
    allowHalfOpen: true,
    socket: {
      open: write,
      drain: write,
      data(_socket, bytes) {
        got += bytes.length;
        if (got >= sent.length) resolve(got);
      },
    },
  });
  expect(await promise).toBe(300_000);
  await stack.close();
  expect(statusFlags(fd)).toBeLessThan(0);
});

test("a descriptor that blocks is made not to", () => {
  const fd = attached(tunctl.IFF_TUN | tunctl.IFF_NO_PI);
  expect(statusFlags(fd) & libc.O_NONBLOCK).toBe(0);
  const device = openTun({ fd });
  expect(statusFlags(fd) & libc.O_NONBLOCK).not.toBe(0);
  device.close();
});

test("of another network namespace it needs its MTU, and works then", () => {
  const [fd] = openTunQueues({ name: "t0", prefix }, 1) as [number];
  const child = (options: string) => {
    const program = `
      import { openTun } from "#device/tun";
      try { const it = openTun(${options}); console.log(it.name, it.mtu, it.queueLength); it.close(); } catch (error) { console.log(error.message); }`;
    const command = ["unshare", "-n", process.execPath, "-e", program];
    const { stdout } = Bun.spawnSync(command, { cwd: ROOT, stdio: ["ignore", "pipe", "inherit", fd] });
    return stdout.toString().trim();
  };
  expect(child("{ fd: 3 }")).toMatch(
    /^SIOCGIFMTU on t0: .* \(ENODEV\)\. The interface is in another network namespace: name its MTU, openTun\(\{ fd, mtu: 1500 \}\)\.$/,
  );
  expect(child("{ fd: 3, mtu: 1500 }")).toBe("t0 1500 500");
  libc.close(fd);
});

test("what is no TUN descriptor is refused in words, and stays open", () => {
  const file = openSync("/dev/null", "r");
  const loose = attached(null);
  const tap = attached(0x0002 | tunctl.IFF_NO_PI, "tap0");
  expect(refusal({ fd: 999 })).toBe(
    "TUNGETIFF on descriptor 999: bad file descriptor (EBADF). It is not open in this program.",
  );
  expect(refusal({ fd: file })).toMatch(/\(ENOTTY\)\. It is not a TUN device: open \/dev\/net\/tun and attach it/);
  expect(refusal({ fd: loose })).toMatch(
    /\(EBADFD\)\. It is \/dev\/net\/tun, but not attached to a device: use TUNSETIFF/,
  );
  expect(refusal({ fd: tap })).toMatch(
    /tap0 is a TAP, which carries Ethernet frames\. Attach it with IFF_TUN \| IFF_NO_PI\./,
  );
  for (const fd of [file, loose, tap]) expect(statusFlags(fd)).toBeGreaterThanOrEqual(0);
  for (const fd of [loose, tap]) libc.close(fd);
  closeSync(file);
});

test("options that do not go with a descriptor are refused in words", () => {
  const fd = attached(tunctl.IFF_TUN | tunctl.IFF_NO_PI | tunctl.IFF_VNET_HDR);
  const words: [object, string][] = [
    [{ fd: -1 }, "fd must be the number of an open descriptor, not -1."],
    [{ fd: "3" }, "fd must be the number of an open descriptor, not 3."],
    [{ fd, mtu: 40 }, "The mtu must be a whole number from 68 to 65535, not 40."],
    [{ fd, offload: 1 }, "offload must be true or false."],
    [{ fd, name: "t0" }, "name does not go with fd: whoever opened the descriptor has set it up."],
    [{ fd, checksums: false }, "t0 has a header for offload before each packet. Attach it without IFF_VNET_HDR"],
  ];
  for (const [options, text] of words) expect(refusal(options)).toContain(text);
  libc.close(fd);
});

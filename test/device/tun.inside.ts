/** Run by tun.test.ts inside a namespace of its own, where it may make devices and routes. */
import { afterEach, expect, test } from "bun:test";
import { readdirSync, readlinkSync } from "node:fs";
import { HEADROOM, PACKET_MAX, Packet } from "#base/packet";
import { Slab } from "#base/slab";
import { RX_GONE, RX_NONE, TX_GONE, TX_OK } from "#device/device";
import { SegmentationDevice } from "#device/segmentation";
import { makePersistentTun, openTun, removeTun, TUN_DOWN, TUN_REFUSED, type TunDevice } from "#device/tun";
import { getFlags, IFF_RUNNING } from "#ffi/interface";
import { pinnedBuffers } from "#ffi/libc";
import { SystemError } from "#ffi/system-error";
import { whyNoBpf } from "./filter/rig.ts";
import { put } from "./packets.ts";
import { deviceSuite } from "./suite.ts";
import { tunRig } from "./tun-rig.ts";

deviceSuite("tun", true, (queueLength) => tunRig(queueLength));
deviceSuite("tun without offload", false, (queueLength) => tunRig(queueLength, { checksums: false }));
deviceSuite("tun with checksum offload, which cuts super-segments in software", true, (queueLength) => {
  const { a, b } = tunRig(queueLength, { offload: false });
  return { a: new SegmentationDevice(a), b };
});

const children: Bun.Subprocess[] = [];

/** A test that failed leaves neither processes, which would keep this one's output open, nor devices for the next test. */
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill("SIGKILL");
    await child.exited;
  }
  for (const name of ["t0", "t1", "t2", "tap0"]) Bun.spawnSync(["ip", "link", "del", name]);
});

const PREFIX4 = { address: Uint8Array.of(10, 9, 0, 1), length: 24 };
const PREFIX6 = { address: Uint8Array.from([0xfd, 9, ...new Array(13).fill(0), 1]), length: 64 };

function ip(...args: string[]): string {
  const { stdout, stderr, exitCode } = Bun.spawnSync(["ip", ...args]);
  if (exitCode !== 0) throw new Error(`ip ${args.join(" ")}: ${stderr}`);
  return stdout.toString();
}

function failure(work: () => unknown): SystemError {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(SystemError);
    return error as SystemError;
  }
  throw new Error("it should have failed");
}

/** A device with memory and one packet ready to be sent. */
function ready(device: TunDevice): { slab: Slab; packet: Packet } {
  const slab = new Slab(1 << 18);
  device.attach(slab);
  const packet = new Packet();
  put(slab, packet, slab.reserve(HEADROOM + PACKET_MAX) + HEADROOM, 0, {});
  return { slab, packet };
}

test("a device is made, configured and up without the ip command, and gone when it is closed", () => {
  for (const prefix of [PREFIX4, PREFIX6]) {
    const device = openTun({ name: "t0", prefix, mtu: 1_400, queueLength: 321 });
    const shown = JSON.parse(ip("-j", "addr", "show", "dev", "t0"))[0];
    const addresses = shown.addr_info.map((a: { local: string; prefixlen: number }) => `${a.local}/${a.prefixlen}`);
    expect(addresses).toEqual([prefix === PREFIX4 ? "10.9.0.1/24" : "fd09::1/64"]);
    expect(shown).toMatchObject({ mtu: 1_400, txqlen: 321 });
    expect(shown.flags).toContain("UP");
    expect(ip(prefix === PREFIX4 ? "-4" : "-6", "route")).toContain(prefix === PREFIX4 ? "10.9.0.0/24" : "fd09::/64");
    expect([device.mtu, device.queueLength]).toEqual([1_400, 321]);
    device.close();
    expect(ip("-br", "link")).not.toContain("t0");
  }
  expect(pinnedBuffers()).toBe(0);
});

test("the kernel has started the queue of a device that is open, so that the first packet is not lost", () => {
  for (let round = 0; round < 10; round++) {
    const device = openTun({ name: "t0", prefix: PREFIX4 });
    expect(getFlags("t0") & IFF_RUNNING).not.toBe(0);
    device.close();
  }
});

test("the kernel says nothing on a new link by itself", async () => {
  const devices = [PREFIX4, PREFIX6].map((prefix, i) => openTun({ name: `t${i}`, prefix }));
  const packets = devices.map((device) => ready(device).packet);
  await Bun.sleep(1_500);
  for (const [i, device] of devices.entries()) {
    expect(device.receive(packets[i]!, 0)).toBe(RX_NONE);
    device.close();
  }
});

test("a prepared device is left as it is, and outlives its users until it is removed", () => {
  makePersistentTun({ name: "t0", prefix: PREFIX4, mtu: 1_300, queueLength: 99, owner: 12_345 });
  const before = ip("addr", "show", "dev", "t0").replace(/<.*>|state \w+/g, "");
  const device = openTun({ name: "t0", prefix: PREFIX4 });
  expect([device.mtu, device.queueLength]).toEqual([1_300, 99]);
  device.close();
  expect(ip("addr", "show", "dev", "t0").replace(/<.*>|state \w+/g, "")).toBe(before);
  expect(ip("-d", "link", "show", "dev", "t0")).toContain("user 12345");
  expect(removeTun("t0")).toBe(true);
  expect(removeTun("t0")).toBe(false);
});

/** Runs a statement as a user without any privilege; answers the error's message, or "fine". */
function unprivileged(statement: string): string {
  const program = `
    import { openTun } from "#device/tun";
    try { ${statement}; console.log("fine"); } catch (error) { console.log(error.message); }`;
  const drop = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"];
  return Bun.spawnSync([...drop, process.execPath, "-e", program])
    .stdout.toString()
    .trim();
}

test("the owner of a prepared device needs no privileges, and is told when something does", () => {
  const prefix = `prefix: { address: Uint8Array.of(10, 9, 0, 1), length: 24 }`;
  makePersistentTun({ name: "t0", prefix: PREFIX4, owner: process.getuid!() });
  makePersistentTun({ name: "t1", owner: 12_345 });
  const prepared = openTun({ name: "t0", create: false });
  expect(prepared.temporary).toBe(false);
  prepared.close();
  expect(unprivileged(`openTun({ name: "t0", ${prefix} })`)).toBe("fine");
  expect(unprivileged(`openTun({ name: "t0", ${prefix}, mtu: 1400 })`)).toContain(
    "SIOCSIFMTU on t0: operation not permitted (EPERM). The MTU of t0 must be changed",
  );
  expect(unprivileged(`openTun({ name: "t1" })`)).toContain("t1 was created for another user");
  expect(unprivileged(`openTun({ name: "t2" })`)).toContain("Creating a device needs CAP_NET_ADMIN");
  removeTun("t0");
  removeTun("t1");
});

test("errors say what failed, on what, why, and what to do", () => {
  const device = openTun({ name: "t0", prefix: PREFIX4 });
  const busy = failure(() => openTun({ name: "t0" }));
  expect(busy).toMatchObject({ call: "TUNSETIFF", target: "t0", code: "EBUSY" });
  expect(busy.message).toContain(`Process ${process.pid}`);
  expect(device.temporary).toBe(true);
  const none = failure(() => openTun({ name: "t00", create: false }));
  expect(none).toMatchObject({ call: "TUNSETIFF", target: "t00", code: "ENODEV" });
  expect(none.message).toContain("correct the name");
  const taken = failure(() => openTun({ name: "t1", prefix: PREFIX4 }));
  expect(taken).toMatchObject({ code: "EADDRINUSE" });
  expect(taken.message).toContain("10.9.0.1 is already the address of t0");
  expect(failure(() => openTun({ name: "lo" })).message).toContain("lo is not a TUN device");
  ip("tuntap", "add", "tap0", "mode", "tap");
  expect(failure(() => openTun({ name: "tap0" })).message).toContain("use another name");
  expect(failure(() => openTun({ name: "t1", mtu: 65_536 })).message).toContain(
    "The mtu must be a whole number from 68 to 65535, not 65536",
  );
  for (const name of ["", "a/b", "tun%d", "a b", "0123456789abcdef", "..", "a:b"])
    expect(failure(() => openTun({ name }))).toMatchObject({ code: "EINVAL", call: "TUNSETIFF" });
  // Nothing half-made is left.
  expect(ip("-br", "link")).not.toContain("t1");
  device.close();
  ip("link", "del", "tap0");
  expect(pinnedBuffers()).toBe(0);
});

test("a busy device names the program of this network namespace, not one that has such a device elsewhere", async () => {
  const hold = `import { openTun } from "#device/tun"; openTun({ name: "t0" }); console.log("open"); setInterval(() => {}, 1e3);`;
  const start = async (...way: string[]) => {
    const child = Bun.spawn([...way, process.execPath, "-e", hold], { stdout: "pipe", stderr: "pipe" });
    children.push(child);
    await child.stdout.getReader().read();
    return child;
  };
  // The first in /proc is the other one's.
  const elsewhere = await start("unshare", "--net");
  const here = await start();
  const { message } = failure(() => openTun({ name: "t0" }));
  expect(message).toContain(`Process ${here.pid} (`);
  expect(message).not.toContain(`Process ${elsewhere.pid} `);
});

test("an interface that is down loses packets and counts them; one that is deleted is gone", () => {
  const device = openTun({ name: "t0", prefix: PREFIX4 });
  const { packet } = ready(device);
  ip("link", "set", "t0", "down");
  expect(device.transmit(packet, 0)).toBe(TX_OK);
  expect(device.counters.get(TUN_DOWN)).toBe(1);
  expect(device.receive(packet, 0)).toBe(RX_NONE);
  ip("link", "set", "t0", "up");
  packet.n = 0;
  expect(device.transmit(packet, 0)).toBe(TX_OK);
  expect(device.counters.get(TUN_REFUSED)).toBe(1);
  ip("link", "del", "t0");
  expect(device.transmit(packet, 0)).toBe(TX_GONE);
  expect(device.receive(packet, 0)).toBe(RX_GONE);
  device.close();
});

test.skipIf(whyNoBpf() !== "")(
  "the filter is the device's: there is one unless it is unwanted, a persistent device gets a new one, and nothing of it stays open",
  () => {
    const tables = () =>
      readdirSync("/proc/self/fd").filter((fd) => {
        try {
          return readlinkSync(`/proc/self/fd/${fd}`).includes("bpf");
        } catch {
          return false; // The folder's own.
        }
      }).length;
    const before = tables();
    makePersistentTun({ name: "t0", prefix: PREFIX4 });
    for (const filter of [true, false, undefined]) {
      const device = openTun({ name: "t0", filter });
      expect([device.filter !== undefined, device.filterDescriptor > 0, tables() - before]).toEqual(
        filter === false ? [false, false, 0] : [true, true, 1],
      );
      // Once it is closed, a stack that still has it may call it.
      const kept = device.filter;
      device.close();
      kept?.add(5);
      kept?.remove(5);
      kept?.limit(0, 1);
      expect([kept?.takeDropped(0) ?? 0, tables()]).toEqual([0, before]);
    }
    removeTun("t0");
  },
);

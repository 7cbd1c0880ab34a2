/** A disk that takes nothing for a while stops no stack: a file system is frozen under what is written. */
import { expect } from "bun:test";
import { existsSync } from "node:fs";
import { TCPNET } from "../support/built-program.ts";
import { readCapture } from "../support/capture-reader.ts";
import { unavailable, withNamespace } from "../support/netns.ts";
import { testUnless } from "../support/test-unless.ts";
import { lacks } from "../support/tools.ts";
import { HOST, Lab, PEER } from "./lab.ts";

const NEEDS = ["mount", "mkfs.ext4", "fsfreeze", "ping"] as const;

/** Why no file system can be made and frozen here, or "". */
function cannotFreeze(): string {
  const missing = unavailable || lacks(NEEDS);
  if (missing !== "") return missing;
  if (process.getuid?.() !== 0) return "only root may mount a file";
  return existsSync("/dev/loop-control") ? "" : "there are no loop devices";
}

/** A file system of 32 MB at /mnt, in a namespace that netup has prepared. It is thawed at the end, whatever happens. */
function frozenTest(name: string, work: (lab: Lab) => Promise<void>): void {
  testUnless(cannotFreeze(), name, () =>
    withNamespace(async (ns) => {
      await ns.must(["mount", "-t", "tmpfs", "none", "/media"]);
      await ns.must(["dd", "if=/dev/zero", "of=/media/disk", "bs=1M", "count=32"]);
      await ns.must(["mkfs.ext4", "-q", "-F", "/media/disk"]);
      await ns.must(["mount", "-o", "loop", "/media/disk", "/mnt"]);
      await ns.must([...TCPNET, "netup"]);
      // Should this process be killed meanwhile, nothing stays frozen.
      ns.spawn(["sh", "-c", "sleep 60; fsfreeze -u /mnt"]);
      try {
        await work(new Lab(ns, "/media"));
      } finally {
        await ns.run(["fsfreeze", "-u", "/mnt"]);
        await ns.run(["umount", "-l", "/mnt"]);
      }
    }, NEEDS),
  );
}

/** Waits until a command in the namespace says so. */
async function until(lab: Lab, condition: string): Promise<void> {
  for (let i = 0; i < 400; i++) {
    if ((await lab.ns.run(["sh", "-c", condition])).code === 0) return;
    await Bun.sleep(20);
  }
  throw new Error(`never: ${condition}`);
}

async function answers(lab: Lab, address: string): Promise<void> {
  const { stdout } = await lab.ns.run(["ping", "-q", "-c", "10", "-i", "0.1", "-W", "3", address]);
  const [, received] = /(\d+) received/.exec(stdout) ?? [];
  expect(Number(received)).toBeGreaterThanOrEqual(5);
}

frozenTest("under a capture: the connection goes on, and the capture is whole in the end", async (lab) => {
  const host = lab.tcpnet(...HOST, "--recv", "/media/copy");
  await host.says(/waiting/);
  const peer = lab.tcpnet(...PEER, "-w", "/mnt/x.pcapng");
  await host.says(/open /);
  await lab.ns.must(["fsfreeze", "-f", "/mnt"]);
  peer.type(new Uint8Array(1_000_000));
  await until(lab, 'test "$(stat -c %s /media/copy)" = 1000000');
  await answers(lab, "10.0.1.5");
  await lab.ns.must(["fsfreeze", "-u", "/mnt"]);
  peer.endInput();
  host.endInput();
  const [h, p] = await Promise.all([host.ended, peer.ended]);
  expect([h.code, p.code]).toEqual([0, 0]);
  const [, packets] = /(\d+) packets written to/.exec(p.stderr) ?? [];
  const file = await lab.ns.must(["base64", "-w0", "/mnt/x.pcapng"]);
  expect(readCapture(new Uint8Array(Buffer.from(file, "base64"))).packets.length).toBe(Number(packets));
});

frozenTest("under what is received: the window closes, the stack answers, and all arrives in the end", async (lab) => {
  const host = lab.tcpnet(...HOST, "--recv", "/mnt/copy");
  await host.says(/waiting/);
  const peer = lab.tcpnet(...PEER);
  await host.says(/open /);
  peer.type(new Uint8Array(1_000));
  await until(lab, 'test "$(stat -c %s /mnt/copy)" = 1000');
  await lab.ns.must(["fsfreeze", "-f", "/mnt"]);
  peer.type(new Uint8Array(9_999_000));
  await answers(lab, "10.0.0.7");
  expect((await lab.ns.must(["stat", "-c", "%s", "/mnt/copy"])).trim()).toBe("1000");
  await lab.ns.must(["fsfreeze", "-u", "/mnt"]);
  peer.endInput();
  host.endInput();
  const [h, p] = await Promise.all([host.ended, peer.ended]);
  expect([h.code, p.code]).toEqual([0, 0]);
  expect((await lab.ns.must(["stat", "-c", "%s", "/mnt/copy"])).trim()).toBe("10000000");
});

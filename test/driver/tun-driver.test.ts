import { expect } from "bun:test";
import { type Namespace, netTest, netTestWith } from "../support/netns.ts";
import { processorSeconds } from "../support/processor.ts";
import { sometimes } from "../support/sometimes.ts";

/** Starts the echo program and waits until its devices are there. `line` answers the next line that it prints. */
async function echo(ns: Namespace, ...devices: number[]) {
  const child = ns.spawn([process.execPath, "test/driver/tun-echo.ts", ...devices.map(String)]);
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const line = async () => (await lines.read()).value?.trim();
  expect(await line()).toBe("ready");
  return { child, line };
}

netTest("an idle driver uses less than 1 % of a processor", async (ns) => {
  const { child } = await echo(ns, 0);
  await sometimes(async () => {
    await Bun.sleep(500);
    const before = processorSeconds(child.pid);
    await Bun.sleep(4_000);
    expect(processorSeconds(child.pid) - before).toBeLessThan(0.04);
  });
});

netTestWith(["ping"], "pings are answered, after a pause and in a row", async (ns) => {
  await echo(ns, 0);
  // Without being woken it would sleep for a second. On a busy machine ping itself gives up on an answer at times.
  await sometimes(async () => {
    const paused = await ns.must(["ping", "-q", "-c", "20", "-i", "0.05", "10.0.0.7"]);
    const inRow = await ns.must(["ping", "-q", "-c", "200", "-i", "0.0001", "10.0.0.7"]);
    for (const summary of [paused, inRow]) {
      expect(summary).toContain(" 0% packet loss");
      expect(Number(/= [\d.]+\/([\d.]+)\//.exec(summary)![1])).toBeLessThan(100);
    }
  });
});

netTestWith(["ping"], "two devices in one program both wake it", async (ns) => {
  await echo(ns, 0, 1);
  for (let i = 0; i < 3; i++) {
    for (const address of ["10.0.0.7", "10.0.1.7"]) {
      await Bun.sleep(20);
      expect(await ns.must(["ping", "-q", "-c", "1", "-W", "10", address])).toContain(" 0% packet loss");
    }
  }
});

netTestWith(["ping"], "the program's own timers keep their time under a flood", async (ns) => {
  const { child, line } = await echo(ns, 0);
  child.kill("SIGUSR1");
  const began = performance.now();
  await ns.must(["ping", "-q", "-f", "-w", "2", "-s", "1000", "10.0.0.7"]);
  const flood = performance.now() - began;
  child.kill("SIGUSR1");
  const worst = Number((await line())!.replace("worst ", ""));
  expect(worst).toBeLessThan(flood / 2);
});

netTest("a device that is deleted under an idle driver is noticed", async (ns) => {
  const { child, line } = await echo(ns, 0);
  await Bun.sleep(100);
  await ns.must(["ip", "link", "del", "tun0"]);
  expect(await line()).toBe("tun0 is gone");
  expect(await child.exited).toBe(0);
});

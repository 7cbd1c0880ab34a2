import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { netTest, withNamespace } from "./netns.ts";
import { within } from "./waiting.ts";

netTest("a namespace begins with loopback alone, up", async (ns) => {
  const links = (await ns.must(["ip", "-br", "link"])).trim().split("\n");
  expect(links).toHaveLength(1);
  expect(links[0]).toMatch(/^lo\s.*\bUP\b/);
});

netTest("a program that takes too long is killed and said to be", async (ns) => {
  const began = performance.now();
  const { timedOut, code } = await ns.run(["sleep", "30"], { timeoutMs: 200 });
  expect({ timedOut, code }).toEqual({ timedOut: true, code: 137 });
  expect(performance.now() - began).toBeLessThan(20_000);
});

netTest("standard input, output, error and the exit code pass", async (ns) => {
  const result = await ns.run(["sh", "-c", "cat; echo no >&2; exit 3"], { stdin: "yes" });
  expect(result).toEqual({ code: 3, stdout: "yes", stderr: "no\n", timedOut: false });
});

netTest("a signal reaches the program itself", async (ns) => {
  const child = ns.spawn(["sh", "-c", "trap 'exit 7' INT; echo up; while :; do sleep 0.05; done"]);
  await child.stdout.getReader().read();
  child.kill("SIGINT");
  expect(await child.exited).toBe(7);
});

netTest("nothing of a namespace outlives it, not even what its programs left behind", async (outer) => {
  await outer.must(["true"]);
  const pid = await withNamespace(async (ns) => {
    await ns.must(["ip", "tuntap", "add", "tun9", "mode", "tun"]);
    return Number(await ns.must(["sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $!"]));
  });
  expect(pid).toBeGreaterThan(0);
  for (let i = 0; i < 1_000 && lives(pid); i++) await Bun.sleep(10);
  expect(lives(pid)).toBe(false);
});

netTest("a program that leaves another one with its output fails, and names it", async (ns) => {
  const line = "unshare --net sleep 63 & echo done";
  const run = ns.must(["sh", "-c", line], { outputTimeoutMs: 500 });
  const failure = await run.then(String, (error: Error) => error.message);
  expect(failure).toMatch(/^sh -c .* has ended, but these hold its output open:\n\d+ sleep 63\n\ndone\n$/);
});

netTest("a test beyond its time limit says what it waits for", async (ns) => {
  const hangs = within(300, () => ns.must(["sleep", "64"]));
  const failure = await hangs.then(String, (error: Error) => error.message);
  expect(failure).toMatch(/^the test did not end within 0.3 s. It waits\nfor 0.\d s: sleep 64$/);
});

/** Neither gone nor dead: a process that was killed is for a moment neither, while its memory goes. */
function lives(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return !/[ZX]/.test(stat.slice(stat.lastIndexOf(")")).split(" ")[1]!);
  } catch {
    return false;
  }
}

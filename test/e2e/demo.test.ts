/** The demo: nothing is stored, nothing is left behind however it ends, and it says how far it is. */
import { expect } from "bun:test";
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename } from "node:path";
import { builtProgram, TCPNET } from "../support/built-program.ts";
import { HOST, type Lab, labTest, labTestWith, PEER, type Running } from "./lab.ts";

const slow = (lab: Lab, ...flags: string[]) => lab.tcpnet("demo", "--rate", "2mbit", "--size", "10M", ...flags);

/** The demo's processes: those outside and inside, host, peer. */
async function family(
  demo: Running,
): Promise<{ outer: number; fork: number; inner: number; host: number; peer: number }> {
  while (!demo.stdout.includes("open ")) await demo.gives(demo.stdout.length + 1);
  const outer = demo.child.pid;
  const [fork] = childrenOf(outer);
  const [inner] = childrenOf(fork!);
  const actor = (role: string) => childrenOf(inner!).find((pid) => commandOf(pid).includes(`\0${role}\0`))!;
  while (actor("peer") === undefined) await Bun.sleep(50);
  return { outer, fork: fork!, inner: inner!, host: actor("host"), peer: actor("peer") };
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

/** All of them are gone, within a few seconds. */
async function gone(pids: readonly number[]): Promise<void> {
  for (let i = 0; i < 100 && pids.some((pid) => commandOf(pid) !== ""); i++) await Bun.sleep(50);
  expect(pids.map(commandOf).filter(Boolean)).toEqual([]);
}

for (const victim of ["outer", "fork", "inner", "host", "peer"] as const) {
  labTest(
    `if one process of the demo (${victim}) is killed, no other process and no socket is left`,
    async (lab) => {
      const demo = slow(lab);
      const all = await family(demo);
      process.kill(all[victim], "SIGKILL");
      const { code, stdout, stderr } = await demo.ended;
      await gone(Object.values(all));
      expect(code).toBe(victim === "outer" ? 137 : 1);
      if (victim === "fork" || victim === "inner") expect(stderr).toContain("[error] the demo was killed");
      if (victim === "host" || victim === "peer")
        expect(stdout.toString()).toContain(`${victim}: ended with exit code 137`);
      // The peer listens at it; where it is killed itself the next demo removes what it left.
      if (victim !== "peer") expect((await lab.ns.run(["sh", "-c", "ls /run/tcpnet"])).stdout).toBe("");
    },
    { netup: null },
  );
}

labTest(
  "a demo ended by a signal has that signal's exit code and leaves no file",
  async (lab) => {
    mkdirSync(lab.file("tmp"));
    for (const [signal, code] of [
      ["SIGINT", 130],
      ["SIGTERM", 143],
      ["SIGHUP", 129],
    ] as const) {
      const demo = lab.start("env", `TMPDIR=${lab.file("tmp")}`, ...TCPNET, "demo", "--rate", "2mbit", "--json");
      const all = await family(demo);
      demo.child.kill(signal);
      expect((await demo.ended).code).toBe(code);
      await gone(Object.values(all));
      expect(readdirSync(lab.file("tmp"))).toEqual([]);
      expect((await lab.ns.run(["sh", "-c", "ls /run/tcpnet"])).stdout).toBe("");
    }
  },
  { netup: null },
);

labTestWith(
  ["setpriv"],
  "a user who may open /dev/net/tun has the demo in a network of its own, too, and its link can be changed",
  async (lab) => {
    // Bun and the source may lie where only their user gets.
    const binary = lab.file("tcpnet");
    copyFileSync(await builtProgram(), binary);
    chmodSync(lab.folder, 0o755);
    const user = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", binary];
    await lab.ns.must(["sh", "-c", "mknod -m 666 /run/tun c 10 200 && mount --bind /run/tun /dev/net/tun"]);
    const demo = lab.start(...user, "demo", "--rate", "1mbit", "--size", "10M");
    const all = await family(demo);
    const changed = await lab.ns.run([...user, "link", "set", "rate 100mbit", "--dev", "demo"]);
    expect([changed.code, changed.stdout]).toEqual([0, expect.stringMatching(/^rate 100mbit/)]);
    const { code, stdout } = await demo.ended;
    expect([code, stdout.toString()]).toEqual([0, expect.stringContaining("unshare --user --map-root-user --net")]);
    await gone(Object.values(all));
    expect(existsSync("/tmp/tcpnet-54321")).toBe(false);
  },
  { netup: null, root: true },
);

labTest(
  "the demo with more data than memory or /tmp can hold stores nothing, and without a terminal prints its progress in lines",
  async (lab) => {
    await lab.ns.must(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/tmp"]);
    const demo = await lab.tcpnet("demo", "--size", "5M", "--rate", "6mbit").ended;
    expect(demo.code).toBe(0);
    const lines = demo.stdout.toString().match(/^ *[\d.]+ {2}(?:host → peer|peer → host) .*$/gm) ?? [];
    expect(lines.length).toBeGreaterThan(4);
    for (const line of lines) {
      expect(line).toMatch(/ +\d+ % {2}[\d.]+ .*[kMG]?bit\/s {2}retr \d+ {2}cwnd [\d.]+ [kM]B {2}rtt [\d.]+ m?s$/);
      expect(line.length).toBeLessThanOrEqual(80);
    }
    expect(demo.stdout.toString()).toMatch(/✓ host → peer {3}5 MB .* every byte matches\n.*✓ peer → host {3}5 MB/);
  },
  { netup: null },
);

labTest(
  "a demo whose result cannot be written fails: a full disk, a reader that ends",
  async (lab) => {
    const full = await lab.shell("$T demo --size 100k >/dev/full").ended;
    expect([full.code, full.stderr]).toEqual([
      1,
      expect.stringContaining("cannot write standard output\n        the disk is full"),
    ]);
    const began = performance.now();
    const left = await lab.shell('{ $T demo --size 10M --rate 1mbit; echo "code $?" >&2; } | head -n 1').ended;
    expect(left.stderr).toBe("code 141\n");
    // 80 s of transfer that nobody would learn of are not waited for.
    expect(performance.now() - began).toBeLessThan(30_000);
  },
  { netup: null },
);

labTest(
  "--verify on both sides checks every byte in both directions; a different size on one side fails there",
  async (lab) => {
    const host = lab.tcpnet(...HOST, "--verify", "3M");
    await host.says(/waiting/);
    const peer = lab.tcpnet(...PEER, "--verify", "3M");
    const [h, p] = await Promise.all([host.ended, peer.ended]);
    expect([h.code, p.code]).toEqual([0, 0]);
    expect(h.stderr).toContain("· the data of the peer arrived complete and unchanged");
    expect(p.stderr).toContain("· the data of the host arrived complete and unchanged");
    const other = lab.tcpnet(...HOST, "--verify", "3M");
    await other.says(/waiting/);
    const less = lab.tcpnet(...PEER, "--verify", "2M");
    const { code, stderr } = await other.ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/2000000 of 3000000 bytes came\n +both sides need --verify with the same size/);
    expect((await less.ended).code).not.toBe(0);
  },
);

labTestWith(
  ["curl"],
  "--web without a port serves the page of the private network outside of it, and leaves no record behind, even if it is killed",
  async (lab) => {
    const demo = lab.tcpnet("demo", "--web", "--rate", "4mbit", "--delay", "10ms", "--size", "1M");
    const url = await addressOf(demo);
    const rows = async () => {
      const { runs } = JSON.parse(await lab.ns.must(["curl", "-s", `${url}run`]));
      return runs[0].columns.find((column: { name: string }) => column.name === "time").rows as number;
    };
    while ((await rows()) < 100) await Bun.sleep(200);
    const { code, stdout, stderr } = await demo.ended;
    expect(code).toBe(0);
    // Its host and peer cannot make new files there, but SIGHUP ends a demo.
    expect(`${stdout}${stderr}`).not.toContain("SIGHUP");
    // A port of one's own, and a demo whose outer process is killed.
    const killed = slow(lab, "--web", "8099");
    expect(await addressOf(killed)).toStartWith("http://127.0.0.1:8099/");
    const { outer, inner } = await family(killed);
    const folders = () => readdirSync(tmpdir()).filter((name) => name.startsWith("tcpnet-demo-"));
    const [folder] = recordsOf(inner);
    expect(folders()).toContain(folder!);
    process.kill(outer, "SIGKILL");
    await gone([inner]);
    expect(folders()).not.toContain(folder!);
  },
  { netup: null },
);

async function addressOf(demo: Running): Promise<string> {
  for (let i = 0; i < 600; i++) {
    const url = /http:\S+/.exec(demo.stdout.toString())?.[0];
    if (url !== undefined) return url;
    await Bun.sleep(50);
  }
  throw new Error(`no address in ${demo.stdout}`);
}

/** The folder that the process outside made for the record. */
function recordsOf(inner: number): string[] {
  const environment = readFileSync(`/proc/${inner}/environ`, "utf8").split("\0");
  return environment.flatMap((each) => (each.startsWith("TCPNET_DEMO_RECORD=") ? [basename(each.slice(19))] : []));
}

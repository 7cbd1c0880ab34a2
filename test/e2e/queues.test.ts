/** `host --queues`: a thread with a stack for each queue of the device, as people start it. */
import { expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { HOST, type Lab, labTest } from "./lab.ts";
import { bare, rightsOf, threadsOf } from "./privileges.ts";

const QUEUES = { netup: ["--multi-queue"] };
const NOBODY = 65_534;

/** The kernel's connections to the host, all at once. */
async function many(lab: Lab, count: number): Promise<string> {
  const client = lab.start(process.execPath, "test/e2e/many.inside.ts", "10.0.0.7", "7000", `${count}`, "20000");
  return (await client.ended).stdout.toString().trim();
}

labTest(
  "64 connections at once over 2 queues all finish; both queues serve, each writes its own capture and events",
  async (lab) => {
    const files = ["-w", lab.file("all.pcapng"), "--events", lab.file("events")];
    const host = lab.tcpnet(...HOST, "--any", "--echo", "--queues", "2", ...files);
    await host.says(/waiting at 10\.0\.0\.7:7000, with 2 queues/);
    expect(await many(lab, 64)).toBe("64 of 64 whole");
    await host.says(/64 connections so far; waiting for the next connection/);
    host.child.kill("SIGUSR1");
    await host.says(/no connection; 64 connections so far/);
    host.child.kill("SIGINT");
    const { code, stderr } = await host.ended;
    expect(code).toBe(130);
    expect(stderr).toMatch(/stopped: nobody was connected\n[\s\S]*served 64 connections\n/);
    expect(stderr).not.toMatch(/failed|warning/);
    // Of two queues that see that nobody is connected, one says so.
    expect(stderr.match(/64 connections so far; waiting/g)).toHaveLength(1);
    for (const queue of [0, 1]) {
      expect(readFileSync(lab.file(`all.${queue}.pcapng`)).length).toBeGreaterThan(20_000);
      const events = readFileSync(lab.file(`events.${queue}`), "utf8")
        .trim()
        .split("\n");
      expect(events.filter((line) => JSON.parse(line).event === "run:started").length).toBe(1);
      expect(events.length).toBeGreaterThan(100);
    }
    expect(existsSync(lab.file("all.pcapng"))).toBe(false);
  },
  QUEUES,
);

labTest(
  "no thread has rights of root when packets are read",
  async (lab) => {
    const host = lab.tcpnet(...HOST, "--any", "--discard", "--queues", "3");
    await host.says(/waiting at/);
    expect(threadsOf(host.child.pid)).toBeGreaterThan(3);
    expect(rightsOf(host.child.pid)).toEqual([bare(NOBODY, NOBODY)]);
    host.child.kill("SIGINT");
    expect((await host.ended).code).toBe(130);
  },
  { ...QUEUES, root: true },
);

labTest(
  "open connections: Ctrl-C closes those of all queues, --max counts over all of them, a vanished device ends all",
  async (lab) => {
    const start = async (...flags: string[]) => {
      const host = lab.tcpnet(...HOST, "--any", "--source", "1T", "--queues", "2", ...flags);
      await host.says(/waiting at/);
      return host;
    };
    const open = (count: number) =>
      lab.start(
        process.execPath,
        "-e",
        `const net = require("node:net"); for (let i = 0; i < ${count}; i++) net.connect(7000, "10.0.0.7").on("error", () => {}).resume(); setTimeout(() => {}, 60000);`,
      );
    const host = await start("--max", "10");
    const clients = open(20);
    await host.says(/the limit of 10 connections is reached/);
    // Each queue serves its own, some time after they are counted.
    await host.says(/(?: open [^\n]*\n[\s\S]*){10}/);
    host.child.kill("SIGTERM");
    const ended = await host.ended;
    expect(ended.code).toBe(143);
    expect(ended.stderr).toMatch(/served 10 connections, dropped \d+ SYNs for lack of room/);
    clients.child.kill("SIGKILL");
    const other = await start();
    const more = open(8);
    await other.says(/open /);
    await lab.ns.must(["ip", "link", "del", "tun0"]);
    const { code, stderr } = await other.ended;
    expect(code).toBe(1);
    expect(stderr.match(/tun0 vanished/g)?.length).toBe(1);
    more.child.kill("SIGKILL");
  },
  QUEUES,
);

labTest("--queues that cannot be: refused in words, before anything is opened", async (lab) => {
  const cases: [string[], number, RegExp][] = [
    [["--queues", "0", "--echo"], 2, /--queues 0 is out of range\n +use a whole number from 1 to 256/],
    [["--queues", "257", "--echo"], 2, /--queues 257 is out of range/],
    [["--queues", "two", "--echo"], 2, /--queues two is not a number/],
    [["--queues", "2"], 2, /--queues needs --echo, --discard or --source/],
    [["--queues", "2", "--echo", "--loss", "1%"], 2, /--queues excludes link flags/],
    [["--queues", "2", "--echo", "-w", "-"], 2, /--write - is for one queue/],
    // netup made the device for one queue.
    [["--queues", "2", "--echo"], 3, /TUNSETIFF on tun0: invalid argument[\s\S]*netup --multi-queue/],
  ];
  for (const [flags, expected, words] of cases) {
    const { code, stderr } = await lab.tcpnet(...HOST, ...flags).ended;
    expect([flags, code, stderr]).toEqual([flags, expected, expect.stringMatching(words)]);
  }
});

labTest(
  "a device for several queues: one program at a time, and host and peer with one queue use it as any other",
  async (lab) => {
    const host = lab.tcpnet(...HOST, "--any", "--echo", "--queues", "2");
    await host.says(/waiting at/);
    for (const flags of [[], ["--queues", "2", "--echo"]]) {
      const { code, stderr } = await lab.tcpnet(...HOST, ...flags).ended;
      expect([flags, code]).toEqual([flags, 3]);
      expect(stderr).toMatch(/device or resource busy/);
    }
    host.child.kill("SIGINT");
    expect((await host.ended).code).toBe(130);
    const one = lab.tcpnet(...HOST, "--echo");
    await one.says(/waiting at/);
    const peer = lab.tcpnet("peer", "tun1", "10.0.1.1/24", "10.0.0.7", "--source", "1M");
    expect((await peer.ended).code).toBe(0);
    one.child.kill("SIGINT");
    await one.ended;
  },
  QUEUES,
);

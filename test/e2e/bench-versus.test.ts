/** `tcpnet bench --vs`: in a private network, which is gone afterwards with everything in it. */
import { expect } from "bun:test";
import { readdirSync } from "node:fs";
import type { Comparison } from "#lab/bench/versus";
import { commandOf } from "../run/processes.ts";
import { TCPNET } from "../support/built-program.ts";
import { type Lab, labTest } from "./lab.ts";

const SHORT = ["-t", "1", "-O", "0", "--rounds", "1"] as const;
const NETWORK = { netup: null } as const;

/** A size by which a run is known among all processes of this machine, although they do not inherit our environment. */
const someSize = () => `${20_000 + Math.floor(Math.random() * 40_000)}`;

function running(size: string): number {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => commandOf(Number(pid)).includes(`-l ${size}`)).length;
}

/** Processes of that run that are left once they have had time to end, and devices in this network. */
async function left(lab: Lab, size: string): Promise<string> {
  for (let i = 0; i < 100 && running(size) > 0; i++) await Bun.sleep(50);
  const links = await lab.ns.must(["ip", "-brief", "link"]);
  return `${running(size)} processes, ${links.trim().split("\n").length} device`;
}

labTest(
  "--vs prints the ratio to the kernel and to the pump, and leaves nothing behind",
  async (lab) => {
    const size = someSize();
    const run = async (...flags: readonly string[]) => {
      const { code, stdout, stderr } = await lab.tcpnet("bench", "--vs", ...flags, ...SHORT).ended;
      expect([code, stderr]).toEqual([0, ""]);
      return stdout.toString();
    };
    const kernel = JSON.parse(await run("kernel", "--crr", "--json")) as { against: string; versus: Comparison[] };
    const [crr] = kernel.versus;
    expect([kernel.against, crr!.name, crr!.unit, crr!.tcpnet.runs.length]).toEqual(["kernel", "crr", "per second", 1]);
    expect(crr!.ratio).toBeCloseTo(crr!.tcpnet.median / crr!.other.median, 6);
    expect(crr!.ratio).toBeGreaterThan(0);
    expect(await run("kernel", "-P", "2", "-R", "-l", size)).toMatch(
      /\nreverse -P 2 -l \d+\n +[\d.]+ [KMG]bits\/sec +[\d.]+ [KMG]bits\/sec +\d+\.\d\d /,
    );
    expect(await run("pump", "--no-offload")).toMatch(
      /\nbulk no offload +[\d.]+ [KMG]bits\/sec +[\d.]+ [KMG]bits\/sec +\d+\.\d\d /,
    );
    expect(await left(lab, size)).toBe("0 processes, 1 device");
  },
  NETWORK,
);

labTest(
  "--vs ends at once by Ctrl-C, and when it is killed, with everything that it has started",
  async (lab) => {
    for (const [signal, code] of [
      ["SIGINT", 130],
      ["SIGTERM", 143],
      ["SIGKILL", 137],
    ] as const) {
      const size = someSize();
      const run = lab.tcpnet("bench", "--vs", "kernel", "--rr", "-l", size);
      // The program outside, the one inside, and a client.
      for (let i = 0; i < 200 && running(size) < 3; i++) await Bun.sleep(50);
      expect(running(size)).toBeGreaterThanOrEqual(3);
      run.child.kill(signal);
      const ended = await run.ended;
      expect([signal, signal === "SIGKILL" ? code : ended.code]).toEqual([signal, code]);
      expect([signal, await left(lab, size)]).toEqual([signal, "0 processes, 1 device"]);
    }
  },
  NETWORK,
);

labTest(
  "--vs works in a user namespace, where root has no rights outside of it",
  async (lab) => {
    const words = ["--vs", "kernel", "--rr", ...SHORT];
    const { code, stdout, stderr } = await lab.start(
      "unshare",
      "--user",
      "--map-root-user",
      ...TCPNET,
      "bench",
      ...words,
    ).ended;
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout.toString()).toMatch(/\nrr +[\d,]+\/s +[\d,]+\/s +\d+\.\d\d /);
  },
  NETWORK,
);

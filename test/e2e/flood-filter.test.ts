/** Floods are dropped in the kernel, before the device's queue, and nothing else is (docs/adr/0077). */
import { expect } from "bun:test";
import { whyNoBpf } from "../device/filter/rig.ts";
import { TCPNET } from "../support/built-program.ts";
import { netTestWith } from "../support/netns.ts";
import { ROOT } from "../support/root.ts";
import { testUnless } from "../support/test-unless.ts";
import { HOST, type Lab, labTest, labTestWith } from "./lab.ts";
import { descriptorsOf } from "./privileges.ts";

const BUN = process.execPath;
const FLOOD = `${ROOT}test/bench/flood`;
const FORWARD = ["net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0"];
/** More than are answered, and the mark under which the kernel's part is counted. */
const KINDS = { rst: "segment", data: "segment", syn: "syn", udp: "datagram", icmp: "echo", fragment: "fragment" };

const where = whyNoBpf();
const rootTest = (name: string, work: (lab: Lab) => Promise<void>, netup: readonly string[] = []) =>
  where === "" ? labTest(name, work, { root: true, netup }) : testUnless(where, name, () => {});

interface Figures {
  readonly counters: Readonly<Record<string, number>>;
}

const name = "under a flood of each kind the kernel drops most of it, old and new connections lose nothing";
if (where !== "") testUnless(where, name, () => {});
else
  netTestWith(["ip"], name, async (ns) => {
    await ns.must(["sysctl", "-qw", ...FORWARD]);
    const server = ns.spawn([BUN, `${FLOOD}/server.ts`], { env: { ANSWER_RATE: "1000" } });
    const reader = server.stdout.getReader();
    const line = async () => new TextDecoder().decode((await reader.read()).value);
    expect(await line()).toBe("ready\n");
    const figures = async (): Promise<Figures> => {
      server.stdin.write("\n");
      server.stdin.flush();
      return JSON.parse(await line()) as Figures;
    };
    for (const [kind, mark] of Object.entries(KINDS)) {
      // On a busy machine a sender may be slow, or the server may wait for a processor while its filter's time ends.
      let isDropped = false;
      for (let tries = 0; tries < 4 && !isDropped; tries++) {
        const before = await figures();
        const sender = ns.spawn([BUN, `${FLOOD}/sender.ts`, kind, "20000", "1.5"]);
        await Bun.sleep(700);
        const clients = await ns.must([BUN, "test/e2e/many.inside.ts", "10.0.0.7", "5002", "8", "200000"]);
        expect([kind, clients.trim()]).toEqual([kind, "8 of 8 whole"]);
        const sent = Number(await sender.stdout.text()) * 1.5;
        // The driver counts what was dropped when it looks next.
        await ns.must([BUN, "test/e2e/many.inside.ts", "10.0.0.7", "5002", "1", "1"]);
        const { counters } = await figures();
        const dropped = (counters[`flood.${mark}`] ?? 0) - (before.counters[`flood.${mark}`] ?? 0);
        // At the answers' rate they pass, and before the flood is noticed.
        isDropped = dropped > sent / 2;
      }
      expect([kind, isDropped]).toEqual([kind, true]);
    }
    server.stdin.end();
    await server.exited;
  });

async function floods(lab: Lab): Promise<void> {
  await lab.ns.must(["sysctl", "-qw", ...FORWARD]);
  // On a busy machine the sender may not get to a flood's rate.
  for (let tries = 0, rate = 0; tries < 4 && rate < 20_000; tries++) {
    const sender = lab.start(BUN, `${FLOOD}/sender.ts`, "data", "60000", "2", "flood0");
    rate = Number((await sender.ended).stdout);
  }
}

rootTest("a host that gave root up has the filter that root loaded, and says how much was dropped", async (lab) => {
  const host = lab.tcpnet(...HOST, "--any", "--echo", "--keep", "--port", "5001", "--json");
  await host.says(/waiting at/);
  expect(host.stderr).toMatch(/"event":"start".*"floodFilter":"kernel"/);
  expect(descriptorsOf(host.child.pid).filter((each) => each.includes("bpf"))).toEqual(["anon_inode:bpf-map"]);
  await floods(lab);
  const client = lab.start(BUN, "test/e2e/many.inside.ts", "10.0.0.7", "5001", "4", "20000");
  expect((await client.ended).stdout.toString().trim()).toBe("4 of 4 whole");
  host.child.kill("SIGINT");
  const { stderr } = await host.ended;
  const [, filtered] = /"event":"served".*"filtered":(\d+)/.exec(stderr) ?? [];
  expect(Number(filtered)).toBeGreaterThan(1_000);
});

rootTest(
  "the queues of a device share the filter, and their counts add up",
  async (lab) => {
    const host = lab.tcpnet(...HOST, "--any", "--echo", "--queues", "2", "--port", "5001", "--json");
    await host.says(/with 2 queues/);
    expect(host.stderr).toMatch(/"event":"start".*"floodFilter":"kernel"/);
    await floods(lab);
    const client = lab.start(BUN, "test/e2e/many.inside.ts", "10.0.0.7", "5001", "16", "20000");
    expect((await client.ended).stdout.toString().trim()).toBe("16 of 16 whole");
    host.child.kill("SIGINT");
    const { stderr } = await host.ended;
    const [, filtered] = /"event":"served".*"filtered":(\d+)/.exec(stderr) ?? [];
    expect(Number(filtered)).toBeGreaterThan(1_000);
  },
  ["--multi-queue"],
);

labTestWith(
  ["setpriv"],
  "where the kernel refuses the filter, and with a capture, there is none, and it works all the same",
  async (lab) => {
    const drops = ["setpriv", "--bounding-set", "-bpf,-sys_admin", "--inh-caps", "-bpf,-sys_admin"];
    for (const [before, flags, says] of [
      [drops, [], /"floodFilter":"none: EPERM"/],
      [[], ["-w", lab.file("all.pcapng")], /"floodFilter":"none"/],
    ] as const) {
      const host = lab.start(
        ...before,
        ...TCPNET,
        ...HOST,
        "--any",
        "--echo",
        "--keep",
        "--port",
        "5001",
        "--json",
        ...flags,
      );
      await host.says(/waiting at/);
      expect(host.stderr).toMatch(says);
      const client = lab.start(BUN, "test/e2e/many.inside.ts", "10.0.0.7", "5001", "2", "20000");
      expect((await client.ended).stdout.toString().trim()).toBe("2 of 2 whole");
      host.child.kill("SIGINT");
      await host.ended;
    }
  },
);

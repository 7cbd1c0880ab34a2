/** Root is given up before a packet is read: what every thread of a running program may still do. */
import { expect } from "bun:test";
import { chmodSync, existsSync, readFileSync, renameSync, statSync } from "node:fs";
import { TCPNET } from "../support/built-program.ts";
import { until } from "../support/waiting.ts";
import { HOST, type Lab, labTest, labTestWith, PEER, type Running } from "./lab.ts";
import { bare, descendantsOf, descriptorsOf, type Rights, rightsOf, threadsOf } from "./privileges.ts";

const AS_ROOT = { root: true };
const NOBODY = 65_534;
/** In no /etc/passwd: known by its numbers alone, as the users of a directory service are. */
const SUDO = { SUDO_USER: "alice", SUDO_UID: "4711", SUDO_GID: "4712" };
const ALL_CAPABILITIES = ownBoundingSet();

function ownBoundingSet(): string {
  return /^CapBnd:\s*(\w+)$/m.exec(readFileSync("/proc/self/status", "utf8"))![1]!;
}

/** Ends a program that waits. */
async function interrupt(program: Running): Promise<void> {
  program.child.kill("SIGINT");
  await program.ended;
}

async function mtuOf(lab: Lab, tun: string): Promise<string | undefined> {
  return /mtu (\d+)/.exec(await lab.ns.must(["ip", "link", "show", "dev", tun]))?.[1];
}

labTest(
  "host runs as nobody, without groups, capabilities or a way to get them, in every thread",
  async (lab) => {
    const host = lab.tcpnet(...HOST, "-w", lab.file("c.pcapng"), "--loss", "1%");
    await host.says(/waiting/);
    expect(host.stderr).toMatch(/\n {2}user {4}nobody +the program is not root any more\n/);
    expect(threadsOf(host.child.pid)).toBeGreaterThan(1);
    expect(rightsOf(host.child.pid)).toEqual([bare(NOBODY, NOBODY)]);
    // Of what root opened, nothing is left open but what it is for.
    const open = descriptorsOf(host.child.pid);
    expect(open.filter((path) => path.startsWith("/") && path !== "/dev/null").sort()).toEqual([
      "/dev/net/tun",
      lab.file("c.pcapng"),
    ]);
    await interrupt(host);
    expect(statSync(lab.file("c.pcapng")).uid).toBe(0);
  },
  AS_ROOT,
);

labTestWith(
  ["ping"],
  "under sudo, host, peer and chaos go on as whoever called it, and talk to one another",
  async (lab) => {
    const alice = [bare(4711, 4712, [4712])];
    const host = lab.withEnv(SUDO, ...HOST);
    await host.says(/waiting/);
    const peer = lab.withEnv(SUDO, ...PEER);
    await Promise.all([host.says(/open /), peer.says(/open /)]);
    expect([rightsOf(host.child.pid), rightsOf(peer.child.pid)]).toEqual([alice, alice]);
    peer.type("hello");
    await host.gives(5);
    host.endInput();
    peer.endInput();
    expect([(await host.ended).code, (await peer.ended).code]).toEqual([0, 0]);
    const chaos = lab.withEnv(SUDO, "chaos", "tun0", "10.0.0.1/24", "tun1", "10.0.1.1/24", "--delay", "1ms");
    await chaos.says(/user {2}user 4711/);
    expect(rightsOf(chaos.child.pid)).toEqual(alice);
    expect((await lab.ns.run(["ping", "-c1", "-W10", "10.0.0.2"])).code).toBe(0);
    expect((await lab.ns.run([...TCPNET, "link", "set", "delay 2ms"])).code).toBe(0);
    await interrupt(chaos);
  },
  AS_ROOT,
);

labTest(
  "--user names another user, --keep-root keeps root; invalid users are refused: 2",
  async (lab) => {
    const named = lab.tcpnet(...HOST, "--user", "daemon");
    const stays = lab.tcpnet(...PEER, "--keep-root");
    await Promise.all([named.says(/open /), stays.says(/open /)]);
    expect(rightsOf(named.child.pid)).toEqual([bare(1, 1, [1])]);
    const root = rightsOf(stays.child.pid);
    expect(root).toMatchObject([
      { Uid: "0 0 0 0", CapEff: ALL_CAPABILITIES, NoNewPrivs: "0" },
    ] satisfies Partial<Rights>[]);
    expect(stays.stderr).not.toContain("not root any more");
    for (const program of [named, stays]) program.child.kill("SIGTERM");
    await Promise.all([named.ended, stays.ended]);
    for (const [flags, words] of [
      [["--user", "no-such-user"], /there is no user no-such-user/],
      [["--user", "root"], /--user root is root itself[\s\S]*--keep-root/],
      [["--user", "daemon", "--keep-root"], /exclude each other/],
    ] as const) {
      const { code, stderr } = await lab.tcpnet(...HOST, ...flags).ended;
      expect([code, stderr]).toEqual([2, expect.stringMatching(words)]);
    }
  },
  AS_ROOT,
);

labTestWith(
  ["ping"],
  "nothing is read from the device before root is given up",
  async (lab) => {
    const fifo = lab.file("fifo");
    await lab.ns.must(["mkfifo", fifo]);
    // The program stands still where it opens the capture, the device open: whoever pings waits in the device's queue.
    const read = async () => Number(await lab.ns.must(["cat", "/sys/class/net/tun0/statistics/tx_packets"]));
    // netup's probe has read some.
    const before = await read();
    const host = lab.tcpnet(...HOST, "-w", fifo);
    await until(
      () => existsSync(`/proc/${host.child.pid}/fd`) && descriptorsOf(host.child.pid).includes("/dev/net/tun"),
    );
    // What comes before the kernel has started the device's queue is lost.
    await until(async () => !/state DOWN/.test((await lab.ns.run(["ip", "link", "show", "tun0"])).stdout.toString()));
    const ping = lab.start("ping", "-c1", "-W60", "10.0.0.7");
    await Bun.sleep(500);
    expect([rightsOf(host.child.pid)[0]?.Uid, await read()]).toEqual(["0 0 0 0", before]);
    const reader = lab.shell(`exec cat ${fifo}`);
    expect((await ping.ended).code).toBe(0);
    expect(rightsOf(host.child.pid)).toEqual([bare(NOBODY, NOBODY)]);
    expect(await read()).toBeGreaterThan(before);
    await interrupt(host);
    await reader.ended;
  },
  AS_ROOT,
);

labTest(
  "root restores the device's MTU and removes the control socket, even after SIGKILL",
  async (lab) => {
    const sockets = async () => await lab.ns.must(["sh", "-c", "ls /run/tcpnet | grep sock || true"]);
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      const host = lab.tcpnet(...HOST, "--mtu", "9000", "--loss", "1%");
      await host.says(/waiting/);
      expect([await mtuOf(lab, "tun0"), await sockets()]).toEqual(["9000", expect.stringMatching(/tun0\.sock/)]);
      host.child.kill(signal);
      await host.ended;
      // An end in order waits for it; after a kill it takes a moment.
      if (signal === "SIGKILL")
        await until(async () => (await mtuOf(lab, "tun0")) === "1500" && (await sockets()) === "");
      expect([await mtuOf(lab, "tun0"), await sockets()]).toEqual(["1500", ""]);
    }
  },
  AS_ROOT,
);

labTest(
  "if SIGHUP cannot make a new capture without root, a warning is printed at the start and the capture goes on",
  async (lab) => {
    const file = lab.file("c.pcapng");
    const host = lab.tcpnet(...HOST, "-w", file);
    await host.says(
      /to rotate \S+c\.pcapng by SIGHUP, add --keep-root: the user nobody may not create files in its folder/,
    );
    await host.says(/waiting/);
    renameSync(file, lab.file("old.pcapng"));
    host.child.kill("SIGHUP");
    await host.says(/cannot write the capture/);
    await interrupt(host);
    expect(existsSync(file)).toBe(false);
  },
  AS_ROOT,
);

labTest(
  "the programs that demo starts give up root, too",
  async (lab) => {
    for (const [env, rights] of [
      [{}, bare(NOBODY, NOBODY)],
      [SUDO, bare(4711, 4712, [4712])],
    ] as const) {
      const demo = lab.withEnv(env, "demo", "--rate", "500kbit", "--json");
      await until(() => demo.stdout.includes('"open'));
      const actors = descendantsOf(demo.child.pid).filter(
        ({ words }) => words.includes("--json") && !words.includes("demo"),
      );
      expect(actors.map(({ words }) => words.find((word) => /^(host|peer)$/.test(word))).sort()).toEqual([
        "host",
        "peer",
      ]);
      for (const { pid } of actors) expect(rightsOf(pid)).toEqual([rights]);
      demo.child.kill("SIGTERM");
      expect((await demo.ended).code).toBe(143);
    }
    const small = await lab.withEnv(SUDO, "demo", "--size", "100k", "-q").ended;
    expect([small.code, small.stderr]).toEqual([0, ""]);
  },
  { netup: null, root: true },
);

labTest(
  "in a user namespace with only root, the program stays root without capabilities",
  async (lab) => {
    const own = ["unshare", "--user", "--map-root-user", "--net"];
    const line = `${TCPNET.join(" ")} netup >&2 && exec ${TCPNET.join(" ")} ${HOST.join(" ")}`;
    const host = lab.start(...own, "sh", "-c", line);
    await host.says(/waiting/);
    expect(rightsOf(host.child.pid)).toEqual([bare(0, 0)]);
    expect(host.stderr).toMatch(/user {4}root of this user namespace/);
    await interrupt(host);
    const { code, stderr } = await lab.start(...own, ...TCPNET, ...HOST, "--user", "daemon").ended;
    expect([code, stderr]).toEqual([4, expect.stringMatching(/cannot go on as daemon[\s\S]*has no user 1/)]);
  },
  { netup: null, root: true },
);

labTest(
  "a program that only root may read becomes nobody, too",
  async (lab) => {
    chmodSync(lab.folder, 0o700);
    const root = lab.file("tcpnet");
    await lab.ns.must(["mkdir", root]);
    await lab.ns.must(["cp", "-r", "src", "ffi", "package.json", root]);
    await lab.ns.must(["ln", "-s", `${process.cwd()}/node_modules`, `${root}/node_modules`]);
    const host = lab.start(process.execPath, `${root}/src/cli/main.ts`, ...HOST);
    await host.says(/waiting/);
    // To become nobody after it was loaded takes CAP_SETUID and CAP_SETGID, and to load it CAP_DAC_READ_SEARCH.
    expect(rightsOf(host.child.pid)).toEqual([bare(NOBODY, NOBODY, [], "00000000000000c4")]);
    await interrupt(host);
  },
  AS_ROOT,
);

labTest(
  "no variable makes a program believe that root was given up",
  async (lab) => {
    const words = { uid: "0", user: "nobody" };
    const forged = { TCPNET_HANDOVER: JSON.stringify({ words, descriptors: [] }) };
    const { code, stderr } = await lab.withEnv(forged, ...HOST).ended;
    expect([code, stderr]).toEqual([1, expect.stringMatching(/still has rights of root/)]);
  },
  AS_ROOT,
);

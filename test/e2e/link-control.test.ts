/** A link that changes under a conversation that runs: by `tcpnet link`, over a socket that nothing leaves behind. */
import { expect } from "bun:test";
import { chmodSync, copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { builtProgram, TCPNET } from "../support/built-program.ts";
import { testUnless } from "../support/test-unless.ts";
import { HOST, type Lab, labTest, labTestWith, PEER } from "./lab.ts";

const link = (lab: Lab, ...words: string[]) => lab.ns.run([...TCPNET, "link", ...words]);
const sockets = async (lab: Lab) => (await lab.ns.must(["sh", "-c", "ls /run/tcpnet | grep sock || true"])).trim();

/** A host that takes everything, and a peer whose link is bad. */
async function open(lab: Lab, ...flags: string[]) {
  const host = lab.tcpnet(...HOST, "--discard");
  await host.says(/waiting/);
  const peer = lab.tcpnet(...PEER, ...flags);
  await peer.says(/open /);
  return { host, peer };
}

labTest("a transfer that would take minutes ends soon after the link got faster", async (lab) => {
  const { peer } = await open(lab, "--source", "8M", "--rate", "500kbit", "--json");
  await peer.says(/"event":"interval"/);
  const change = await link(lab, "set", "rate 200mbit");
  expect([change.code, change.stdout]).toEqual([0, expect.stringMatching(/^rate 200mbit\n {2}out {2}offered \d+/)]);
  const { code, stderr } = await peer.ended;
  expect(code).toBe(0);
  const told = stderr
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const seconds = told.at(-1).t;
  // At 500 kbit/s the 8 MiB take 134 s.
  expect(seconds).toBeLessThan(30);
  expect(told.find(({ event }) => event === "link")).toMatchObject({
    link: "rate 200mbit",
    text: "· the link is now: rate 200mbit",
  });
  const summary = told.find(({ event }) => event === "link-summary");
  expect(summary.link).toBe("rate 200mbit");
  expect(summary.counts.out["link.offered"]).toBeGreaterThan(5_000);
  expect(await sockets(lab)).toBe("");
});

labTest("when a link comes up again, transfers go on at once", async (lab) => {
  const { peer } = await open(lab, "--link", "clear");
  expect((await link(lab, "set", "down 0s-1h", "--dev", "tun1")).code).toBe(0);
  await peer.says(/the link is now: down/);
  peer.type("typed while it was down");
  peer.endInput();
  await Bun.sleep(500);
  expect((await link(lab, "clear")).code).toBe(0);
  const { code, stderr } = await peer.ended;
  expect([code, stderr]).toEqual([
    0,
    expect.stringMatching(/link is now: clear[\s\S]*out: offered \d+, delivered \d+, down \d+/),
  ]);
});

labTest("host and peer have a link each, and --dev must choose one", async (lab) => {
  const host = lab.tcpnet(...HOST, "--delay", "1ms");
  await host.says(/to change the link: .* --dev tun0/);
  const peer = lab.tcpnet(...PEER, "--delay", "2ms");
  await peer.says(/to change the link: .* --dev tun1/);
  const unclear = await link(lab, "show");
  expect([unclear.code, unclear.stderr]).toEqual([2, expect.stringMatching(/tun0, tun1[\s\S]*--dev tun0/)]);
  expect((await link(lab, "show", "--dev", "tun1")).stdout).toStartWith("delay 2ms\n");
  const wrong = await link(lab, "change", "losss 1%", "--dev", "tun0");
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringMatching(/"losss" is not a word.*column 1/)]);
  host.endInput();
  peer.endInput();
  expect([(await host.ended).code, (await peer.ended).code]).toEqual([0, 0]);
});

labTest("without a link to change the message says how to get one: 3", async (lab) => {
  const nobody = await link(lab, "show");
  expect([nobody.code, nobody.stderr]).toEqual([3, expect.stringMatching(/no link is running[\s\S]*--link clear/)]);
  await open(lab);
  const plain = await link(lab, "set", "loss 1%", "--dev", "tun1");
  expect([plain.code, plain.stderr]).toEqual([
    3,
    expect.stringMatching(/no program answers for tun1[\s\S]*--link clear/),
  ]);
  const { code, stderr } = await lab.tcpnet(...PEER, "--socket", lab.file("s")).ended;
  expect([code, stderr]).toEqual([2, expect.stringMatching(/--link clear/)]);
});

labTest(
  "the socket is removed at the end, after Ctrl-C, SIGTERM and the third Ctrl-C; that of a killed program is replaced",
  async (lab) => {
    for (const [signals, code] of [
      [["SIGTERM"], 143],
      [["SIGINT", "SIGINT", "SIGINT"], 130],
    ] as const) {
      const host = lab.tcpnet(...HOST, "--loss", "100%");
      await host.says(/to change the link/);
      expect(await sockets(lab)).toMatch(/^link-\d+-tun0\.sock$/);
      for (const signal of signals) {
        host.child.kill(signal);
        await Bun.sleep(20);
      }
      expect((await host.ended).code).toBe(code);
      expect(await sockets(lab)).toBe("");
    }
    // Nobody tidies up behind a killed program that stays root.
    const killed = lab.tcpnet(...HOST, "--loss", "1%", "--keep-root");
    await killed.says(/to change the link/);
    killed.child.kill("SIGKILL");
    await killed.ended;
    expect(await sockets(lab)).toMatch(/^link-\d+-tun0\.sock$/);
    expect((await link(lab, "show")).code).toBe(3);
    const next = lab.tcpnet(...HOST, "--loss", "2%");
    await next.says(/to change the link/);
    expect((await link(lab, "show")).stdout).toStartWith("loss 2%\n");
    next.child.kill("SIGINT");
    expect((await next.ended).code).toBe(130);
    expect(await sockets(lab)).toBe("");
  },
);

labTest("--socket sets the path of the socket; if it cannot be made: 3", async (lab) => {
  const socket = lab.file("my.sock");
  const host = lab.tcpnet(...HOST, "--loss", "1%", "--socket", socket);
  await host.says(/to change the link/);
  expect((await link(lab, "show", "--socket", socket)).stdout).toStartWith("loss 1%\n");
  const second = await lab.tcpnet(...PEER, "--loss", "1%", "--socket", socket).ended;
  expect([second.code, second.stderr]).toEqual([3, expect.stringMatching(/another tcpnet listens there/)]);
  host.child.kill("SIGINT");
  await host.ended;
  expect(existsSync(socket)).toBe(false);
});

labTest("--socket never replaces a file, and one that another user made is not used: 3", async (lab) => {
  const file = lab.file("precious");
  writeFileSync(file, "precious");
  const host = await lab.tcpnet(...HOST, "--loss", "1%", "--socket", file).ended;
  expect([host.code, host.stderr]).toEqual([3, expect.stringContaining("is not a socket")]);
  const chaos = ["chaos", "tun0", "10.0.0.1/24", "tun1", "10.0.1.1/24", "--socket", file];
  expect((await lab.tcpnet(...chaos).ended).code).toBe(3);
  expect(readFileSync(file, "utf8")).toBe("precious");
});

labTestWith(
  ["ping"],
  "chaos has a line per second while packets move: what passed, what waits, what was lost; --quiet has none",
  async (lab) => {
    for (const more of [[], ["--quiet"]]) {
      const chaos = lab.tcpnet(
        "chaos",
        "tun0",
        "10.0.0.1/24",
        "tun1",
        "10.0.1.1/24",
        "--loss",
        "20%",
        ...more,
        "--save",
        lab.file("chaos.replay"),
      );
      for (let i = 0; i < 200 && (await link(lab, "show")).code !== 0; i++) await Bun.sleep(50);
      await lab.ns.run(["ping", "-q", "-i", "0.02", "-c", "200", "10.0.0.2"]);
      chaos.child.kill("SIGINT");
      const { stderr } = await chaos.ended;
      const lines = stderr.match(
        /^ +\d+\.\d{3} {2}· tun0 > tun1 \d+ packets\/s(?: {2}lost \d+)? {3}tun1 > tun0 \d+ packets\/s(?: {2}lost \d+)?$/gm,
      );
      const replayed = lab.tcpnet("replay", lab.file("chaos.replay"), "-o", lab.file("page.html"), "--events", "-");
      expect((await replayed.ended).stdout.toString()).toMatch(/"link:packet_dropped"/);
      if (more.length > 0) expect(lines).toBeNull();
      else {
        expect(lines!.length).toBeGreaterThanOrEqual(2);
        expect(lines!.join()).toMatch(/lost [1-9]/);
      }
    }
  },
);

labTest(
  "two namespaces that share /run have one socket each, which is reached only from its own namespace",
  async (lab) => {
    const host = lab.tcpnet(...HOST, "--loss", "1%");
    await host.says(/to change the link/);
    // The same device name in another namespace, behind the same /run.
    const script = `$T ${HOST.join(" ")} --loss 2% & host=$!
    for try in $(seq 100); do $T link show --dev tun0 && break; sleep 0.1; done
    kill $host; wait $host`;
    const there = lab.shell(`unshare --net sh -c '${script}'`);
    const { stdout } = await there.ended;
    expect(stdout.toString()).toStartWith("loss 2%\n");
    expect((await link(lab, "show")).stdout).toStartWith("loss 1%\n");
    expect((await link(lab, "show", "--dev", "tun0")).stdout).toStartWith("loss 1%\n");
    host.child.kill("SIGINT");
    await host.ended;
  },
);

/** Another user, with no power but to read: the repository may lie in a folder of root's. */
function asUser(uid: number): string[] {
  const caps = "-all,+dac_read_search";
  return ["setpriv", `--reuid=${uid}`, "--clear-groups", `--inh-caps=${caps}`, `--ambient-caps=${caps}`];
}

function twoUsersTest(name: string, work: (lab: Lab) => Promise<void>): void {
  if (process.getuid?.() === 0) labTestWith(["setpriv"], name, work, { netup: null });
  else testUnless("it needs root, to be two users", name, () => {});
}

twoUsersTest("root finds the link of a user, and another user does not", async (lab) => {
  await lab.ns.must(["sh", "-c", "mknod /run/tun c 10 200; chmod 666 /run/tun; mount --bind /run/tun /dev/net/tun"]);
  await lab.ns.must([...TCPNET, "netup", "--user", "nobody"]);
  await lab.ns.must(["sh", "-c", "mkdir -p /run/user/65534; chmod 700 /run/user/65534; chown 65534 /run/user/65534"]);
  const host = lab.start(...asUser(65_534), ...TCPNET, ...HOST, "--loss", "3%");
  await host.says(/to change the link/);
  expect((await link(lab, "show")).stdout).toStartWith("loss 3%\n");
  const changed = await link(lab, "set", "loss 4%", "--dev", "tun0");
  expect([changed.code, changed.stdout]).toEqual([0, expect.stringMatching(/^loss 4%\n/)]);
  const own = await lab.ns.run([...asUser(65_534), ...TCPNET, "link", "show"]);
  expect(own.stdout).toStartWith("loss 4%\n");
  const stranger = await lab.ns.run([...asUser(65_533), ...TCPNET, "link", "show"]);
  expect([stranger.code, stranger.stdout]).toEqual([3, ""]);
  host.child.kill("SIGINT");
  await host.ended;
});

twoUsersTest("the demo of a user has a link that the user can change, and leaves no folder behind", async (lab) => {
  await lab.ns.must(["sh", "-c", "mknod /run/tun c 10 200; chmod 666 /run/tun; mount --bind /run/tun /dev/net/tun"]);
  await lab.ns.must(["sh", "-c", "mkdir -p /run/user/65534; chmod 700 /run/user/65534; chown 65534 /run/user/65534"]);
  // In a user namespace of its own the user has no right left to read what is in a folder of root's.
  const program = lab.file("tcpnet");
  copyFileSync(await builtProgram(), program);
  chmodSync(lab.folder, 0o755);
  const user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program];
  const demo = lab.start(...user, "demo", "--size", "4M", "--rate", "500kbit");
  const show = () => lab.ns.run([...user, "link", "show", "--dev", "demo"]);
  for (let tries = 0; tries < 200 && (await show()).code !== 0; tries++) await Bun.sleep(50);
  const changed = await lab.ns.run([...user, "link", "set", "rate 200mbit", "--dev", "demo"]);
  expect([changed.code, changed.stdout]).toEqual([0, expect.stringMatching(/^rate 200mbit\n/)]);
  const { code, stdout } = await demo.ended;
  expect([code, stdout.toString()]).toEqual([0, expect.stringContaining("the link is now: rate 200mbit")]);
  expect(await lab.ns.must(["ls", "/run/user/65534"])).toBe("");
});

twoUsersTest("a user whose folder for sockets somebody else made goes on without one, and is told why", async (lab) => {
  await lab.ns.must(["sh", "-c", "mknod /run/tun c 10 200; chmod 666 /run/tun; mount --bind /run/tun /dev/net/tun"]);
  await lab.ns.must([...TCPNET, "netup", "--user", "nobody"]);
  await lab.ns.must(["sh", "-c", "mount -t tmpfs -o mode=1777 tmpfs /tmp; mkdir -m 777 /tmp/tcpnet-65534"]);
  const host = lab.start(...asUser(65_534), ...TCPNET, ...HOST, "--loss", "3%");
  await host.says(/the link cannot be changed later: .*\/tmp\/tcpnet-65534 belongs to user 0/);
  host.child.kill("SIGINT");
  await host.ended;
  expect((await lab.ns.run(["ls", "/tmp/tcpnet-65534"])).stdout).toBe("");
});

labTest(
  "the demo's link can be changed, too",
  async (lab) => {
    const demo = lab.tcpnet("demo", "--size", "4M", "--rate", "500kbit", "--json");
    while ((await link(lab, "show", "--dev", "demo")).code !== 0) await Bun.sleep(50);
    expect((await link(lab, "set", "rate 200mbit", "--dev", "demo")).stdout).toStartWith("rate 200mbit\n");
    const { code, stdout } = await demo.ended;
    expect([code, stdout.toString()]).toEqual([0, expect.stringContaining('"link":"rate 200mbit"')]);
    expect(await sockets(lab)).toBe("");
  },
  { netup: null },
);

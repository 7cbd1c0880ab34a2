/** A link that changes under a conversation that runs: by `tcpnet link`, over a socket that nothing leaves behind. */
import { expect } from "bun:test";
import { existsSync } from "node:fs";
import { HOST, type Lab, labTest, PEER, TCPNET } from "./lab.ts";

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
    text: "· from now on the link is: rate 200mbit",
  });
  const summary = told.find(({ event }) => event === "link-summary");
  expect(summary.link).toBe("rate 200mbit");
  expect(summary.counts.out["link.offered"]).toBeGreaterThan(5_000);
  expect(await sockets(lab)).toBe("");
});

labTest("a link that is down is felt at once when it comes back: nobody sleeps through the change", async (lab) => {
  const { peer } = await open(lab, "--link", "clear");
  expect((await link(lab, "set", "down 0s-1h", "--dev", "tun1")).code).toBe(0);
  await peer.says(/from now on the link is: down/);
  peer.type("typed while it was down");
  peer.endInput();
  await Bun.sleep(500);
  expect((await link(lab, "clear")).code).toBe(0);
  const { code, stderr } = await peer.ended;
  expect([code, stderr]).toEqual([
    0,
    expect.stringMatching(/link is: clear[\s\S]*out: offered \d+, delivered \d+, down \d+/),
  ]);
});

labTest("host and peer have a link each; which one is meant must be said", async (lab) => {
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

labTest("where there is no link to change it says so, and how to have one: 3", async (lab) => {
  const nobody = await link(lab, "show");
  expect([nobody.code, nobody.stderr]).toEqual([3, expect.stringMatching(/no link .* runs here[\s\S]*--link clear/)]);
  await open(lab);
  const plain = await link(lab, "set", "loss 1%", "--dev", "tun1");
  expect([plain.code, plain.stderr]).toEqual([3, expect.stringMatching(/link-tun1\.sock[\s\S]*--link clear/)]);
  const { code, stderr } = await lab.tcpnet(...PEER, "--socket", lab.file("s")).ended;
  expect([code, stderr]).toEqual([2, expect.stringMatching(/--link clear/)]);
});

labTest(
  "the socket goes with the program, at Ctrl-C, SIGTERM and the third Ctrl-C; a killed one's is replaced",
  async (lab) => {
    for (const [signals, code] of [
      [["SIGTERM"], 143],
      [["SIGINT", "SIGINT", "SIGINT"], 130],
    ] as const) {
      const host = lab.tcpnet(...HOST, "--loss", "100%");
      await host.says(/to change the link/);
      expect(await sockets(lab)).toBe("link-tun0.sock");
      for (const signal of signals) {
        host.child.kill(signal);
        await Bun.sleep(20);
      }
      expect((await host.ended).code).toBe(code);
      expect(await sockets(lab)).toBe("");
    }
    const killed = lab.tcpnet(...HOST, "--loss", "1%");
    await killed.says(/to change the link/);
    killed.child.kill("SIGKILL");
    await killed.ended;
    expect(await sockets(lab)).toBe("link-tun0.sock");
    expect((await link(lab, "show")).code).toBe(3);
    const next = lab.tcpnet(...HOST, "--loss", "2%");
    await next.says(/to change the link/);
    expect((await link(lab, "show")).stdout).toStartWith("loss 2%\n");
    next.child.kill("SIGINT");
    expect((await next.ended).code).toBe(130);
    expect(await sockets(lab)).toBe("");
  },
);

labTest("--socket is where it is said to be; one that cannot be had is told: 3", async (lab) => {
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

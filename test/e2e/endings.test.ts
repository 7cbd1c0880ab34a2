/** Every way in which it ends badly has its words and its exit code, and leaves nothing behind. */
import { expect } from "bun:test";
import { existsSync } from "node:fs";
import { processorSeconds } from "../support/processor.ts";
import { sometimes } from "../support/sometimes.ts";
import { HOST, labTest, labTestWith, open, PEER } from "./lab.ts";

labTest("refused: 10", async (lab) => {
  const host = lab.tcpnet(...HOST);
  await host.says(/waiting/);
  const { code, stderr } = await lab.tcpnet(...PEER, "--port", "7001").ended;
  expect(code).toBe(10);
  // The host says what it refused, and where it listens.
  await host.says(/· refused 10\.0\.1\.5: no program listens on port 7001 \(this host listens on port 7000\)/);
  expect(stderr).toMatch(/10\.0\.0\.7:7001 refused[\s\S]*check port and address/);
});

labTest("a stranger is refused with 10, and the host says who it was", async (lab) => {
  const host = lab.tcpnet(...HOST);
  await host.says(/waiting/);
  expect((await lab.tcpnet(...PEER, "--local", "10.0.1.9").ended).code).toBe(10);
  await host.says(/refused 10\.0\.1\.9: only 10\.0\.1\.5 may connect \(--any/);
});

labTestWith(["nft"], "nobody answers: 11, and the likely reason", async (lab) => {
  await lab.ns.must([
    "nft",
    "add table inet wall; add chain inet wall f { type filter hook forward priority 0; policy drop; }",
  ]);
  const host = lab.tcpnet(...HOST);
  await host.says(/waiting/);
  const { code, stderr } = await lab.tcpnet(...PEER, "--timeout", "1.5s").ended;
  expect(code).toBe(11);
  expect(stderr).toMatch(/did not answer[\s\S]*firewall[\s\S]*status/);
});

labTest("nobody connects: 11", async (lab) => {
  const { code, stderr } = await lab.tcpnet(...HOST, "--timeout", "500ms").ended;
  expect(code).toBe(11);
  expect(stderr).toMatch(/nobody connected within 500 ms/);
});

labTest(
  "without netup the peer says at once that forwarding is off, and what to type",
  async (lab) => {
    const { code, stderr } = await lab.tcpnet(...PEER, "--timeout", "500ms").ended;
    expect([11, 13]).toContain(code);
    expect(stderr).toMatch(/warning forwarding is off on tun1[\s\S]*netup/);
  },
  { netup: null },
);

labTest("the kernel answers with ICMP unreachable: 13", async (lab) => {
  await lab.ns.must(["ip", "route", "add", "unreachable", "10.9.0.0/16"]);
  // The kernel may drop the first SYN while the device starts; the second one follows after a second.
  const { code, stderr } = await lab.tcpnet("peer", "tun1", "10.0.1.1/24", "10.9.9.9", "--timeout", "2.5s").ended;
  expect(code).toBe(13);
  expect(stderr).toMatch(/10\.9\.9\.9:7000 is unreachable \(ICMP/);
});

labTest("a peer that vanishes during a transfer: 14", async (lab) => {
  const { host, peer } = await open(lab, [], ["--timeout", "3s"]);
  host.child.kill("SIGKILL");
  // At once: on a busy machine the peer may give up sooner than the end of the host is noticed, if something else was not acknowledged.
  peer.type("is anybody there?");
  await host.ended;
  const { code, stderr } = await peer.ended;
  expect(code).toBe(14);
  expect(stderr).toMatch(/gave up: \S+ has not answered/);
});

for (const [victim, survivor] of [
  ["host", "peer"],
  ["peer", "host"],
] as const) {
  labTest(
    `the ${victim} is killed in the middle of a transfer: the ${survivor} ends with 14, and the device is free`,
    async (lab) => {
      const flags = ["--timeout", "3s"];
      const host = lab.tcpnet(
        ...HOST,
        ...flags,
        ...(victim === "host" ? ["--recv", "/dev/null"] : ["--send", "/dev/zero"]),
      );
      const peer = lab.tcpnet(
        ...PEER,
        ...flags,
        ...(victim === "host" ? ["--send", "/dev/zero"] : ["--recv", "/dev/null"]),
      );
      await Promise.all([host.says(/open /), peer.says(/open /)]);
      await Bun.sleep(300);
      const [dead, alive] = victim === "host" ? [host, peer] : [peer, host];
      dead.child.kill("SIGKILL");
      await dead.ended;
      const { code, stderr } = await alive.ended;
      expect([code, stderr]).toEqual([14, expect.stringMatching(/gave up: \S+ has not answered/)]);
      expect(stderr).toMatch(/(sent|received) +[\d.]+ [kMG]?B/);
      // Neither of them left anything that keeps the next two from meeting.
      const next = lab.tcpnet(...HOST);
      const other = lab.tcpnet(...PEER);
      await Promise.all([next.says(/open /), other.says(/open /)]);
      next.endInput();
      other.endInput();
      expect([(await next.ended).code, (await other.ended).code]).toEqual([0, 0]);
    },
  );
}

labTest("an idle open connection takes less than 1 % of a processor on either side", async (lab) => {
  const { host, peer } = await open(lab);
  const spent = () => [host, peer].map(({ child }) => processorSeconds(child.pid));
  await sometimes(async () => {
    // What was compiled and collected for the handshake is over.
    await Bun.sleep(1_000);
    const before = spent();
    await Bun.sleep(3_000);
    for (const [i, seconds] of spent().entries()) expect(seconds - before[i]!).toBeLessThan(0.03);
  });
  host.endInput();
  peer.endInput();
  expect([(await host.ended).code, (await peer.ended).code]).toEqual([0, 0]);
});

labTest(
  "a reader that pauses for longer than --timeout does not end the connection, since its TCP answers",
  async (lab) => {
    const host = lab.shell(`$T ${HOST.join(" ")} </dev/null | { sleep 4; exec wc -c; }`);
    await host.says(/waiting/);
    const peer = lab.tcpnet(...PEER, "--source", "30M", "--timeout", "2s");
    const { code, stderr } = await peer.ended;
    expect([code, stderr]).toEqual([0, expect.stringMatching(/closed by both sides/)]);
    expect((await host.ended).stdout.toString().trim()).toBe("30000000");
  },
);

labTest("a silent peer that vanishes is noticed by keep-alive: 14", async (lab) => {
  const { host, peer } = await open(lab, [], ["--timeout", "3s"]);
  host.child.kill("SIGKILL");
  expect((await peer.ended).code).toBe(14);
});

labTest("a full disk on --recv: 1 with a message, and the sender is reset: 12", async (lab) => {
  await lab.ns.must(["mkdir", "-p", "/run/small"]);
  await lab.ns.must(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/run/small"]);
  lab.random("a", 20 << 20);
  const host = lab.tcpnet(...HOST, "--recv", "/run/small/file");
  await host.says(/waiting/);
  const peer = lab.tcpnet(...PEER, "--send", lab.file("a"));
  const [h, p] = await Promise.all([host.ended, peer.ended]);
  expect([h.code, p.code]).toEqual([1, 12]);
  expect(h.stderr).toMatch(/\/run\/small\/file[\s\S]*the disk is full \(ENOSPC\)/);
});

labTest("a device in use, and one that was not created by netup: 3, with who has it", async (lab) => {
  const host = lab.tcpnet(...HOST);
  await host.says(/waiting/);
  const busy = await lab.tcpnet(...HOST).ended;
  expect(busy.code).toBe(3);
  expect(busy.stderr).toMatch(/TUNSETIFF on tun0: device or resource busy[\s\S]*Process \d+/);
  await lab.ns.must(["ip", "tuntap", "add", "vpn0", "mode", "tun"]);
  const foreign = await lab.tcpnet("host", "vpn0", "10.5.0.1/24", "10.0.1.5").ended;
  expect(foreign.code).toBe(3);
  expect(foreign.stderr).toMatch(/vpn0 was not created by netup[\s\S]*--force/);
  const forced = lab.tcpnet("host", "vpn0", "10.5.0.1/24", "10.0.1.5", "--force");
  await forced.says(/waiting at 10\.5\.0\.7/);
});

labTestWith(
  ["setpriv"],
  "no permission: 4, and the hint that needs no sudo",
  async (lab) => {
    const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"];
    const { code, stderr } = await lab.start(
      ...nobody,
      process.execPath,
      "src/cli/main.ts",
      "host",
      "tun7",
      "10.7.0.1/24",
      "10.0.1.5",
    ).ended;
    expect(code).toBe(4);
    expect(stderr).toMatch(/sudo/);
  },
  { netup: null },
);

labTest("SIGUSR1 and SIGQUIT print a line of figures, and the transfer goes on", async (lab) => {
  const { host, peer } = await open(lab);
  host.child.kill("SIGUSR1");
  await host.says(/· out 0 B {3}in 0 B {3}cwnd [\d.]+ kB {3}rtt/);
  host.child.kill("SIGQUIT");
  await host.says(/(cwnd[\s\S]*){2}/);
  host.endInput();
  peer.endInput();
  expect([(await host.ended).code, (await peer.ended).code]).toEqual([0, 0]);
});

labTest("--keep serves one connection after another, until Ctrl-C", async (lab) => {
  const host = lab.tcpnet(...HOST, "--keep", "--send", "README.md");
  await host.says(/waiting/);
  for (let i = 0; i < 3; i++)
    expect((await lab.shell(`$T ${PEER.join(" ")} < /dev/null > ${lab.file("copy")}`).ended).code).toBe(0);
  expect(existsSync(lab.file("copy"))).toBe(true);
  host.child.kill("SIGINT");
  expect((await host.ended).code).toBe(130);
});

labTest("--json prints all messages as objects, one per line", async (lab) => {
  const host = lab.tcpnet(...HOST, "--json");
  await host.says(/"event":"listen"/);
  const peer = lab.tcpnet(...PEER, "--quiet");
  host.endInput();
  peer.type("hello");
  peer.endInput();
  const [h, p] = await Promise.all([host.ended, peer.ended]);
  expect([h.code, p.code, p.stderr, h.stdout.toString()]).toEqual([0, 0, "", "hello"]);
  const events = h.stderr
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { schema: string; event: string });
  expect(new Set(events.map((each) => each.schema))).toEqual(new Set(["tcpnet.event/2"]));
  expect(events.map((each) => each.event)).toEqual(
    expect.arrayContaining(["start", "listen", "transport:packet_received", "open", "end", "summary"]),
  );
  expect(events.find((each) => each.event === "summary")).toMatchObject({ received: { bytes: 5 }, sent: { bytes: 0 } });
});

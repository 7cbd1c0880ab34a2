/** What is told while it runs and at its end: true, once, in its order, and no wider than a terminal; and what is given back. */
import { expect } from "bun:test";
import { existsSync } from "node:fs";
import { TCPNET } from "../support/built-program.ts";
import { until } from "../support/waiting.ts";
import { HOST, labTest, PEER } from "./lab.ts";

labTest("another address than the one that netup gave a device: 3, and the device stays as it is", async (lab) => {
  const before = await lab.ns.must(["ip", "-o", "-4", "addr"]);
  const { code, stderr } = await lab.tcpnet("host", "tun0", "10.9.9.1/24", "10.0.1.5").ended;
  expect(code).toBe(3);
  expect(stderr).toMatch(/tun0 has 10\.0\.0\.1\/24, not 10\.9\.9\.1\/24[\s\S]*use 10\.0\.0\.1\/24/);
  expect(await lab.ns.must(["ip", "-o", "-4", "addr"])).toBe(before);
});

labTest("a persistent device gets its MTU back", async (lab) => {
  const mtu = async () => /mtu (\d+)/.exec(await lab.ns.must(["ip", "link", "show", "dev", "tun0"]))?.[1];
  const host = lab.tcpnet(...HOST, "--mtu", "9000");
  await host.says(/waiting/);
  expect(await mtu()).toBe("9000");
  host.child.kill("SIGTERM");
  expect((await host.ended).code).toBe(143);
  expect(await mtu()).toBe("1500");
});

labTest("files that cannot be read or written are reported before the connection begins", async (lab) => {
  const folder = await lab.tcpnet(...PEER, "--send", lab.folder).ended;
  expect({ code: folder.code, said: folder.stderr }).toEqual({
    code: 1,
    said: `[error] cannot read ${lab.folder}\n        it is a directory (EISDIR)\n`,
  });
  const socket = await lab.tcpnet(...HOST, "--loss", "1%", "--socket", lab.file("none/x.sock")).ended;
  expect(socket.code).toBe(3);
  expect(socket.stderr).toMatch(
    /the control socket \S+ could not be created\n +its folder does not exist\n +choose another: --socket/,
  );
  expect(existsSync(lab.file("none"))).toBe(false);
});

labTest(
  "an interrupt before the handshake prints no summary; one after it prints the summary after the RST",
  async (lab) => {
    const early = lab.tcpnet(...PEER);
    await early.says(/SYN-SENT/);
    early.child.kill("SIGTERM");
    const { code, stderr } = await early.ended;
    expect(code).toBe(143);
    expect(stderr).toMatch(/CLOSED {7}ABORT\n.*given up before the connection was open\n$/);
    const host = lab.tcpnet(...HOST);
    await host.says(/waiting/);
    // Until then the kernel drops what it would queue for the device, and the peer would have to send its SYN again.
    const isDown = async () =>
      (await lab.ns.must(["ip", "-j", "link", "show", "dev", "tun0"])).includes('"operstate":"DOWN"');
    await until(async () => !(await isDown()));
    const peer = lab.tcpnet(...PEER);
    await peer.says(/open /);
    peer.child.kill("SIGTERM");
    expect((await peer.ended).stderr).toMatch(
      /→ RST ACK .*\n.*ended by this side\n +sent .*\n +received .*\n +resent {4}nothing\n +rtt .*\n$/,
    );
    expect((await host.ended).code).toBe(12);
  },
);

labTest("a repeated ICMP error of a router is reported once", async (lab) => {
  await lab.ns.must(["ip", "route", "add", "unreachable", "10.9.0.0/16"]);
  const { stderr } = await lab.tcpnet("peer", "tun1", "10.0.1.1/24", "10.9.9.9", "--timeout", "2s").ended;
  expect(stderr.match(/→ SYN/g)?.length).toBeGreaterThan(1);
  expect(stderr.match(/· 10\.9\.9\.9:7000 is unreachable/g)?.length).toBe(1);
  expect(stderr).toMatch(/\[error\].*is unreachable.*\n.*no route here leads to that address/);
});

labTest(
  "the demo's output is no wider than a terminal, and --quiet prints none",
  async (lab) => {
    const demo = await lab.tcpnet("demo", "--size", "1M", "--loss", "2%", "--delay", "5ms", "--seed", "3").ended;
    expect(demo.code).toBe(0);
    const story = demo.stdout.toString().split("\nWhat to type next")[0]!;
    expect(story).toContain("retransmitted: ");
    // What to type has the program's name in it, which is as long as it is.
    const wide = story.split("\n").filter((line) => line.length > 80 && !line.includes("to change the link"));
    expect(wide).toEqual([]);
    const quiet = await lab.start("env", "SUDO_USER=nobody-here", ...TCPNET, "demo", "--quiet", "--size", "100k").ended;
    expect({ code: quiet.code, said: quiet.stdout.toString() + quiet.stderr }).toEqual({ code: 0, said: "" });
  },
  { netup: null },
);

labTest(
  "an incomplete capture is reported as incomplete",
  async (lab) => {
    await lab.ns.must(["mkdir", "-p", "/run/small"]);
    await lab.ns.must(["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", "/run/small"]);
    const demo = await lab.tcpnet("demo", "--size", "1M", "-w", "/run/small/x.pcapng").ended;
    expect(demo.code).toBe(1);
    expect(demo.stdout.toString()).toMatch(/warning the capture \/run\/small\/x\.pcapng ends here: the disk is full/);
    expect(demo.stdout.toString()).toMatch(/warning the capture \S+ is not complete: \d+ packets of \d+ are missing/);
    // All arrived nevertheless.
    expect(demo.stdout.toString().match(/✓ .*every byte matches/g)?.length).toBe(2);
    expect(demo.stdout.toString()).not.toContain("every packet with its reason");
    const none = await lab.tcpnet("demo", "-w", "/nowhere/x.pcapng").ended;
    expect({ code: none.code, stdout: none.stdout.toString() }).toEqual({ code: 1, stdout: "" });
    expect(none.stderr).toMatch(/cannot write \/nowhere\/x\.pcapng/);
  },
  { netup: null },
);

labTest("netdown removes its folder, and --dry-run shows what it would do", async (lab) => {
  const plan = await lab.tcpnet("netdown", "--dry-run").ended;
  expect(plan.stdout.toString()).toMatch(/nft table inet tcpnet: delete\n[\s\S]*device tun0: delete\n$/);
  const json = await lab.tcpnet("netdown", "--dry-run", "--json").ended;
  const { undone } = JSON.parse(json.stdout.toString()) as { undone: { outcome: string }[] };
  expect(new Set(undone.map(({ outcome }) => outcome))).toEqual(new Set(["planned"]));
  expect((await lab.tcpnet("netdown").ended).code).toBe(0);
  expect((await lab.ns.run(["ls", "/run/tcpnet"])).code).not.toBe(0);
});

/** tcpnet ↔ tcpnet through the kernel's forwarding. */
import { expect } from "bun:test";
import { TCPNET } from "../support/built-program.ts";
import { bothWell, HOST, HOST6, labTest, labTestWith, PEER, PEER6 } from "./lab.ts";

labTest("host first: text typed on either side appears on the other", async (lab) => {
  const host = lab.tcpnet(...HOST);
  await host.says(/waiting at 10\.0\.0\.7:7000/);
  const peer = lab.tcpnet(...PEER);
  await peer.says(/open 10\.0\.1\.5:\d+ ⇄ 10\.0\.0\.7:7000/);
  host.type("from host\n");
  peer.type("from peer\n");
  host.endInput();
  peer.endInput();
  const [h, p] = await bothWell(host, peer);
  expect([h.stdout.toString(), p.stdout.toString()]).toEqual(["from peer\n", "from host\n"]);
  expect(p.stderr).toMatch(/→ SYN +SYN-SENT[\s\S]*← SYN ACK +ESTABLISHED[\s\S]*closed by both sides/);
  expect(h.stderr).toMatch(/← SYN +SYN-RECEIVED[\s\S]*→ SYN ACK[\s\S]*← ACK +ESTABLISHED/);
});

labTest("peer first: its SYN is retransmitted until the host answers", async (lab) => {
  const peer = lab.tcpnet(...PEER);
  await peer.says(/→ SYN[\s\S]*→ SYN/);
  const host = lab.tcpnet(...HOST);
  host.endInput();
  peer.endInput();
  await bothWell(host, peer);
});

labTest("simultaneous open: both sides connect, and one connection results", async (lab) => {
  const host = lab.tcpnet(...HOST, "--simultaneous");
  await host.says(/→ SYN/);
  const peer = lab.tcpnet(...PEER, "--simultaneous");
  host.type("a");
  peer.type("b");
  host.endInput();
  peer.endInput();
  const [h, p] = await bothWell(host, peer);
  expect([h.stdout.toString(), p.stdout.toString()]).toEqual(["b", "a"]);
  expect(h.stderr + p.stderr).toMatch(/← SYN +SYN-RECEIVED/);
  expect(p.stderr).toContain("10.0.1.5:7000 ⇄ 10.0.0.7:7000");
});

labTest("fast open: the peer's first data goes with its SYN", async (lab) => {
  const host = lab.tcpnet(...HOST, "--fast-open");
  await host.says(/waiting at 10\.0\.0\.7:7000/);
  const peer = lab.shell(`printf 'early bird' | $T ${PEER.join(" ")} --fast-open`);
  host.type("the worm");
  host.endInput();
  const [h, p] = await bothWell(host, peer);
  expect([h.stdout.toString(), p.stdout.toString()]).toEqual(["early bird", "the worm"]);
  expect(p.stderr).toMatch(/→ SYN +SYN-SENT +seq 0\+10[\s\S]*data in the SYN/);
  expect(h.stderr).toMatch(/← SYN +SYN-RECEIVED +seq 0\+10[\s\S]*data in the SYN/);
});

for (const first of ["host", "peer"] as const) {
  labTest(`half-close by the ${first}: the other direction goes on`, async (lab) => {
    const host = lab.tcpnet(...HOST);
    const peer = lab.tcpnet(...PEER);
    await Promise.all([host.says(/open /), peer.says(/open /)]);
    const [early, late] = first === "host" ? [host, peer] : [peer, host];
    early.type("only this");
    early.endInput();
    await late.says(/← FIN ACK +CLOSE-WAIT/);
    late.type("and ");
    await Bun.sleep(50);
    late.type("much more");
    late.endInput();
    const [e, l] = await Promise.all([early.ended, late.ended]);
    expect([e.code, l.code]).toEqual([0, 0]);
    expect([e.stdout.toString(), l.stdout.toString()]).toEqual(["and much more", "only this"]);
  });
}

labTest("64 MiB both ways at once arrive byte for byte, from files into files", async (lab) => {
  const sums = [lab.random("a", 64 << 20), lab.random("b", 64 << 20)];
  const host = lab.shell(`exec $T ${HOST.join(" ")} < ${lab.file("a")} > ${lab.file("b.copy")}`);
  const peer = lab.shell(`exec $T ${PEER.join(" ")} --send ${lab.file("b")} --recv ${lab.file("a.copy")}`);
  await bothWell(host, peer);
  expect([lab.sha256("a.copy"), lab.sha256("b.copy")]).toEqual(sums);
});

labTest(
  "files arrive over IPv6, too",
  async (lab) => {
    const sum = lab.random("a", 5 << 20);
    const host = lab.tcpnet(...HOST6, "--recv", lab.file("a.copy"));
    const peer = lab.tcpnet(...PEER6, "--send", lab.file("a"));
    host.endInput();
    const [, p] = await bothWell(host, peer);
    expect(lab.sha256("a.copy")).toBe(sum);
    expect(p.stderr).toMatch(/open \[fd00:b::5\]:\d+ ⇄ \[fd00:a::7\]:7000/);
  },
  { netup: ["--v6"] },
);

labTest(
  "simultaneous open, half-close and the start of the peer alone work over IPv6 as well",
  async (lab) => {
    const peer = lab.tcpnet(...PEER6, "--simultaneous");
    await peer.says(/→ SYN/);
    const host = lab.tcpnet(...HOST6, "--simultaneous");
    await Promise.all([host.says(/open /), peer.says(/open /)]);
    peer.type("only this");
    peer.endInput();
    await host.says(/← FIN ACK +CLOSE-WAIT/);
    host.type("and more");
    host.endInput();
    const [h, p] = await bothWell(host, peer);
    expect([h.stdout.toString(), p.stdout.toString()]).toEqual(["only this", "and more"]);
  },
  { netup: ["--v6"] },
);

labTest("without offload, files arrive in packets of MTU size", async (lab) => {
  const sum = lab.random("a", 5 << 20);
  const host = lab.tcpnet(...HOST, "--no-offload", "--recv", lab.file("a.copy"));
  const peer = lab.tcpnet(...PEER, "--no-offload", "--send", lab.file("a"));
  host.endInput();
  await bothWell(host, peer);
  expect(lab.sha256("a.copy")).toBe(sum);
});

labTest(
  "over a link that loses, delays, duplicates, reorders and corrupts: the same bytes, and the summary counts what was resent",
  async (lab) => {
    const sum = lab.random("a", 400_000);
    const host = lab.tcpnet(...HOST, "--recv", lab.file("a.copy"));
    const link = [
      "--loss",
      "2%",
      "--delay",
      "5ms",
      "--duplicate",
      "1%",
      "--reorder",
      "1%",
      "--corrupt",
      "0.5%",
      "--seed",
      "3",
    ];
    const peer = lab.tcpnet(...PEER, "--send", lab.file("a"), ...link);
    host.endInput();
    const [, p] = await bothWell(host, peer);
    expect(lab.sha256("a.copy")).toBe(sum);
    expect(p.stderr).toMatch(/link .*loss 2%.*seed 3/);
    expect(p.stderr).toMatch(/resent {4}\d+ of \d+ segments \(/);
  },
);

labTestWith(
  ["script"],
  "on a terminal a file's progress is shown, nobody is asked to type, and what comes has the screen for itself",
  async (lab) => {
    lab.random("a", 1 << 20);
    const host = lab.tcpnet(...HOST);
    await host.says(/waiting/);
    const line = `$T ${PEER.join(" ")} --rate 8mbit < ${lab.file("a")}`.replace("$T", TCPNET.join(" "));
    const peer = lab.start("env", "-u", "NO_COLOR", "TERM=xterm", "script", "-qefc", line, "/dev/null");
    await host.says(/CLOSE-WAIT/);
    host.type("an answer");
    host.endInput();
    const [h, p] = await Promise.all([host.ended, peer.ended]);
    const screen = Bun.stripANSI(p.stdout.toString()).split(/[\r\n]+/);
    expect([h.code, p.code]).toEqual([0, 0]);
    expect(screen).toContainEqual(expect.stringMatching(/^out [\d.]+ [kM]B [\d.]+ Mbit\/s {3}in 0 B .*resent$/));
    // What is told next may stand behind it: the answer had no end of line.
    expect(screen.some((line) => line.startsWith("an answer"))).toBe(true);
    expect(screen.join()).not.toContain("type text");
  },
);

labTestWith(["tshark"], "a link in the middle with a smaller MTU is found by path MTU discovery", async (lab) => {
  const sum = lab.random("a", 300_000);
  const host = lab.tcpnet(...HOST, "--recv", lab.file("a.copy"));
  await host.says(/waiting/);
  const peer = lab.tcpnet(...PEER, "--send", lab.file("a"), "--link", "mtu 900", "-w", lab.file("peer.pcapng"));
  host.endInput();
  await bothWell(host, peer);
  expect(lab.sha256("a.copy")).toBe(sum);
  const told = await lab.ns.must([
    "tshark",
    "-r",
    lab.file("peer.pcapng"),
    "-Y",
    "icmp.type == 3 && icmp.code == 4 && icmp.mtu == 900",
  ]);
  expect(told).not.toBe("");
});

for (const mtu of [576, 1280, 4000, 9000]) {
  labTest(
    `an MTU of ${mtu}`,
    async (lab) => {
      const sum = lab.random("a", 2 << 20);
      const host = lab.tcpnet(...HOST, "--recv", lab.file("a.copy"));
      const peer = lab.tcpnet(...PEER, "--send", lab.file("a"));
      host.endInput();
      const [, p] = await bothWell(host, peer);
      expect(lab.sha256("a.copy")).toBe(sum);
      expect(p.stderr).toContain(`mss ${mtu - 52},`);
    },
    { netup: ["--mtu", `${mtu}`] },
  );
}

labTest(
  "the whole demo runs inside of its own namespace and leaves nothing behind",
  async (lab) => {
    const before = await lab.ns.must(["ip", "-br", "link"]);
    const demo = await lab.tcpnet("demo", "--size", "1M").ended;
    expect({ code: demo.code, stderr: demo.stderr }).toEqual({ code: 0, stderr: "" });
    expect(demo.stdout.toString()).toMatch(
      /a private network[\s\S]*✓ host → peer[\s\S]*✓ peer → host[\s\S]*What to type next/,
    );
    expect(await lab.ns.must(["ip", "-br", "link"])).toBe(before);
  },
  { netup: null },
);

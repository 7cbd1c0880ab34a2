/** The kernel's own TCP on the other side: programs that people use. */
import { expect } from "bun:test";
import { HOST, type Lab, labTest, labTestWith } from "./lab.ts";

const LISTEN = ["host", "tun0", "10.0.0.1/24", "10.0.0.7"] as const;
const DIAL = ["peer", "tun0", "10.0.0.1/24", "10.0.0.1", "--kernel"] as const;

/** Two echo requests with `size` octets of data each; how many were answered. */
async function answered(lab: Lab, address: string, size = 56, seconds = 10): Promise<number> {
  // Until the kernel has started the device's queue, it drops what goes there: on a busy machine the first request may be among that.
  for (let tries = seconds; tries > 0; tries--)
    if ((await lab.ns.run(["ping", "-c1", "-W1", address])).code === 0) break;
  // One after the other: of several, ping waits for the last answers no longer than for the earlier ones.
  const ping = () => lab.ns.run(["ping", "-c1", `-W${seconds}`, "-s", `${size}`, address]);
  return [await ping(), await ping()].filter(({ code }) => code === 0).length;
}

for (const [family, device, cidr, address, per] of [
  ["IPv4", "tun0", "10.0.0.1/24", "10.0.0.7", 1480],
  ["IPv6", "tun1", "fd00:b::1/64", "fd00:b::7", 1448],
] as const) {
  labTestWith(
    ["ping", "tshark"],
    `ping over ${family} is answered, small and in fragments, which go both ways`,
    async (lab) => {
      const file = lab.file("pings.pcapng");
      const host = lab.tcpnet("host", device, cidr, address, "-w", file);
      await host.says(/waiting/);
      for (const size of [56, 1400, 4000, 9000]) expect(await answered(lab, address, size)).toBe(2);
      host.child.kill("SIGINT");
      await host.ended;
      const [field, wanted] =
        family === "IPv4" ? ["ip.src", "ip.flags.mf == 1 || ip.frag_offset > 0"] : ["ipv6.src", "ipv6.fraghdr"];
      const seen = await lab.ns.must(["tshark", "-r", file, "-Y", wanted, "-T", "fields", "-e", field]);
      // 4,000 and 9,000 octets and the ICMP header in front, twice.
      const each = 2 * (Math.ceil(4008 / per) + Math.ceil(9008 / per));
      const from = (who: string) => seen.split("\n").filter((line) => line.split(",")[0] === who).length;
      expect([from(cidr.split("/")[0]!), from(address)]).toEqual([each, each]);
    },
    { netup: ["--v6"] },
  );
}

labTestWith(
  ["ping", "nc"],
  "--own-prefix: every address of the prefix is the stack's, except the kernel's, the network's and broadcast",
  async (lab) => {
    const host = lab.tcpnet(...LISTEN, "--echo", "--own-prefix");
    await host.says(
      /me {6}10\.0\.0\.7 .*\n +and every other address of 10\.0\.0\.0\/24 except the kernel's[\s\S]*waiting/,
    );
    for (const address of ["10.0.0.7", "10.0.0.2", "10.0.0.254"]) expect(await answered(lab, address)).toBe(2);
    const echoed = await lab.shell("echo hello | exec nc -N -w 5 10.0.0.99 7000").ended;
    expect(echoed.stdout.toString()).toBe("hello\n");
    await host.says(/open 10\.0\.0\.99:7000 ⇄ 10\.0\.0\.1:\d+/);
    expect(host.stderr).not.toContain("10.0.0.255");
  },
);

labTestWith(["ping"], "without --own-prefix the stack is one address", async (lab) => {
  const host = lab.tcpnet(...LISTEN);
  await host.says(/waiting/);
  expect([await answered(lab, "10.0.0.7"), await answered(lab, "10.0.0.8", 56, 1)]).toEqual([2, 0]);
});

labTestWith(["nc"], "nc connects to us: bytes both ways, half-close, and our exit code", async (lab) => {
  const sum = lab.random("a", 3 << 20);
  const host = lab.tcpnet(...LISTEN, "--send", lab.file("a"));
  await host.says(/waiting/);
  const nc = lab.shell(`echo question | exec nc -N 10.0.0.7 7000 > ${lab.file("a.copy")}`);
  const [h, n] = await Promise.all([host.ended, nc.ended]);
  expect([h.code, n.code, h.stdout.toString()]).toEqual([0, 0, "question\n"]);
  expect(lab.sha256("a.copy")).toBe(sum);
});

labTestWith(["nc", "ss"], "we connect to nc", async (lab) => {
  const sum = lab.random("a", 3 << 20);
  const nc = lab.shell(`echo answer | exec nc -N -l 10.0.0.1 7000 > ${lab.file("a.copy")}`);
  for (let i = 0; i < 1_000 && !(await lab.ns.must(["ss", "-Hltn"])).includes(":7000"); i++) await Bun.sleep(20);
  const peer = lab.tcpnet(...DIAL, "--send", lab.file("a"));
  const [p, n] = await Promise.all([peer.ended, nc.ended]);
  expect({ code: p.code, text: p.stdout.toString(), stderr: p.code === 0 ? "" : p.stderr }).toEqual({
    code: 0,
    text: "answer\n",
    stderr: "",
  });
  expect(n.code).toBe(0);
  expect(lab.sha256("a.copy")).toBe(sum);
});

labTestWith(["socat"], "socat sends 32 MiB and gets every byte back from --echo, again and again", async (lab) => {
  const sum = lab.random("a", 32 << 20);
  const host = lab.tcpnet(...LISTEN, "--echo");
  await host.says(/waiting/);
  for (const name of ["one", "two"]) {
    const socat = lab.shell(`exec socat -t 20 - TCP:10.0.0.7:7000 < ${lab.file("a")} > ${lab.file(name)}`);
    expect((await socat.ended).code).toBe(0);
    expect(lab.sha256(name)).toBe(sum);
  }
  host.child.kill("SIGINT");
  expect((await host.ended).code).toBe(130);
});

labTestWith(["curl"], "curl gets the page from standard input", async (lab) => {
  const host = lab.tcpnet(...LISTEN);
  await host.says(/waiting/);
  host.type("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n");
  host.endInput();
  const curl = lab.start("curl", "-sS", "http://10.0.0.7:7000/some/where");
  const [c, h] = await Promise.all([curl.ended, host.ended]);
  expect(c.stdout.toString()).toBe("hello\n");
  expect(h.stdout.toString()).toStartWith("GET /some/where HTTP/1.1\r\n");
  expect(h.code).toBe(0);
});

labTestWith(
  ["nc", "ss"],
  "over IPv6 nc connects to us, and we to nc",
  async (lab) => {
    const sum = lab.random("a", 3 << 20);
    const host = lab.tcpnet("host", "tun0", "fd00:a::1/64", "fd00:a::7", "--send", lab.file("a"));
    await host.says(/waiting at \[fd00:a::7\]:7000/);
    const nc = lab.shell(`echo question | exec nc -N fd00:a::7 7000 > ${lab.file("one")}`);
    const [h, n] = await Promise.all([host.ended, nc.ended]);
    expect([h.code, n.code, h.stdout.toString(), lab.sha256("one")]).toEqual([0, 0, "question\n", sum]);
    const listening = lab.shell(`echo answer | exec nc -N -l fd00:a::1 7000 > ${lab.file("two")}`);
    for (let i = 0; i < 1_000 && !(await lab.ns.must(["ss", "-Hltn"])).includes(":7000"); i++) await Bun.sleep(20);
    const peer = lab.tcpnet("peer", "tun0", "fd00:a::1/64", "fd00:a::1", "--kernel", "--send", lab.file("a"));
    const [p, l] = await Promise.all([peer.ended, listening.ended]);
    expect([p.code, l.code, p.stdout.toString(), lab.sha256("two")]).toEqual([0, 0, "answer\n", sum]);
  },
  { netup: ["--v6"] },
);

labTestWith(["nc"], "window scale, SACK and timestamps are negotiated with the kernel", async (lab) => {
  const host = lab.tcpnet(...LISTEN, "--discard");
  await host.says(/waiting/);
  await lab.shell("echo hello | exec nc -N 10.0.0.7 7000").ended;
  await host.says(/open [\s\S]*mss 1448, sack, timestamps, wscale \d+\/\d+/);
});

labTest(
  "500 connections at once get all of their data echoed",
  async (lab) => {
    const host = lab.tcpnet(...LISTEN, "--echo", "--quiet");
    const client = lab.start(process.execPath, "test/e2e/many.inside.ts", "10.0.0.7", "7000", "500", "20000");
    const { code, stdout, stderr } = await client.ended;
    expect({ code, stderr, stdout: stdout.toString().trim() }).toEqual({
      code: 0,
      stderr: "",
      stdout: "500 of 500 whole",
    });
    host.child.kill("SIGUSR1");
    host.child.kill("SIGINT");
    await host.ended;
  },
  { limitMs: 90_000 },
);

labTestWith(["nc"], "a kernel program with another address is refused, and the refusal is reported", async (lab) => {
  const host = lab.tcpnet(...HOST);
  await host.says(/waiting/);
  const nc = await lab.shell("exec nc -v -w 3 10.0.0.7 7000 < /dev/null").ended;
  expect(nc.stderr).toContain("Connection refused");
  await host.says(/refused 10\.0\.0\.1: only 10\.0\.1\.5 may connect/);
});

labTestWith(["nc"], "a port where nobody listens refuses the kernel's program", async (lab) => {
  const host = lab.tcpnet(...LISTEN);
  await host.says(/waiting/);
  const nc = await lab.shell("exec nc -v -w 3 10.0.0.7 7001 < /dev/null").ended;
  expect(nc.stderr).toContain("Connection refused");
});

labTestWith(
  ["nc"],
  "--max: the connection beyond is told once and counted, and gets in when another ends",
  async (lab) => {
    const host = lab.tcpnet(...LISTEN, "--echo", "--max", "2");
    await host.says(/waiting/);
    const client = (n: number) => lab.shell(`exec nc -w 20 10.0.0.7 7000`.replace("nc", `nc -p ${4000 + n}`));
    const first = [client(1), client(2)];
    for (const [i, each] of first.entries()) {
      each.type(`${i}\n`);
      await each.gives(2);
    }
    const third = client(3);
    third.type("3\n");
    await host.says(
      /warning the limit of 2 connections is reached: further SYNs are dropped: [\s\S]*--max changes the limit/,
    );
    first[0]!.child.kill("SIGKILL");
    await third.gives(2);
    host.child.kill("SIGTERM");
    const { code, stderr } = await host.ended;
    expect(code).toBe(143);
    expect(stderr.match(/the limit of/g)?.length).toBe(1);
    expect(stderr).toMatch(/served 3 connections, dropped \d+ SYNs? for lack of room\n/);
    const refused = await lab.tcpnet(...LISTEN, "--max", "2").ended;
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringMatching(/--max needs --keep or --echo/)]);
  },
);

labTestWith(["nc"], "--max-per-source: a client beyond it is told once and counted", async (lab) => {
  const host = lab.tcpnet(...LISTEN, "--echo", "--max-per-source", "1");
  await host.says(/waiting/);
  const first = lab.shell("exec nc -w 20 10.0.0.7 7000");
  first.type("1\n");
  await first.gives(2);
  lab.shell("exec nc -w 20 10.0.0.7 7000");
  await host.says(
    /a client has 1 connection, as many as one may have: its further SYNs are dropped[\s\S]*--max-per-source/,
  );
  host.child.kill("SIGTERM");
  expect((await host.ended).stderr).toMatch(/served 1 connection, dropped \d+ SYNs? for lack of room\n/);
  const refused = await lab.tcpnet(...LISTEN, "--max-per-source", "2").ended;
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringMatching(/--max-per-source needs --keep or --echo/)]);
});

/** The kernel's own TCP on the other side: programs that people use. */
import { expect } from "bun:test";
import { HOST, labTest } from "./lab.ts";

const LISTEN = ["host", "tun0", "10.0.0.1/24", "10.0.0.7"] as const;
const DIAL = ["peer", "tun0", "10.0.0.1/24", "10.0.0.1", "--kernel"] as const;

labTest(
  "ping is answered: small, large in fragments, and over IPv6",
  async (lab) => {
    const host = lab.tcpnet(...LISTEN);
    const host6 = lab.tcpnet("host", "tun1", "fd00:b::1/64", "fd00:b::7");
    await Promise.all([host.says(/waiting/), host6.says(/waiting/)]);
    for (const size of ["56", "1472", "9000"]) {
      expect(await lab.ns.must(["ping", "-c2", "-i0.2", "-W2", "-s", size, "10.0.0.7"])).toContain(
        "2 received, 0% packet loss",
      );
    }
    expect(await lab.ns.must(["ping", "-c2", "-i0.2", "-W2", "fd00:b::7"])).toContain("2 received");
  },
  { netup: ["--v6"] },
);

labTest("nc connects to us: bytes both ways, half-close, and our exit code", async (lab) => {
  const sum = lab.random("a", 3 << 20);
  const host = lab.tcpnet(...LISTEN, "--send", lab.file("a"));
  await host.says(/waiting/);
  const nc = lab.shell(`echo question | exec nc -N 10.0.0.7 7000 > ${lab.file("a.copy")}`);
  const [h, n] = await Promise.all([host.ended, nc.ended]);
  expect([h.code, n.code, h.stdout.toString()]).toEqual([0, 0, "question\n"]);
  expect(lab.sha256("a.copy")).toBe(sum);
});

labTest("we connect to nc", async (lab) => {
  const sum = lab.random("a", 3 << 20);
  const nc = lab.shell(`echo answer | exec nc -N -l 10.0.0.1 7000 > ${lab.file("a.copy")}`);
  await Bun.sleep(200);
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

labTest("socat sends 32 MiB and gets every byte back from --echo, again and again", async (lab) => {
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

labTest("curl is answered by a page that standard input holds", async (lab) => {
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

labTest("window scale, SACK and timestamps are agreed with the kernel", async (lab) => {
  const host = lab.tcpnet(...LISTEN, "--discard");
  await host.says(/waiting/);
  await lab.shell("echo hello | exec nc -N 10.0.0.7 7000").ended;
  await host.says(/open [\s\S]*mss 1448, sack, timestamps, window scale \d+\/\d+/);
});

labTest(
  "500 connections at once, each echoed whole",
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

labTest("a kernel program of another address is refused, and that is said", async (lab) => {
  const host = lab.tcpnet(...HOST);
  await host.says(/waiting/);
  const nc = await lab.shell("exec nc -v -w 3 10.0.0.7 7000 < /dev/null").ended;
  expect(nc.stderr).toContain("Connection refused");
  await host.says(/refused 10\.0\.0\.1: only 10\.0\.1\.5 is let in/);
});

labTest("a port where nobody listens refuses the kernel's program", async (lab) => {
  const host = lab.tcpnet(...LISTEN);
  await host.says(/waiting/);
  const nc = await lab.shell("exec nc -v -w 3 10.0.0.7 7001 < /dev/null").ended;
  expect(nc.stderr).toContain("Connection refused");
});

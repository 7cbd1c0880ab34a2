import { expect } from "bun:test";
import { TCPNET } from "../support/built-program.ts";
import { type Namespace, netTest, netTestWith } from "../support/netns.ts";
import { sometimes } from "../support/sometimes.ts";

/** Starts the proxy and waits until it says that it is ready. */
async function chaos(ns: Namespace, ...flags: string[]) {
  const child = ns.spawn([...TCPNET, "chaos", "tunx", "10.0.0.1/24", "tuny", "10.0.1.1/24", "--json", ...flags]);
  const events: { event: string; link?: string }[] = [];
  const decoder = new TextDecoder();
  let text = "";
  const reader = child.stderr.getReader();
  const next = async () => {
    const { value, done } = await reader.read();
    if (done) throw new Error(`it ended: ${text}`);
    text += decoder.decode(value);
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      events.push(JSON.parse(text.slice(0, end)));
      text = text.slice(end + 1);
    }
  };
  while (!events.some(({ event }) => event === "ready")) await next();
  return { child, events, next };
}

const link = (ns: Namespace, ...words: string[]) => ns.run([...TCPNET, "link", ...words]);

/** Round trips in ms, one per answer. */
async function ping(ns: Namespace, to: string, count: number, patience = 10): Promise<number[]> {
  const { stdout } = await ns.run(["ping", "-n", "-i", "0.05", "-W", `${patience}`, "-c", `${count}`, to]);
  return [...stdout.matchAll(/time=([\d.]+) ms/g)].map((match) => Number(match[1]));
}

netTestWith(["ping"], "the kernel's ping crosses the link, both ways, and a change is felt at once", async (ns) => {
  const { child, next, events } = await chaos(ns, "--delay", "20ms");
  for (const to of ["10.0.0.2", "10.0.1.2"]) {
    await sometimes(async () => {
      const times = await ping(ns, to, 5);
      expect(times).toHaveLength(5);
      for (const ms of times) expect(ms).toBeGreaterThanOrEqual(40);
      expect(Math.min(...times)).toBeLessThan(60);
    });
  }
  expect((await link(ns, "set", "out delay 60ms in delay 30ms")).stdout).toStartWith("out delay 60ms in delay 30ms\n");
  expect(Math.min(...(await ping(ns, "10.0.0.2", 3)))).toBeGreaterThanOrEqual(90);
  expect((await link(ns, "set", "out loss 100%")).code).toBe(0);
  expect(await ping(ns, "10.0.0.2", 3, 1)).toEqual([]);
  expect((await link(ns, "clear")).code).toBe(0);
  expect(await ping(ns, "10.0.0.2", 3)).toHaveLength(3);
  const wrong = await link(ns, "set", "losss 1%");
  expect([wrong.code, wrong.stderr.includes("losss")]).toEqual([2, true]);
  child.kill("SIGINT");
  while (!events.some(({ event }) => event === "end")) await next();
  expect(await child.exited).toBe(0);
  expect((await ns.run(["ip", "link", "show", "tunx"])).code).not.toBe(0);
});

netTestWith(["nc", "ss"], "a file through it arrives whole, over TCP and a lossy link", async (ns) => {
  await chaos(ns, "--delay", "2ms", "--loss", "2%", "--duplicate", "1%", "--reorder", "1%", "--seed", "3");
  const bytes = new Uint8Array(400_000).map((_, i) => (i * 7 + (i >> 9)) & 0xff);
  const server = ns.spawn(["nc", "-l", "-d", "-p", "7000"]);
  for (let i = 0; i < 1_000 && !(await ns.must(["ss", "-Hltn"])).includes(":7000"); i++) await Bun.sleep(10);
  const client = await ns.run(["nc", "-N", "10.0.0.2", "7000"], { stdin: bytes });
  expect([client.code, client.timedOut]).toEqual([0, false]);
  expect(Buffer.compare(Buffer.from(await Bun.readableStreamToArrayBuffer(server.stdout)), bytes)).toBe(0);
  const { counts } = JSON.parse((await link(ns, "show", "--json")).stdout);
  expect(counts.out["link.loss"]).toBeGreaterThan(0);
});

netTestWith(["ping", "python3"], "a smaller MTU is told by ICMP, a closed port too", async (ns) => {
  await chaos(ns, "--link", "mtu 900");
  const { stdout } = await ns.run(["ping", "-n", "-M", "do", "-c", "1", "-W", "10", "-s", "1200", "10.0.0.2"]);
  expect(stdout).toContain("mtu = 900");
  // The kernel's answer to a datagram for a port where nobody listens quotes it as it was sent.
  const script = `import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(2)
s.connect(("10.0.0.2", 9))
s.send(b"x")
try:
  s.recv(1)
except ConnectionRefusedError:
  print("refused")`;
  expect((await ns.run(["python3", "-c", script])).stdout).toBe("refused\n");
});

netTest("what is wrong with the words is told before anything is touched", async (ns) => {
  const wrong = async (...args: string[]) => (await ns.run([...TCPNET, "chaos", ...args])).code;
  expect(await wrong("tunx", "10.0.0.1/24", "tunx", "10.0.1.1/24")).toBe(2);
  expect(await wrong("tunx", "10.0.0.1/24", "tuny", "10.0.0.9/24")).toBe(2);
  expect(await wrong("tunx", "10.0.0.1", "tuny", "10.0.1.1/24")).toBe(2);
  expect(await wrong("tunx", "10.0.0.1/24", "tuny", "fd00::1/64")).toBe(2);
  expect(await wrong("tunx", "10.0.0.1/24", "tuny", "10.0.1.1/24", "--loss", "200%")).toBe(2);
  expect((await ns.run(["ip", "link", "show", "tunx"])).code).not.toBe(0);
});

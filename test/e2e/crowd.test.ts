/** What many others do fills no terminal: it is counted, and told once a second. */
import { expect } from "bun:test";
import { type Lab, labTestWith } from "./lab.ts";

/** Connects, so many times, and resets each connection once it is open. */
const RESETS = `
import socket, struct, sys
for i in range(int(sys.argv[2])):
    s = socket.create_connection((sys.argv[1], 7000), 10)
    s.send(b"x")
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
`;

/** Knocks, so many times, where it is not let in. */
const KNOCKS = `
import socket, sys
for i in range(int(sys.argv[2])):
    s = socket.socket()
    s.settimeout(10)
    try: s.connect((sys.argv[1], 7000))
    except OSError: pass
    s.close()
`;

const MANY = 1_500;

async function python(lab: Lab, program: string): Promise<void> {
  await lab.ns.must(["python3", "-c", program, "10.0.0.7", `${MANY}`], { timeoutMs: 90_000 });
}

labTestWith(
  ["python3"],
  `${MANY} connections that their peers reset are some lines a second, and a number`,
  async (lab) => {
    for (const json of [false, true]) {
      const began = performance.now();
      const host = lab.tcpnet("host", "tun0", "10.0.0.1/24", "10.0.0.7", "--discard", ...(json ? ["--json"] : []));
      await host.says(/waiting at/);
      await python(lab, RESETS);
      host.child.kill("SIGINT");
      const { stderr } = await host.ended;
      const seconds = (performance.now() - began) / 1_000;
      const served = json ? /"served":(\d+),"failed":(\d+)/ : /served (\d+) connections, (\d+) of them failed/;
      const [, all, failed] = served.exec(stderr) ?? [];
      expect([Number(all), Number(failed)]).toEqual([MANY, MANY]);
      const lines = stderr.trimEnd().split("\n");
      const single = lines.filter((line) => line.includes(" reset the connection")).length;
      const counted = [...stderr.matchAll(/([\d,]+) more connections? were reset by their peers/g)];
      const sum = counted.reduce((n, [, count]) => n + Number(count!.replace(",", "")), 0);
      expect(single + sum).toBe(MANY);
      // Of each kind of line 20 at once, then 2 and a sum per second.
      expect(single).toBeLessThanOrEqual(20 + 2 * seconds);
      expect(lines.length).toBeLessThanOrEqual(250 + 30 * seconds);
    }
  },
);

labTestWith(["python3"], `${MANY} remotes that may not connect are reported with their number`, async (lab) => {
  const host = lab.tcpnet("host", "tun0", "10.0.0.1/24", "10.0.1.5");
  await host.says(/waiting at/);
  await python(lab, KNOCKS);
  host.child.kill("SIGINT");
  const { stderr } = await host.ended;
  const single = stderr.match(/· refused 10\.0\.0\.1: only 10\.0\.1\.5 may connect/g)?.length ?? 0;
  const counted = [...stderr.matchAll(/· ([\d,]+) more SYNs? from other remotes refused/g)];
  const sum = counted.reduce((n, [, count]) => n + Number(count!.replace(",", "")), 0);
  expect(single).toBeGreaterThanOrEqual(10);
  // A kernel that is not answered in time sends a SYN again.
  expect(single + sum).toBeGreaterThanOrEqual(MANY);
  expect(single).toBeLessThan(MANY / 10);
});

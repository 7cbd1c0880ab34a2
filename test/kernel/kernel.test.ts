import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { OWN } from "../drill/own.ts";
import { TCPNET } from "../support/built-program.ts";
import { type Namespace, netTest, ROOT } from "../support/netns.ts";
import { knownDifferences } from "./oracle.ts";

/** Scripts in which every Linux from 5.15 on does the same. `just oracle` runs them all. */
const AGREED = [
  "acceptability/old-data",
  "close/active",
  "close/linger-acknowledged",
  "data/epoll-edge",
  "data/poll-blocks",
  "files/splice",
  "handshake/accept-blocks",
  "handshake/accept-nonblocking",
  "handshake/closed-syn",
  "handshake/connect-blocks",
  "handshake/connect-refused-blocking",
  "handshake/passive-open",
  "icmp/connect-port-unreachable",
  "nagle/nodelay",
  "options/timestamps-off",
  "reset/blocked-read",
  "reset/unread-data-kept",
  "sack/merge",
  "socket/poll-half-closed",
  "socket/inq",
  "timestamps/clock",
];

interface Told {
  readonly file: string;
  readonly status: string;
  readonly line?: number;
  readonly message: string;
  readonly packets: number;
}

/** `tcpnet drill --kernel --json` in the namespace, in which it makes further ones. */
async function drill(ns: Namespace, ...args: string[]): Promise<{ code: number; told: Told[]; stderr: string }> {
  const command = [...TCPNET, "drill", "--kernel", "--json", ...args];
  const { code, stdout, stderr } = await ns.run(command, { timeoutMs: 60_000 });
  const lines = stdout.split("\n").filter((line) => line !== "");
  return { code, told: lines.map((line) => JSON.parse(line) as Told), stderr };
}

/** A file of the namespace's own. */
async function script(ns: Namespace, name: string, text: string): Promise<string> {
  await ns.must(["tee", `/run/${name}`], { stdin: text });
  return `/run/${name}`;
}

const LISTEN = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 bind(3, ..., ...) = 0\n+0 listen(3, 1) = 0\n";

netTest("a handful of our scripts are true of this kernel", async (ns) => {
  const files = AGREED.map((name) => `${ROOT}test/drill/${name}.pkt`);
  const { told, stderr } = await drill(ns, ...files);
  expect(stderr).toBe("");
  expect(told.map(({ file }) => file)).toEqual(files);
  expect(told.every(({ packets }) => packets > 0)).toBe(true);
  // Real time on a busy machine: what came late may come in time when it runs alone.
  for (const { file, status } of told) {
    for (let tries = 3; tries > 0 && status !== "ok"; tries--) {
      const { code, told: alone } = await drill(ns, file);
      if (code === 0) break;
      if (tries === 1) expect(alone).toEqual([]);
    }
  }
});

netTest(
  "what the kernel does otherwise fails: a packet, its time, a result, an errno, an argument, a state",
  async (ns) => {
    const wrong: readonly (readonly [string, RegExp])[] = [
      ["+0 < S 0:0(0) win 9 <mss 1000>\n+0 > S. 0:0(0) ack 2 <...>\n", /differs in ack/],
      ["+0 < S 0:0(0) win 9 <mss 1000>\n+.5 > S. 0:0(0) ack 1 <...>\n", /too early/],
      ["+0 < S 0:0(0) win 9 <mss 1000>\n+0 > S. 0:0(0) ack 1 <...>\n+0 > R. 1:1(0) ack 1\n", /differs in|no packet/],
      ["+0 listen(3, 1) = -1 EADDRINUSE\n", /listen returned 0/],
      ["+0 setsockopt(3, SOL_IP, IP_TTL, [999], 4) = -1 EPERM\n", /setsockopt returned -1/],
      ["+0 getsockopt(3, SOL_SOCKET, SO_ACCEPTCONN, [0], [4]) = 0\n", /SO_ACCEPTCONN is 1, not 0/],
      [
        "+0 `sockstat -P tcp -p 8080 -s | grep -c LISTEN | grep -q 2`\n",
        /command failed: .* \(grep -q 2 was given 1\)$/,
      ],
    ];
    for (const [text, message] of wrong) {
      const { code, told } = await drill(ns, await script(ns, "wrong.pkt", LISTEN + text));
      expect(told[0]!.message, text).toMatch(message);
      expect(told[0]!.status).toBe("fail");
      expect(code).toBe(1);
    }
  },
);

netTest(
  "a script's sysctls are its own: the next begins with Linux' defaults, and nothing is left behind",
  async (ns) => {
    const sysctl = "/proc/sys/net/ipv4/tcp_timestamps";
    const before = await ns.must(["cat", sysctl]);
    const syn = "+0 < S 0:0(0) win 9 <mss 1000,sackOK,TS val 1 ecr 0,nop,wscale 0>\n";
    const off = `\`sysctl -q net.ipv4.tcp_timestamps=0\`\n${LISTEN}${syn}+0 > S. 0:0(0) ack 1 <mss 1460,nop,nop,sackOK,nop,wscale 8>\n`;
    const on = `${LISTEN}${syn}+0 > S. 0:0(0) ack 1 <mss 1460,sackOK,TS val 1 ecr 1,nop,wscale 8>\n`;
    const { code, told } = await drill(ns, await script(ns, "off.pkt", off), await script(ns, "on.pkt", on));
    expect(told.map(({ status, message }) => `${status}${message}`)).toEqual(["ok", "ok"]);
    expect(code).toBe(0);
    expect(await ns.must(["cat", sysctl])).toBe(before);
    expect(await ns.must(["ip", "-o", "link"])).not.toContain("tun");
  },
);

netTest("a route's initial window and least RTO are the kernel's", async (ns) => {
  for (const [version, mss] of [
    ["ipv4", 1460],
    ["ipv6", 1440],
  ] as const) {
    const text =
      `--ip_version=${version}\n\`ip route change default initcwnd 3 rto_min 50ms\`\n${LISTEN}` +
      `+0 < S 0:0(0) win 32792 <mss 1000>\n+0 > S. 0:0(0) ack 1 <mss ${mss}>\n+.01 < . 1:1(0) ack 1 win 30000\n` +
      "+0 accept(3, ..., ...) = 4\n+0 write(4, ..., 10000) = 10000\n+0 > . 1:3001(3000) ack 1\n" +
      "+0 %{ assert tcpi_snd_cwnd == 3 and tcpi_rto < 150000 }%\n";
    const { told } = await drill(ns, await script(ns, "route.pkt", text));
    expect(told[0]).toMatchObject({ status: "ok", message: "" });
  }
});

netTest("what cannot be asked of a kernel is unsupported: exit code 3", async (ns) => {
  for (const text of ["`iptables -F`\n", "`sysctl -q net.ipv4.no_such=1`\n", "+0 frobnicate(3) = 0\n"]) {
    const { code, told } = await drill(ns, await script(ns, "foreign.pkt", `${LISTEN}+0 ${text.replace("+0 ", "")}`));
    expect(told[0]!.status, text).toBe("unsupported");
    expect(code).toBe(3);
  }
});

netTest("without a TUN driver there is no network of its own: said in words, exit code 4", async (ns) => {
  await ns.must(["mount", "-t", "tmpfs", "tmpfs", "/dev/net"]);
  const { code, told, stderr } = await drill(ns, `${ROOT}test/drill/handshake/passive-open.pkt`);
  expect(told).toEqual([]);
  expect(stderr).toMatch(/no \/dev\/net\/tun/);
  expect(code).toBe(4);
});

test("every known difference is of a script that there is, and has a reason", () => {
  const known = knownDifferences(readFileSync(`${import.meta.dir}/differences.md`, "utf8"));
  const names = new Set(OWN.map(({ path }) => path.replace(/^.*test\/drill\//, "")));
  expect(known.size).toBeGreaterThan(0);
  expect([...known.keys()].filter((name) => !names.has(name))).toEqual([]);
  expect([...known.values()].every((reason) => reason.length > 5)).toBe(true);
});

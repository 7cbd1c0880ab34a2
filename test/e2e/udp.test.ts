/** UDP sockets and pings of a stack, and the kernel's on the other side, over both families. */
import { expect } from "bun:test";
import { netTestWith } from "../support/netns.ts";

const SIZES = [0, 1, 1_472, 1_473, 9_000, 65_507];

for (const [family, kernel, own, elsewhere, shown] of [
  ["IPv4", "10.0.0.1", "10.0.0.7", "10.99.0.1", "10.0.0.1"],
  ["IPv6", "fd00:a::1", "fd00:a::7", "fd00:99::1", "[fd00:a::1]"],
] as const) {
  const cases: readonly [string, string, unknown][] = [
    ["dial", "a datagram of any size comes back from the kernel", SIZES.map((n) => [n, true, true, 5353])],
    [
      "serve",
      "the kernel gets its datagrams back from us, and port unreachable where there is no socket",
      [...SIZES.map((n) => `${n} True True 53`), "refused"],
    ],
    [
      "refused",
      "a port that nobody has in the kernel is ECONNREFUSED",
      ["ECONNREFUSED", `${shown}:9 refused the datagram: no program receives there (ICMP port unreachable)`],
    ],
    [
      "flood",
      "a flood for a socket that nobody reads fills its queue only, and others are answered",
      { lines: SIZES.length + 1, kept: 212, dropped: true, isBounded: true },
    ],
    [
      "ping",
      "the kernel answers pings of any size; where it has no route, its ICMP error is the result",
      {
        received: [2, 2, 2, 2, 2],
        times: true,
        unreachable: ["ENETUNREACH", `${elsewhere} is unreachable (ICMP error from ${kernel}: no route)`],
      },
    ],
  ];
  for (const [role, name, expected] of cases) {
    netTestWith(["python3", "ip"], `${family}: ${name}`, async (ns) => {
      const forward = "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding";
      await ns.must(["sh", "-c", forward]);
      const inside = [process.execPath, "test/e2e/udp.inside.ts", role, kernel, own, elsewhere];
      const { stdout, stderr } = await ns.run(inside);
      expect({ stderr, told: JSON.parse(stdout || "null") }).toEqual({ stderr: "", told: expected as never });
    });
  }
}

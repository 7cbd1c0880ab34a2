import { describe, expect, test } from "bun:test";
import { understand } from "#drill/shell/commands";

const DEFAULTS = [
  { kind: "set" as const, name: "ecn", value: 0 },
  { kind: "set" as const, name: "slowStartAfterIdle", value: false },
  { kind: "set" as const, name: "retriesSyn", value: 5 },
  { kind: "set" as const, name: "fastOpen", value: 3 },
];
const set = (name: string, value: number | string | boolean) => ({ kind: "set" as const, name, value });

describe("commands that say something about the stack", () => {
  const cases: readonly [string, ReturnType<typeof understand>][] = [
    ["../common/defaults.sh", DEFAULTS],
    ["./defaults.sh\n./set_sysctls.py /proc/sys/net/ipv4/tcp_sack=0", [...DEFAULTS, set("sack", false)]],
    ["sysctl -q net.ipv4.tcp_timestamps=0", [set("timestamps", false)]],
    ["sysctl -q -w net.ipv4.tcp_rmem='4096 8192 16384'", [set("receiveBuffer", 4096), set("receiveBufferMax", 16384)]],
    ["sysctl -w net.inet.tcp.rfc1323=2 > /dev/null 2>&1", [set("windowScale", true), set("timestamps", false)]],
    [
      "sysctl -w net.inet.tcp.insecure_rst=1; sysctl -w net.inet.tcp.keepidle=5000",
      [set("challengeReset", false), set("keepAliveIdle", 5e6)],
    ],
    ["ip link set dev tun0 mtu 9000", [{ kind: "mtu", value: 9000 }]],
    [
      "sockstat -4 -P tcp -p 8080 -s | grep -c TIME_WAIT | grep 1",
      [{ kind: "count", state: "TIME_WAIT", port: 8080, want: 1 }],
    ],
    ["tcpdrop -s SYN_RCVD", [{ kind: "drop", state: "SYN_RCVD" }]],
    ["ip route change 192.0.2.0/24 dev tun0 initcwnd 3 rto_min 50ms", [set("initialWindow", 3), set("rtoMin", 50_000)]],
    ["ip tcp_metrics flush all > /dev/null 2>&1", []],
    ["tc qdisc replace dev tun0 root pfifo", []],
    ["echo 2 > /proc/sys/net/ipv4/tcp_ecn", [set("ecn", 2)]],
    ["sysctl -q net.ipv4.tcp_early_retrans=0", [set("tailLossProbe", false)]],
    ["# nothing\nsleep 1.5", [{ kind: "sleep", usecs: 1_500_000 }]],
  ];
  for (const [command, actions] of cases) test(command, () => expect(understand(command)).toEqual(actions));
});

test("a command that is not understood whole is not understood at all", () => {
  for (const command of [
    "iptables -A INPUT -j DROP",
    "sysctl -q net.ipv4.tcp_sack=yes",
    "sysctl net.ipv4.tcp_sack",
    "sysctl -q net.ipv4.never_heard=1",
    "./defaults.sh && tc qdisc add dev tun0",
    "sockstat -s | grep TIME_WAIT",
    "ip route change default mtu",
    "ip route change default dev tun0 advmss 500",
    "tc qdisc replace dev tun0 root fq",
    "sysctl net.ipv4.tcp_adv_win_scale=-2",
    "sysctl net.ipv4.tcp_shrink_window=1",
  ]) {
    expect(understand(command), command).toBeUndefined();
  }
});

import { describe, expect, test } from "bun:test";
import { understand } from "#drill/shell/commands";
import { piped } from "#drill/shell/filters";
import { arithmetic } from "#drill/shell/parse";

const DEFAULTS = [
  { kind: "set" as const, name: "ecn", value: 0 },
  { kind: "set" as const, name: "slowStartAfterIdle", value: false },
  { kind: "set" as const, name: "retriesSyn", value: 5 },
  { kind: "set" as const, name: "fastOpen", value: 0x70403 },
  { kind: "set" as const, name: "fastOpenKey", value: "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4" },
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
    ["ip tcp_metrics flush all > /dev/null 2>&1", [set("forgetPeers", true)]],
    ["tc qdisc replace dev tun0 root pfifo", []],
    ["echo 2 > /proc/sys/net/ipv4/tcp_ecn", [set("ecn", 2)]],
    ["sysctl -q net.ipv4.tcp_early_retrans=0", [set("tailLossProbe", false)]],
    [
      'sysctl -q net.ipv4.tcp_rmem="4096 131072 $((32*1024*1024))"',
      [set("receiveBuffer", 65_536), set("receiveBufferMax", 1 << 25)],
    ],
    ["sysctl -q -w net.ipv4.tcp_sack = 0 net.ipv4.tcp_dsack=1 # both", [set("sack", false), set("dsack", true)]],
    ["sysctl -qe net.core.never_heard=1 net.ipv4.tcp_sack=1", [set("sack", true)]],
    ["ip link set tun0 mtu 1400 up && true", [{ kind: "mtu", value: 1400 }]],
    [
      "ip -4 route change default dev tun0 mtu 1200 congctl reno",
      [{ kind: "mtu", value: 1200 }, set("congestionControl", "reno")],
    ],
    ["tc qdisc add dev tun0 root pfifo limit 1000; tc qdisc del dev tun0 root", []],
    ["ethtool -K tun0 tso off gso off 2> /dev/null", []],
    ["dd if=/dev/zero of=/tmp/x bs=1k count=10 status=none", [{ kind: "file", path: "/tmp/x", octets: 10_240 }]],
    ["head -c 500 /dev/zero > data; rm -f data", [{ kind: "file", path: "data", octets: 500 }]],
    ["/tmp/sysctl_restore_$PPID.sh", []],
    ["sysctl -q net.ipv4.tcp_no_metrics_save=1 net.ipv4.conf.tun0.rp_filter=0 net.ipv6.conf.all.disable_ipv6=0", []],
    [
      "ip route change 192.0.2.0/24 dev tun0 quickack 1 fastopen_no_cookie 1",
      [set("quickRoute", true), set("cookielessRoute", true)],
    ],
    ["echo 2 > /sys/module/tcp_cubic/parameters/hystart_detect", [set("hystart", 2)]],
    ["echo 1 > /sys/module/tcp_cubic/parameters/fast_convergence", []],
    ["set -e; ulimit -c 0", []],
    ["# nothing\nsleep 1.5", [{ kind: "sleep", usecs: 1_500_000 }]],
  ];
  for (const [command, actions] of cases) test(command, () => expect(understand(command)).toEqual(actions));
});

test("a command that is not understood whole is not understood at all", () => {
  for (const command of [
    "iptables -A INPUT -j DROP",
    "sysctl -q net.ipv4.tcp_no_metrics_save",
    "sysctl net.ipv6.conf.all.disable_ipv6=1",
    "sysctl net.ipv4.tcp_reflect_tos=1",
    "echo 0 > /sys/module/tcp_cubic/parameters/fast_convergence",
    "echo 7 > /sys/module/tcp_cubic/parameters/hystart_detect",
    "set -- a b",
    "sysctl -q net.ipv4.tcp_sack=yes",
    "sysctl net.ipv4.tcp_sack",
    "sysctl -q net.ipv4.never_heard=1",
    "./defaults.sh && tc qdisc add dev tun0",
    "if true; then true; fi",
    "true && ",
    "true || ",
    "sysctl -q net.ipv4.tcp_rmem=$(cat x)",
    "sysctl -q net.ipv4.tcp_sack=$((1/0))",
    "nstat | sed s/a/b/",
    "nstat | grep -q BeyondWindow",
    "(true)",
    "true &",
    "echo 1 > file",
    "ip link set tun0 down",
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

describe("what a pipeline finds", () => {
  const check = (command: string, lines: readonly string[]): number => {
    const [action] = understand(command) ?? [];
    if (action?.kind !== "check") throw new Error(`${command} checks nothing`);
    const { status } = piped(lines, action.filters);
    return action.inverted ? Number(status === 0) : status;
  };
  const TEXT = [
    "#kernel",
    "TcpExtBeyondWindow              3                  0.0",
    "TcpExtTCPOFOQueue               1                  0.0",
  ];

  test("grep, wc, head and awk answer as they do", () => {
    const cases: readonly [string, number][] = [
      ['nstat | grep TcpExtBeyondWindow | grep -q " 3 "', 0],
      ['nstat | grep TcpExtBeyondWindow | grep -q " 4 "', 1],
      ["! nstat | grep -q TcpExtNothing", 0],
      ["nstat -z | grep -c TcpExt | grep 2", 0],
      ["nstat | grep -vE '^#|TcpExtTCP(OFO)' | wc -l | grep -x 1", 0],
      ["nstat | grep TcpExtTCPOFOQueue | awk '{print $2}' | grep -qx 1", 0],
      ["nstat | grep -i tcpextbeyond | tr -s ' ' | grep -F 'TcpExtBeyondWindow 3 0.0'", 0],
      ["nstat | head -n 1 | grep -q TcpExt", 1],
      ["nstat | grep 'TcpExt\\(TCPOFO\\|None\\)' | wc -l | grep 1", 0],
    ];
    for (const [command, status] of cases) expect(check(command, TEXT), command).toBe(status);
  });

  test("which counters it is about is known", () => {
    expect(understand("nstat | grep -q TcpExtPAWSEstab")).toMatchObject([
      { kind: "check", source: { kind: "counters", names: ["TcpExtPAWSEstab"], absolute: false } },
    ]);
  });

  test("sums and products", () => {
    const cases: readonly [string, number | undefined][] = [
      ["15*1024*1024", 15 << 20],
      ["2 + 3 * (4 - 1) / 2", 6],
      ["-7 % 4", -3],
      ["1 << 10", 1024],
      ["1 +", undefined],
      ["x", undefined],
      ["1/0", undefined],
    ];
    for (const [text, value] of cases) expect(arithmetic(text), text).toBe(value);
  });
});

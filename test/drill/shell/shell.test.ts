import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ArithmeticProblem, arithmetic } from "#lab/drill/shell/arithmetic";
import { NotUnderstood } from "#lab/drill/shell/expand";
import { Shell } from "#lab/drill/shell/shell";
import { FakeHost } from "./host.ts";

/** What a command writes, and its exit status. */
function run(command: string, host = new FakeHost()): [string, number] {
  const { text, status } = new Shell(host).run(command);
  return [text, status];
}

/** What it asks of the machine. */
function settings(command: string): [string, unknown][] {
  const host = new FakeHost();
  expect(new Shell(host).run(command).status, command).toBe(0);
  return host.settings;
}

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: the shell's own.
describe("the language of the shell", () => {
  const cases: readonly [string, string, number?][] = [
    ["echo one two", "one two\n"],
    ["echo 'a  b' \"c  d\" e\\ f", "a  b c  d e f\n"],
    ["true && echo yes || echo no", "yes\n"],
    ["false && echo yes || echo no", "no\n"],
    ["! true", "", 1],
    ["echo a; false", "a\n", 1],
    ["if true; then echo yes; else echo no; fi", "yes\n"],
    ["if false\nthen echo one\nelif [ 1 -eq 1 ]\nthen echo two\nelse echo three\nfi", "two\n"],
    ["for i in 1 2 3; do echo -n $i; done; echo", "123\n"],
    ["for i in {1..3}; do echo $i; done", "1\n2\n3\n"],
    ["for i in $(seq 3); do [ $i = 2 ] && continue; echo $i; done", "1\n3\n"],
    ["i=0; while [ $i -lt 3 ]; do i=$((i+1)); [ $i -eq 3 ] && break; echo $i; done", "1\n2\n"],
    ["i=3; until [ $i -le 1 ]; do let i--; done; echo $i", "1\n"],
    ["case abc in x) echo x;; a*|b) echo a;; *) echo rest;; esac", "a\n"],
    ['f() { echo "$1-$#"; return 3; }; f x y; echo $?', "x-2\n3\n"],
    ["x=1; (x=2; echo $x); echo $x", "2\n1\n"],
    ["x=1; { x=2; }; echo ${x}3", "23\n"],
    ["A=1 B=2; echo $A$B ${C:-none} ${A:+set} ${#A}", "12 none set 1\n"],
    ["p=/a/b.txt; echo ${p##*/} ${p%.txt} ${p#/a} ${p%%/*}", "b.txt /a/b /b.txt\n"],
    ['x="a b"; for w in $x; do echo $w; done; for w in "$x"; do echo $w; done', "a\nb\na b\n"],
    ["echo $((2 + 3 * 4)) $(( (1 << 4) | 3 )) $((7 / 2)) $((-7 % 4))", "14 19 3 -3\n"],
    ["n=$(echo 5); if (( n > 4 && n < 6 )); then echo in; fi", "in\n"],
    ['[[ "$(echo abc)" == a* && 3 -gt 2 ]] && echo both', "both\n"],
    ["[ -z '' -a -n x ] && [ ! x = y ] && echo ok", "ok\n"],
    ["cat <<EOF | wc -l\na\nb\nEOF\n", "2\n"],
    ["grep b <<< 'abc'", "abc\n"],
    ["echo x > f; echo y >> f; cat f; rm f; [ -e f ] || echo gone", "x\ny\ngone\n"],
    ["printf '%s=%03d\\n' a 5 b 12", "a=005\nb=012\n"],
    ["set -e; false; echo never", "", 1],
    ["set -e; false || true; if false; then :; fi; echo on", "on\n"],
    ["set -o pipefail; false | true", "", 1],
    ["false | true", ""],
    ["echo one # a comment\n# another\necho two", "one\ntwo\n"],
    ["echo out 2>&1 >/dev/null; echo err >&2; echo both &> /dev/null", ""],
    ["exit 3; echo never", "", 3],
    ["echo 'a b' | while read x y; do echo $y $x; done", "b a\n"],
    ["expr 2 + 3; basename /a/b; dirname /a/b", "5\nb\n/a\n"],
    ["cat beside.txt | tail -n 1", "two\n"],
  ];
  for (const [command, text, status = 0] of cases) test(command, () => expect(run(command)).toEqual([text, status]));

  test("a syntax error or an unsupported feature is not understood", () => {
    for (const command of [
      "if true; then true",
      "true &&",
      "true &",
      "for i in 1 2; do echo",
      "echo 'open",
      'echo "open',
      "echo $(true",
      "case x in",
      "iptables -A INPUT -j DROP",
      "echo $NEVER_HEARD_OF",
      "echo ${NEVER_HEARD_OF:?}",
      "cat /etc/passwd",
      "python3 -c 1",
      "x=$(reboot)",
      "true | shutdown now",
      "while true; do :; done",
      "f() { f; }; f",
      "echo $((1/0))",
      "echo $((x y))",
      "[ -x /bin/ls ]",
      "set -- a b",
      "while true; do true; done",
      "sed 'y/a/b/'",
      "awk '{ while (1) ; }'",
      "ulimit; kill 1",
    ])
      expect(() => run(command), command).toThrow(NotUnderstood);
  });

  // biome-ignore-end lint/suspicious/noTemplateCurlyInString: the shell's own.
  test("a branch that is not taken may have anything in it", () => {
    expect(run("if false; then iptables -F; fi; echo on")).toEqual(["on\n", 0]);
    expect(run("true || iptables -F")).toEqual(["", 0]);
  });

  test("any text is either run or not understood", () => {
    const word = fc.constantFrom(
      ..."if then else fi for in do done case esac while { } ( ) [ ] $x $(echo) $((1)) 'a' \"b\" | && || ; ;; ! > < << & \n # \\ ` a=1 echo true false".split(
        " ",
      ),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 12 }), (words) => {
        try {
          new Shell(new FakeHost()).run(words.join(" "));
        } catch (error) {
          if (!(error instanceof NotUnderstood)) throw error;
        }
      }),
      { seed: 1, numRuns: 3_000 },
    );
  });
});

describe("arithmetic", () => {
  const variables = new Map([["n", "5"]]);
  const value = (text: string) =>
    Number(arithmetic(text, { get: (name) => variables.get(name) ?? "", set: (name, v) => variables.set(name, v) }));

  test("C's operators, in C's order", () => {
    const cases: readonly [string, number][] = [
      ["15*1024*1024", 15 << 20],
      ["2 + 3 * (4 - 1) / 2", 6],
      ["-7 % 4", -3],
      ["1 << 10 | 1", 1025],
      ["2 ** 3 ** 2", 512],
      ["!0 + ~0", 0],
      ["3 > 2 ? 7 : 8", 7],
      ["n = 3, n += 4, n * 2", 14],
      ["n++ + ++n", 16],
      ["0x10 + 010 + nothing", 24],
      ["1 == 1 && 2 != 2 || 5 & 4", 1],
    ];
    for (const [text, result] of cases) expect(value(text), text).toBe(result);
  });

  test("an expression that cannot be computed is reported", () => {
    for (const text of ["1 +", "1/0", "(1", "1 2", "1 ? 2", "$", "1 << 99", "2 ** 9999"])
      expect(() => value(text), text).toThrow(ArithmeticProblem);
  });
});

describe("text", () => {
  const TEXT = "alpha 1\nbeta 22\nalpha 3\n";
  const given = (program: string) => run(`cat <<'E' | ${program}\n${TEXT}E\n`);

  test("grep, with its options", () => {
    const cases: readonly [string, string, number?][] = [
      ["grep alpha", "alpha 1\nalpha 3\n"],
      ["grep -c alpha", "2\n"],
      ["grep -v alpha", "beta 22\n"],
      ["grep -qx 'beta 22'", ""],
      ["grep -q gamma", "", 1],
      ["grep -E 'a (1|3)$'", "alpha 1\nalpha 3\n"],
      ["grep 'a \\(1\\|22\\)'", "alpha 1\nbeta 22\n"],
      ["grep -o '[0-9]\\+'", "1\n22\n3\n"],
      ["grep -w 2", "", 1],
      ["grep -F 'a 2'", "beta 22\n"],
      ["grep -i BETA | grep -n 2", "1:beta 22\n"],
      ["grep -A1 beta", "beta 22\nalpha 3\n"],
      ["grep -m1 alpha", "alpha 1\n"],
      ["grep '[[:digit:]][[:digit:]]'", "beta 22\n"],
    ];
    for (const [program, text, status = 0] of cases) expect(given(program), program).toEqual([text, status]);
  });

  test("awk, sed and smaller programs", () => {
    const cases: readonly [string, string, number?][] = [
      ["awk '{print $2}'", "1\n22\n3\n"],
      ["awk '/alpha/ { sum += $2 } END { print sum }'", "4\n"],
      ["awk '$2 > 2 && $1 ~ /^a/ { print $1, NR; exit }'", "alpha 3\n"],
      ["awk -F a '{print NF}'", "3\n2\n3\n"],
      ["awk -v n=22 '$2 == n { found = 1 } END { exit !found }'", ""],
      ['awk \'BEGIN { printf "%d-%s\\n", 3.7, "x" }\'', "3-x\n"],
      ['awk \'{ n[$1]++ } END { print n["alpha"] length("abc") }\'', "23\n"],
      ['awk \'NR==2 { if ($2 >= 22) print "big"; else print "small" }\'', "big\n"],
      ["awk '{ sub(/a$/, \"A\", $1); print }' | head -1", "alphA 1\n"],
      ["sed 's/a/b/g' | head -1", "blphb 1\n"],
      ["sed -n '/beta/p'", "beta 22\n"],
      ["sed '2d' | sed -n '$p'", "alpha 3\n"],
      ["sed -E 's/(\\w+) ([0-9]+)/\\2 \\1/' | tail -1", "3 alpha\n"],
      ["sed -n '/beta/,$p' | wc -l", "2\n"],
      ["cut -d' ' -f2 | sort -rn | head -n1", "22\n"],
      ["cut -c1-2 | uniq -c | tr -s ' '", " 1 al\n 1 be\n 1 al\n"],
      ["sort -u | wc -l", "3\n"],
      ["tr -d '\\n' | tr a-z A-Z", "ALPHA 1BETA 22ALPHA 3"],
      ["tail -n +3", "alpha 3\n"],
      ["head -n -2", "alpha 1\n"],
      ["wc -l", "3\n"],
      ["tee copy | wc -w; cat copy | wc -l", "6\n3\n"],
      ["xargs", "alpha 1 beta 22 alpha 3\n"],
    ];
    for (const [program, text, status = 0] of cases) expect(given(program), program).toEqual([text, status]);
  });
});

describe("what commands ask of the machine", () => {
  const DEFAULTS: [string, unknown][] = [
    ["ecn", 0],
    ["slowStartAfterIdle", false],
    ["retriesSyn", 5],
    ["fastOpen", 0x70403],
    ["fastOpenKey", "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4"],
  ];
  const cases: readonly [string, [string, unknown][]][] = [
    ["../common/defaults.sh", DEFAULTS],
    ["./defaults.sh\n./set_sysctls.py /proc/sys/net/ipv4/tcp_sack=0", [...DEFAULTS, ["sack", false]]],
    ["sysctl -q net.ipv4.tcp_timestamps=0", [["timestamps", false]]],
    [
      "sysctl -q -w net.ipv4.tcp_rmem='4096 8192 16384'",
      [
        ["receiveBuffer", 4096],
        ["receiveBufferMax", 16384],
      ],
    ],
    [
      "sysctl -w net.inet.tcp.rfc1323=2 > /dev/null 2>&1",
      [
        ["windowScale", true],
        ["timestamps", false],
      ],
    ],
    [
      "sysctl -w net.inet.tcp.insecure_rst=1; sysctl -w net.inet.tcp.keepidle=5000",
      [
        ["challengeReset", false],
        ["keepAliveIdle", 5e6],
      ],
    ],
    ["ip link set dev tun0 mtu 9000", [["mtu", 9000]]],
    [
      "ip route change 192.0.2.0/24 dev tun0 initcwnd 3 rto_min 50ms",
      [
        ["initialWindow", 3],
        ["rtoMin", 50_000],
      ],
    ],
    ["ip tcp_metrics flush all > /dev/null 2>&1", [["forgetPeers", true]]],
    ["ip route flush cache", [["forgetRoutes", true]]],
    ["tc qdisc replace dev tun0 root pfifo", [["queueLimit", -1]]],
    ["echo 2 > /proc/sys/net/ipv4/tcp_ecn", [["ecn", 2]]],
    ["{ echo 2; } > /proc/sys/net/ipv4/tcp_ecn", [["ecn", 2]]],
    ["sysctl -q net.ipv4.tcp_early_retrans=0", [["tailLossProbe", false]]],
    [
      'sysctl -q net.ipv4.tcp_rmem="4096 131072 $((32*1024*1024))"',
      [
        ["receiveBuffer", 65_536],
        ["receiveBufferMax", 1 << 25],
      ],
    ],
    [
      "sysctl -q -w net.ipv4.tcp_sack = 0 net.ipv4.tcp_dsack=1 # both",
      [
        ["sack", false],
        ["dsack", true],
      ],
    ],
    ["sysctl -qe net.core.never_heard=1 net.ipv4.tcp_sack=1", [["sack", true]]],
    [
      "for s in sack dsack; do sysctl -q net.ipv4.tcp_$s=0; done",
      [
        ["sack", false],
        ["dsack", false],
      ],
    ],
    ["OLD=$(sysctl -n net.ipv4.tcp_sack); sysctl -q net.ipv4.tcp_sack=$OLD", [["sack", true]]],
    ["[ $(cat /proc/sys/net/ipv4/tcp_ecn) -eq 2 ] && echo 0 > /proc/sys/net/ipv4/tcp_ecn", [["ecn", 0]]],
    ["ip link set tun0 mtu 1400 up && true", [["mtu", 1400]]],
    [
      "ip -4 route change default dev tun0 mtu 1200 congctl reno",
      [
        ["mtu", 1200],
        ["congestionControl", "reno"],
      ],
    ],
    [
      "tc qdisc add dev tun0 root pfifo limit 0; tc qdisc del dev tun0 root",
      [
        ["queueLimit", 0],
        ["queueLimit", -1],
      ],
    ],
    ["ethtool -K tun0 tso off gso off 2> /dev/null", []],
    ["/tmp/sysctl_restore_$PPID.sh", []],
    ["sysctl -q net.ipv4.tcp_no_metrics_save=1 net.ipv4.conf.tun0.rp_filter=0 net.ipv6.conf.all.disable_ipv6=0", []],
    [
      "ip route change 192.0.2.0/24 dev tun0 quickack 1 fastopen_no_cookie 1",
      [
        ["quickRoute", true],
        ["cookielessRoute", true],
      ],
    ],
    ["echo 2 > /sys/module/tcp_cubic/parameters/hystart_detect", [["hystart", 2]]],
    ["echo 1 > /sys/module/tcp_cubic/parameters/fast_convergence", []],
    ["sudo sysctl -q net.ipv4.tcp_sack=0", [["sack", false]]],
    ["sysctl -q net.ipv4.tcp_base_mss=1024", []],
    ["sysctl -q net.ipv4.tcp_max_tw_buckets=8192 net.ipv4.tcp_pacing_ss_ratio=200", []],
    [
      "sysctl net.core.somaxconn=128 net.core.rmem_max=1000",
      [
        ["most backlog", 128],
        ["most SO_RCVBUF", 1000],
      ],
    ],
    [
      "sysctl net.inet.tcp.ecn.maxretries=2 net.inet.tcp.fastopen.client_enable=0 net.inet.tcp.do_prr=1",
      [
        ["ecnSynRetries", 2],
        ["fastOpenClient", false],
      ],
    ],
    [
      "sysctl net.inet.icmp.icmplim=0 net.inet.ip.ttl=9 net.inet.tcp.syncache.rexmtlimit=1",
      [
        ["ttl", 9],
        ["retriesSynAck", 1],
      ],
    ],
    ["sysctl net.inet.tcp.hostcache.purgenow=1", [["forgetPeers", true]]],
  ];
  for (const [command, asked] of cases) test(command, () => expect(settings(command)).toEqual(asked));

  test("sleep advances the script's time, and files have the requested length", () => {
    const host = new FakeHost();
    const shell = new Shell(host);
    for (const command of [
      "# nothing\nsleep 1.5; sleep .5s; usleep 1000",
      "dd if=/dev/zero of=/tmp/x bs=1k count=10 status=none",
      "head -c 500 /dev/zero > data; truncate -s 2k other; rm -f data",
    ])
      expect(shell.run(command).status).toBe(0);
    expect(host.slept).toBe(2_001_000);
    expect([...host.files].map(([path, bytes]) => [path, bytes.length])).toEqual([
      ["/tmp/x", 10_240],
      ["other", 2_048],
    ]);
  });

  test("a sysctl's value is the one that was set, or the machine's own", () => {
    expect(run("sysctl net.ipv4.tcp_rto_max_ms; sysctl -qw net.ipv4.tcp_sack=0; sysctl -n net.ipv4.tcp_sack")).toEqual([
      "net.ipv4.tcp_rto_max_ms = 120000\n0\n",
      0,
    ]);
    expect(run("sysctl net.inet.tcp.keepcnt", new FakeHost("freebsd"))).toEqual(["net.inet.tcp.keepcnt: 8\n", 0]);
  });

  test("an unknown sysctl or an unsupported value is not understood", () => {
    for (const command of [
      "sysctl net.ipv6.conf.all.disable_ipv6=1",
      "sysctl net.ipv4.tcp_reflect_tos=1",
      "sysctl -q net.ipv4.tcp_base_mss=512",
      "sysctl -q net.ipv4.tcp_mtu_probing=2",
      "sysctl -q net.ipv4.tcp_probe_interval=1",
      "sysctl -q net.ipv4.tcp_pacing_ss_ratio=100",
      "sysctl -q net.ipv4.tcp_tso_win_divisor=8",
      "sysctl -q net.ipv4.tcp_max_tw_buckets=0",
      "sysctl -q net.ipv4.tcp_max_orphans=0",
      "sysctl -w net.inet.tcp.udp_tunneling_port=9899",
      "sysctl -w net.inet.tcp.do_prr=0",
      "sysctl -w net.inet.tcp.never_heard=1",
      "echo 0 > /sys/module/tcp_cubic/parameters/fast_convergence",
      "echo 7 > /sys/module/tcp_cubic/parameters/hystart_detect",
      "echo 1 > /proc/net/tcp",
      "sysctl -q net.ipv4.tcp_sack=yes",
      "sysctl net.ipv4.never_heard",
      "sysctl -q net.ipv4.never_heard=1",
      "sysctl -a",
      "./defaults.sh && tc qdisc add dev tun0",
      "ip link set tun0 down",
      "ip route change default mtu",
      "ip route change default dev tun0 advmss 500",
      "tc qdisc replace dev tun0 root fq",
      "sysctl net.ipv4.tcp_adv_win_scale=-2",
      "sysctl net.ipv4.tcp_shrink_window=1",
      "sockstat -Z",
      "ss -u",
      "ss -t foo",
      "netstat -s",
      "tcpdrop -s NEVER",
    ])
      expect(() => run(command), command).toThrow(NotUnderstood);
  });
});

describe("lists of sockets", () => {
  const freebsd = (command: string) => run(command, new FakeHost("freebsd"));

  test("sockstat, in all its forms", () => {
    for (const command of [
      "sockstat -4 -P tcp -p 8080 -s | grep -c TIME_WAIT | grep 1",
      "sockstat -4 -s | grep -c ESTABLISHED | grep -q 1",
      "sockstat -s -P tcp | grep packetdrill | grep ESTABLISHED | wc -l | grep -w 1",
      "sockstat -4 -l -p8080 | grep -q ':8080'",
      "[ $(sockstat -q -c | wc -l) -eq 2 ]",
      "sockstat -4 -P tcp -p 9 -s | grep -c LISTEN | grep 0",
      "sockstat -6 -s | grep -c LISTEN | grep 0",
      "! sockstat -s | grep -q SYN_RCVD",
      "sockstat -4 -s -P tcp | awk '$1 == \"?\" { print $NF }' | grep -x TIME_WAIT",
      "sockstat -c -p 40000 | grep '192.168.0.1:8080 *192.0.2.1:40000'",
      "netstat -an -p tcp | grep '192.168.0.1.8080' | grep -q ESTABLISHED",
    ])
      expect([command, freebsd(command)[1]]).toEqual([command, 0]);
    expect(freebsd("sockstat | grep -c LISTEN")[1]).toBe(1);
  });

  test("ss: states, filters, what tcp_info says", () => {
    for (const command of [
      "ss -tn | grep -q ESTAB",
      "ss -tan state time-wait | grep -q ':40001'",
      "[ $(ss -Htln | wc -l) -eq 1 ]",
      "ss -tanH state established '( sport = :8080 and dport = :40000 )' | grep -q 40000",
      "ss -tnH dport = :9 | wc -l | grep -x 0",
      "ss -tni | grep -o 'cwnd:[0-9]*' | grep -x cwnd:10",
      "ss -tni dst 192.0.2.1 | grep -q 'ts sack wscale:7,8 rto:204'",
      "ss -tlnp | grep -q packetdrill",
      "netstat -tan | grep ':8080' | grep -q TIME_WAIT",
      "grep ' 0A ' /proc/net/tcp /proc/net/tcp6 | grep -q ':1F90'",
    ])
      expect([command, run(command)[1]]).toEqual([command, 0]);
  });

  test("tcpdrop and ss -K end connections", () => {
    const dropped = (command: string) => {
      const host = new FakeHost();
      return [new Shell(host).run(command).status, host.dropped.map(({ remotePort }) => remotePort)];
    };
    expect(dropped("tcpdrop -s TIME_WAIT")).toEqual([0, [40_001]]);
    expect(dropped("tcpdrop -a")).toEqual([0, [40_000, 40_001]]);
    expect(dropped("tcpdrop 192.168.0.1 8080 192.0.2.1 40000")).toEqual([0, [40_000]]);
    expect(dropped("tcpdrop 192.168.0.1 8080 192.0.2.1 9")).toEqual([1, []]);
    expect(dropped("ss -K -t dport = :40000")).toEqual([0, [40_000]]);
  });
});

describe("counters", () => {
  test("nstat shows what has grown since the last call, or all counters", () => {
    for (const command of [
      'nstat | grep TcpExtBeyondWindow | grep -q " 3 "',
      "nstat -n; ! nstat | grep -q TcpExtBeyondWindow",
      "nstat -n; nstat -a | grep -q TcpExtBeyondWindow",
      "nstat -z TcpExtPAWSEstab | awk '/PAWS/ { print $2 }' | grep -x 0",
      "nstat | grep -vE '^#|TcpExtTCP(OFO)' | wc -l | grep -x 1",
      "[ $(nstat -az TcpExtTCPOFOQueue | tail -n1 | awk '{print $2}') -eq 1 ]",
      "nstat 'TcpExtTCP*' | grep -q OFOQueue",
    ])
      expect([command, run(command)[1]]).toEqual([command, 0]);
  });

  test("a command that uses an unknown counter is not understood, whatever its result would be", () => {
    for (const command of [
      "nstat | grep TcpExtNever",
      "! nstat | grep -q TcpExtNever",
      "nstat -z TcpExtNever",
      "nstat | awk '/NeverHeard/'",
    ])
      expect(() => run(command), command).toThrow("counter");
  });
});

import { describe, expect, test } from "bun:test";
import { drill } from "#lab/drill/drill";
import type { Result } from "#lab/drill/interpreter/runner";
import { StackTarget } from "#lab/drill/targets/stack/target";

const LISTEN = `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
`;
const SYN = `+0 < S 0:0(0) win 1000 <mss 1000>
`;

function play(
  script: string,
  options: Readonly<Record<string, string>> = {},
  defines: [string, string][] = [],
): Result {
  return drill(script, "t.pkt", {
    profile: "linux",
    defines: new Map(defines),
    options: new Map(Object.entries(options)),
    strict: false,
    seed: 1,
    newTarget: (setup) => new StackTarget(setup),
  }).result;
}

describe("options of a script, and those from outside", () => {
  test("the head of a script says which family, addresses, ports and MTU", () => {
    const head = "--ip_version=ipv6 --mtu=1400 --local_ip=fd00::1 --remote_ip=fd00::2 --bind_port=99\n";
    const result = play(`${head}${LISTEN}${SYN}+0 > S. 0:0(0) ack 1 <mss 1340>`);
    expect(result.message).toBe("");
    expect(result.packets[1]!.bytes.slice(8, 24)).toEqual(Uint8Array.from([0xfd, ...Array(14).fill(0), 1]));
    expect(result.packets[1]!.bytes.slice(40, 42)).toEqual(Uint8Array.from([0, 99]));
  });

  test("the command line overrides the script", () => {
    const script = `--mtu=1400\n${LISTEN}${SYN}+0 > S. 0:0(0) ack 1 <mss 960>`;
    expect(play(script, { mtu: "1000" }).status).toBe("ok");
    expect(play(script).status).toBe("fail");
  });

  test("an invalid value of an option is reported with its position", () => {
    const wrong = [
      "--mtu=1",
      "--ip_version=ipv5",
      "--local_ip=1.2.3",
      "--remote_ip=fd00::1",
      "--non_fatal=all",
      "--bind_port=x",
    ];
    for (const option of wrong) {
      const result = play(`// one\n${option}\n${LISTEN}`);
      expect([option, result.status, result.position?.line]).toEqual([option, "error", 2]);
    }
    expect(play(LISTEN, { mtu: "1" }).position?.file).toBe("the command line");
    expect(play(`--wire_client\n${LISTEN}`)).toMatchObject({ status: "unsupported", message: "option --wire_client" });
  });

  test("the tolerance is 4 ms or an eighth of the distance, or what the options say", () => {
    const late = `${LISTEN}${SYN}+0 > S. 0:0(0) ack 1 <mss 1460>\n+.95 > S. 0:0(0) ack 1 <mss 1460>`;
    expect(play(late).status).toBe("ok");
    expect(play(late, { tolerance_percent: "1" }).status).toBe("fail");
    expect(play(late, { tolerance_percent: "1", tolerance_usecs: "60000" }).status).toBe("ok");
  });

  test("--non_fatal notes such errors and continues; all others are fatal", () => {
    const script = `${LISTEN}+0 listen(9, 1) = 0\n${SYN}+0 > S. 0:0(0) ack 2 <mss 1460>`;
    expect(play(script)).toMatchObject({ status: "fail", position: { line: 4 } });
    expect(play(script, { non_fatal: "syscall" })).toMatchObject({ status: "fail", position: { line: 6 } });
    const result = play(script, { non_fatal: "syscall,packet" });
    expect([result.status, result.notes.filter((note) => note.endsWith("(not fatal)")).length]).toEqual(["ok", 2]);
  });

  test("--init_scripts and --define", () => {
    expect(play(`--init_scripts=./defaults.sh\n${LISTEN}`).status).toBe("ok");
    expect(play(`--init_scripts=./unheard.sh\n${LISTEN}`)).toMatchObject({ status: "unsupported" });
    const script = `--define=COMMAND=\`true\`\n#ifdef MORE\n0 no_call() = 0\n#endif\n${LISTEN}+0 COMMAND`;
    expect(play(script).status).toBe("ok");
    expect(play(script, {}, [["MORE", "1"]])).toMatchObject({ status: "unsupported", message: "system call no_call" });
  });
});

describe("what the stack does not have is unsupported, never a pass", () => {
  const cases: readonly [string, string][] = [
    ["+0 setsockopt(3, SOL_TCP, TCP_MD5SIG, [5], 4) = 0", "setsockopt TCP_MD5SIG"],
    ["+0 `sysctl -q net.ipv4.tcp_shrink_window=1`", "command sysctl -q net.ipv4.tcp_shrink_window=1"],
    ["+0 `sysctl -q net.ipv4.tcp_mtu_probing=2`", "command sysctl -q net.ipv4.tcp_mtu_probing=2"],
    ["+0 `sysctl -q net.ipv4.tcp_ecn=3`", "command sysctl -q net.ipv4.tcp_ecn=3"],
    ["+0 `sysctl -q net.ipv4.tcp_congestion_control=dctcp`", "command sysctl -q net.ipv4.tcp_congestion_control=dctcp"],
    [
      "+0 < S 0:0(0) win 9 <mss 1460,nop,nop,FO COOKIE_NOW>",
      "the Fast Open cookie COOKIE_NOW, before the stack has sent it",
    ],
    ["+0 > . 1:1(0) ack 1 <ECN e1b 1,nop,nop,nop>", "accurate ECN"],
    ["+0 > A. 1:1(0) ack 1", "accurate ECN"],
    ["+0 < S 0:0(0) win 1000 <mpcapable v1 flags[flag_h] nokey>", "TCP option mpcapable"],
    ["+0 socket(..., SOCK_RAW, IPPROTO_ICMP) = 5", "socket of type 3 and protocol 1"],
  ];
  for (const [line, feature] of cases) {
    test(feature, () => {
      const established = `${LISTEN}${SYN}+0 > S. 0:0(0) ack 1 <mss 1460>\n+.1 < . 1:1(0) ack 1 win 1000\n`;
      expect(play(`${established}${line}`)).toMatchObject({ status: "unsupported", message: feature });
    });
  }
});

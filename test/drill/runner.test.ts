import { describe, expect, test } from "bun:test";
import { drill } from "#lab/drill/drill";
import type { Profile } from "#lab/drill/posix/target";
import { exitCode, type Reported, scriptLines } from "#lab/drill/report";
import { StackTarget } from "#lab/drill/targets/stack/target";
import { FakeTarget, type Faults } from "./fake-target.ts";

const NOTHING = new Map<string, string>();

function play(script: string, faults: Faults = {}, strict = false, profile: Profile = "linux"): Reported {
  return drill(script, "t.pkt", {
    profile,
    defines: NOTHING,
    options: NOTHING,
    strict,
    seed: 1,
    newTarget: (setup) => new FakeTarget(setup, faults),
  });
}

const HANDSHAKE = `
0   socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0  bind(3, ..., ...) = 0
+0  listen(3, 1) = 0
+0  < S 0:0(0) win 32792 <nop,nop,TS val 100 ecr 0>
+0  > S. 0:0(0) ack 1 <nop,nop,TS val 700 ecr 100>
+.1 < . 1:1(0) ack 1 win 257 <nop,nop,TS val 200 ecr 700>
+0  accept(3, ..., ...) = 4
`;
const DATA = `${HANDSHAKE}
+0  < P. 1:1001(1000) ack 1 win 257 <nop,nop,TS val 201 ecr 700>
+0  > . 1:1(0) ack 1001 win 65535 <nop,nop,TS val 800 ecr 201>
+0  read(4, ..., 4000) = 1000
+0  write(4, ..., 3000) = 3000
+0  > P. 1:3001(3000) ack 1001 <nop,nop,TS val 800 ecr 201>
+0  %{ assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd }%
`;

const with_ = (from: string, to: string) => {
  if (!DATA.includes(from)) throw new Error(`the script has no "${from}"`);
  return DATA.replace(from, to);
};

describe("a script that says what happens passes", () => {
  test("handshake, data both ways, aggregated segments, code", () => {
    const { result } = play(DATA);
    expect([result.status, result.message, ...result.details]).toEqual(["ok", ""]);
  });

  test("the same when the stack cuts elsewhere, and not with --strict_segments", () => {
    expect(play(DATA, { mss: 1000 }).result.status).toBe("ok");
    expect(play(`--strict_segments\n${DATA}`).result.message).toContain("payload length");
  });
});

describe("every deviation of a packet is noticed", () => {
  const cases: readonly [string, Faults, string][] = [
    ["window", { window: -1 }, "win"],
    ["echoed timestamp", { echo: 1 }, "options"],
    ["payload octet", { payload: 1 }, "payload octet"],
    ["acknowledgement", { ack: 1 }, "ack"],
    ["sequence number", { sequence: 1 }, "seq"],
    ["TCP checksum", { checksum: 1 }, "packet"],
    ["urgent pointer", { urgent: 1 }, "urgent pointer"],
    ["reserved bit", { reserved: 0x200 }, "flags"],
  ];
  for (const [what, faults, field] of cases) {
    test(what, () => {
      const { result } = play(DATA, faults);
      expect(result.status).toBe("fail");
      expect(result.message).toContain(field);
    });
  }

  test("octets read in the wrong order are a failure", () => {
    expect(play(DATA, { swap: true }).result.message).toContain("octet 0 of the stream was read as");
  });

  test("a late packet, with its time", () => {
    const { result } = play(DATA, { delay: 40_000 });
    expect(result.message).toContain("0.040000 s too late");
    expect(result.position?.line).toBe(11);
  });
});

describe("every deviation of a script is noticed", () => {
  const cases: readonly [string, string, string][] = [
    ["read(4, ..., 4000) = 1000", "read(4, ..., 4000) = 999", "read returned 1000"],
    ["ack 1001 win 65535", "ack 1001 win 65534", "differs in win"],
    ["P. 1:3001(3000)", ". 1:3001(3000)", "differs in flags"],
    ["ecr 201>\n+0  read", "ecr 200>\n+0  read", "differs in options"],
    ["== 10", "== 11", "assertion failed"],
    ["+0  read", "+0  < . 1001:1001(0) ack 1 win 5 <nop,nop,TS val 1 ecr 701>\n+0  read", "unable to infer"],
    ["1000\n+0  write", "1000\n+0  read(4, ..., 10) = 0\n+0  write", "read blocks"],
  ];
  for (const [from, to, message] of cases) {
    test(message, () => expect(play(with_(from, to)).result.message).toContain(message));
  }

  test("timestamps are compared only on demand, then by the tick", () => {
    const wrong = with_("TS val 800 ecr 201>\n+0  read", "TS val 900 ecr 201>\n+0  read");
    expect(play(wrong).result.status).toBe("ok");
    expect(play(`--tcp_ts_tick_usecs=1000\n${DATA}`).result.status).toBe("ok");
    expect(play(`--tcp_ts_tick_usecs=1000\n${wrong}`).result.message).toContain("options");
  });
});

describe("unread packets", () => {
  const unread = with_("+0  > . 1:1(0) ack 1001 win 65535 <nop,nop,TS val 800 ecr 201>\n", "").replace(
    /\+0 {2}write[\s\S]*$/,
    "",
  );

  test("are a note", () => {
    const { result } = play(unread);
    expect(result.status).toBe("ok");
    expect(result.notes).toEqual(["11: 1 unread at the end"]);
  });

  test("are a failure with --strict", () => {
    expect(play(unread, {}, true).result.message).toContain("does not expect at the end");
    expect(play(DATA, {}, true).result.status).toBe("ok");
    expect(play(DATA, { twice: true }, true).result.status).toBe("fail");
  });

  test("no answer may follow the end of a strict script", () => {
    const silent = `${HANDSHAKE}+0  < P. 1:1001(1000) ack 1 win 257 <nop,nop,TS val 201 ecr 700>\n`;
    const late = play(silent, { delay: 200_000 }, true).result;
    expect([late.status, late.message]).toEqual(["fail", "packets that the script does not expect after the end"]);
    expect(play(silent, { delay: 200_000 }).result.status).toBe("ok");
    expect(play(`${silent}+.2 > . 1:1(0) ack 1001 <...>`, { delay: 200_000 }, true).result.status).toBe("ok");
  });

  test("retransmissions and queued data are not answers", () => {
    const script = `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 65535 <mss 1000>
+0 > S. 0:0(0) ack 1 <mss 1460>
+.01 < . 1:1(0) ack 1 win 1000
+0 accept(3, ..., ...) = 4
+0 write(4, ..., 1000) = 1000
+0 > P. 1:1001(1000) ack 1
`;
    const { message } = drill(script, "t.pkt", {
      profile: "linux",
      defines: NOTHING,
      options: new Map([["strict", ""]]),
      strict: false,
      seed: 1,
      newTarget: (setup) => new StackTarget(setup),
    }).result;
    expect(message).toBe("");
  });

  test("packets of other connections also count in a strict script", () => {
    const other = HANDSHAKE.replace("listen(3, 1)", "listen(3, 2)");
    const script = `${other}+0  socket(..., SOCK_STREAM, IPPROTO_TCP) = 5\n+0  close(4) = 0\n+0  < [ect0] S 0:0(0) win 1 <nop,nop,TS val 9 ecr 0>`;
    expect(play(script, {}, true).result.message).toContain("does not expect");
  });
});

describe("blocking calls", () => {
  const blocking = (end: string) => `${HANDSHAKE}
+0...${end} read(4, ..., 10) = 10
+.2 < . 1:11(10) ack 1 win 9 <nop,nop,TS val 201 ecr 700>
+0  > . 1:1(0) ack 11 <...>`;

  test("return when the data is there", () => expect(play(blocking("0.2")).result.status).toBe("ok"));
  test("not when the script says otherwise", () => {
    expect(play(blocking("0.3")).result.message).toContain("returned at");
    expect(play(blocking("0.1")).result.status).toBe("fail");
  });
  test("a call that never returns is a failure", () => {
    expect(play(`${HANDSHAKE}\n+0...0.1 read(4, ..., 10) = 10`).result.message).toContain("still blocks");
  });
});

describe("what we do not have is never a pass", () => {
  const lines: readonly [string, string][] = [
    ["+0 sendmmsg(4, NULL, 1, 0) = 1", "system call sendmmsg"],
    ["+0 `iptables -A INPUT`", "command iptables"],
    ["+0 `sysctl -q net.ipv4.tcp_frto=2`", "command sysctl -q net.ipv4.tcp_frto=2"],
    ["+0 `sysctl -q net.ipv4.tcp_unheard_of=2`", "command sysctl"],
    ["+0 %{ assert tcpi_snd_ssthresh > 1 }%", "variable tcpi_snd_ssthresh"],
    ["+0 %{ for x in range(2): import socket }%", "code"],
    ["+0 send(4, ..., 1, 0x2000000) = 1", "send with flags"],
  ];
  for (const [line, feature] of lines) {
    test(feature, () => {
      const reported = play(HANDSHAKE + line);
      expect([reported.result.status, reported.result.message.slice(0, feature.length)]).toEqual([
        "unsupported",
        feature,
      ]);
      expect(exitCode([reported])).toBe(3);
    });
  }

  test("a failure beside it still makes the exit code 1", () => {
    const bad = play(with_("== 10", "== 11"));
    expect(exitCode([bad, play(`${HANDSHAKE}+0 \`foo\``)])).toBe(1);
    expect(exitCode([play(DATA)])).toBe(0);
  });
});

test("FreeBSD's dialect: states counted by sockstat, ACKs a little late, windows free", () => {
  const script = `${with_("win 65535", "win 1")}
+0 \`sockstat -4 -P tcp -p 8080 -s | grep -c ESTABLISHED | grep 1\`
+0 \`sysctl -w net.inet.tcp.rfc1323=1\``;
  const neutral = script.replace("P. 1:3001(3000)", ". 1:1449(1448)").replace(/\+0 {2}%\{.*\n/, "");
  expect(play(neutral, { delay: 100_000 }, false, "freebsd").result.message).toBe("");
  const { result } = play(neutral.replace("grep 1`", "grep 0`"), {}, false, "freebsd");
  expect(result.message).toMatch(/^the command failed: sockstat .* \(grep 0 was given 1\)$/);
});

test("a command that fails shows what the last program of its pipe was given", () => {
  const failed = (command: string) => {
    const { message, details } = play(`0 \`${command}\``).result;
    return [message.replace("the command failed: ", ""), ...details];
  };
  const status = "its exit status is 1";
  expect(failed("false")).toEqual(["false", status]);
  expect(failed("seq 2 | grep 7")).toEqual(["seq 2 | grep 7", status, "grep 7 was given: 1", "grep 7 was given: 2"]);
  expect(failed("true | grep -q 7")).toEqual(["true | grep -q 7", status, "grep -q 7 was given nothing"]);
  expect(failed("! echo 7 | grep -q 7")[0]).toBe("! echo 7 | grep -q 7 (grep -q 7 was given 7)");
  expect(failed("echo 7 | grep -q 8; false")).toEqual(["echo 7 | grep -q 8; false", status]);
});

test("the report shows expected and actual one under the other", () => {
  expect(scriptLines(play(with_("P. 1:3001(3000)", "P. 1:3002(3001)")), false)).toMatchSnapshot();
  expect(scriptLines(play("0 socket(..., SOCK_STREAM IPPROTO_TCP) = 3"), false)).toMatchSnapshot();
});

test("a script is a function of its text: two runs give the same packets", () => {
  expect(play(DATA).result.packets).toEqual(play(DATA).result.packets);
});
